/* Models as single files: with the configurations of a folder they give PyTorch's numbers, and the
 * names and shapes of the real, full-size files alone give the real topology. */

#include "support.h"

#include <diffuscope/export.h>
#include <diffuscope/model.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/topology.h"
#include "weights/bundle.h"

#define TOLERANCE 1e-5

static const struct {
    const char *file, *model;
} files[] = {
    { "sd15.safetensors", "sd15" }, { "sd21.safetensors", "sd21" }, { "sdxl.safetensors", "sdxl" },
    { "sd15.ckpt", "sd15" },        { "sd15-legacy.ckpt", "sd15" },
};

static const struct {
    const char *module, *case_name;
} modules[] = {
    { "unet", "unet" },
    { "text_encoder", "text_encoder" },
    { "text_encoder_2", "text_encoder_2" },
    { "vae.encode", "vae-encode" },
    { "vae.decode", "vae-decode" },
};

/* Sites' values are compared in test_modules.c; here the outputs of each network. */
static void check_module(ds_model *m, const char *dir, const char *model, const char *module,
                         const char *case_name)
{
    const char *in_path = ts_path(dir, "cases/%s-%s/inputs.safetensors", model, case_name);
    ds_bundle *in, *want, *got;
    ds_error err = { 0 };
    int compared = 0;

    if (access(in_path, F_OK) != 0)
        return; /* only SDXL has a second text encoder */
    ts_ok(ds_bundle_load(&in, in_path, &err), &err);
    ts_ok(ds_bundle_load(&want, ts_path(dir, "cases/%s-%s/outputs.safetensors", model, case_name),
                         &err),
          &err);
    ts_ok(ds_bundle_new(&got, &err), &err);
    ts_ok(ds_model_forward(m, module, in, NULL, 0, NULL, 0, got, &err), &err);
    for (int64_t i = 0; i < ds_bundle_count(got); i++) {
        const ds_tensor *g = ds_bundle_at(got, i);
        const ds_tensor *w = ds_bundle_find(want, ds_bundle_name(got, i));

        if (w == NULL)
            continue;
        assert_true(ds_tensor_same_shape(g, w));
        ts_compare(ts_path(model, "%s", module), g->data, w->data, ds_tensor_count(w), TOLERANCE);
        compared++;
    }
    assert_true(compared > 0);
    ds_bundle_free(got);
    ds_bundle_free(want);
    ds_bundle_free(in);
}

static void files_agree(void **state)
{
    const char *dir = ts_golden();

    (void)state;
    if (dir == NULL)
        skip();
    for (size_t i = 0; i < DS_COUNT(files); i++) {
        ds_model_options o = DS_MODEL_OPTIONS_INIT;
        ds_error err = { 0 };
        ds_model *m;

        o.products = DS_PRODUCTS_FAST;
        o.config = ts_path(dir, "models/%s", files[i].model);
        ts_ok(ds_model_open(&m, ts_path(dir, "files/%s", files[i].file), &o, &err), &err);
        assert_null(ds_model_remark(m));
        for (size_t k = 0; k < DS_COUNT(modules); k++)
            check_module(m, dir, files[i].model, modules[k].module, modules[k].case_name);
        printf("%s agrees\n", files[i].file);
        ds_model_close(m);
    }
}

/* ---- the real files' headers ----------------------------------------------------------------- */

/* A safetensors file of these names and shapes whose data are a hole. */
static void write_sparse(const char *path, json_t *census)
{
    ds_arena a = { 0 };
    ds_safetensors_layout l = { 0 };
    ds_error err = { 0 };
    ds_bundle *b;
    const char *name;
    json_t *shape, *d;
    int64_t bytes = 0;
    size_t i;
    FILE *f;

    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds__bundle_reserve(b, (int64_t)json_object_size(census), &err), &err);
    json_object_foreach (census, name, shape) {
        ds_bundle_entry *e = ds__bundle_append(b, name);

        assert_non_null(e);
        e->tensor.dtype = DS_DTYPE_F16;
        json_array_foreach (shape, i, d)
            e->tensor.dim[e->tensor.rank++] = json_integer_value(d);
        bytes += 2 * ds_tensor_count(&e->tensor);
    }
    ts_ok(ds__safetensors_lay_out(&l, b, &a, &err), &err);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(l.head, 1, l.head_size, f), l.head_size);
    fclose(f);
    assert_int_equal(truncate(path, (off_t)l.head_size + bytes), 0);
    ds_bundle_free(b);
    ds__arena_free(&a);
}

/* The parameters of the opened file are those of the published configuration, each with its
 * shape. */
static void check_topology(ds_model *m, const char *like)
{
    json_t *topology;
    ds_error err = { 0 };

    ts_ok(ds__topology_load(&topology, like, &err), &err);
    for (int c = 0; c < DS_COMPONENTS; c++) {
        ds_params *p;

        if (json_object_get(topology, ds__component_names[c]) == NULL)
            continue;
        ts_ok(ds__topology_params(&p, topology, (ds_component)c, &err), &err);
        assert_non_null(m->weights[c]);
        assert_int_equal(ds__params_count(p), ds__weights_count(m->weights[c]));
        for (int64_t i = 0; i < ds__params_count(p); i++) {
            const ds_tensor *want = &ds__params_at(p, i)->value;
            const ds_tensor *got = ds__weights_find(m->weights[c], ds__params_at(p, i)->name);

            if (got == NULL || !ds_tensor_same_shape(got, want))
                fail_msg("%s: %s.%s is missing or has another shape", like, ds__component_names[c],
                         ds__params_at(p, i)->name);
        }
        ds__params_free(p);
    }
    json_decref(topology);
}

static void real_headers_open(void **state)
{
    static const char *const names[] = { "sd15", "sd21", "sdxl" };
    const char *dir = ts_golden();
    char path[] = "/tmp/ds-census-XXXXXX.safetensors";

    (void)state;
    if (dir == NULL)
        skip();
    close(mkstemps(path, 12));
    for (size_t i = 0; i < DS_COUNT(names); i++) {
        json_t *census = json_load_file(ts_path(dir, "census/original-%s.json", names[i]), 0, NULL);
        ds_error err = { 0 };
        ds_tokenizer *t;
        ds_model *m;

        assert_non_null(census);
        write_sparse(path, census);
        ts_ok(ds_model_open(&m, path, NULL, &err), &err);
        assert_null(ds_model_remark(m));
        check_topology(m, names[i]);
        for (int level = 0; level < m->unet.levels; level++)
            assert_int_equal(m->unet.heads[level], i == 0 ? 8 : m->unet.channels[level] / 64);
        assert_true(m->vae.scaling_factor == (i == 2 ? 0.13025 : 0.18215));
        assert_int_equal(m->clip[0].act, i == 1 ? DS_ACT_GELU : DS_ACT_QUICK_GELU);
        ts_ok(ds_model_tokenizer(m, &t, i == 2 ? 2 : 1, &err), &err);
        assert_int_equal(ds_tokenizer_describe(t).size, 49408);
        assert_int_equal(ds_tokenizer_describe(t).pad, i == 0 ? 49407 : 0);
        ds_tokenizer_close(t);
        ds_model_close(m);
        json_decref(census);
        printf("census/original-%s.json opens\n", names[i]);
    }
    unlink(path);
}

/* ---- exports --------------------------------------------------------------------------------- */

/* Every tensor of the first is in the second, bit for bit; or is known to be left out. */
static void same_tensors(const char *a_path, const char *b_path, bool original)
{
    ds_bundle *a, *b;
    ds_error err = { 0 };

    ts_ok(ds_bundle_load(&a, a_path, &err), &err);
    ts_ok(ds_bundle_load(&b, b_path, &err), &err);
    for (int64_t i = 0; i < ds_bundle_count(a); i++) {
        const char *name = ds_bundle_name(a, i);
        const ds_tensor *x = ds_bundle_at(a, i), *y = ds_bundle_find(b, name);
        size_t bytes;

        if (y == NULL && original &&
            (strncmp(name, "model_ema.", 10) == 0 || strcmp(name, "betas") == 0 ||
             strstr(name, "logit_scale") != NULL || strstr(name, "resblocks.4.") != NULL))
            continue; /* what no network reads, SD 2.x's last layer among it */
        if (y == NULL || x->dtype != y->dtype || !ds_tensor_same_shape(x, y))
            fail_msg("%s: %s is missing or has another type or shape", b_path, name);
        ts_ok(ds_tensor_bytes(x, &bytes, &err), &err);
        assert_memory_equal(x->data, y->data, bytes);
    }
    if (!original)
        assert_int_equal(ds_bundle_count(a), ds_bundle_count(b));
    ds_bundle_free(a);
    ds_bundle_free(b);
}

static void exports_return(void **state)
{
    const char *dir = ts_golden();
    char out[] = "/tmp/ds-export-XXXXXX", command[64];

    (void)state;
    if (dir == NULL)
        skip();
    assert_non_null(mkdtemp(out));
    for (size_t i = 0; i < 3; i++) {
        const char *name = files[i].model, *original = ts_path(dir, "files/%s", files[i].file);
        const char *folder = ts_path(out, "%s", name), *file = ts_path(out, "%s.safetensors", name);
        ds_model_options o = DS_MODEL_OPTIONS_INIT;
        ds_error err = { 0 };
        ds_model *m;

        o.config = ts_path(dir, "models/%s", name);
        ts_ok(ds_model_open(&m, original, &o, &err), &err);
        ts_ok(ds_model_export(m, folder, NULL, &err), &err);
        ds_model_close(m);
        ts_ok(ds_model_open(&m, folder, NULL, &err), &err);
        ts_ok(ds_model_export(m, file, NULL, &err), &err);
        ds_model_close(m);
        same_tensors(original, file, true);
        same_tensors(ts_path(dir, "models/%s/unet/diffusion_pytorch_model.safetensors", name),
                     ts_path(out, "%s/unet/diffusion_pytorch_model.safetensors", name), false);
        ts_ok(ds_model_open(&m, file, &o, &err), &err);
        check_module(m, dir, name, "unet", "unet");
        ds_model_close(m);
    }
    snprintf(command, sizeof command, "rm -r %s", out);
    assert_int_equal(system(command), 0);
}

/* CLIP's vocabulary inside the library is that of its files, token by token. */
static void built_in_vocabulary(void **state)
{
    const char *dir = ts_golden();
    char path[] = "/tmp/ds-census-XXXXXX.safetensors";
    json_t *census;
    ds_error err = { 0 };
    ds_tokenizer *ours, *theirs;
    ds_tokens *a, *b;
    static const char text[] =
        "a photograph of an astronaut riding a horse, 4k!! \u00e9t\u00e9 \u732b";

    (void)state;
    if (dir == NULL)
        skip();
    close(mkstemps(path, 12));
    census = json_load_file(ts_path(dir, "census/original-sd15.json"), 0, NULL);
    write_sparse(path, census);
    json_decref(census);
    ts_ok(ds_tokenizer_open_model(&ours, path, 1, &err), &err);
    unlink(path);
    ts_ok(ds_tokenizer_open(&theirs, ts_path(dir, "models/clip-vocab"), &err), &err);
    assert_int_equal(ds_tokenizer_describe(theirs).size, 49408);
    for (int64_t id = 0; id < 49408; id++)
        assert_string_equal(ds_tokenizer_piece(ours, id), ds_tokenizer_piece(theirs, id));
    ts_ok(ds_tokenizer_encode(ours, &a, text, &err), &err);
    ts_ok(ds_tokenizer_encode(theirs, &b, text, &err), &err);
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++)
        assert_int_equal(a->ids[i], b->ids[i]);
    ds_tokens_free(a);
    ds_tokens_free(b);
    ds_tokenizer_close(ours);
    ds_tokenizer_close(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_agree),
        cmocka_unit_test(real_headers_open),
        cmocka_unit_test(exports_return),
        cmocka_unit_test(built_in_vocabulary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
