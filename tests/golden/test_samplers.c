/* Samplers against diffusers on the toy network: every state, time step and noise level. */

#include "support.h"

#include "pipeline/schedule.h"

#include <diffuscope/sampler.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 10, SEED = 77 };

static const char *const variants[] = { "ddim",        "ddim-trailing", "ddpm",           "pndm",
                                        "euler",       "euler-karras",  "euler_a",        "heun",
                                        "lms",         "dpm++2m",       "dpm++2m-karras", "dpm2",
                                        "ddim-inverse" };
static const char *const predictions[] = { "epsilon", "v_prediction" };

/* "ddim-trailing" is ddim with options; the suffix "-karras" is part of the accepted spellings. */
static ds_sampler *make(const char *variant, const char *prediction)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_sampler *s;

    o.sampler = variant;
    o.prediction_type = prediction;
    o.steps = STEPS;
    o.compat = "0.21";
    if (strcmp(variant, "ddim-trailing") == 0) {
        o.sampler = "ddim";
        o.spacing = "trailing";
        o.set_alpha_to_one = 1;
    }
    ts_ok(ds_sampler_new(&s, &o, &err), &err);
    return s;
}

static const ds_tensor *get(const ds_bundle *b, const char *variant, const char *prediction,
                            const char *what)
{
    return ds_bundle_find(b, ts_path(variant, "%s/%d/%s", prediction, STEPS, what));
}

static void compare_sigmas(ds_sampler *s, const ds_tensor *want, const char *variant)
{
    int count;
    const float *sigma = ds_sampler_sigmas(s, &count);

    if (want == NULL)
        return;
    assert_int_equal(count, ds_tensor_count(want));
    ts_compare(ts_path(variant, "sigmas"), sigma, want->data, count, 1e-6);
}

static double compare_run(ds_sampler *s, const ds_tensor *x, const ds_tensor *timesteps,
                          const char *variant)
{
    int count;
    int64_t n = ds_tensor_count(x) / x->dim[0], width = x->dim[4];
    float *in = calloc((size_t)n, sizeof *in), *out = calloc((size_t)n, sizeof *out), t;
    const float *want = x->data;
    double worst = 0;
    ds_error err = { 0 };
    ds_rng rng;

    ds_sampler_timesteps(s, &count);
    assert_int_equal(count, ds_tensor_count(timesteps));
    assert_int_equal(count + 1, x->dim[0]);
    for (int64_t i = 0; i < n; i++)
        in[i] = want[i] / ds_sampler_init_sigma(s);
    ts_ok(ds_sampler_begin(s, in, n, &err), &err);
    memcpy(ds_sampler_x(s), want, (size_t)n * sizeof *want);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, SEED);
    for (int c = 0; c < count; c++) {
        double worse;

        ds_sampler_input(s, c, in, &t);
        if (t != ((const float *)timesteps->data)[c])
            fail_msg("%s: call %d at time step %.9g, expected %.9g", variant, c, (double)t,
                     (double)((const float *)timesteps->data)[c]);
        ds_toy_network(out, in, t, n, width);
        ts_ok(ds_sampler_advance(s, c, out, &rng, &err), &err);
        worse = ts_compare(ts_path(variant, "x after call %d", c), ds_sampler_x(s),
                           want + (c + 1) * n, n, 1e-5);
        worst = worse > worst ? worse : worst;
    }
    free(in);
    free(out);
    return worst;
}

static void trajectories(void **state)
{
    const char *golden = ts_golden();
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_bundle_load(&b, ts_path(golden, "cases/samplers/outputs.safetensors"), &err), &err);
    for (size_t v = 0; v < DS_COUNT(variants); v++) {
        for (size_t p = 0; p < DS_COUNT(predictions); p++) {
            const ds_tensor *x = get(b, variants[v], predictions[p], "x");
            const ds_tensor *t = get(b, variants[v], predictions[p], "timesteps");
            ds_sampler *s = make(variants[v], predictions[p]);

            assert_non_null(x);
            assert_non_null(t);
            compare_sigmas(s, get(b, variants[v], predictions[p], "sigmas"), variants[v]);
            print_message("%-14s %-12s %.1e\n", variants[v], predictions[p],
                          compare_run(s, x, t, variants[v]));
            ds_sampler_free(s);
        }
    }
    ds_bundle_free(b);
}

static void schedule(void **state)
{
    const char *golden = ts_golden();
    ds_schedule_config c;
    ds_schedule s;
    ds_bundle *b;
    ds_tensor *want;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_bundle_load(&b, ts_path(golden, "cases/samplers/schedule.safetensors"), &err), &err);
    ts_ok(ds_bundle_expect(b, "alphas_cumprod", DS_DIMS(1000), &want, &err), &err);
    ds__schedule_defaults(&c, DS_DDIM, false);
    ds__schedule_stable_diffusion(&c);
    ts_ok(ds__schedule_new(&s, &c, DS_DDIM, &err), &err);
    assert_memory_equal(s.alpha_bar, want->data, 1000 * sizeof *s.alpha_bar);
    ds__schedule_free(&s);
    ds_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(schedule),
                                        cmocka_unit_test(trajectories) };

    return cmocka_run_group_tests_name("golden: samplers", tests, NULL, NULL);
}
