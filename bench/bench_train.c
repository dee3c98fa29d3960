/* bench_train.c - one step of training at the sizes of the specimen (models/specimen.json): the
 * forward pass, the loss and every parameter's gradient, with random weights.
 *
 *   bench_train [-n REPETITIONS] [-b BATCH] [-t f32|bf16] [-c] [-p] [-m MODEL.json] [WORD]
 *
 * Every repetition times a convolution 3x3 320->320 at 64x64 in f32 (the baseline) before and after
 * the step; "of conv" is the median of rate / baseline rate. -p adds a table of operators, by kind
 * and by shape. -c counts processor time: for one thread of a crowded machine. The step runs as one
 * graph on all threads; OMP_NUM_THREADS=1 with half the batch is what each of two replicas does. */

#include "bench/baseline.h"
#include "bench/profile.h"

#include "base/json.h"
#include "models/clip.h"
#include "models/unet.h"
#include "models/vae.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static int repetitions = 5;
static int64_t batch;
static bool table;
static ds_dtype compute = DS_DTYPE_F32;

typedef struct step {
    const char *name;
    int64_t batch;
    const json_t *topology;
    ds_params *params;
    ds_graph *g;
    ds_plan *plan;
    ds_var *input[8];
    int inputs;
} step;

/* ---- parameters: random, of the size that networks begin with ---- */

static ds_status random_parameter(void *user, const char *name, int rank, const int64_t *dim,
                                  ds_tensor *value, ds_error *err)
{
    uint64_t x = 88172645463325252u;
    int64_t count = 1, fan = 1;
    float *data;

    (void)user;
    for (int i = 0; i < rank; i++)
        count *= dim[i];
    for (int i = 1; i < rank; i++)
        fan *= dim[i];
    data = ds_alloc((size_t)count * sizeof *data);
    if (data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", name);
    for (int64_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = rank == 1 ? 1.0f : ((float)(x >> 40) / 8388608.0f - 1.0f) / sqrtf((float)fan);
    }
    *value = (ds_tensor){ DS_DTYPE_F32, rank, { 0 }, data };
    memcpy(value->dim, dim, (size_t)rank * sizeof *dim);
    return DS_OK;
}

/* ---- graphs, as src/train builds them ---- */

static ds_var *float_input(step *s, int rank, const int64_t *dim)
{
    s->input[s->inputs] = ds__graph_input(s->g, DS_DTYPE_F32, rank, dim);
    return s->input[s->inputs++];
}

static ds_var *diffusion_loss(step *s, ds_error *err)
{
    ds_unet_config unet;
    ds_clip_config clip;
    ds_clip_outputs text = { .last = NULL };
    ds_unet_inputs in = { 0 };
    ds_var *ids, *end, *out;
    int64_t side;
    size_t mark;

    must(ds__unet_config_read(&unet, json_object_get(s->topology, "unet"), "unet", err), err);
    must(ds__clip_config_read(&clip, json_object_get(s->topology, "text_encoder"), "text_encoder",
                              false, err),
         err);
    side = unet.sample_size;
    ids = ds__graph_input(s->g, DS_DTYPE_I32, DS_DIMS(s->batch, clip.positions));
    end = ds__graph_input(s->g, DS_DTYPE_I32, DS_DIMS(s->batch));
    mark = ds__scope_push(s->g, "text_encoder");
    ds__clip_build(s->g, &clip, &(ds_clip_inputs){ .ids = ids, .end = end }, &text);
    ds__scope_pop(s->g, mark);
    ds__scope_push(s->g, "unet");
    in.sample = float_input(s, DS_DIMS(s->batch, side, side, unet.in_channels));
    in.timestep = float_input(s, DS_DIMS(s->batch));
    in.context = text.last;
    out = ds__unet_build(s->g, &unet, &in);
    return ds__mean_squared(s->g, out,
                            float_input(s, DS_DIMS(s->batch, side, side, unet.out_channels)),
                            float_input(s, DS_DIMS(s->batch)));
}

static ds_var *vae_loss(step *s, ds_error *err)
{
    ds_vae_config c;
    ds_var *image, *moments, *noise, *x;
    int64_t side, small;

    must(ds__vae_config_read(&c, json_object_get(s->topology, "vae"), "vae", err), err);
    side = c.sample_size;
    small = side >> (c.levels - 1);
    ds__scope_push(s->g, "vae");
    image = float_input(s, DS_DIMS(s->batch, side, side, 3));
    noise = float_input(s, DS_DIMS(s->batch, small, small, c.latent_channels));
    moments = ds__vae_encode_build(s->g, &c, image);
    x = ds__vae_decode_build(s->g, &c, ds__draw_gaussian(s->g, moments, noise));
    return ds__add(s->g,
                   ds__add(s->g, ds__mean_absolute(s->g, x, image), ds__mean_edges(s->g, x, image)),
                   ds__mean_kl(s->g, moments));
}

static void build(step *s, ds_var *(*make_loss)(step *, ds_error *))
{
    ds_graph_options o = { .compute = compute, .backend = DS_BACKEND_DNNL };
    ds_error err = { 0 };
    ds_var *loss, *cotangent, **wrt, **grad;
    int count;

    must(ds__params_new(&s->params, random_parameter, NULL, NULL, &err), &err);
    o.params = s->params;
    must(ds__graph_new(&s->g, &o, &err), &err);
    loss = make_loss(s, &err);
    must(ds__graph_status(s->g, &err), &err);
    count = ds__graph_params(s->g, NULL, 0);
    wrt = ds_calloc((size_t)count, sizeof *wrt);
    grad = ds_calloc((size_t)count, sizeof *grad);
    ds__graph_params(s->g, wrt, count);
    cotangent = ds__graph_input_like(s->g, loss);
    ds__graph_output(s->g, loss);
    must(ds__graph_grad(s->g, &loss, &cotangent, 1, wrt, count, grad, &err), &err);
    for (int i = 0; i < count; i++)
        if (grad[i] != NULL)
            ds__graph_output(s->g, grad[i]);
    for (int64_t i = 0; i < ds__params_count(s->params); i++)
        ds__params_at(s->params, i)->trained = true;
    must(ds__plan_new(&s->plan, s->g, &err), &err);
    *(float *)ds__var_data(cotangent) = 1.0f;
    ds_free(wrt);
    ds_free(grad);
}

static void fill_inputs(step *s)
{
    for (int k = 0; k < s->inputs; k++) {
        float *x = ds__var_data(s->input[k]);

        for (int64_t i = 0; i < ds__var_count(s->input[k]); i++)
            x[i] = (float)sin(0.37 * (double)i);
    }
}

/* ---- timing ---- */

static void run(const char *name, int64_t usual_batch, const json_t *topology,
                ds_var *(*make_loss)(step *, ds_error *))
{
    step s = { .name = name, .batch = batch > 0 ? batch : usual_batch, .topology = topology };
    double seconds[MOST_REPETITIONS], share[MOST_REPETITIONS], rate = 0.0;
    ds_plan_info info;
    ds_error err = { 0 };

    build(&s, make_loss);
    fill_inputs(&s);
    ds__plan_get_info(s.plan, &info);
    must(ds__plan_run(s.plan, NULL, &err), &err);
    if (table)
        ds__plan_time(s.plan, timer, NULL);
    for (int i = 0; i < repetitions; i++) {
        double before = baseline_rate(), start = now();

        must(ds__plan_run(s.plan, NULL, &err), &err);
        seconds[i] = now() - start;
        rate = fmax(rate, before);
        share[i] = info.flops / seconds[i] / (0.5 * (before + baseline_rate()));
    }
    printf("train %-10s batch %3lld: %6.1f images/s, %5.1f GFLOP an image, %5.1f %% of conv (%3.0f "
           "GFLOP/s), activations %zu MB\n",
           name, (long long)s.batch, (double)s.batch / median(seconds, repetitions),
           1e-9 * info.flops / (double)s.batch, 100.0 * median(share, repetitions), 1e-9 * rate,
           info.activation_bytes >> 20);
    if (table) {
        print_profile(&by_kind, 40, repetitions);
        print_profile(&by_shape, 40, repetitions);
    }
    for (int64_t i = 0; i < ds__params_count(s.params); i++)
        ds_free(ds__params_at(s.params, i)->value.data);
    ds__plan_free(s.plan);
    ds__graph_free(s.g);
    ds__params_free(s.params);
}

int main(int argc, char **argv)
{
    const char *word = "", *model = "models/specimen.json";
    json_t *topology;
    ds_error err = { 0 };
    int opt;

    while ((opt = getopt(argc, argv, "n:b:t:m:cp")) != -1) {
        if (opt == 'n')
            repetitions = atoi(optarg);
        else if (opt == 'b')
            batch = atoi(optarg);
        else if (opt == 'c')
            clock_id = CLOCK_PROCESS_CPUTIME_ID;
        else if (opt == 't')
            compute = strcmp(optarg, "bf16") == 0 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
        else if (opt == 'm')
            model = optarg;
        else if (opt == 'p')
            table = true;
        else
            return 2;
    }
    if (repetitions < 1 || repetitions > MOST_REPETITIONS)
        return 2;
    word = optind < argc ? argv[optind] : word;
    must(ds__json_load(&topology, model, &err), &err);
    baseline_new();
    if (strstr("diffusion", word) != NULL)
        run("diffusion", 64, topology, diffusion_loss);
    if (strstr("vae", word) != NULL)
        run("vae", 16, topology, vae_loss);
    json_decref(topology);
    return 0;
}
