/* Prompts whose words weigh more or less: the grammar (cases of A1111's own documentation), the tokens, and
 * what the weights make of encoded tokens. */

#include "support.h"

#include "models/emphasis.h"

#include <diffuscope/model.h>
#include <diffuscope/tokenizer.h>
#include <diffuscope/verbs.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "text|weight;" of each run. */
static void reads_as(const char *prompt, const char *want)
{
    ds_emphasised e;
    ds_error err = { 0 };
    char got[512] = "";

    ts_ok(ds__emphasis_read(&e, prompt, &err), &err);
    for (size_t i = 0; i < e.runs; i++) {
        const ds_emphasis_run *r = &e.run[i];
        size_t used = strlen(got);

        for (size_t b = r->begin; b < r->end; b++)
            assert_true(r->breaks || e.text[b] == prompt[e.origin[b]]);
        if (r->breaks)
            snprintf(got + used, sizeof got - used, "BREAK;");
        else
            snprintf(got + used, sizeof got - used, "%.*s|%.5g;", (int)(r->end - r->begin),
                     e.text + r->begin, r->weight);
    }
    if (strcmp(got, want) != 0)
        fail_msg("\"%s\" is read as %s, expected %s", prompt, got, want);
    ds__emphasis_free(&e);
}

static void grammar(void **state)
{
    (void)state;
    reads_as("normal text", "normal text|1;");
    reads_as("an (important) word", "an |1;important|1.1; word|1;");
    reads_as("(unbalanced", "unbalanced|1.1;");
    reads_as("\\(literal\\]", "(literal]|1;");
    reads_as("(unnecessary)(parens)", "unnecessaryparens|1.1;");
    reads_as("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
             "a |1;house|1.573; |1.1;on|1; a |1.1;hill|0.55;, sun, |1.1;sky|1.4641;.|1.1;");
    reads_as("", "");
    reads_as("()", "");
    reads_as("a) b] c:1.5) d", "a) b] c:1.5) d|1;");
    reads_as("(a:1.2.3) (b: 2 )", "a:1.2.3|1.1; |1;b|2;");
    reads_as("(cat:-0.5)", "cat|-0.5;");
    reads_as("[[x]]", "x|0.82645;");
    reads_as("a BREAK b", "a |1;BREAK; b|1;");
    reads_as("BREAKFAST xBREAK", "BREAKFAST xBREAK|1;");
    reads_as("(a BREAK b:1.2)", "a |1.2;BREAK; b|1.2;");
    reads_as("\\", "\\|1;");
    assert_true(ds_prompt_emphasises("a (cat:1.2)"));
    assert_true(ds_prompt_emphasises("a [cat]"));
    assert_true(ds_prompt_emphasises("a BREAK b"));
    assert_false(ds_prompt_emphasises("a cat: a \\(small\\) one :)"));
}

static void tokens_weigh(void **state)
{
    const char *golden = ts_golden();
    const char *prompt = "a (cat:1.3) and\\(a [small] dog";
    ds_tokenizer *t;
    ds_tokens *plain, *weighted;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_tokenizer_open(&t, ts_path(golden, "models/clip-vocab"), &err), &err);
    ts_ok(ds_tokenizer_encode(t, &plain, "a cat and(a small dog", &err), &err);
    ds_tokenizer_set_emphasis(t, DS_EMPHASIS_A1111);
    ts_ok(ds_tokenizer_encode(t, &weighted, prompt, &err), &err);
    assert_int_equal(weighted->count, plain->count);
    assert_memory_equal(weighted->ids, plain->ids, (size_t)plain->count * sizeof *plain->ids);
    assert_null(plain->weight);
    assert_non_null(weighted->weight);
    for (int64_t i = 0; i < weighted->word_count; i++) {
        const ds_word *w = &weighted->words[i];
        double want = strcmp(w->text, "cat") == 0     ? 1.3
                      : strcmp(w->text, "small") == 0 ? 1 / 1.1
                                                      : 1;

        assert_true(strncmp(prompt + w->begin, w->text, strlen(w->text)) == 0);
        for (int64_t k = w->first; k <= w->last; k++)
            assert_true(fabs((double)weighted->weight[k] - want) < 1e-6);
    }
    ds_tokens_free(plain);
    ds_tokens_free(weighted);
    ds_tokenizer_close(t);
}

/* A BREAK fills the chunk with the end and padding, and the rest begins the next one. */
static void a_break_fills_the_chunk(void **state)
{
    const char *golden = ts_golden();
    ds_tokenizer *t;
    ds_tokens *k;
    ds_tokenizer_info info;
    int64_t *ids;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_tokenizer_open(&t, ts_path(golden, "models/clip-vocab"), &err), &err);
    ds_tokenizer_set_emphasis(t, DS_EMPHASIS_COMFY);
    info = ds_tokenizer_describe(t);
    ids = calloc((size_t)info.length, sizeof *ids);
    ts_ok(ds_tokenizer_encode(t, &k, "a cat BREAK a dog", &err), &err);
    assert_true(k->breaks);
    assert_int_equal(k->count, info.length - 2 + 2);
    assert_int_equal(ds_tokenizer_pad(t, ids, k, 0), 2);
    assert_int_equal(ids[3], info.eos);
    assert_int_equal(ids[info.length - 1], info.pad);
    assert_int_equal(ds_tokenizer_pad(t, ids, k, info.length - 2), 0);
    assert_int_equal(ids[2], k->ids[k->count - 1]);
    assert_string_equal(k->words[2].text, "BREAK");
    assert_int_equal(k->words[3].first, info.length - 2);
    ds_tokens_free(k);
    ts_ok(ds_tokenizer_encode(t, &k, "BREAK BREAK x", &err), &err);
    assert_int_equal(k->count, 2 * (info.length - 2) + 1);
    ds_tokens_free(k);
    free(ids);
    ds_tokenizer_close(t);
}

static float *encode(const char *golden, const char *model, ds_emphasis emphasis,
                     const char *prompt, int64_t dim[3])
{
    ds_model_options mo = DS_MODEL_OPTIONS_INIT;
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    const char *const list[] = { prompt };
    ds_encoder *e;
    ds_model *m;
    ds_tensor t;
    ds_error err = { 0 };
    float *out;

    mo.emphasis = emphasis;
    ts_ok(ds_model_open(&m, ts_path(golden, "models/%s", model), &mo, &err), &err);
    o.prompts = list;
    ts_ok(ds_encoder_new(&e, m, &o, &err), &err);
    ts_ok(ds_encode(e, &err), &err);
    t = ds_conditions_hidden(ds_encoder_conditions(e));
    memcpy(dim, t.dim, 3 * sizeof *dim);
    out = malloc((size_t)ds_tensor_count(&t) * sizeof *out);
    memcpy(out, t.data, (size_t)ds_tensor_count(&t) * sizeof *out);
    ds_encoder_free(e);
    ds_model_close(m);
    return out;
}

/* From the encoding of the plain prompt, by the formulas of the header. Places 2 and 3 are "cat" and "and". */
static void weights_are_applied(const char *golden, const char *model, int64_t first_width)
{
    static const char prompt[] = "a (cat:1.4) and [dog]", plain[] = "a cat and dog";
    int64_t dim[3], n;
    float *z, *empty, *got[2];
    double *want;

    z = encode(golden, model, DS_EMPHASIS_NONE, plain, dim);
    empty = encode(golden, model, DS_EMPHASIS_NONE, "", dim);
    got[0] = encode(golden, model, DS_EMPHASIS_A1111, prompt, dim);
    got[1] = encode(golden, model, DS_EMPHASIS_COMFY, prompt, dim);
    n = dim[1] * dim[2];
    want = calloc((size_t)n, sizeof *want);
    for (int part = 0; part < 2; part++) { /* each encoder's columns */
        double before = 0, after = 0;

        for (int64_t i = 0; i < n; i++) {
            double w = i / dim[2] == 2 ? 1.4 : i / dim[2] == 4 ? 1 / 1.1 : 1;

            if ((i % dim[2] >= first_width) != (part == 1))
                continue;
            want[i] = w * (double)z[i];
            before += (double)z[i];
            after += want[i];
        }
        for (int64_t i = 0; i < n; i++)
            if ((i % dim[2] >= first_width) == (part == 1))
                want[i] *= before / after;
    }
    for (int64_t i = 0; i < n; i++) {
        double w = i / dim[2] == 2 ? 1.4 : i / dim[2] == 4 ? 1 / 1.1 : 1;
        double comfy = (double)empty[i] + w * ((double)z[i] - (double)empty[i]);

        if (fabs((double)got[0][i] - want[i]) > 1e-4 * (1 + fabs(want[i])))
            fail_msg("%s a1111 at %lld: %g, expected %g", model, (long long)i, (double)got[0][i],
                     want[i]);
        if (fabs((double)got[1][i] - comfy) > 1e-4 * (1 + fabs(comfy)))
            fail_msg("%s comfy at %lld: %g, expected %g", model, (long long)i, (double)got[1][i],
                     comfy);
    }
    free(z);
    free(empty);
    free(got[0]);
    free(got[1]);
    free(want);
}

static void encoded_tokens_weigh(void **state)
{
    const char *golden = ts_golden();

    (void)state;
    if (golden == NULL)
        skip();
    weights_are_applied(golden, "sd15", 1 << 30);
    weights_are_applied(golden, "sdxl", 32);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (int at = 1;; at++) {
        ds_emphasised e = { 0 };
        ds_error err = { 0 };
        ds_status st;

        ts_alloc_begin(at);
        st = ds__emphasis_read(&e, "(a [b] BREAK", &err);
        ds__emphasis_free(&e);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(tokens_weigh),
        cmocka_unit_test(a_break_fills_the_chunk),
        cmocka_unit_test(encoded_tokens_weigh),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("emphasis", tests, NULL, NULL);
}
