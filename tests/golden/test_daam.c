/* The DAAM package's own numbers: global maps, words, slices, expansion and raw sums. */

#include "support.h"

#include "base/json.h"

#include <diffuscope/daam.h>

#include <stdlib.h>
#include <string.h>

enum { TOLERANCE = 2 }; /* of 1e-5, along a generation */

typedef struct golden_case {
    const char *name;
    json_t *json;
    ds_bundle *in, *out;
    ds_model *m;
    ds_daam *d;
    double worst;
} golden_case;

static const char *text(const golden_case *c, const char *name)
{
    return json_string_value(json_object_get(c->json, name));
}

static int64_t integer(const golden_case *c, const char *name)
{
    return json_integer_value(json_object_get(c->json, name));
}

static void compare(golden_case *c, const char *name, const float *got, int64_t count)
{
    const ds_tensor *want = ds_bundle_find(c->out, name);
    double worst;

    assert_non_null(want);
    assert_int_equal(ds_tensor_count(want), count);
    worst = ts_compare(ts_path(c->name, "%s", name), got, want->data, count, TOLERANCE * 1e-5);
    c->worst = worst > c->worst ? worst : c->worst;
}

static void compare_global(golden_case *c, const char *name, const ds_daam_map_options *o)
{
    ds_daam_maps *m;
    ds_tensor t;
    ds_error err = { 0 };

    if (ds_bundle_find(c->out, name) == NULL)
        return;
    ts_ok(ds_daam_reduce(c->d, &m, 0, 0, o, &err), &err);
    t = ds_daam_global(m);
    compare(c, name, t.data, ds_tensor_count(&t));
    ds_daam_maps_free(m);
}

static void compare_slices(golden_case *c)
{
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;

    o.weights = DS_DAAM_PAPER;
    compare_global(c, "global", &o);
    o.normalize = true;
    compare_global(c, "global_normalized", &o);
    o.normalize = false;
    o.resolutions = "4";
    compare_global(c, "factor4", &o);
    o.resolutions = NULL;
    for (int i = 0; i < 64; i++) {
        char number[16], name[32];

        snprintf(number, sizeof number, "%d", i);
        snprintf(name, sizeof name, "head%d", i);
        o.heads = number;
        compare_global(c, name, &o);
        o.heads = NULL;
        snprintf(name, sizeof name, "layer%d", i);
        o.layers = number;
        compare_global(c, name, &o);
        o.layers = NULL;
    }
}

static void compare_words(golden_case *c)
{
    const int64_t height = integer(c, "height"), width = integer(c, "width");
    float *map, *big = malloc((size_t)(height * width) * sizeof *big);
    ds_daam_maps *m;
    ds_tensor t;
    ds_error err = { 0 };
    json_t *word;
    size_t i;

    ts_ok(ds_daam_reduce(c->d, &m, 0, 0, NULL, &err), &err);
    t = ds_daam_global(m);
    assert_int_equal(t.dim[1], integer(c, "common_side"));
    map = malloc((size_t)(t.dim[1] * t.dim[2]) * sizeof *map);
    json_array_foreach (json_object_get(c->json, "words"), i, word) {
        const char *w = json_string_value(word);

        ts_ok(ds_daam_word(m, map, w, NULL, &err), &err);
        compare(c, ts_path("word", "%s", w), map, t.dim[1] * t.dim[2]);
        if (strcmp(w, "cat") != 0 || ds_bundle_find(c->out, "expanded/cat") == NULL)
            continue;
        ts_ok(ds_daam_expand(big, height, width, map, t.dim[1], t.dim[2], true, &err), &err);
        compare(c, "expanded/cat", big, height * width);
        for (int64_t k = 0; k < height * width; k++)
            big[k] = big[k] > 0.4f;
        t = *ds_bundle_find(c->out, "expanded_threshold_0.4/cat");
        assert_memory_equal(big, t.data, (size_t)(height * width) * sizeof *big);
        t = ds_daam_global(m);
    }
    free(map);
    free(big);
    ds_daam_maps_free(m);
}

/* With all tokens kept, a prompt of one chunk has its rows in the order of the columns. */
static void compare_sums(golden_case *c)
{
    ds_daam_layer l;

    for (int64_t i = 0; ds_daam_layer_at(c->d, i, &l); i++) {
        const int64_t count = 77 * l.height * l.width;
        float *raw = malloc((size_t)count * sizeof *raw);
        ds_error err = { 0 };
        char name[64];

        snprintf(name, sizeof name, "sum/factor%lld/layer%lld/head0", (long long)l.factor,
                 (long long)l.index);
        ts_ok(ds_daam_raw(c->d, raw, 0, 0, l.index, 0, &err), &err);
        if (ds_bundle_find(c->out, name) != NULL)
            compare(c, name, raw, count);
        free(raw);
    }
}

static void run_case(const char *golden, const char *name)
{
    golden_case c = { .name = name };
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_error err = { 0 };

    ts_ok(ds__json_load(&c.json, ts_path(golden, "cases/%s/case.json", name), &err), &err);
    ts_ok(ds_bundle_load(&c.in, ts_path(golden, "cases/%s/inputs.safetensors", name), &err), &err);
    ts_ok(ds_bundle_load(&c.out, ts_path(golden, "cases/%s/outputs.safetensors", name), &err),
          &err);
    ts_ok(ds_model_open(&c.m, ts_path(golden, "models/%s", text(&c, "model")), NULL, &err), &err);
    r.prompt = text(&c, "prompt");
    r.sampler = text(&c, "sampler");
    r.steps = (int)integer(&c, "steps");
    r.cfg_scale = json_number_value(json_object_get(c.json, "cfg_scale"));
    r.latent = ds_bundle_find(c.in, "latent");
    o.paper = true;
    o.all_tokens = true;
    ts_ok(ds_daam_new(&c.d, c.m, &r, &o, &err), &err);
    print_message("%s: %s\n", name, ds_daam_describe(c.d).plan);
    ts_ok(ds_run_all(ds_daam_run(c.d), &err), &err);
    compare_slices(&c);
    compare_words(&c);
    compare_sums(&c);
    print_message("%-12s worst %.1e\n", name, c.worst);
    ds_daam_free(c.d);
    ds_model_close(c.m);
    ds_bundle_free(c.in);
    ds_bundle_free(c.out);
    json_decref(c.json);
}

static void small_set(void **state)
{
    (void)state;
    ts_golden_cases(TS_SMALL_GOLDEN, "-daam", run_case);
}

static void cases(void **state)
{
    (void)state;
    ts_golden_cases(ts_golden(), "-daam", run_case);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(small_set), cmocka_unit_test(cases) };

    return cmocka_run_group_tests_name("golden: daam", tests, NULL, NULL);
}
