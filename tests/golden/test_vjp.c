/* Vector-Jacobian products of every network of the reference models, against PyTorch's autograd. */

#include "support.h"

#include <diffuscope/model.h>

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Elements agree within TOLERANCE * max(t, FLOOR * T): t is the largest expected value of the
 * tensor, T that of all the case's tensors (README of the reference numbers). */
#define TOLERANCE 1e-4
#define FLOOR     1e-3

/* Some gradients are zero exactly: of a bias before a group norm with one channel per group, of a
 * key's bias before a softmax. What PyTorch gives there is rounding (up to 7e-7 T, more than
 * TOLERANCE allows for even the exact zero): a tensor below this share of T must then be as small
 * here. */
#define ZERO 1e-6

static const struct {
    const char *name, *model, *module;
} cases[] = {
    { "sd15-text_encoder-vjp", "sd15", "text_encoder" },
    { "sd21-text_encoder-vjp", "sd21", "text_encoder" },
    { "sdxl-text_encoder-vjp", "sdxl", "text_encoder" },
    { "sdxl-text_encoder_2-vjp", "sdxl", "text_encoder_2" },
    { "sd15-unet-vjp", "sd15", "unet" },
    { "sd21-unet-vjp", "sd21", "unet" },
    { "sdxl-unet-vjp", "sdxl", "unet" },
    { "sd15-vae-decode-vjp", "sd15", "vae.decode" },
    { "sd21-vae-decode-vjp", "sd21", "vae.decode" },
    { "sdxl-vae-decode-vjp", "sdxl", "vae.decode" },
};

static double largest(const ds_tensor *t)
{
    const float *x = t->data;
    double m = 0.0;

    for (int64_t i = 0; i < ds_tensor_count(t); i++)
        m = fmax(m, fabs((double)x[i]));
    return m;
}

static double largest_of_all(const ds_bundle *b)
{
    double m = 0.0;

    for (int64_t i = 0; i < ds_bundle_count(b); i++)
        m = fmax(m, largest(ds_bundle_at(b, i)));
    return m;
}

static double compare(const char *what, const ds_tensor *got, const ds_tensor *want, double scale)
{
    const float *g = got->data, *w = want->data;
    double unit = fmax(largest(want), FLOOR * scale), worst = 0.0;

    if (largest(want) < ZERO * scale) {
        if (!(largest(got) < ZERO * scale))
            fail_msg("%s: %.2e, expected zero up to rounding (%.2e)", what, largest(got),
                     ZERO * scale);
        return 0.0;
    }
    for (int64_t i = 0; i < ds_tensor_count(want); i++) {
        double e = fabs((double)g[i] - w[i]) / unit;

        worst = e > worst || isnan(e) ? e : worst;
        if (!(e <= TOLERANCE))
            fail_msg("%s: element %lld is %.9g, expected %.9g (error %.1e of %.3g)", what,
                     (long long)i, g[i], w[i], e, unit);
    }
    return worst;
}

static void check_case(const char *dir, const char *name, const char *model, const char *module)
{
    static const char *const everything[] = { "*" };
    ds_model_options options = DS_MODEL_OPTIONS_INIT;
    ds_bundle *in, *want, *got;
    ds_error err = { 0 };
    ds_model *m;
    double worst = 0.0, scale;

    ts_ok(ds_bundle_load(&in, ts_path(dir, "cases/%s/inputs.safetensors", name), &err), &err);
    ts_ok(ds_bundle_load(&want, ts_path(dir, "cases/%s/outputs.safetensors", name), &err), &err);
    options.products = DS_PRODUCTS_FAST;
    ts_ok(ds_model_open(&m, ts_path(dir, "models/%s", model), &options, &err), &err);
    ts_ok(ds_bundle_new(&got, &err), &err);
    ts_ok(ds_model_forward(m, module, in, NULL, 0, everything, 1, got, &err), &err);
    scale = largest_of_all(want);
    for (int64_t i = 0; i < ds_bundle_count(want); i++) {
        const char *output = ds_bundle_name(want, i);
        const ds_tensor *w = ds_bundle_at(want, i), *g = ds_bundle_find(got, output);
        double e;

        if (g == NULL || !ds_tensor_same_shape(g, w))
            fail_msg("%s: %s is missing or has another shape", name, output);
        e = compare(output, g, w, scale);
        worst = e > worst ? e : worst;
    }
    printf("%-24s largest error %.1e\n", name, worst);
    ds_bundle_free(got);
    ds_bundle_free(want);
    ds_bundle_free(in);
    ds_model_close(m);
}

/* The cases of the table that the small set has. */
static void small_set(void **state)
{
    const char *dir = TS_SMALL_GOLDEN;
    int found = 0;

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        if (access(ts_path(dir, "cases/%s", cases[i].name), R_OK) == 0) {
            check_case(dir, cases[i].name, cases[i].model, cases[i].module);
            found++;
        }
    assert_true(found > 0);
}

static void gradients_agree(void **state)
{
    const char *dir = ts_golden();

    (void)state;
    if (dir == NULL)
        skip();
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        check_case(dir, cases[i].name, cases[i].model, cases[i].module);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(small_set),
                                        cmocka_unit_test(gradients_agree) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
