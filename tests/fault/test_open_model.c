/* Opening and running a small model: memory that ends anywhere, and folders whose parts do not fit.
 */

#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <diffuscope/model.h>

static const char small[] =
    "{\"unet\": {\"block_out_channels\": [8, 8], \"norm_num_groups\": 4,"
    " \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    " \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"], \"layers_per_block\": 1,"
    " \"cross_attention_dim\": 8, \"attention_head_dim\": 2, \"sample_size\": 8},"
    " \"vae\": {\"block_out_channels\": [8, 8], \"norm_num_groups\": 4,"
    " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    " \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
    " \"text_encoder\": {\"vocab_size\": 520, \"hidden_size\": 8, \"num_hidden_layers\": 2,"
    " \"num_attention_heads\": 2, \"intermediate_size\": 16, \"projection_dim\": 8,"
    " \"eos_token_id\": 519, \"hidden_act\": \"quick_gelu\"},"
    " \"scheduler\": {\"_class_name\": \"DDIMScheduler\"}}";

static char dir[] = "/tmp/ds-open-XXXXXX";

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int set_up(void **state)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    ds_error err = { 0 };
    char config[64];

    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(config, sizeof config, "%s/small.json", dir);
    put(config, small);
    o.like = config;
    o.dtype = DS_DTYPE_F32;
    ts_ok(ds_model_create(ts_path(dir, "m"), &o, NULL, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static ds_status open_and_close(ds_error *err)
{
    ds_model *m;
    ds_status st = ds_model_open(&m, ts_path(dir, "m"), NULL, err);

    assert_true((m != NULL) == (st == DS_OK));
    ds_model_close(m);
    return st;
}

static ds_status list_sites(ds_error *err)
{
    ds_site_list *sites = NULL;
    ds_model *m;
    ds_status st = ds_model_open(&m, ts_path(dir, "m"), NULL, err);

    if (st == DS_OK)
        st = ds_model_sites(m, "*.probs", &sites, err);
    ds_site_list_free(sites);
    ds_model_close(m);
    return st;
}

static ds_status add(ds_bundle *b, const char *name, ds_dtype dtype, int rank, const int64_t *dim,
                     ds_error *err)
{
    ds_tensor *t;

    return ds_bundle_add(b, name, dtype, rank, dim, &t, err);
}

/* With `back`, also the gradient of the input named so and of a parameter. */
static ds_status forward(const char *module, const char *back, ds_bundle *in, ds_error *err)
{
    static const char *const watch[] = { "*.probs" };
    const char *const wrt[] = { back, "unet.conv_in.weight" };
    ds_bundle *out = NULL;
    ds_model *m = NULL;
    ds_status st = ds_model_open(&m, ts_path(dir, "m"), NULL, err);

    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK)
        st = ds_model_forward(m, module, in, watch, 1, wrt, back != NULL ? 2 : 0, out, err);
    ds_bundle_free(out);
    ds_model_close(m);
    return st;
}

static ds_status run_text_encoder(ds_error *err)
{
    ds_bundle *in;
    ds_status st = ds_bundle_new(&in, err);

    if (st == DS_OK)
        st = add(in, "input_ids", DS_DTYPE_I64, DS_DIMS(1, 5), err);
    if (st == DS_OK)
        st = forward("text_encoder", NULL, in, err);
    ds_bundle_free(in);
    return st;
}

static ds_status run_unet_with(const char *back, ds_error *err)
{
    ds_bundle *in;
    ds_status st = ds_bundle_new(&in, err);

    if (st == DS_OK)
        st = add(in, "sample", DS_DTYPE_F32, DS_DIMS(1, 4, 8, 8), err);
    if (st == DS_OK)
        st = add(in, "timestep", DS_DTYPE_I64, 0, NULL, err);
    if (st == DS_OK)
        st = add(in, "encoder_hidden_states", DS_DTYPE_F32, DS_DIMS(1, 5, 8), err);
    if (st == DS_OK && back != NULL)
        st = add(in, "cotangent.sample", DS_DTYPE_F32, DS_DIMS(1, 4, 8, 8), err);
    if (st == DS_OK)
        st = forward("unet", back, in, err);
    ds_bundle_free(in);
    return st;
}

static ds_status run_unet(ds_error *err)
{
    return run_unet_with(NULL, err);
}

static ds_status pull_unet_back(ds_error *err)
{
    return run_unet_with("sample", err);
}

/* The n-th allocation fails, for n = 1, 1 + stride, ...: DS_E_NOMEM with a text, and every
 * block is returned. What a first run keeps for the whole process is not counted. */
static void exhaust(ds_status (*work)(ds_error *err), int64_t stride)
{
    int64_t requests;
    ds_error none = { 0 };

    ts_ok(work(&none), &none);
    ts_alloc_begin(0);
    ts_ok(work(&none), &none);
    requests = ts_alloc_requests();
    assert_int_equal(ts_alloc_end(), 0);
    for (int64_t n = 1; n <= requests; n += stride) {
        ds_error err = { 0 };
        ds_status st;
        int64_t alive;

        ts_alloc_begin(n);
        st = work(&err);
        alive = ts_alloc_end();
        if (st != DS_E_NOMEM || alive != 0 || err.text[0] == '\0')
            fail_msg("allocation %lld of %lld: %s, %lld blocks alive, '%s'", (long long)n,
                     (long long)requests, ds_status_name(st), (long long)alive, err.text);
    }
}

static void no_memory_to_open(void **state)
{
    (void)state;
    exhaust(open_and_close, 1);
}

static void no_memory_to_list_sites(void **state)
{
    (void)state;
    exhaust(list_sites, 1);
}

static void no_memory_for_the_text_encoder(void **state)
{
    (void)state;
    exhaust(run_text_encoder, 1);
}

static void no_memory_for_the_unet(void **state)
{
    (void)state;
    exhaust(run_unet, 1);
}

static void no_memory_for_a_pullback(void **state)
{
    (void)state;
    exhaust(pull_unet_back, 5);
}

/* ---- parts that do not fit ------------------------------------------------------------------- */

static void refused(ds_status want, const char *fragment)
{
    ds_error err = { 0 };
    ds_status st = open_and_close(&err);

    if (st != want || strstr(err.text, fragment) == NULL)
        fail_msg("expected %s with '%s', found %s: %s", ds_status_name(want), fragment,
                 ds_status_name(st), err.text);
}

/* Replaces `from` in a file of the model by `to`, opens it, and puts the file back. */
static void edited(const char *file, const char *from, const char *to, ds_status want,
                   const char *fragment)
{
    static char text[8192], changed[8192];
    char path[256];
    char *at;
    FILE *f;

    snprintf(path, sizeof path, "%s", ts_path(dir, "m/%s", file));
    f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    at = strstr(text, from);
    if (at == NULL)
        fail_msg("%s has no %s: %s", file, from, text);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put(path, changed);
    refused(want, fragment);
    put(path, text);
}

static void wrong_configurations(void **state)
{
    const char *unet = "unet/config.json", *end = "}", *index = "model_index.json";

    (void)state;
    edited(unet, "{", "{\"strange_field\": 1,", DS_E_UNSUPPORTED, "strange_field");
    edited(unet, "{", "{\"class_embed_type\": \"timestep\",", DS_E_UNSUPPORTED, "class_embed_type");
    edited(unet, "{", "{\"in_channels\": 4, \"in_channels\": 4,", DS_E_FORMAT, "duplicate");
    edited(unet, "{", "[", DS_E_FORMAT, "unet/config.json:");
    edited(index, "UNet2DConditionModel", "UNet3DConditionModel", DS_E_UNSUPPORTED,
           "UNet3DConditionModel");
    edited(index, end, "", DS_E_FORMAT, "model_index.json:");
}

enum { DROP, SHRINK, RETYPE, EXTRA };

/* Rewrites the UNet's file with one tensor changed, opens the model, and puts the file back. */
static void with_tensor(int change, const char *victim, ds_status want, const char *fragment)
{
    char path[256];
    ds_bundle *all, *some;
    ds_error err = { 0 };

    snprintf(path, sizeof path, "%s", ts_path(dir, "m/unet/diffusion_pytorch_model.safetensors"));
    ts_ok(ds_bundle_load(&all, path, &err), &err);
    ts_ok(ds_bundle_new(&some, &err), &err);
    assert_non_null(ds_bundle_find(all, victim));
    for (int64_t i = 0; i < ds_bundle_count(all); i++) {
        const char *name = ds_bundle_name(all, i);
        ds_tensor t = *ds_bundle_at(all, i);
        bool it = strcmp(name, victim) == 0;

        if (it && change == DROP)
            continue;
        t.dim[0] -= it && change == SHRINK;
        t.dtype = it && change == RETYPE ? DS_DTYPE_I32 : t.dtype;
        ts_ok(add(some, name, t.dtype, t.rank, t.dim, &err), &err);
    }
    if (change == EXTRA)
        ts_ok(add(some, "unknown.weight", DS_DTYPE_F32, DS_DIMS(1), &err), &err);
    ts_ok(ds_bundle_save(some, path, &err), &err);
    refused(want, fragment);
    ts_ok(ds_bundle_save(all, path, &err), &err);
    ds_bundle_free(all);
    ds_bundle_free(some);
}

static void wrong_tensors(void **state)
{
    ds_error err = { 0 };

    (void)state;
    with_tensor(DROP, "conv_in.bias", DS_E_NOMATCH,
                "expected a tensor 'conv_in.bias' of shape [8]");
    with_tensor(
        SHRINK, "conv_in.weight", DS_E_SHAPE,
        "tensor 'conv_in.weight': expected shape [8, 4, 3, 3] of F32, F16, BF16 or F8, found "
        "[7, 4, 3, 3] of F32");
    with_tensor(RETYPE, "conv_out.bias", DS_E_SHAPE, "found [4] of I32");
    with_tensor(EXTRA, "conv_out.bias", DS_E_UNSUPPORTED, "unknown.weight");
    ts_ok(open_and_close(&err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_to_open),
        cmocka_unit_test(no_memory_to_list_sites),
        cmocka_unit_test(no_memory_for_the_text_encoder),
        cmocka_unit_test(no_memory_for_the_unet),
        cmocka_unit_test(no_memory_for_a_pullback),
        cmocka_unit_test(wrong_configurations),
        cmocka_unit_test(wrong_tensors),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
