/* Component folders (whole, sharded, variants, old names) and the model argument: folders, and
 * names in a fabricated hub cache. */

#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weights/folder.h"
#include "weights/names.h"
#include "weights/weights.h"

static char root[] = "/tmp/ds-weights-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* Creates the folders above a file and writes text into it. */
static void put(const char *path, const char *text)
{
    char part[512];
    FILE *f;

    for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
        mkdir(part, 0777);
    }
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A file of [2, 2] F32 tensors, each filled with its number, counted from `value`. */
static void put_tensors(const char *path, const char *const *name, int count, float value)
{
    ds_bundle *b;
    ds_tensor *t;
    ds_error err = { 0 };

    put(path, "");
    ts_ok(ds_bundle_new(&b, &err), &err);
    for (int i = 0; i < count; i++) {
        ts_ok(ds_bundle_add(b, name[i], DS_DTYPE_F32, DS_DIMS(2, 2), &t, &err), &err);
        for (int k = 0; k < 4; k++)
            ((float *)t->data)[k] = value + (float)i;
    }
    ts_ok(ds_bundle_save(b, path, &err), &err);
    ds_bundle_free(b);
}

static float value_of(ds_weights *w, const char *name)
{
    const ds_tensor *t;
    ds_error err = { 0 };

    ts_ok(ds__weights_bind(w, name, DS_DIMS(2, 2), &t, &err), &err);
    return *(const float *)t->data;
}

static ds_weights *open_ok(const char *folder, const char *prefer)
{
    ds_weights *w;
    ds_error err = { 0 };

    ts_ok(ds__weights_open(&w, folder, prefer, &err), &err);
    return w;
}

static void refused(const char *folder, ds_status want, const char *fragment)
{
    ds_weights *w;
    ds_error err = { 0 };

    if (ds__weights_open(&w, folder, NULL, &err) != want || strstr(err.text, fragment) == NULL)
        fail_msg("expected %s with '%s', found %s: %s", ds_status_name(want), fragment,
                 ds_status_name(err.code), err.text);
    assert_null(w);
}

static void variants(void **state)
{
    static const char *const name[] = { "a", "b" };
    const char *folder = ts_path(root, "variants");
    ds_weights *w;

    (void)state;
    put_tensors(ts_path(root, "variants/model.fp16.safetensors"), name, 2, 1);
    w = open_ok(folder, NULL);
    assert_true(value_of(w, "b") == 2);
    ds__weights_close(w);
    put_tensors(ts_path(root, "variants/model.safetensors"), name, 2, 5);
    w = open_ok(folder, NULL);
    assert_true(value_of(w, "b") == 6);
    ds__weights_close(w);
    w = open_ok(folder, "fp16");
    assert_true(value_of(w, "b") == 2);
    ds__weights_close(w);
    w = open_ok(folder, "ema");
    assert_true(value_of(w, "b") == 6);
    ds__weights_close(w);
}

static void shards(void **state)
{
    static const char *const first[] = { "a", "c" }, *const second[] = { "b" };
    static const char index[] = "{\"metadata\":{},\"weight_map\":{\"a\":\"m-1.safetensors\","
                                "\"b\":\"m-2.safetensors\",\"c\":\"m-1.safetensors\"}}";
    const char *folder = ts_path(root, "shards");
    ds_weights *w;

    (void)state;
    put_tensors(ts_path(root, "shards/m-1.safetensors"), first, 2, 1);
    put_tensors(ts_path(root, "shards/m-2.safetensors"), second, 1, 8);
    put(ts_path(root, "shards/model.safetensors.index.json"), index);
    w = open_ok(folder, NULL);
    assert_int_equal(ds__weights_files(w), 2);
    assert_int_equal(ds__weights_count(w), 3);
    assert_true(value_of(w, "a") == 1 && value_of(w, "b") == 8 && value_of(w, "c") == 2);
    ds__weights_close(w);
}

static void hostile_indexes(void **state)
{
    static const struct {
        const char *text, *fragment;
    } cases[] = {
        { "{\"weight_map\":{\"a\":\"../../etc/passwd\"}}", "in the same folder" },
        { "{\"weight_map\":{\"a\":\"../m-1.safetensors\"}}", "in the same folder" },
        { "{\"weight_map\":{\"a\":\".safetensors\"}}", "in the same folder" },
        { "{\"weight_map\":{\"a\":3}}", "not a string" },
        { "{\"weight_map\":{}}", "weight_map" },
        { "{\"weight_map\":[]}", "weight_map" },
        { "{}", "weight_map" },
        { "[]", "object" },
        { "{\"weight_map\":\n {\"a\" 3}}", "model.safetensors.index.json:2:" },
        { "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"a\":\"m-1.safetensors\"}}", "duplicate" },
        { "{\"weight_map\":{\"a\":\"m-1.safetensors\"}}", "gives nothing as its file" },
        { "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"c\":\"m-1.safetensors\","
          "\"d\":\"m-1.safetensors\"}}",
          "'d' is not in m-1.safetensors" },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        put(ts_path(root, "shards/model.safetensors.index.json"), cases[i].text);
        refused(ts_path(root, "shards"), DS_E_FORMAT, cases[i].fragment);
    }
    put(ts_path(root, "shards/model.safetensors.index.json"),
        "{\"weight_map\":{\"a\":\"gone.safetensors\"}}");
    refused(ts_path(root, "shards"), DS_E_IO, "gone.safetensors");
}

static void nothing_to_open(void **state)
{
    (void)state;
    put(ts_path(root, "none/config.json"), "{}");
    refused(ts_path(root, "none"), DS_E_IO, "diffusion_pytorch_model.safetensors");
    put(ts_path(root, "none/pytorch_model.bin"), "");
    refused(ts_path(root, "none"), DS_E_UNSUPPORTED, "pickle");
}

static void old_names(void **state)
{
    static const struct {
        const char *old_name, *new_name;
    } cases[] = {
        { "encoder.mid_block.attentions.0.query.weight",
          "encoder.mid_block.attentions.0.to_q.weight" },
        { "a.attentions.12.key.bias", "a.attentions.12.to_k.bias" },
        { "attentions.0.value.bias", "attentions.0.to_v.bias" },
        { "d.attentions.1.proj_attn.weight", "d.attentions.1.to_out.0.weight" },
        { "d.attentions.1.norm.weight", "d.attentions.1.norm.weight" },
        { "d.attentions.query.weight", "d.attentions.query.weight" },
        { "d.myattentions.1.query.weight", "d.myattentions.1.query.weight" },
        { "query.weight", "query.weight" },
        { "d.attentions.1.query", "d.attentions.1.query" },
        { "d.attentions.1.query.scale", "d.attentions.1.query.scale" },
        { ".query.weight", ".query.weight" },
        { "1.query.weight", "1.query.weight" },
        { "", "" },
    };
    char buf[64];
    ds_tensor t = { .rank = 4, .dim = { 8, 8, 1, 1 } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        assert_string_equal(ds__names_modern(cases[i].old_name, buf, sizeof buf),
                            cases[i].new_name);
    ds__names_flatten("up.attentions.0.proj_in.weight", &t);
    assert_int_equal(t.rank, 4);
    ds__names_flatten("mid.attentions.0.to_out.0.weight", &t);
    assert_int_equal(t.rank, 2);
}

static void old_files(void **state)
{
    static const char *const name[] = { "m.attentions.0.query.weight",
                                        "m.attentions.0.to_q.weight" };
    ds_weights *w;

    (void)state;
    put_tensors(ts_path(root, "old/diffusion_pytorch_model.safetensors"), name, 1, 3);
    w = open_ok(ts_path(root, "old"), NULL);
    assert_true(value_of(w, "m.attentions.0.to_q.weight") == 3);
    ds__weights_close(w);
    put_tensors(ts_path(root, "old/diffusion_pytorch_model.safetensors"), name, 2, 3);
    refused(ts_path(root, "old"), DS_E_FORMAT, "there twice");
}

static void binding(void **state)
{
    static const char *const name[] = { "a", "b", "text_model.embeddings.position_ids", "z" };
    ds_error err = { 0 };
    const ds_tensor *t;
    const char *hex;
    ds_weights *w;

    (void)state;
    put_tensors(ts_path(root, "bind/model.safetensors"), name, 4, 1);
    w = open_ok(ts_path(root, "bind"), NULL);
    assert_int_equal(ds__weights_bind(w, "a", DS_DIMS(2, 3), &t, &err), DS_E_SHAPE);
    assert_non_null(strstr(err.text, "model.safetensors: tensor 'a': expected shape [2, 3]"));
    assert_non_null(strstr(err.text, "found [2, 2] of F32"));
    err = (ds_error){ 0 };
    assert_int_equal(ds__weights_bind(w, "q", DS_DIMS(2, 3), &t, &err), DS_E_NOMATCH);
    err = (ds_error){ 0 };
    assert_int_equal(ds__weights_check_all_used(w, &err), DS_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "3 tensors"));
    assert_non_null(strstr(err.text, "a, b, z"));
    ts_ok(ds__weights_bind(w, "a", DS_DIMS(2, -1), &t, &err), &err);
    assert_non_null(ds__weights_find(w, "b"));
    assert_null(ds__weights_find(w, "c"));
    err = (ds_error){ 0 };
    assert_int_equal(ds__weights_check_all_used(w, &err), DS_E_UNSUPPORTED);
    assert_string_equal(err.name, "z");
    ds__weights_find(w, "z");
    err = (ds_error){ 0 };
    ts_ok(ds__weights_check_all_used(w, &err), &err);
    ts_ok(ds__weights_file_hash(w, 0, &hex, &err), &err);
    assert_int_equal(strlen(hex), 64);
    ds__weights_close(w);
    ds__weights_close(NULL);
}

/* Values survive giving the pages back, also those of a tensor that had to be copied. */
static void pages(void **state)
{
    const int64_t n = 1 << 16;
    const char *path = ts_path(root, "pages/model.safetensors");
    ds_error err = { 0 };
    const ds_tensor *got;
    ds_tensor *t;
    ds_bundle *b;
    ds_weights *w;

    (void)state;
    put(path, "");
    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds_bundle_add(b, "x", DS_DTYPE_F32, DS_DIMS(n), &t, &err), &err);
    for (int64_t i = 0; i < n; i++)
        ((float *)t->data)[i] = (float)i;
    ts_ok(ds_bundle_save(b, path, &err), &err);
    ds_bundle_free(b);
    for (int shift = 0; shift < 2; shift++) {
        if (shift == 1) { /* one more space in the header: nothing is aligned any more */
            char *text = malloc((size_t)n * 4 + 4096);
            FILE *f = fopen(path, "rb");
            size_t size = fread(text, 1, (size_t)n * 4 + 4096, f), head = size - (size_t)n * 4;

            fclose(f);
            text[0]++;
            f = fopen(path, "wb");
            fwrite(text, 1, head, f);
            fputc(' ', f);
            fwrite(text + head, 1, size - head, f);
            fclose(f);
            free(text);
        }
        w = open_ok(ts_path(root, "pages"), NULL);
        ts_ok(ds__weights_bind(w, "x", DS_DIMS(n), &got, &err), &err);
        assert_int_equal((uintptr_t)got->data % 4, 0);
        ds__weights_drop_pages(w, got);
        for (int64_t i = 0; i < n; i++)
            assert_true(((const float *)got->data)[i] == (float)i);
        ds__weights_close(w);
    }
}

static const char model_index[] =
    "{\"_class_name\":\"StableDiffusionPipeline\",\"unet\":[\"diffusers\",\"UNet2DConditionModel\"]"
    ","
    "\"safety_checker\":[null,null],\"flag\":true,\"vae\":[\"diffusers\",\"AutoencoderKL\"]}";

static void folders(void **state)
{
    const char *path = ts_path(root, "model");
    ds_error err = { 0 };
    ds_folder *f;
    json_t *j;

    (void)state;
    put(ts_path(root, "model/model_index.json"), model_index);
    put(ts_path(root, "model/unet/config.json"), "{\"sample_size\": 64}");
    put(ts_path(root, "model/vae/config.json"), "{\"sample_size\": 64,\n\n  NaN}");
    ts_ok(ds__folder_open(&f, path, &err), &err);
    assert_string_equal(ds__folder_path(f), path);
    assert_string_equal(ds__folder_pipeline(f), "StableDiffusionPipeline");
    assert_int_equal(ds__folder_components(f), 2);
    assert_string_equal(ds__folder_component(f, 1), "vae");
    assert_string_equal(ds__folder_class(f, "unet"), "UNet2DConditionModel");
    assert_null(ds__folder_class(f, "safety_checker"));
    assert_true(json_is_true(json_object_get(ds__folder_index(f), "flag")));
    ts_ok(ds__folder_config(f, "unet", &j, &err), &err);
    assert_int_equal(json_integer_value(json_object_get(j, "sample_size")), 64);
    json_decref(j);
    assert_int_equal(ds__folder_config(f, "vae", &j, &err), DS_E_FORMAT);
    assert_non_null(strstr(err.text, "model/vae/config.json:3:"));
    err = (ds_error){ 0 };
    assert_int_equal(ds__folder_config(f, "scheduler", &j, &err), DS_E_IO);
    assert_non_null(strstr(err.text, "scheduler/scheduler_config.json"));
    ds__folder_close(f);
}

static void folder_refused(const char *model, ds_status want, const char *fragment)
{
    ds_error err = { 0 };
    ds_folder *f;

    if (ds__folder_open(&f, model, &err) != want || strstr(err.text, fragment) == NULL)
        fail_msg("%s: expected %s with '%s', found %s: %s", model, ds_status_name(want), fragment,
                 ds_status_name(err.code), err.text);
    assert_null(f);
}

static void wrong_folders(void **state)
{
    (void)state;
    folder_refused(ts_path(root, "nowhere"), DS_E_IO, "no such folder");
    folder_refused(ts_path(root, "model/model_index.json"), DS_E_UNSUPPORTED, "found a file");
    folder_refused(ts_path(root, "model/unet"), DS_E_IO, "model/unet: no model_index.json");
    put(ts_path(root, "bad/model_index.json"), "{\"../x\": [\"a\", \"b\"]}");
    folder_refused(ts_path(root, "bad"), DS_E_FORMAT, "'../x'");
    put(ts_path(root, "bad/model_index.json"), "{\"unet\": [\"a\", 3]}");
    folder_refused(ts_path(root, "bad"), DS_E_FORMAT, "[library, class]");
}

static void hub_finds(const char *model, const char *snapshot)
{
    ds_error err = { 0 };
    ds_folder *f;

    ts_ok(ds__folder_open(&f, model, &err), &err);
    assert_string_equal(ds__folder_path(f), snapshot);
    ds__folder_close(f);
}

static void set_time(const char *path, time_t seconds)
{
    const struct timespec t[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void hub(void **state)
{
    const char *repo = "c/hub/models--own-er--na.me";
    char a[256], b[256];

    (void)state;
    snprintf(a, sizeof a, "%s", ts_path(root, "%s/snapshots/aaa", repo));
    snprintf(b, sizeof b, "%s", ts_path(root, "%s/snapshots/bbb", repo));
    unsetenv("HF_HUB_CACHE");
    unsetenv("XDG_CACHE_HOME");
    setenv("HF_HOME", ts_path(root, "c"), 1);
    folder_refused("own-er/na.me", DS_E_IO, "c/hub/models--own-er--na.me/snapshots");
    put(ts_path(a, "model_index.json"), model_index);
    hub_finds("own-er/na.me", a);
    put(ts_path(b, "model_index.json"), model_index);
    set_time(a, 2000);
    set_time(b, 1000);
    hub_finds("own-er/na.me", a);
    put(ts_path(root, "%s/refs/main", repo), "bbb\n");
    hub_finds("own-er/na.me", b);
    put(ts_path(root, "%s/refs/main", repo), "../../../../model");
    hub_finds("own-er/na.me", a);

    setenv("HF_HUB_CACHE", ts_path(root, "elsewhere"), 1);
    folder_refused("own-er/na.me", DS_E_IO, "HF_HUB_CACHE");
    setenv("HF_HUB_CACHE", "", 1);
    unsetenv("HF_HOME");
    setenv("XDG_CACHE_HOME", ts_path(root, "x"), 1);
    folder_refused("own-er/na.me", DS_E_IO, "x/huggingface/hub/models--own-er--na.me");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", ts_path(root, "home"), 1);
    folder_refused("own-er/na.me", DS_E_IO, "home/.cache/huggingface/hub/models--own-er--na.me");
    folder_refused("../x", DS_E_IO, "no such folder");
    folder_refused("a/b/c", DS_E_IO, "no such folder");
    folder_refused("", DS_E_IO, "no such folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants),
        cmocka_unit_test(shards),
        cmocka_unit_test(hostile_indexes),
        cmocka_unit_test(nothing_to_open),
        cmocka_unit_test(old_names),
        cmocka_unit_test(old_files),
        cmocka_unit_test(binding),
        cmocka_unit_test(pages),
        cmocka_unit_test(folders),
        cmocka_unit_test(wrong_folders),
        cmocka_unit_test(hub),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
