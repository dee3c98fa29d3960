/* Templates and their sentences; which words a concept may be made of. */

#include "support.h"

#include <string.h>

#include "methods/concept/clip_words.h"
#include "methods/concept/dictionary.h"
#include "methods/concept/sentences.h"

static void templates_are_checked(void **state)
{
    static const char *const bad[] = {
        "a cat", "<> and <>", "a {red|blue <>", "a {red|<>} cat", "a} <>", "{a|{b}} <>",
        "<>s",   "x<>"
    };
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__template_check("a {noto|twemoji} <>, on a {red|blue} background", &err), &err);
    for (size_t i = 0; i < DS_COUNT(bad); i++)
        if (ds__template_check(bad[i], NULL) != DS_E_ARG)
            fail_msg("template \"%s\" was accepted", bad[i]);
    assert_int_equal(ds__template_count("a {noto|twemoji} <> on a {red|blue|green}"), 6);
}

static bool all_differ(char **text, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(text[i], text[k]) == 0)
                return false;
    return true;
}

/* Twelve sentences of 3 times 4 alternatives are all twelve, and the first four already have each of the
 * second brace or all but one. */
static void alternatives_are_covered(void **state)
{
    static const char *const list[] = { "{a|b|c} <> {1|2|3|4}" };
    const ds_texts t = { list, 1 };
    char *text[12];
    ds_error err = { 0 };

    (void)state;
    for (int k = 0; k < 12; k++)
        ts_ok(ds__template_expand(&text[k], &t, k, "cat", &err), &err);
    assert_true(all_differ(text, 12));
    for (int k = 0; k < 3; k++) /* the first brace turns with every sentence */
        for (int i = 0; i < k; i++)
            assert_true(text[k][0] != text[i][0]);
    assert_non_null(strstr(text[0], " cat "));
    for (int k = 0; k < 12; k++)
        ds_free(text[k]);
}

static void templates_take_turns(void **state)
{
    static const char *const list[] = { "a <>", "the {red|blue} <>" };
    const ds_texts t = { list, 2 };
    char *a, *b, *c;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__template_expand(&a, &t, 0, "teddy bear", &err), &err);
    ts_ok(ds__template_expand(&b, &t, 1, "cat", &err), &err);
    ts_ok(ds__template_expand(&c, &t, 3, "cat", &err), &err);
    assert_string_equal(a, "a teddy bear");
    assert_true(strcmp(b, c) != 0 && strncmp(b, "the ", 4) == 0 && strncmp(c, "the ", 4) == 0);
    ds_free(a);
    ds_free(b);
    ds_free(c);
}

static void the_free_token_has_its_place(void **state)
{
    static const char *const list[] = { "a b <> c" };
    const ds_texts t = { list, 1 };
    ds_tokenizer *tok;
    ds_sentences *s;
    ds_error err = { 0 };
    char *text;

    (void)state;
    ts_ok(ds_tokenizer_open_model(&tok, ts_tiny_model(false), 1, &err), &err);
    ts_ok(ds__sentences_new(&s, &t, "yz", 0, 3, tok, &err), &err);
    assert_int_equal(s->count, 1);    /* one sentence for three pictures */
    assert_int_equal(s->place[0], 3); /* behind the start token, a and b */
    assert_string_equal(s->free[0], "a b x c");
    assert_string_equal(s->concept[0], "a b yz c");
    ds__sentences_free(s);
    ts_ok(ds__template_of_prompt(&text, tok, "a Cat on a cat, here", "cat", &err), &err);
    assert_string_equal(text, "a Cat on a <>, here"); /* the last one */
    ds_free(text);
    assert_int_equal(ds__template_of_prompt(&text, tok, "a dog", "cat", NULL), DS_E_NOMATCH);
    ds_tokenizer_close(tok);
}

static void forms_of_a_word(void **state)
{
    (void)state;
    assert_true(ds__same_stem("cat", "cats") && ds__same_stem("berry", "berries"));
    assert_true(ds__same_stem("bake", "baking") && ds__same_stem("running", "run"));
    assert_true(ds__same_stem("painter", "painting") && ds__same_stem("Dog", "dog"));
    assert_false(ds__same_stem("cat", "car"));
    assert_false(ds__same_stem("bus", "butter"));
}

/* The specimen's tokenizer has some 1,200 whole words, of which its captions used 615: the others kept the
 * norm of their first draw. */
static void untrained_rows_are_found(void **state)
{
    const ds_dictionary_options o = { .file = NULL };
    static const char *const list[] = { "a noto <> on a red background" };
    const ds_texts templates = { list, 1 };
    ds_dictionary *d;
    ds_tokenizer *t;
    ds_model *m;
    ds_error err = { 0 };
    bool allowed[2000];

    (void)state;
    ts_ok(ds_model_open(&m, "models/specimen", NULL, &err), &err);
    ts_ok(ds_tokenizer_open_model(&t, "models/specimen", 1, &err), &err);
    ts_ok(ds__dictionary_new(&d, m, t, &o, &err), &err);
    assert_in_range(d->words.count, 600, 620);
    assert_true(d->untrained > 100);
    assert_true(d->words.kappa[0] > 1.0 && d->words.kappa[0] < 1.3);
    assert_true(ds__dictionary_find(d, "octopus") >= 0 && ds__dictionary_find(d, "uent") < 0);
    ds__dictionary_allow(allowed, d, "zorp", &templates, 0);
    assert_false(allowed[ds__dictionary_find(d, "zorp")]);
    assert_false(allowed[ds__dictionary_find(d, "noto")]);
    assert_false(allowed[ds__dictionary_find(d, "of")]);
    assert_true(allowed[ds__dictionary_find(d, "octopus")]);
    ds__dictionary_allow(allowed, d, "zorp", &templates, DS_KEEP_OWN | DS_KEEP_TEMPLATE);
    assert_true(allowed[ds__dictionary_find(d, "zorp")] && allowed[ds__dictionary_find(d, "noto")]);
    ds__dictionary_free(d);
    ds_tokenizer_close(t);
    ds_model_close(m);
}

/* Of five words the two nearest to the picture are left: not the one that says the concept, nor one that was not
 * allowed before. */
static void clip_leaves_the_nearest(void **state)
{
    static const float word[5][2] = {
        { 1, 0 }, { 0.8f, 0.6f }, { 0, 1 }, { 0.6f, 0.8f }, { -1, 0 }
    };
    static const float picture[2] = { 0.5f, 0.1f }, concept[2] = { 1, 0 };
    bool allowed[5] = { true, true, true, true, true };
    int64_t left;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__clip_choose(allowed, &left, word[0], 5, 2, picture, concept, 0.9, 2, &err), &err);
    assert_int_equal(left, 2);
    assert_memory_equal(allowed, ((bool[5]){ false, true, false, true, false }), sizeof allowed);
    allowed[0] = allowed[2] = true;
    allowed[1] = false;
    ts_ok(ds__clip_choose(allowed, &left, word[0], 5, 2, picture, concept, 2.0, 9, &err), &err);
    assert_int_equal(left, 3);
    assert_memory_equal(allowed, ((bool[5]){ true, false, true, true, false }), sizeof allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_checked),   cmocka_unit_test(alternatives_are_covered),
        cmocka_unit_test(templates_take_turns),    cmocka_unit_test(the_free_token_has_its_place),
        cmocka_unit_test(forms_of_a_word),         cmocka_unit_test(untrained_rows_are_found),
        cmocka_unit_test(clip_leaves_the_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
