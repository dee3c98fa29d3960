/* Every operator of src/ops/graph.h: ds__graph_grad against central differences of the same graph, with
 * the reference kernels; and recomputation, which must change memory and no bit. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "models/net.h"
#include "ops/graph.h"

enum { INPUTS = 4, DIRECTIONS = 3 };

typedef struct dims {
    int rank;
    int64_t dim[4];
} dims;

typedef struct op_case {
    const char *name;
    ds_var *(*build)(ds_graph *g, ds_var **in);
    dims in[INPUTS];
    double step; /* of the differences: small where the function has kinks */
} op_case;

static const ds_conv_geometry same = { 1, 1, 1, 1, 1 }, half = { 2, 0, 0, 1, 1 },
                              exact = { 1, 0, 0, 0, 0 };

static ds_var *conv(ds_graph *g, ds_var **v)
{
    return ds__conv2d(g, v[0], v[1], v[2], same);
}

static ds_var *conv_half(ds_graph *g, ds_var **v)
{
    return ds__conv2d(g, v[0], v[1], v[2], half);
}

static ds_var *conv_1x1(ds_graph *g, ds_var **v)
{
    return ds__conv2d(g, v[0], v[1], v[2], exact);
}

static ds_var *linear(ds_graph *g, ds_var **v)
{
    return ds__linear(g, v[0], v[1], v[2]);
}

static ds_var *group(ds_graph *g, ds_var **v)
{
    return ds__group_normalize(g, v[0], NULL, v[1], v[2], 2, 1e-5f, false);
}

static ds_var *group_silu(ds_graph *g, ds_var **v)
{
    return ds__group_normalize(g, v[0], v[3], v[1], v[2], 2, 1e-5f, true);
}

static ds_var *layer(ds_graph *g, ds_var **v)
{
    return ds__layer_normalize(g, v[0], v[1], v[2], 1e-5f);
}

static ds_var *silu(ds_graph *g, ds_var **v)
{
    return ds__activate(g, v[0], DS_ACT_SILU);
}

static ds_var *gelu(ds_graph *g, ds_var **v)
{
    return ds__activate(g, v[0], DS_ACT_GELU);
}

static ds_var *quick_gelu(ds_graph *g, ds_var **v)
{
    return ds__activate(g, v[0], DS_ACT_QUICK_GELU);
}

static ds_var *geglu(ds_graph *g, ds_var **v)
{
    return ds__geglu(g, v[0]);
}

static ds_var *attend(ds_graph *g, ds_var **v)
{
    return ds__attend(g, v[0], v[1], v[2], 2, 0.5f, false);
}

static ds_var *attend_causal(ds_graph *g, ds_var **v)
{
    return ds__attend(g, v[0], v[1], v[2], 2, 0.5f, true);
}

static ds_var *attend_plain(ds_graph *g, ds_var **v)
{
    return ds__attention_apply(g, ds__attention_probs(g, v[0], v[1], 2, 0.5f, false), v[2]);
}

static ds_var *probs(ds_graph *g, ds_var **v)
{
    return ds__attention_probs(g, v[0], v[1], 2, 0.5f, true);
}

static ds_var *reshape(ds_graph *g, ds_var **v)
{
    return ds__reshape(g, v[0], DS_DIMS(3, 8));
}

static ds_var *concat(ds_graph *g, ds_var **v)
{
    return ds__concat(g, v[0], v[1]);
}

static ds_var *slice(ds_graph *g, ds_var **v)
{
    return ds__slice(g, v[0], 1, 2);
}

static ds_var *upsample(ds_graph *g, ds_var **v)
{
    return ds__upsample(g, v[0], 5, 7);
}

static ds_var *gather(ds_graph *g, ds_var **v)
{
    return ds__gather(g, v[0], v[1]); /* v[1] are the row numbers */
}

static ds_var *add(ds_graph *g, ds_var **v)
{
    return ds__add(g, v[0], v[1]);
}

static ds_var *add_each(ds_graph *g, ds_var **v)
{
    return ds__add_each(g, v[0], v[1]);
}

static ds_var *scale(ds_graph *g, ds_var **v)
{
    return ds__scale(g, v[0], -1.5f);
}

static ds_var *gate(ds_graph *g, ds_var **v)
{
    return ds__gate(g, v[0], v[1]);
}

static ds_var *cast(ds_graph *g, ds_var **v)
{
    return ds__cast(g, ds__cast(g, v[0], DS_DTYPE_F64), DS_DTYPE_F32);
}

static ds_var *embedding(ds_graph *g, ds_var **v)
{
    return ds__timestep_embedding(g, v[0], 8, true, 0.0f);
}

static ds_var *squared(ds_graph *g, ds_var **v)
{
    return ds__mean_squared(g, v[0], v[1], NULL);
}

static ds_var *absolute(ds_graph *g, ds_var **v)
{
    return ds__mean_absolute(g, v[0], v[1]);
}

static ds_var *edges(ds_graph *g, ds_var **v)
{
    return ds__mean_edges(g, v[0], v[1]);
}

static ds_var *kl(ds_graph *g, ds_var **v)
{
    return ds__mean_kl(g, v[0]);
}

static ds_var *draw(ds_graph *g, ds_var **v)
{
    return ds__draw_gaussian(g, v[0], ds__scale(g, v[1], 1.0f)); /* v[1] is not asked for */
}

/* One value read three times, and two operators between. */
static ds_var *shared(ds_graph *g, ds_var **v)
{
    ds_var *x = ds__activate(g, v[0], DS_ACT_SILU);

    return ds__add(g, x, ds__linear(g, ds__add(g, x, v[0]), v[1], NULL));
}

#define X(...)                                                                                     \
    {                                                                                              \
        sizeof((int64_t[]){ __VA_ARGS__ }) / 8,                                                    \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const op_case cases[] = {
    { "conv2d", conv, { X(2, 4, 3, 2), X(3, 2, 3, 3), X(3) }, 1e-2 },
    { "conv2d, stride 2", conv_half, { X(1, 5, 4, 2), X(3, 2, 3, 3), X(3) }, 1e-2 },
    { "conv2d, 1x1", conv_1x1, { X(1, 3, 4, 2), X(3, 2, 1, 1), X(3) }, 1e-2 },
    { "linear", linear, { X(2, 3, 4), X(5, 4), X(5) }, 1e-2 },
    { "group_normalize", group, { X(2, 3, 2, 4), X(4), X(4) }, 1e-2 },
    { "group_normalize, silu, shift", group_silu, { X(2, 3, 2, 4), X(4), X(4), X(2, 4) }, 1e-2 },
    { "layer_normalize", layer, { X(2, 3, 5), X(5), X(5) }, 1e-2 },
    { "silu", silu, { X(3, 7) }, 1e-2 },
    { "gelu", gelu, { X(3, 7) }, 1e-2 },
    { "quick_gelu", quick_gelu, { X(3, 7) }, 1e-2 },
    { "geglu", geglu, { X(3, 8) }, 1e-2 },
    { "attend", attend, { X(2, 3, 4), X(2, 5, 4), X(2, 5, 4) }, 1e-2 },
    { "attend, causal", attend_causal, { X(1, 4, 4), X(1, 4, 4), X(1, 4, 4) }, 1e-2 },
    { "attention_probs", probs, { X(1, 4, 4), X(1, 4, 4) }, 1e-2 },
    { "attention_apply", attend_plain, { X(2, 3, 4), X(2, 5, 4), X(2, 5, 4) }, 1e-2 },
    { "reshape", reshape, { X(2, 3, 4) }, 1e-2 },
    { "concat", concat, { X(3, 2), X(3, 4) }, 1e-2 },
    { "slice", slice, { X(3, 4) }, 1e-2 },
    { "upsample", upsample, { X(1, 2, 3, 2) }, 1e-2 },
    { "gather", gather, { X(4, 3) }, 1e-2 },
    { "add", add, { X(3, 4), X(3, 4) }, 1e-2 },
    { "add_each", add_each, { X(2, 3, 4), X(5, 4) }, 1e-2 },
    { "scale", scale, { X(3, 4) }, 1e-2 },
    { "gate", gate, { X(2, 3, 4), X(1) }, 1e-2 },
    { "gate of parts", gate, { X(2, 3, 4), X(2) }, 1e-2 },
    { "gate of parts for each image", gate, { X(2, 3, 4), X(2, 2) }, 1e-2 },
    { "cast", cast, { X(3, 4) }, 1e-2 },
    { "timestep_embedding", embedding, { X(3) }, 1e-2 },
    { "mean_squared", squared, { X(2, 3, 4), X(2, 3, 4) }, 1e-2 },
    { "mean_absolute", absolute, { X(2, 6), X(2, 6) }, 1e-3 },
    { "mean_edges", edges, { X(1, 3, 3, 2), X(1, 3, 3, 2) }, 1e-3 },
    { "mean_kl", kl, { X(3, 8) }, 1e-2 },
    { "draw_gaussian", draw, { X(3, 8) }, 1e-2 },
    { "shared values", shared, { X(3, 4), X(4, 4) }, 1e-2 },
};

static uint64_t seed;

typedef struct fixture {
    ds_graph *g;
    ds_plan *plan;
    ds_var *in[INPUTS], *grad[INPUTS], *out, *cotangent;
    int inputs;
    float x[INPUTS][64], along[64];
} fixture;

/* Inputs that the case does not list: row numbers of gather, noise of draw_gaussian. */
static void extra_input(fixture *f, const op_case *c)
{
    if (c->build == gather)
        f->in[1] = ds__graph_input(f->g, DS_DTYPE_I32, DS_DIMS(5));
    if (c->build == draw)
        f->in[1] = ds__graph_input(f->g, DS_DTYPE_F32, DS_DIMS(3, 4));
}

static void fill_extra(fixture *f, const op_case *c)
{
    if (c->build == gather)
        memcpy(ds__var_data(f->in[1]), (const int32_t[]){ 3, 0, 3, 1, 3 }, 5 * sizeof(int32_t));
    if (c->build == draw)
        for (int i = 0; i < 12; i++)
            ((float *)ds__var_data(f->in[1]))[i] = ts_noise(&seed);
}

static void begin(fixture *f, const op_case *c)
{
    ds_graph_options o = { .compute = DS_DTYPE_F32, .backend = DS_BACKEND_REF };
    ds_error err = { 0 };

    memset(f, 0, sizeof *f);
    ts_ok(ds__graph_new(&f->g, &o, &err), &err);
    while (f->inputs < INPUTS && c->in[f->inputs].rank > 0) {
        f->in[f->inputs] =
            ds__graph_input(f->g, DS_DTYPE_F32, c->in[f->inputs].rank, c->in[f->inputs].dim);
        f->inputs++;
    }
    extra_input(f, c);
    f->out = c->build(f->g, f->in);
    f->cotangent = ds__graph_input_like(f->g, f->out);
    ds__graph_output(f->g, f->out);
    ts_ok(ds__graph_grad(f->g, &f->out, &f->cotangent, 1, f->in, f->inputs, f->grad, &err), &err);
    for (int i = 0; i < f->inputs; i++) {
        if (f->grad[i] == NULL)
            fail_msg("%s: no gradient of input %d", c->name, i);
        ds__graph_output(f->g, f->grad[i]);
    }
    ts_ok(ds__plan_new(&f->plan, f->g, &err), &err);
    seed = 11;
    fill_extra(f, c);
    for (int64_t i = 0; i < ds__var_count(f->cotangent); i++)
        ((float *)ds__var_data(f->cotangent))[i] = ts_noise(&seed);
    for (int k = 0; k < f->inputs; k++)
        for (int64_t i = 0; i < ds__var_count(f->in[k]); i++)
            f->x[k][i] = ts_noise(&seed);
}

/* <cotangent, f(x)> with input k moved by h along the direction. */
static double value(fixture *f, int k, double h)
{
    const float *y, *c = ds__var_data(f->cotangent);
    ds_error err = { 0 };
    double sum = 0.0;

    for (int j = 0; j < f->inputs; j++)
        for (int64_t i = 0; i < ds__var_count(f->in[j]); i++)
            ((float *)ds__var_data(f->in[j]))[i] =
                f->x[j][i] + (j == k ? (float)h * f->along[i] : 0.0f);
    ts_ok(ds__plan_run(f->plan, NULL, &err), &err);
    y = ds__var_data(f->out);
    for (int64_t i = 0; i < ds__var_count(f->out); i++)
        sum += (double)c[i] * y[i];
    return sum;
}

static void check_direction(fixture *f, const op_case *c, int k)
{
    double h = c->step, claim = 0.0, size = 0.0, slope;
    const float *grad = ds__var_data(f->grad[k]);

    for (int64_t i = 0; i < ds__var_count(f->in[k]); i++)
        f->along[i] = ts_noise(&seed);
    value(f, k, 0.0);
    for (int64_t i = 0; i < ds__var_count(f->in[k]); i++) {
        claim += (double)f->along[i] * grad[i];
        size += (double)grad[i] * grad[i];
    }
    slope =
        (8.0 * (value(f, k, h) - value(f, k, -h)) - (value(f, k, 2 * h) - value(f, k, -2 * h))) /
        (12.0 * h);
    if (!(fabs(slope - claim) <= 1e-3 * sqrt(size) + 1e-6 / h * 1e-2))
        fail_msg("%s, input %d: derivative %.9g, the adjoint says %.9g", c->name, k, slope, claim);
}

static void operators_match_differences(void **state)
{
    static fixture f;

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        begin(&f, &cases[i]);
        for (int k = 0; k < f.inputs; k++)
            for (int turn = 0; turn < DIRECTIONS; turn++)
                check_direction(&f, &cases[i], k);
        ds__plan_free(f.plan);
        ds__graph_free(f.g);
    }
}

/* ---- recomputation ------------------------------------------------------------------------------------- */

static bool cotangent_of_sample(void *user, const char *output)
{
    (void)user;
    return strcmp(output, "sample") == 0;
}

static bool everything(void *user, const char *name)
{
    (void)user;
    (void)name;
    return true;
}

static ds_net *open_unet(ds_model *m, bool recompute)
{
    ds_net_pullback how = { cotangent_of_sample, everything, NULL, recompute };
    ds_net_options options = { .pullback = &how };
    ds_error err = { 0 };
    ds_net *n;

    ts_ok(ds__net_new(&n, m, DS_MODULE_UNET, &(ds_net_shape){ 2, 7, 16, 16 }, &options, &err),
          &err);
    seed = 3;
    for (int i = 0; i < ds__net_inputs(n); i++) {
        static const struct {
            const char *name;
            ds_tensor shape;
        } inputs[] = {
            { "sample", { DS_DTYPE_F32, 4, { 2, 4, 16, 16 }, NULL } },
            { "timestep", { DS_DTYPE_F32, 1, { 2 }, NULL } },
            { "encoder_hidden_states", { DS_DTYPE_F32, 3, { 2, 7, 0 }, NULL } },
            { "cotangent.sample", { DS_DTYPE_F32, 4, { 2, 4, 16, 16 }, NULL } },
        };
        static float room[1 << 16];
        ds_tensor t;

        for (size_t k = 0; k < DS_COUNT(inputs); k++)
            if (strcmp(inputs[k].name, ds__net_input_name(n, i)) == 0) {
                t = inputs[k].shape;
                if (t.rank == 3)
                    t.dim[2] = m->unet.context_dim;
                t.data = room;
                for (int64_t j = 0; j < ds_tensor_count(&t); j++)
                    room[j] = t.rank == 1 ? 500.0f : ts_noise(&seed);
                ts_ok(ds__net_set(n, inputs[k].name, &t, &err), &err);
            }
    }
    ts_ok(ds__net_run(n, NULL, &err), &err);
    return n;
}

static void recomputation_changes_no_bit(void **state)
{
    ds_model_options options = DS_MODEL_OPTIONS_INIT;
    ds_plan_info kept, again;
    ds_error err = { 0 };
    ds_model *m;
    ds_net *a, *b;

    (void)state;
    options.products = DS_PRODUCTS_FAST;
    ts_ok(ds_model_open(&m, ts_tiny_model(false), &options, &err), &err);
    a = open_unet(m, false);
    b = open_unet(m, true);
    assert_true(ds__net_outputs(a) > 20 && ds__net_outputs(a) == ds__net_outputs(b));
    for (int i = 0; i < ds__net_outputs(a); i++) {
        ds_tensor t = ds__net_output_shape(a, i);
        size_t bytes = (size_t)ds_tensor_count(&t) * sizeof(float);
        float *x = ds_alloc(bytes), *y = ds_alloc(bytes);

        ds__net_get(a, i, x);
        ds__net_get(b, i, y);
        if (memcmp(x, y, bytes) != 0)
            fail_msg("%s differs with recomputation", ds__net_output_name(a, i));
        ds_free(x);
        ds_free(y);
    }
    ds__net_info(a, &kept);
    ds__net_info(b, &again);
    printf("activations: %zu KB kept, %zu KB with recomputation\n", kept.activation_bytes >> 10,
           again.activation_bytes >> 10);
    assert_true(again.activation_bytes < kept.activation_bytes);
    assert_true(again.flops > kept.flops);
    ds__net_free(a);
    ds__net_free(b);
    ds_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_match_differences),
        cmocka_unit_test(recomputation_changes_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
