/* What models of few steps ask for: guidance of at most 1 is none, and guidance as an embedding. */

#include "support.h"

#include <diffuscope/run.h>
#include <diffuscope/verbs.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder of links: the parts of sd15 with another UNet. */
static char folder[] = "/tmp/ds-lcm-XXXXXX";
static const char *const parts[] = { "model_index.json", "scheduler", "text_encoder", "tokenizer",
                                     "vae" };

static void link_part(const char *from, const char *name)
{
    char *path = realpath(from, NULL);

    assert_non_null(path);
    assert_int_equal(symlink(path, ts_path(folder, "%s", name)), 0);
    free(path);
}

static ds_model *open_lcm(const char *golden)
{
    ds_error err = { 0 };
    ds_model *m;

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < DS_COUNT(parts); i++)
        link_part(ts_path(golden, "models/sd15/%s", parts[i]), parts[i]);
    link_part(ts_path(golden, "files/lcm-unet"), "unet");
    ts_ok(ds_model_open(&m, folder, NULL, &err), &err);
    return m;
}

static void close_lcm(ds_model *m)
{
    ds_model_close(m);
    for (size_t i = 0; i < DS_COUNT(parts); i++)
        unlink(ts_path(folder, "%s", parts[i]));
    unlink(ts_path(folder, "unet"));
    rmdir(folder);
}

static double check_guidance(const char *golden, ds_model *m, double scale)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    char key[40];
    ds_bundle *in, *out;
    ds_tensor latents;
    const ds_tensor *want;
    ds_error err = { 0 };
    ds_run *r;
    double worst;

    snprintf(key, sizeof key, "sd15-guidance-%.1f", scale);
    ts_ok(ds_bundle_load(&in, ts_path(golden, "cases/%s/inputs.safetensors", key), &err), &err);
    ts_ok(ds_bundle_load(&out, ts_path(golden, "cases/%s/outputs.safetensors", key), &err), &err);
    o.prompt = "a photo of a cat and a dog";
    o.steps = 2;
    o.sampler = "euler";
    o.spacing = "trailing";
    o.cfg_scale = scale;
    o.latent = ds_bundle_find(in, "latent");
    ts_ok(ds_run_new(&r, m, &o, &err), &err);
    assert_true((ds_run_warning(r, 0) != NULL) == (scale < 1.0));
    ts_ok(ds_run_all(r, &err), &err);
    latents = ds_run_latents(r);
    want = ds_bundle_find(out, "latent");
    worst = ts_compare(key, (float *)latents.data + ds_tensor_count(want), want->data,
                       ds_tensor_count(want), 2e-5);
    ds_run_free(r);
    ds_bundle_free(in);
    ds_bundle_free(out);
    return worst;
}

static void guidance_of_one_or_less_is_none(void **state)
{
    const char *golden = ts_golden();
    ds_error err = { 0 };
    ds_model *m;

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_model_open(&m, ts_path(golden, "models/sd15"), NULL, &err), &err);
    for (int i = 0; i < 3; i++)
        print_message("guidance %.1f: %.1e\n", i / 2.0, check_guidance(golden, m, i / 2.0));
    ds_model_close(m);
}

/* The network with the embedding that the reference was given, and with ours of the same guidance. */
static void guidance_is_embedded(void **state)
{
    const char *golden = ts_golden();
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_denoiser *d;
    ds_conditions *c;
    ds_bundle *in, *out;
    const ds_tensor *z, *hidden, *want, *given;
    ds_tensor room;
    ds_error err = { 0 };
    ds_model *m;
    float *answer, t;
    int64_t n;

    (void)state;
    if (golden == NULL)
        skip();
    m = open_lcm(golden);
    ts_ok(ds_bundle_load(&in, ts_path(golden, "cases/lcm-unet/inputs.safetensors"), &err), &err);
    ts_ok(ds_bundle_load(&out, ts_path(golden, "cases/lcm-unet/outputs.safetensors"), &err), &err);
    z = ds_bundle_find(in, "sample");
    hidden = ds_bundle_find(in, "encoder_hidden_states");
    given = ds_bundle_find(in, "timestep_cond");
    want = ds_bundle_find(out, "sample");
    t = (float)*(const int64_t *)ds_bundle_find(in, "timestep")->data;
    o.tokens = hidden->dim[1];
    o.height = z->dim[2];
    o.width = z->dim[3];
    ts_ok(ds_denoiser_new(&d, m, &o, &err), &err);
    ts_ok(ds_conditions_new(&c, 1, hidden->dim[1], hidden->dim[2], 0, &err), &err);
    room = ds_conditions_hidden(c);
    memcpy(room.data, hidden->data, (size_t)ds_tensor_count(hidden) * sizeof(float));
    ts_ok(ds_denoiser_condition(d, c, &err), &err);
    n = ds_tensor_count(want);
    answer = calloc((size_t)n, sizeof *answer);
    ts_ok(ds_denoiser_set(d, "timestep_cond", given, &err), &err);
    ts_ok(ds_denoise(d, answer, z->data, &t, &err), &err);
    print_message("given: %.1e\n", ts_compare("given", answer, want->data, n, 1e-5));
    ts_ok(ds_denoiser_guide(d, 7.5, &err), &err);
    ts_ok(ds_denoise(d, answer, z->data, &t, &err), &err);
    print_message("7.5: %.1e\n", ts_compare("guidance 7.5", answer, want->data, n, 1e-5));
    ts_ok(ds_denoiser_guide(d, 1.0, &err), &err); /* and it is heard */
    ts_ok(ds_denoise(d, answer, z->data, &t, &err), &err);
    assert_true(fabsf(answer[0] - ((const float *)want->data)[0]) > 1e-4f);
    free(answer);
    ds_conditions_free(c);
    ds_denoiser_free(d);
    ds_bundle_free(in);
    ds_bundle_free(out);
    close_lcm(m);
}

/* lcm on such a network: one conditioning, and the guidance matters. */
static void lcm_is_guided_inside(void **state)
{
    static char again[] = "/tmp/ds-lcm-XXXXXX";
    const char *golden = ts_golden();
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    float first[2] = { 0 };
    ds_error err = { 0 };
    ds_model *m;

    (void)state;
    if (golden == NULL)
        skip();
    memcpy(folder, again, sizeof folder);
    m = open_lcm(golden);
    o.prompt = "a cat";
    o.negative_prompt = "a dog";
    o.steps = 2;
    o.sampler = "lcm";
    o.width = o.height = 64;
    for (int i = 0; i < 2; i++) {
        ds_run *r;
        ds_tensor x;

        o.cfg_scale = 3.0 + 5.0 * i;
        ts_ok(ds_run_new(&r, m, &o, &err), &err);
        assert_non_null(strstr(ds_run_warning(r, 0), "embedding"));
        assert_non_null(strstr(ds_run_warning(r, 1), "negative prompt"));
        assert_null(ds_run_describe(r).negative_ids);
        ts_ok(ds_run_all(r, &err), &err);
        x = ds_run_latents(r);
        first[i] = *((float *)x.data + ds_tensor_count(&x) - 1);
        ds_run_free(r);
    }
    assert_true(fabsf(first[0] - first[1]) > 1e-4f);
    close_lcm(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guidance_of_one_or_less_is_none),
        cmocka_unit_test(guidance_is_embedded),
        cmocka_unit_test(lcm_is_guided_inside),
    };

    return cmocka_run_group_tests_name("golden: few steps", tests, NULL, NULL);
}
