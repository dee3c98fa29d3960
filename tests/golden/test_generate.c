/* Whole pipelines against diffusers: the latent after every step, and the picture. */

#include "support.h"

#include "base/json.h"

#include <diffuscope/run.h>

#include <string.h>

static const char *text(const json_t *c, const char *name)
{
    return json_string_value(json_object_get(c, name));
}

static void run_case(const char *golden, const char *name)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_bundle *in, *out;
    ds_tensor *want, latents, image;
    ds_model *m;
    ds_run *r;
    json_t *c;
    ds_error err = { 0 };
    double worst = 0, last;

    ts_ok(ds__json_load(&c, ts_path(golden, "cases/%s/case.json", name), &err), &err);
    ts_ok(ds_bundle_load(&in, ts_path(golden, "cases/%s/inputs.safetensors", name), &err), &err);
    ts_ok(ds_bundle_load(&out, ts_path(golden, "cases/%s/outputs.safetensors", name), &err), &err);
    ts_ok(ds_model_open(&m, ts_path(golden, "models/%s", text(c, "model")), NULL, &err), &err);
    o.prompt = text(c, "prompt");
    o.negative_prompt = text(c, "negative_prompt");
    o.sampler = text(c, "sampler");
    o.compat = "0.21"; /* the reference set is that old */
    o.steps = (int)json_integer_value(json_object_get(c, "steps"));
    o.cfg_scale = json_number_value(json_object_get(c, "cfg_scale"));
    o.width = json_integer_value(json_object_get(c, "width"));
    o.height = json_integer_value(json_object_get(c, "height"));
    o.seed = (uint64_t)json_integer_value(json_object_get(c, "seed_of_sampler_noise"));
    o.latent = ds_bundle_find(in, "latent");
    assert_non_null(o.latent);
    ts_ok(ds_run_new(&r, m, &o, &err), &err);
    ts_ok(ds_run_all(r, &err), &err);
    ts_ok(ds_run_decode(r, &err), &err);

    latents = ds_run_latents(r);
    want = ds_bundle_find(out, "latents");
    assert_int_equal(ds_tensor_count(&latents), ds_tensor_count(want));
    for (int64_t s = 0, n = ds_tensor_count(want) / o.steps; s < o.steps; s++) {
        last = ts_compare(ts_path(name, "latent after step %lld", (long long)s + 1),
                          (float *)latents.data + s * n, (float *)want->data + s * n, n, 2e-5);
        worst = last > worst ? last : worst;
    }
    image = ds_run_image(r);
    want = ds_bundle_find(out, "image");
    assert_true(ds_tensor_same_shape(&image, want));
    last = ts_compare(ts_path(name, "image"), image.data, want->data, ds_tensor_count(want), 2e-5);
    print_message("%-24s latents %.1e image %.1e\n", name, worst, last);
    ds_run_free(r);
    ds_model_close(m);
    ds_bundle_free(in);
    ds_bundle_free(out);
    json_decref(c);
}

static void small_set(void **state)
{
    (void)state;
    ts_golden_cases(TS_SMALL_GOLDEN, "-generate-", run_case);
}

static void cases(void **state)
{
    (void)state;
    ts_golden_cases(ts_golden(), "-generate-", run_case);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(small_set), cmocka_unit_test(cases) };

    return cmocka_run_group_tests_name("golden: generate", tests, NULL, NULL);
}
