/* Three steps of AdamW on a small UNet are PyTorch's (scripts/train-step-numbers): gradients of
 * every parameter, clipping and the optimiser together. First values, inputs and target come from
 * the formula that the script uses. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "models/unet.h"
#include "optim/optim.h"

#include "train_step_numbers.h"

/* What float32 leaves of a change, as a share of its norm. The first steps divide each gradient by
 * its own size, so that the small ones' rounding shows. */
#define TOLERANCE 1e-3

enum { PARAMS = DS_COUNT(expected_params), STEPS = DS_COUNT(expected_steps) };

static const char config[] =
    "{ \"in_channels\": 4, \"out_channels\": 4, \"sample_size\": 8, \"block_out_channels\": [8, "
    "16],"
    "  \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    "  \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"], \"layers_per_block\": 1,"
    "  \"attention_head_dim\": 2, \"cross_attention_dim\": 6, \"norm_num_groups\": 4,"
    "  \"norm_eps\": 1e-5, \"act_fn\": \"silu\", \"flip_sin_to_cos\": true, \"freq_shift\": 0 }";

/* The script's function of the same name. */
static double noise(const char *name, int64_t i)
{
    uint32_t x = 2166136261u;

    for (; *name != '\0'; name++)
        x = (x ^ (unsigned char)*name) * 16777619u;
    x += (uint32_t)i * 2654435761u;
    for (int k = 0; k < 2; k++)
        x = (x ^ (x >> 16)) * 73244475u;
    x ^= x >> 16;
    return (double)x / 4294967296.0 - 0.5;
}

typedef struct slot {
    const char *name;
    int64_t count;
    float *first, *param, *m, *v;
    ds_var *grad;
} slot;

static slot slots[PARAMS];

static ds_status source(void *user, const char *name, int rank, const int64_t *dim,
                        ds_tensor *value, ds_error *err)
{
    int *used = user;
    slot *s = &slots[*used];
    int64_t fan = 1;
    double one = strstr(name, "norm") != NULL && strstr(name, "weight") != NULL ? 1.0 : 0.0;

    if (*used == PARAMS)
        return ds_fail(err, DS_E_INTERNAL, "more than %d parameters", PARAMS);
    *value = (ds_tensor){ DS_DTYPE_F32, rank, { 0 }, NULL };
    memcpy(value->dim, dim, (size_t)rank * sizeof *dim);
    s->name = ds_strdup(name);
    s->count = ds_tensor_count(value);
    s->first = ds_calloc((size_t)s->count, 4 * sizeof(float));
    s->param = s->first + s->count;
    s->m = s->param + s->count;
    s->v = s->m + s->count;
    for (int i = 1; i < rank; i++)
        fan *= dim[i];
    for (int64_t i = 0; i < s->count; i++)
        s->first[i] = (float)(rank > 1 ? noise(name, i) * (4.0 / sqrt((double)fan))
                                       : noise(name, i) * 0.4 + one);
    memcpy(s->param, s->first, (size_t)s->count * sizeof(float));
    value->data = s->param;
    (*used)++;
    return DS_OK;
}

typedef struct step {
    ds_params *params;
    ds_graph *g;
    ds_plan *plan;
    ds_var *loss, *cotangent, *target;
    ds_unet_inputs in;
} step;

static void build(step *s, int *used)
{
    ds_graph_options o = { .compute = DS_DTYPE_F32, .backend = DS_BACKEND_DNNL };
    json_t *json = json_loads(config, 0, NULL);
    ds_unet_config c;
    ds_error err = { 0 };
    ds_var *wrt[PARAMS], *grad[PARAMS];

    ts_ok(ds__unet_config_read(&c, json, "unet", &err), &err);
    json_decref(json);
    ts_ok(ds__params_new(&s->params, source, NULL, used, &err), &err);
    o.params = s->params;
    ts_ok(ds__graph_new(&s->g, &o, &err), &err);
    ds__scope_push(s->g, "unet");
    s->in.sample = ds__graph_input(s->g, DS_DTYPE_F32, DS_DIMS(2, 8, 8, 4));
    s->in.timestep = ds__graph_input(s->g, DS_DTYPE_F32, DS_DIMS(2));
    s->in.context = ds__graph_input(s->g, DS_DTYPE_F32, DS_DIMS(2, 3, 6));
    s->target = ds__graph_input(s->g, DS_DTYPE_F32, DS_DIMS(2, 8, 8, 4));
    s->loss = ds__mean_squared(s->g, ds__unet_build(s->g, &c, &s->in), s->target, NULL);
    ts_ok(ds__graph_status(s->g, &err), &err);
    assert_int_equal(ds__graph_params(s->g, wrt, PARAMS), PARAMS);
    s->cotangent = ds__graph_input_like(s->g, s->loss);
    ds__graph_output(s->g, s->loss);
    ts_ok(ds__graph_grad(s->g, &s->loss, &s->cotangent, 1, wrt, PARAMS, grad, &err), &err);
    for (int i = 0; i < PARAMS; i++) {
        assert_string_equal(ds__var_name(wrt[i]), slots[i].name);
        slots[i].grad = grad[i];
        ds__graph_output(s->g, grad[i]);
        ds__params_at(s->params, i)->trained = true;
    }
    ts_ok(ds__plan_new(&s->plan, s->g, &err), &err);
}

/* [N,C,H,W] numbers of the formula into a map [N,H,W,C]. */
static void give(ds_var *v, const char *name)
{
    int64_t c = ds__var_dim(v, 3), hw = ds__var_dim(v, 1) * ds__var_dim(v, 2);
    float *x = ds__var_data(v);

    for (int64_t i = 0; i < ds__var_count(v); i++)
        x[(i / (c * hw) * hw + i % hw) * c + i / hw % c] = (float)(noise(name, i) * 3.0);
}

static void check_param(const slot *s, int which)
{
    const double *want = NULL;
    double norm = 0.0, along = 0.0;

    for (int i = 0; i < PARAMS; i++)
        if (strcmp(expected_params[i].name, s->name) == 0)
            want = expected_params[i].after[which];
    if (want == NULL)
        fail_msg("PyTorch's network has no %s", s->name);
    for (int64_t i = 0; i < s->count; i++) {
        double d = (double)s->param[i] - s->first[i];

        norm += d * d;
        along += d * noise(s->name, i);
    }
    norm = sqrt(norm);
    if (!(fabs(norm - want[0]) <= TOLERANCE * want[0] &&
          fabs(along - want[1]) <= TOLERANCE * want[0]))
        fail_msg("%s changed by %.9g, along its numbers by %.9g; expected %.9g, %.9g", s->name,
                 norm, along, want[0], want[1]);
    for (int k = 0; k < 3; k++) {
        double got = s->param[k == 0 ? 0 : k == 1 ? s->count / 2 : s->count - 1];

        if (!(fabs(got - want[2 + k]) <= 1e-4))
            fail_msg("%s: value %d is %.9g, expected %.9g", s->name, k, got, want[2 + k]);
    }
}

static void one_step(step *s, int number)
{
    const ds_adamw o = { 1e-2, 0.9, 0.99, 1e-5, 0.05 };
    ds_error err = { 0 };
    double sum = 0.0, loss;
    float factor;

    ts_ok(ds__plan_run(s->plan, NULL, &err), &err);
    loss = *(float *)ds__var_data(s->loss);
    for (int i = 0; i < PARAMS; i++)
        sum += ds__sum_squares(ds__var_data(slots[i].grad), slots[i].count);
    if (!(fabs(loss - expected_steps[number].loss) <= 1e-4 * loss &&
          fabs(sqrt(sum) - expected_steps[number].norm) <= 1e-3 * sqrt(sum)))
        fail_msg("step %d: loss %.9g, norm %.9g; expected %.9g, %.9g", number + 1, loss, sqrt(sum),
                 expected_steps[number].loss, expected_steps[number].norm);
    factor = ds__clip_factor(sqrt(sum), 1.0);
    for (int i = 0; i < PARAMS; i++)
        ds__adamw_step(slots[i].param, slots[i].m, slots[i].v, ds__var_data(slots[i].grad),
                       slots[i].count, &o, number + 1, factor);
    ds__params_refresh(s->params);
}

static void steps_are_pytorch_s(void **state)
{
    step s = { .plan = NULL };
    int used = 0;

    (void)state;
    build(&s, &used);
    give(s.in.sample, "sample");
    give(s.target, "target");
    for (int64_t i = 0; i < ds__var_count(s.in.context); i++)
        ((float *)ds__var_data(s.in.context))[i] = (float)(noise("context", i) * 3.0);
    ((float *)ds__var_data(s.in.timestep))[0] = 100.0f;
    ((float *)ds__var_data(s.in.timestep))[1] = 700.0f;
    *(float *)ds__var_data(s.cotangent) = 1.0f;
    for (int k = 0; k < STEPS; k++) {
        one_step(&s, k);
        for (int i = 0; (k == 0 || k == STEPS - 1) && i < PARAMS; i++)
            check_param(&slots[i], k != 0);
    }
    ds__plan_free(s.plan);
    ds__graph_free(s.g);
    ds__params_free(s.params);
    for (int i = 0; i < used; i++) {
        ds_free((char *)slots[i].name);
        ds_free(slots[i].first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(steps_are_pytorch_s) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
