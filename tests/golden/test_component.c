/* test_component.c - component attribution against the CAD code's numbers: objective, gradients with and
 * without the base row, weights that are set to zero; the amplify objective's gradients. */

#include "support.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "methods/component/draws.h"
#include "methods/component/select.h"

static const char *golden;

typedef struct fixture {
    ds_model *model;
    ds_encoder *encoder;
    ds_noise *noise;
    ds_component_sites *sites;
    ds_bundle *in, *want;
    ds_measure *measure;
    ds_draws draws;
} fixture;

static const float *values(const ds_bundle *b, const char *name)
{
    const ds_tensor *t = ds_bundle_find(b, name);

    if (t == NULL)
        fail_msg("the case has no %s", name);
    return t->data;
}

static void open_case(fixture *f, const char *name, const char *const *texts, int64_t count)
{
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_error err = { 0 };

    memset(f, 0, sizeof *f);
    ts_ok(ds_model_open(&f->model, ts_path(golden, "models/sd15"), NULL, &err), &err);
    ts_ok(ds_bundle_load(&f->in, ts_path(golden, "cases/%s/inputs.safetensors", name), &err), &err);
    ts_ok(ds_bundle_load(&f->want, ts_path(golden, "cases/%s/outputs.safetensors", name), &err),
          &err);
    eo.prompts = texts;
    eo.count = count;
    ts_ok(ds_encoder_new(&f->encoder, f->model, &eo, &err), &err);
    ts_ok(ds_encode(f->encoder, &err), &err);
    ts_ok(ds_noise_new(&f->noise, f->model, &err), &err);
    ts_ok(ds__component_sites(&f->sites, f->model, 32, 32, &err), &err);
}

static void close_case(fixture *f)
{
    ds__draws_free(&f->draws);
    ds__measure_free(f->measure);
    ds__component_sites_free(f->sites);
    ds_noise_free(f->noise);
    ds_encoder_free(f->encoder);
    ds_bundle_free(f->in);
    ds_bundle_free(f->want);
    ds_model_close(f->model);
}

static void measure(fixture *f, ds_objective objective)
{
    ds_measure_options o = { .objective = objective,
                             .texts = ds_encoder_conditions(f->encoder),
                             .pairs = 1,
                             .batch = 3,
                             .height = 32,
                             .width = 32,
                             .weights = (const char *[]){ "unet.*" },
                             .n_weights = 1 };
    const bool amplify = objective.goal == DS_GOAL_AMPLIFY;
    const float *latent = values(f->in, "latent");
    const int64_t *t = (const void *)values(f->in, "timestep"), n = 4 * 32 * 32;
    ds_error err = { 0 };

    ts_ok(ds__measure_new(&f->measure, f->model, f->sites, f->noise, &o, &err), &err);
    ts_ok(ds__draws_new(&f->draws, 3, n, 0, amplify, &err), &err);
    f->draws.count = 3;
    for (int b = 0; b < 3; b++) {
        const ds_noise_level l = ds_noise_at(f->noise, (double)t[b]);

        f->draws.t[b] = (float)t[b];
        for (int64_t i = 0; i < n; i++) {
            float eps = amplify ? values(f->in, "eps")[b * n + i] : 0.0f;

            if (amplify)
                f->draws.eps[b * n + i] = eps;
            f->draws.z[b * n + i] =
                amplify ? (float)(l.alpha * latent[i] + l.sigma * eps) : latent[b * n + i];
        }
    }
    ts_ok(ds__draws_given(&f->draws, f->measure, 3, NULL, &err), &err);
}

/* The gradient of a parameter "unet.NAME", both halves of the draws; free with ds_free. */
static float *gradient(const fixture *f, const char *name, ds_tensor *shape)
{
    float *sum = NULL;

    for (int64_t i = 0; sum == NULL && i < ds__measure_gradients(f->measure); i++) {
        const float *half[2];
        const char *have = ds__measure_gradient(f->measure, i, 0, &half[0], shape);

        if (strcmp(have + strlen("unet."), name) != 0)
            continue;
        ds__measure_gradient(f->measure, i, 1, &half[1], shape);
        sum = ds_calloc((size_t)ds_tensor_count(shape), sizeof *sum);
        for (int64_t k = 0; k < ds_tensor_count(shape); k++)
            sum[k] = (half[0] != NULL ? half[0][k] : 0.0f) + (half[1] != NULL ? half[1][k] : 0.0f);
    }
    if (sum == NULL)
        fail_msg("no gradient of %s", name);
    return sum;
}

/* Largest magnitude of all expected tensors with the prefix: the unit of small gradients. */
static double largest(const ds_bundle *b, const char *prefix)
{
    double most = 0.0;

    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const ds_tensor *t = ds_bundle_at(b, i);
        const float *v = t->data;

        if (strncmp(ds_bundle_name(b, i), prefix, strlen(prefix)) == 0)
            for (int64_t k = 0; k < ds_tensor_count(t); k++)
                most = fmax(most, fabs(v[k]));
    }
    return most;
}

static void compare_gradients(const fixture *f, const char *prefix)
{
    const double all = largest(f->want, prefix);
    int compared = 0;

    for (int64_t i = 0; i < ds_bundle_count(f->want); i++) {
        const char *name = ds_bundle_name(f->want, i);
        const ds_tensor *t = ds_bundle_at(f->want, i);
        const float *want = t->data;
        double own = 0.0, worst = 0.0;
        ds_tensor shape;
        float *got;

        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        got = gradient(f, name + strlen(prefix), &shape);
        assert_int_equal(ds_tensor_count(&shape), ds_tensor_count(t));
        for (int64_t k = 0; k < ds_tensor_count(t); k++) {
            own = fmax(own, fabs(want[k]));
            worst = fmax(worst, fabs((double)got[k] - want[k]));
        }
        if (worst > 1e-4 * fmax(own, 1e-3 * all))
            fail_msg("%s: off by %.2e of %.2e", name, worst, own);
        ds_free(got);
        compared++;
    }
    assert_true(compared >= 16);
}

static const char *const erase_texts[] = { "a photo of a cat", "" };

/* Scores W G of the 2-D feed-forward matrices, and what an edit of 5 % sets to zero. */
static void compare_zeroed(const fixture *f, ds_pick pick, const char *prefix)
{
    ds_selection how = { pick, DS_KEEP_POSITIVE, 0.05, 0 };
    int64_t different = 0, all = 0;

    for (int64_t i = 0; i < ds_bundle_count(f->want); i++) {
        const char *name = ds_bundle_name(f->want, i);
        const uint8_t *want = ds_bundle_at(f->want, i)->data;
        int64_t rows, columns;
        ds_error err = { 0 };
        char full[300];
        ds_tensor shape;
        ds_scored m;
        float *w, *g;

        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        g = gradient(f, name + strlen(prefix), &shape);
        snprintf(full, sizeof full, "unet.%s", name + strlen(prefix));
        ts_ok(ds__parameter_values(f->model, full, &w, &rows, &columns, &err), &err);
        for (int64_t k = 0; k < rows * columns; k++)
            g[k] *= w[k];
        m = (ds_scored){ rows, columns, g, ds_alloc((size_t)(rows * columns)) };
        ts_ok(ds__select(&m, 1, &how, NULL, &err), &err);
        for (int64_t k = 0; k < rows * columns; k++)
            different += m.chosen[k] != want[k];
        all += rows * columns;
        ds_free(m.chosen);
        ds_free(w);
        ds_free(g);
    }
    assert_true(all > 0);
    if (different > all / 10000)
        fail_msg("%s: %lld of %lld weights differ", prefix, (long long)different, (long long)all);
}

/* Sums of W G over each parameter, in the order that the case tells. */
static void compare_layers(const fixture *f)
{
    const float *want = values(f->want, "layer_score_sg");
    json_t *about =
        json_load_file(ts_path(golden, "cases/sd15-component-erase/case.json"), 0, NULL);
    const json_t *names = json_object_get(about, "parameters_in_order_of_layer_score");
    double most = 0.0;

    assert_int_equal(json_array_size(names), 684);
    for (size_t i = 0; i < 684; i++)
        most = fmax(most, fabs(want[i]));
    for (size_t i = 0; i < 684; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        ds_tensor shape;
        int64_t rows, columns;
        ds_error err = { 0 };
        float *w, *g = gradient(f, name, &shape);
        double sum = 0.0;
        char full[300];

        snprintf(full, sizeof full, "unet.%s", name);
        ts_ok(ds__parameter_values(f->model, full, &w, &rows, &columns, &err), &err);
        for (int64_t k = 0; k < rows * columns; k++)
            sum += (double)w[k] * g[k];
        if (fabs(sum - want[i]) > 1e-4 * most)
            fail_msg("%s: layer score %g, expected %g", name, sum, (double)want[i]);
        ds_free(w);
        ds_free(g);
    }
    json_decref(about);
}

static void erase_with_the_base_row_detached(void **state)
{
    fixture f;

    (void)state;
    if (golden == NULL)
        skip();
    open_case(&f, "sd15-component-erase", erase_texts, 2);
    measure(&f, (ds_objective){ .rows = DS_ROWS_STOP, .on = DS_ON_OUTPUT });
    for (int b = 0; b < 3; b++)
        assert_float_equal(f.draws.j[b], values(f.want, "objective")[b],
                           1e-4 * values(f.want, "objective")[b]);
    compare_gradients(&f, "grad_sg.");
    compare_zeroed(&f, DS_PICK_ROW, "zeroed_row_0.05.");
    compare_zeroed(&f, DS_PICK_FLAT, "zeroed_flat_0.05.");
    compare_layers(&f);
    close_case(&f);
}

static void erase_through_both_rows(void **state)
{
    fixture f;

    (void)state;
    if (golden == NULL)
        skip();
    open_case(&f, "sd15-component-erase", erase_texts, 2);
    measure(&f, (ds_objective){ .rows = DS_ROWS_BOTH, .on = DS_ON_OUTPUT });
    compare_gradients(&f, "grad_both.");
    close_case(&f);
}

static void amplify(void **state)
{
    fixture f;

    (void)state;
    if (golden == NULL)
        skip();
    open_case(&f, "sd15-component-amplify", erase_texts, 1);
    measure(&f, (ds_objective){ .goal = DS_GOAL_AMPLIFY, .on = DS_ON_OUTPUT });
    compare_gradients(&f, "grad.");
    close_case(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erase_with_the_base_row_detached),
        cmocka_unit_test(erase_through_both_rows),
        cmocka_unit_test(amplify),
    };

    golden = ts_golden();
    return cmocka_run_group_tests_name("component", tests, NULL, NULL);
}
