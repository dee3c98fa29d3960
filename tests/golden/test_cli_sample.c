/* `diffuscope sample` and `diffuscope random` against the reference numbers, through the program.
 */

#include "support.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *options;
} variants[] = {
    { "ddim", "--sampler DDIM" },
    { "ddim-trailing", "--sampler ddim --timestep-spacing trailing --set-alpha-to-one" },
    { "ddpm", "--sampler ddpm" },
    { "pndm", "--sampler PLMS" },
    { "euler", "--sampler euler" },
    { "euler-karras", "--sampler euler --scheduler karras" },
    { "euler_a", "--sampling-method 'Euler a'" },
    { "heun", "--sampler heun" },
    { "lms", "--sampler lms" },
    { "dpm++2m", "--sampler dpm++2m" },
    { "dpm++2m-karras", "--sampler 'DPM++ 2M Karras'" },
    { "dpm2", "--sampler dpm_2" },
    { "ddim-inverse", "--sampler ddim-inverse" },
};

static char folder[] = "/tmp/ds-sample-XXXXXX";

static const char *program(void)
{
    const char *build = getenv("BUILD");

    return ts_path(build != NULL ? build : "build", "diffuscope");
}

static int shell(const char *command)
{
    int rc = system(command);

    return rc == -1 ? -1 : WEXITSTATUS(rc);
}

static void write_latent(const char *path, const ds_tensor *x, double init_sigma)
{
    int64_t n = ds_tensor_count(x) / x->dim[0];
    ds_bundle *b;
    ds_tensor *latent;
    ds_error err = { 0 };

    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds_bundle_add(b, "latent", DS_DTYPE_F32, x->rank - 1, x->dim + 1, &latent, &err), &err);
    for (int64_t i = 0; i < n; i++)
        ((float *)latent->data)[i] = ((const float *)x->data)[i] / (float)init_sigma;
    ts_ok(ds_bundle_save(b, path, &err), &err);
    ds_bundle_free(b);
}

static void compare(const ds_bundle *got, const ds_bundle *want, const char *key, const char *what,
                    double tolerance)
{
    const ds_tensor *w = ds_bundle_find(want, ts_path(key, "%s", what));
    const ds_tensor *g = ds_bundle_find(got, what);

    if (w == NULL)
        return;
    assert_non_null(g);
    assert_true(ds_tensor_same_shape(g, w));
    ts_compare(ts_path(key, "%s", what), g->data, w->data, ds_tensor_count(w), tolerance);
}

static void sample_one(const ds_bundle *want, json_t *cases, int v, const char *prediction)
{
    const char *key = ts_path(variants[v].name, "%s/10", prediction);
    const char *in = ts_path(folder, "in"), *out = ts_path(folder, "out");
    double sigma =
        json_number_value(json_object_get(json_object_get(cases, key), "init_noise_sigma"));
    char command[2048];
    ds_bundle *got;
    ds_error err = { 0 };

    assert_true(sigma > 0);
    write_latent(in, ds_bundle_find(want, ts_path(key, "x")), sigma);
    snprintf(command, sizeof command,
             "%s sample --toy --compat 0.21 %s --prediction-type %s --steps 10 --seed 77 --latent "
             "%s --save %s "
             "--quiet --force",
             program(), variants[v].options, prediction, in, out);
    assert_int_equal(shell(command), 0);
    ts_ok(ds_bundle_load(&got, out, &err), &err);
    compare(got, want, key, "x", 1e-5);
    compare(got, want, key, "timesteps", 0);
    compare(got, want, key, "sigmas", 1e-6);
    ds_bundle_free(got);
}

static void samples(void **state)
{
    const char *golden = ts_golden();
    ds_bundle *want;
    json_t *cases;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_bundle_load(&want, ts_path(golden, "cases/samplers/outputs.safetensors"), &err), &err);
    cases = json_load_file(ts_path(golden, "cases/samplers/case.json"), 0, NULL);
    assert_non_null(cases);
    for (int v = 0; v < (int)DS_COUNT(variants); v++) {
        sample_one(want, cases, v, "epsilon");
        sample_one(want, cases, v, "v_prediction");
    }
    json_decref(cases);
    ds_bundle_free(want);
}

static void random_one(const char *kind, const char *seed, const ds_tensor *want)
{
    char command[512];
    json_t *root, *values;
    FILE *p;

    snprintf(command, sizeof command,
             "%s random --rng torch-cpu --seed %s --kind %s --count %lld "
             "--json",
             program(), seed, kind, (long long)ds_tensor_count(want));
    p = popen(command, "r");
    assert_non_null(p);
    root = json_loadf(p, 0, NULL);
    assert_int_equal(pclose(p), 0);
    values = json_object_get(root, "values");
    assert_int_equal(json_array_size(values), ds_tensor_count(want));
    for (size_t i = 0; i < json_array_size(values); i++)
        assert_true((float)json_number_value(json_array_get(values, i)) ==
                    ((const float *)want->data)[i]);
    json_decref(root);
}

static void random_numbers(void **state)
{
    const char *golden = ts_golden();
    ds_bundle *want;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_bundle_load(&want, ts_path(golden, "cases/torch-cpu-random.safetensors"), &err), &err);
    for (int64_t i = 0; i < ds_bundle_count(want); i++) {
        char name[128], *kind, *seed, *rest;

        snprintf(name, sizeof name, "%s", ds_bundle_name(want, i));
        kind = strtok_r(name, "/", &rest);
        seed = strtok_r(NULL, "/", &rest);
        if (strcmp(kind, "randn-sequence") != 0)
            random_one(kind, seed, ds_bundle_at(want, i));
    }
    ds_bundle_free(want);
}

static void misuse(void **state)
{
    static const struct {
        const char *arguments;
        int code;
        const char *text;
    } cases[] = {
        { "sample --toy --sampler eular --latent in --save out.safetensors", 2, "near are euler" },
        { "sample --sampler euler --latent in --save out.safetensors", 2, "toy" },
        { "sample --toy --steps 0 --latent in --save out.safetensors", 2, "steps" },
        { "sample --toy --sampler euler --eta 1 --latent in --save out.safetensors", 2,
          "only ddim" },
        { "sample --toy --prediction-type x0 --latent in --save out.safetensors", 2,
          "v_prediction" },
        { "sample --toy --latent /nonexistent --save /tmp/never", 3, "nonexistent" },
        { "random --rng dice", 2, "torch-cuda" },
        { "random --count 0", 2, "count" },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        char command[512], said[2048] = "";
        const char *log = ts_path(folder, "log");
        FILE *f;

        snprintf(command, sizeof command, "%s %s >%s 2>&1", program(), cases[i].arguments, log);
        if (shell(command) != cases[i].code)
            fail_msg("%s: expected exit code %d", cases[i].arguments, cases[i].code);
        f = fopen(log, "r");
        assert_non_null(f);
        said[fread(said, 1, sizeof said - 1, f)] = '\0';
        fclose(f);
        if (strstr(said, cases[i].text) == NULL)
            fail_msg("%s: said \"%s\", expected to read %s", cases[i].arguments, said,
                     cases[i].text);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "in", "out", "log" };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(names); i++)
        unlink(ts_path(folder, "%s", names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(samples), cmocka_unit_test(random_numbers),
                                        cmocka_unit_test(misuse) };

    return cmocka_run_group_tests_name("golden: sample and random from the command line", tests,
                                       make_folder, remove_folder);
}
