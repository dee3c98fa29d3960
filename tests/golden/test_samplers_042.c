/* Samplers as in diffusers 0.42, from its scheduler files, on the toy network. */

#include "support.h"

#include <diffuscope/sampler.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 77 };

static char file[] = "/tmp/ds-scheduler-XXXXXX";

/* "every field not named here: the class's own default, over the standard schedule" */
static void write_config(const json_t *a_case)
{
    json_t *c = json_deep_copy(json_object_get(a_case, "config"));

    json_object_set(c, "_class_name", json_object_get(a_case, "class"));
    json_object_set(c, "prediction_type", json_object_get(a_case, "prediction_type"));
    json_object_set_new(c, "beta_start", json_real(0.00085));
    json_object_set_new(c, "beta_end", json_real(0.012));
    json_object_set_new(c, "beta_schedule", json_string("scaled_linear"));
    json_object_set_new(c, "steps_offset", json_integer(1));
    assert_int_equal(json_dump_file(c, file, 0), 0);
    json_decref(c);
}

static ds_sampler *make(const json_t *a_case)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_sampler *s;

    write_config(a_case);
    o.config = file;
    o.steps = (int)json_integer_value(json_object_get(a_case, "steps"));
    ts_ok(ds_sampler_new(&s, &o, &err), &err);
    assert_string_equal(ds_sampler_name(s), json_string_value(json_object_get(a_case, "sampler")));
    return s;
}

/* Whole time steps are equal. Those that are read off the noise levels agree to rounding, since
 * PyTorch's own levels differ in the last bit from version to version. */
static void compare_times(const ds_sampler *s, const ds_tensor *want, const char *key)
{
    int count;
    const float *t = ds_sampler_timesteps(s, &count), *w = want->data;

    assert_int_equal(count, ds_tensor_count(want));
    for (int i = 0; i < count; i++)
        if (w[i] == rintf(w[i]) ? t[i] != w[i] : fabsf(t[i] - w[i]) > 1e-4f)
            fail_msg("%s: call %d at time step %.9g, expected %.9g", key, i, (double)t[i],
                     (double)w[i]);
}

static void compare_sigmas(const ds_sampler *s, const ds_tensor *want, const char *key)
{
    int count;
    const float *sigma = ds_sampler_sigmas(s, &count);

    if (want == NULL)
        return;
    assert_int_equal(count, ds_tensor_count(want));
    ts_compare(ts_path(key, "sigmas"), sigma, want->data, count, 1e-6);
}

static double compare_run(ds_sampler *s, const ds_tensor *x, const char *key)
{
    int64_t n = ds_tensor_count(x) / x->dim[0];
    float *in = calloc((size_t)n, sizeof *in), *out = calloc((size_t)n, sizeof *out), t;
    const float *want = x->data;
    double worst = 0;
    ds_error err = { 0 };
    ds_rng rng;

    assert_int_equal(ds_sampler_calls(s) + 1, x->dim[0]);
    for (int64_t i = 0; i < n; i++)
        in[i] = want[i] / ds_sampler_init_sigma(s);
    ts_ok(ds_sampler_begin(s, in, n, &err), &err);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, SEED);
    for (int c = 0; c < ds_sampler_calls(s); c++) {
        double worse;

        ds_sampler_input(s, c, in, &t);
        ds_toy_network(out, in, t, n, x->dim[4]);
        ts_ok(ds_sampler_advance(s, c, out, &rng, &err), &err);
        worse = ts_compare(ts_path(key, "x after call %d", c), ds_sampler_x(s), want + (c + 1) * n,
                           n, 1e-5);
        worst = worse > worst ? worse : worst;
    }
    free(in);
    free(out);
    return worst;
}

static void trajectories(void **state)
{
    const char *golden = ts_golden(), *key;
    const json_t *a_case;
    ds_bundle *b;
    json_t *cases;
    ds_error err = { 0 };
    int run = 0;

    (void)state;
    if (golden == NULL)
        skip();
    cases = json_load_file(ts_path(golden, "cases/samplers-042/case.json"), 0, NULL);
    assert_non_null(cases);
    ts_ok(ds_bundle_load(&b, ts_path(golden, "cases/samplers-042/outputs.safetensors"), &err),
          &err);
    json_object_foreach ((json_t *)cases, key, a_case) {
        const ds_tensor *x = ds_bundle_find(b, ts_path(key, "x"));
        const ds_tensor *t = ds_bundle_find(b, ts_path(key, "timesteps"));
        ds_sampler *s = make(a_case);

        assert_non_null(x);
        assert_non_null(t);
        compare_times(s, t, key);
        compare_sigmas(s, ds_bundle_find(b, ts_path(key, "sigmas")), key);
        print_message("%-32s %.1e\n", key, compare_run(s, x, key));
        ds_sampler_free(s);
        run++;
    }
    assert_int_equal(run, 36);
    ds_bundle_free(b);
    json_decref(cases);
}

static int make_file(void **state)
{
    int fd = mkstemp(file);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(trajectories) };

    return cmocka_run_group_tests_name("golden: samplers of diffusers 0.42", tests, make_file,
                                       remove_file);
}
