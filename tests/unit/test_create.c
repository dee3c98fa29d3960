/* New models: a small topology is written, opened, and the same whatever the number of threads. */

#include "support.h"

#include "base/file.h"
#include "models/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char small[] =
    "{\"unet\": {\"block_out_channels\": [32, 32], \"norm_num_groups\": 8,"
    " \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    " \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"], \"layers_per_block\": 1,"
    " \"cross_attention_dim\": 16, \"attention_head_dim\": 4, \"sample_size\": 8},"
    " \"vae\": {\"block_out_channels\": [16, 16], \"norm_num_groups\": 8,"
    " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    " \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
    " \"text_encoder\": {\"vocab_size\": 520, \"hidden_size\": 16, \"num_hidden_layers\": 2,"
    " \"num_attention_heads\": 2, \"intermediate_size\": 32, \"projection_dim\": 16,"
    " \"eos_token_id\": 519, \"hidden_act\": \"quick_gelu\"},"
    " \"scheduler\": {\"_class_name\": \"DDIMScheduler\"}}";

static char dir[] = "/tmp/ds-create-XXXXXX";

static int set_up(void **state)
{
    FILE *f;

    (void)state;
    if (mkdtemp(dir) == NULL || (f = fopen(ts_path(dir, "small.json"), "w")) == NULL)
        return -1;
    fputs(small, f);
    return fclose(f);
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void make(const char *name, uint64_t seed, ds_dtype dtype)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    int64_t total = 0;
    ds_error err = { 0 };
    char config[256];

    snprintf(config, sizeof config, "%s/small.json", dir);
    o.like = config;
    o.seed = seed;
    o.dtype = dtype;
    ts_ok(ds_model_create(ts_path(dir, "%s", name), &o, &total, &err), &err);
    assert_true(total > 10000);
}

static bool same_unet(const char *a, const char *b)
{
    const char *file = "unet/diffusion_pytorch_model.safetensors";
    char *x, *y;
    size_t n, m;
    bool same;
    ds_error err = { 0 };

    ts_ok(ds__file_read(&x, &n, ts_path(dir, "%s/%s", a, file), 1 << 26, &err), &err);
    ts_ok(ds__file_read(&y, &m, ts_path(dir, "%s/%s", b, file), 1 << 26, &err), &err);
    same = n == m && memcmp(x, y, n) == 0;
    ds_free(x);
    ds_free(y);
    return same;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    ds_set_threads(1);
    make("one", 5, DS_DTYPE_F16);
    ds_set_threads(3);
    make("three", 5, DS_DTYPE_F16);
    make("other", 6, DS_DTYPE_F16);
    ds_set_threads(0);
    assert_true(same_unet("one", "three"));
    assert_false(same_unet("one", "other"));
}

static void opens_with_sane_weights(void **state)
{
    ds_model *m;
    ds_bundle *b;
    ds_tensor *w;
    ds_tokenizer *t;
    ds_tokens *k;
    double sum = 0, squares = 0;
    ds_error err = { 0 };

    (void)state;
    make("f32", 5, DS_DTYPE_F32);
    ts_ok(ds_model_open(&m, ts_path(dir, "f32"), NULL, &err), &err);
    ds_model_close(m);
    ts_ok(ds_bundle_load(&b, ts_path(dir, "f32/unet/diffusion_pytorch_model.safetensors"), &err),
          &err);
    ts_ok(ds_bundle_expect(b, "mid_block.resnets.0.conv1.weight", DS_DIMS(32, 32, 3, 3), &w, &err),
          &err);
    for (int64_t i = 0; i < ds_tensor_count(w); i++) {
        double v = ((const float *)w->data)[i];

        sum += v;
        squares += v * v;
    }
    assert_true(fabs(sum / 9216) < 0.003);
    assert_true(fabs(squares / 9216 * 288 - 1.0) < 0.05); /* 1 / fan in */
    w = ds_bundle_find(b, "conv_norm_out.weight");
    assert_true(((const float *)w->data)[7] == 1.0f);
    w = ds_bundle_find(b, "conv_norm_out.bias");
    assert_true(((const float *)w->data)[7] == 0.0f);
    ds_bundle_free(b);
    ts_ok(ds_tokenizer_open_model(&t, ts_path(dir, "f32"), 1, &err), &err);
    assert_int_equal(ds_tokenizer_describe(t).eos, 519);
    ts_ok(ds_tokenizer_encode(t, &k, "caf\xc3\xa9 x", &err), &err);
    assert_int_equal(k->count, 6);
    ds_tokens_free(k);
    ds_tokenizer_close(t);
}

static void refusals(void **state)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_cancel stop = { 1 };
    char config[256];

    (void)state;
    assert_int_equal(ds_model_create(ts_path(dir, "x"), &o, NULL, &err), DS_E_ARG);
    o.like = "sd16";
    err = (ds_error){ 0 };
    assert_int_equal(ds_model_create(ts_path(dir, "x"), &o, NULL, &err), DS_E_NOMATCH);
    o.like = "sd15";
    o.dtype = DS_DTYPE_U8;
    err = (ds_error){ 0 };
    assert_int_equal(ds_model_create(ts_path(dir, "x"), &o, NULL, &err), DS_E_ARG);
    o.dtype = DS_DTYPE_F16;
    snprintf(config, sizeof config, "%s/small.json", dir);
    o.like = config;
    o.cancel = &stop;
    err = (ds_error){ 0 };
    assert_int_equal(ds_model_create(ts_path(dir, "x"), &o, NULL, &err), DS_E_CANCELLED);
    assert_int_equal(access(ts_path(dir, "x/model_index.json"), F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_seed_same_bytes),
                                        cmocka_unit_test(opens_with_sane_weights),
                                        cmocka_unit_test(refusals) };

    return cmocka_run_group_tests_name("new models", tests, set_up, tear_down);
}
