/* One training state of Conceptor against numbers made from its formulas in PyTorch: coefficients, token,
 * conditioning, gradients of the first step, losses, and the network after five steps of AdamW. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "methods/concept/draws.h"

#define VALUES    1e-5
#define GRADIENTS 1e-4 /* of the README of the reference numbers */

static const struct {
    const char *want, *got;
    double tolerance;
} outputs[] = {
    { "alpha", "alpha", VALUES },
    { "token", "token", VALUES },
    { "conditioning", "conditioning", VALUES },
    { "grad.alpha", "gradient.alpha", GRADIENTS },
    { "grad.mlp.0.weight", "gradient.mlp.0.weight", GRADIENTS },
    { "grad.mlp.0.bias", "gradient.mlp.0.bias", GRADIENTS },
    { "grad.mlp.2.weight", "gradient.mlp.2.weight", GRADIENTS },
    { "grad.mlp.2.bias", "gradient.mlp.2.bias", GRADIENTS },
    { "losses", "losses", VALUES },
};

static const char *joined(const char *prefix, const char *name)
{
    static char text[64];

    snprintf(text, sizeof text, "%s%s", prefix, name);
    return text;
}

/* AdamW divides a gradient by its own size, and its first step has eps = 1e-8 to compare it with: where the
 * first gradient is nothing but rounding, that step goes anywhere, in PyTorch as here (products summed in
 * float and in double lie on different sides of the reference numbers there). Elements whose first gradient
 * is below 1e-4 of the largest may be off by a tenth of one step of 1e-3; all others are held to VALUES. */
static void check_after(const ds_bundle *want, const ds_bundle *got, const char *name)
{
    const ds_tensor *w = ds_bundle_find(want, joined("after5.", name));
    const ds_tensor *g = ds_bundle_find(got, name);
    const float *grad = ds_bundle_find(got, joined("first.gradient.", name))->data;
    const float *x = g->data, *y = w->data;
    const int64_t n = ds_tensor_count(w);
    double largest = 0.0, steepest = 0.0, worst = 0.0;
    int64_t loose = 0;

    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)y[i]));
        steepest = fmax(steepest, fabs((double)grad[i]));
    }
    for (int64_t i = 0; i < n; i++) {
        const double e = fabs((double)x[i] - y[i]);
        const bool flat = fabs((double)grad[i]) < 1e-4 * steepest;

        if (e > (flat ? 1e-4 : VALUES * largest))
            fail_msg("%s: element %lld is %.9g, expected %.9g (gradient %.1e of the largest)", name,
                     (long long)i, x[i], y[i], fabs((double)grad[i]) / steepest);
        loose += e > VALUES * largest;
        worst = fmax(worst, e / largest);
    }
    printf("%-24s largest error %.1e, %lld of %lld above %.0e\n", name, worst, (long long)loose,
           (long long)n, VALUES);
    assert_true(loose <= n / 500);
}

static void check_state(const char *dir, bool recompute)
{
    const ds_draws_options o = { .prompt = "a photo of a x",
                                 .steps = 5,
                                 .tokens = 20,
                                 .lambda = 0.001,
                                 .recompute = recompute };
    ds_bundle *draws, *want, *got;
    ds_tokenizer *t;
    ds_error err = { 0 };
    ds_model *m;

    ts_ok(ds_bundle_load(&draws, ts_path(dir, "cases/sd15-concept/inputs.safetensors"), &err),
          &err);
    ts_ok(ds_bundle_load(&want, ts_path(dir, "cases/sd15-concept/outputs.safetensors"), &err),
          &err);
    ts_ok(ds_bundle_new(&got, &err), &err);
    ts_ok(ds_model_open(&m, ts_path(dir, "models/sd15"), NULL, &err), &err);
    ts_ok(ds_tokenizer_open_model(&t, ts_path(dir, "models/sd15"), 1, &err), &err);
    ts_ok(ds__concept_draws(got, m, t, draws, &o, &err), &err);
    for (size_t i = 0; i < DS_COUNT(outputs); i++) {
        const ds_tensor *w = ds_bundle_find(want, outputs[i].want);
        const ds_tensor *g = ds_bundle_find(got, outputs[i].got);

        if (w == NULL || g == NULL || !ds_tensor_same_shape(w, g))
            fail_msg("%s is missing or has another shape", outputs[i].got);
        printf(
            "%-24s largest error %.1e\n", outputs[i].got,
            ts_compare(outputs[i].got, g->data, w->data, ds_tensor_count(w), outputs[i].tolerance));
    }
    check_after(want, got, "mlp.0.weight");
    check_after(want, got, "mlp.0.bias");
    check_after(want, got, "mlp.2.weight");
    check_after(want, got, "mlp.2.bias");
    assert_memory_equal(ds_bundle_find(got, "top")->data, ds_bundle_find(want, "top")->data,
                        20 * sizeof(int64_t));
    ds_tokenizer_close(t);
    ds_model_close(m);
    ds_bundle_free(draws);
    ds_bundle_free(want);
    ds_bundle_free(got);
}

static void a_state_of_training_agrees(void **state)
{
    const char *dir = ts_golden();

    (void)state;
    if (dir == NULL)
        skip();
    check_state(dir, false);
}

static void recomputing_changes_nothing(void **state)
{
    const char *dir = ts_golden();

    (void)state;
    if (dir == NULL)
        skip();
    check_state(dir, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_of_training_agrees),
        cmocka_unit_test(recomputing_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
