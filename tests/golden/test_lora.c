/* LoRA and its relatives against PyTorch's merges, and what must hold for any of them. */

#include "support.h"

#include <diffuscope/embedding.h>
#include <diffuscope/lora.h>
#include <diffuscope/model.h>

#include <string.h>

#include "pipeline/prompt.h"

#define TOLERANCE 1e-5

static const struct {
    const char *model, *file, *case_name, *module;
} cases[] = {
    { "sd15", "sd15-kohya", "sd15-lora-kohya", "unet" },
    { "sd15", "sd15-peft", "sd15-lora-peft", "unet" },
    { "sd15", "sd15-loha", "sd15-lora-loha", "unet" },
    { "sd15", "sd15-lokr", "sd15-lora-lokr", "unet" },
    { "sd15", "sd15-dora", "sd15-lora-dora", "unet" },
    { "sd15", "sd15-full", "sd15-lora-full", "unet" },
    { "sd15", "sd15-kohya-text", "sd15-lora-kohya-text", "text_encoder" },
    { "sdxl", "sdxl-kohya", "sdxl-lora-kohya", "unet" },
    { "sdxl", "sdxl-peft", "sdxl-lora-peft", "unet" },
    { "sdxl", "sdxl-loha", "sdxl-lora-loha", "unet" },
    { "sdxl", "sdxl-lokr", "sdxl-lora-lokr", "unet" },
    { "sdxl", "sdxl-dora", "sdxl-lora-dora", "unet" },
    { "sdxl", "sdxl-full", "sdxl-lora-full", "unet" },
};

static ds_bundle *run(ds_model *m, const char *dir, const char *case_name, const char *module)
{
    ds_bundle *in, *out;
    ds_error err = { 0 };

    ts_ok(ds_bundle_load(&in, ts_path(dir, "cases/%s/inputs.safetensors", case_name), &err), &err);
    ts_ok(ds_bundle_new(&out, &err), &err);
    ts_ok(ds_model_forward(m, module, in, NULL, 0, NULL, 0, out, &err), &err);
    ds_bundle_free(in);
    return out;
}

static ds_model *open_model(const char *dir, const char *name)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_model *m;

    o.products = DS_PRODUCTS_FAST;
    ts_ok(ds_model_open(&m, ts_path(dir, "models/%s", name), &o, &err), &err);
    return m;
}

static void check_case(const char *dir, size_t i)
{
    ds_lora lora = { ts_path(dir, "files/%s.safetensors", cases[i].file), 0.7, 0.7, false };
    ds_model *base = open_model(dir, cases[i].model), *m;
    ds_bundle *want, *got;
    ds_error err = { 0 };
    double worst = 0.0;
    char *unused;

    ts_ok(ds_model_lora(&m, base, &lora, 1, &unused, &err), &err);
    assert_null(unused);
    ts_ok(ds_bundle_load(&want, ts_path(dir, "cases/%s/outputs.safetensors", cases[i].case_name),
                         &err),
          &err);
    got = run(m, dir, cases[i].case_name, cases[i].module);
    for (int64_t k = 0; k < ds_bundle_count(want); k++) {
        const ds_tensor *w = ds_bundle_at(want, k),
                        *g = ds_bundle_find(got, ds_bundle_name(want, k));
        double e;

        assert_non_null(g);
        e = ts_compare(cases[i].case_name, g->data, w->data, ds_tensor_count(w), TOLERANCE);
        worst = e > worst ? e : worst;
    }
    printf("%-22s largest error %.1e\n", cases[i].case_name, worst);
    ds_bundle_free(got);
    ds_bundle_free(want);
    ds_model_close(m);
    ds_model_close(base);
}

static void merges_agree(void **state)
{
    const char *dir = ts_golden();

    (void)state;
    if (dir == NULL)
        skip();
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        check_case(dir, i);
}

static void same_bits(const ds_bundle *a, const ds_bundle *b)
{
    assert_int_equal(ds_bundle_count(a), ds_bundle_count(b));
    for (int64_t i = 0; i < ds_bundle_count(a); i++)
        assert_memory_equal(ds_bundle_at(a, i)->data, ds_bundle_at(b, i)->data,
                            (size_t)ds_tensor_count(ds_bundle_at(a, i)) * sizeof(float));
}

/* At 0 nothing changes; closed, the base is as it was; two in either order agree to rounding. */
static void identities(void **state)
{
    const char *dir = ts_golden(), *name = "sd15-lora-kohya";
    ds_lora two[2] = { { NULL, 0.7, 0.7, false }, { NULL, 0.4, 0.4, false } };
    ds_error err = { 0 };
    ds_bundle *before, *zero, *after, *ab, *ba;
    ds_model *m, *base;

    (void)state;
    if (dir == NULL)
        skip();
    base = open_model(dir, "sd15");
    two[0].path = ts_path(dir, "files/sd15-kohya.safetensors");
    two[1].path = ts_path(dir, "files/sd15-loha.safetensors");
    before = run(base, dir, name, "unet");
    ts_ok(ds_model_lora(&m, base, &(ds_lora){ two[0].path, 0.0, 0.0, false }, 1, NULL, &err), &err);
    zero = run(m, dir, name, "unet");
    same_bits(before, zero);
    ds_model_close(m);
    ts_ok(ds_model_lora(&m, base, two, 2, NULL, &err), &err);
    ab = run(m, dir, name, "unet");
    ds_model_close(m);
    after = run(base, dir, name, "unet");
    same_bits(before, after);
    ts_ok(ds_model_lora(&m, base, (ds_lora[]){ two[1], two[0] }, 2, NULL, &err), &err);
    ba = run(m, dir, name, "unet");
    ts_compare("two LoRAs in either order", ds_bundle_at(ab, 0)->data, ds_bundle_at(ba, 0)->data,
               ds_tensor_count(ds_bundle_at(ba, 0)), TOLERANCE);
    ds_model_close(m);
    ds_model_close(base);
    ds_bundle_free(before);
    ds_bundle_free(zero);
    ds_bundle_free(after);
    ds_bundle_free(ab);
    ds_bundle_free(ba);
}

/* Keys that name nothing, and a file for another base, are refused by name. */
static void wrong_files(void **state)
{
    const char *dir = ts_golden();
    ds_error err = { 0 };
    ds_model *m, *base;
    ds_lora lora = { NULL, 1.0, 1.0, false };
    char *unused;

    (void)state;
    if (dir == NULL)
        skip();
    base = open_model(dir, "sd15");
    lora.path = ts_path(dir, "files/sdxl-kohya.safetensors");
    assert_int_equal(ds_model_lora(&m, base, &lora, 1, &unused, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "Stable Diffusion XL"));
    assert_non_null(strstr(err.text, "is Stable Diffusion 1.x"));
    err = (ds_error){ 0 };
    lora.path = ts_path(dir, "files/sdxl-peft.safetensors"); /* says nothing of its base */
    assert_int_not_equal(ds_model_lora(&m, base, &lora, 1, &unused, &err), DS_OK);
    assert_non_null(strstr(err.text, "sdxl-peft"));
    ds_model_close(base);
    base = open_model(dir, "sdxl");
    err = (ds_error){ 0 };
    lora.path = ts_path(dir, "files/sd15-ring-toss.safetensors");
    assert_int_equal(ds_model_lora(&m, base, &lora, 1, &unused, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "<ring-toss>"));
    ds_model_close(base);
}

/* Both forms of the file, and what the UNet is given for a prompt with the word. */
static void learned_words(void **state)
{
    static const char *const names[] = { "sd15-ring-toss.safetensors", "sd15-ring-toss.pt" };
    static const char *const prompt[] = { "a photo of a <ring-toss> and a dog" };
    const char *dir = ts_golden();
    ds_error err = { 0 };
    ds_bundle *want;
    ds_model *base;

    (void)state;
    if (dir == NULL)
        skip();
    base = open_model(dir, "sd15");
    ts_ok(ds_bundle_load(&want, ts_path(dir, "cases/sd15-textual-inversion/outputs.safetensors"),
                         &err),
          &err);
    for (size_t i = 0; i < DS_COUNT(names); i++) {
        const char *path[] = { ts_path(dir, "files/%s", names[i]) };
        const ds_tensor *w = ds_bundle_at(want, 0);
        ds_conditions *c;
        ds_model *m;
        ds_text *t;

        ts_ok(ds_model_embedding(&m, base, path, 1, &err), &err);
        ts_ok(ds__text_open(&t, m, &err), &err);
        ts_ok(ds__text_encode(t, &c, prompt, 1, NULL, NULL, &err), &err);
        assert_int_equal(ds_tensor_count(w), c->tokens * c->width);
        ts_compare(names[i], c->hidden, w->data, ds_tensor_count(w), TOLERANCE);
        assert_int_equal(c->words[0]->word_count, 8);
        assert_string_equal(c->words[0]->words[4].text, "<ring-toss>");
        assert_int_equal(c->words[0]->words[4].last - c->words[0]->words[4].first, 1);
        ds__conditions_free(c);
        ds__text_close(t);
        ds_model_close(m);
    }
    ds_bundle_free(want);
    ds_model_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_agree),
        cmocka_unit_test(identities),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(learned_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
