/* The tokenizer on a vocabulary of our own: every byte, a few merges, and folders that lie. */

#include "support.h"

#include <diffuscope/tokenizer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = 512, MERGES = 8, BOS = BYTES + MERGES, EOS, SIZE };

static const char *const merges[MERGES] = { "c a",  "ca t</w>", "' s</w>",    "b l",
                                            "bl a", "bla c",    "blac k</w>", "Ã ©</w>" };

static char root[] = "/tmp/ds-tokenizer-XXXXXX";

static void put(const char *name, const char *text, size_t bytes)
{
    FILE *f = fopen(ts_path(root, "%s", name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, bytes, f), bytes);
    fclose(f);
}

/* GPT-2's spelling of a byte; `next` counts those that do not print. */
static int spell(char *out, int b, int *next)
{
    bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    int code = prints ? b : 256 + (*next)++;

    if (code < 0x80)
        return sprintf(out, code == '"' || code == '\\' ? "\\%c" : "%c", code);
    return sprintf(out, "%c%c", 0xc0 | code >> 6, 0x80 | (code & 0x3f));
}

static void put_vocab(void)
{
    static char text[32768];
    char *p = text + sprintf(text, "{");
    int next = 0;

    for (int b = 0; b < 256; b++) {
        char name[8];

        spell(name, b, &next);
        p += sprintf(p, "\"%s\": %d, \"%s</w>\": %d, ", name, b, name, 256 + b);
    }
    for (int i = 0; i < MERGES; i++) {
        int left = (int)strcspn(merges[i], " ");

        p += sprintf(p, "\"%.*s%s\": %d, ", left, merges[i], merges[i] + left + 1, BYTES + i);
    }
    p += sprintf(p, "\"<|startoftext|>\": %d, \"<|endoftext|>\": %d}", BOS, EOS);
    put("vocab.json", text, (size_t)(p - text));
}

static void put_merges(void)
{
    char text[256], *p = text + sprintf(text, "#version: 0.2\n");

    for (int i = 0; i < MERGES; i++)
        p += sprintf(p, "%s%s", merges[i], i % 2 ? "\r\n" : "\n");
    put("merges.txt", text, (size_t)(p - text));
}

/* A sound folder: the minimum, without the optional files. */
static void put_all(void)
{
    static const char *const optional[] = { "special_tokens_map.json", "tokenizer_config.json",
                                            "added_tokens.json" };

    for (size_t i = 0; i < DS_COUNT(optional); i++)
        unlink(ts_path(root, "%s", optional[i]));
    put_vocab();
    put_merges();
}

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

static ds_tokenizer *open_root(void)
{
    ds_tokenizer *t = NULL;
    ds_error err = { 0 };

    put_all();
    ts_ok(ds_tokenizer_open(&t, root, &err), &err);
    return t;
}

static ds_tokens *encode(const ds_tokenizer *t, const char *text)
{
    ds_tokens *got = NULL;
    ds_error err = { 0 };

    ts_ok(ds_tokenizer_encode(t, &got, text, &err), &err);
    return got;
}

/* The pieces of text joined by spaces. */
static const char *pieces(const ds_tokenizer *t, const char *text)
{
    static char buf[4096];
    ds_tokens *got = encode(t, text);
    size_t at = 0;

    buf[0] = '\0';
    for (int64_t i = 0; i < got->count && at < sizeof buf; i++)
        at += (size_t)snprintf(buf + at, sizeof buf - at, i ? " %s" : "%s", got->pieces[i]);
    ds_tokens_free(got);
    return buf;
}

static void splits_and_merges(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { " \t\n\xc2\xa0\xe3\x80\x80\xc2\x85", "" },
        { "Black CAT", "black</w> cat</w>" },
        { "cat's", "cat</w> 's</w>" },
        { "I'll 've'd", "i</w> ' l l</w> ' v e</w> ' d</w>" },
        { "12\xc2\xbd", "1</w> 2</w> \xc3\x82 \xc2\xbd</w>" },
        { "cat!?cat", "cat</w> ! ?</w> cat</w>" },
        { "'single'", "'s</w> i n g l e</w> '</w>" },
        { "a\x1c"
          "b",
          "a</w> \xc4\x9c</w> b</w>" }, /* a control character is no white space */
        { "<|endoftext|>cat<|StartOfText|>", "<|endoftext|> cat</w> <|startoftext|>" },
        { "!<|endoftext|>!", "!</w> <|endoftext|> !</w>" },
        { "<|endoftext", "< |</w> e n d o f t e x t</w>" },
    };
    ds_tokenizer *t = open_root();

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        assert_string_equal(pieces(t, cases[i][0]), cases[i][1]);
    ds_tokenizer_close(t);
}

/* Pairs that are one text after normalisation. */
static void normalises(void **state)
{
    static const char *const same[][2] = {
        { "e\xcc\x81", "\xc3\xa9" },                                /* composed */
        { "\xc3\x89", "\xc3\xa9" },                                 /* lowered */
        { "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81" },            /* marks in canonical order */
        { "\xe2\x84\xab", "\xc3\xa5" },                             /* Angstrom sign */
        { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c" }, /* Hangul L V T */
        { "\xed\x95\x98\xe1\x86\xab", "\xed\x95\x9c" },             /* Hangul LV T */
        { "\xc4\xb0", "i\xcc\x87" },                                /* I with a dot */
        { "\xce\xa3\xce\xa3", "\xcf\x83\xcf\x83" },                 /* no final sigma */
        { "\xc7\x85", "\xc7\x86" },                                 /* title case */
        { "\xe2\x84\xaa", "k" },                                    /* Kelvin sign */
        { "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc" },             /* excluded from composition */
        { "\xcd\xbe", ";" },                                        /* Greek question mark */
    };
    ds_tokenizer *t = open_root();

    (void)state;
    for (size_t i = 0; i < DS_COUNT(same); i++) {
        char *first = strdup(pieces(t, same[i][0]));

        assert_string_equal(first, pieces(t, same[i][1]));
        free(first);
    }
    assert_string_not_equal(pieces(t, "\xef\xac\x81"), "f i</w>"); /* NFC, not NFKC */
    ds_tokenizer_close(t);
}

static void check_words(const ds_tokenizer *t, const char *text, const char *want)
{
    ds_tokens *got = encode(t, text);
    char buf[512];
    size_t at = 0;
    int64_t next = 0;

    buf[0] = '\0';
    for (int64_t i = 0; i < got->word_count; i++) {
        const ds_word *w = &got->words[i];

        at += (size_t)snprintf(buf + at, sizeof buf - at, i ? " %s" : "%s", w->text);
        assert_int_equal(w->first, next);
        assert_true(w->last >= w->first);
        next = w->last + 1;
        assert_int_equal(strlen(w->text), w->end - w->begin);
        assert_memory_equal(text + w->begin, w->text, w->end - w->begin);
    }
    assert_int_equal(next, got->count);
    assert_string_equal(buf, want);
    ds_tokens_free(got);
}

static void words_are_those_of_the_prompt(void **state)
{
    static const char *const cases[][2] = {
        { "A photo  of\na Cat", "A photo of a Cat" },
        { "a (black) cat, it's 1girl!", "a ( black ) cat , it's 1girl !" },
        { "amane_kanata e-mail@example.com $100 100% c++",
          "amane_kanata e-mail@example.com $100 100% c++" },
        { "\xe2\x80\x9c"
          "Cafe\xcc\x81\xe2\x80\x9d...",
          "\xe2\x80\x9c Cafe\xcc\x81 \xe2\x80\x9d..." },
        { "... !", "... !" },
        { "(cat:1.2)", "( cat:1.2 )" },
        { "\xc4\xb0stanbul", "\xc4\xb0stanbul" },
        { "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80",
          "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80" },
        { "cat<|ENDOFTEXT|>dog,", "cat <|ENDOFTEXT|> dog ," },
    };
    ds_tokenizer *t = open_root();

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        check_words(t, cases[i][0], cases[i][1]);
    ds_tokenizer_close(t);
}

static void long_prompts_come_in_chunks(void **state)
{
    ds_tokenizer *t = open_root();
    ds_tokenizer_info info = ds_tokenizer_describe(t);
    char text[200 * 4 + 1];
    int64_t ids[77];
    ds_tokens *got;

    (void)state;
    for (int i = 0; i < 200; i++)
        memcpy(text + 4 * i, "cat ", 5);
    got = encode(t, text);
    assert_int_equal(info.length, 77);
    assert_int_equal(info.size, SIZE);
    assert_int_equal(got->count, 200);
    assert_int_equal(ds_tokenizer_pad(t, ids, got, 0), 125);
    assert_int_equal(ids[0], BOS);
    assert_int_equal(ids[75], ds_tokenizer_find(t, "cat</w>"));
    assert_int_equal(ids[76], EOS);
    assert_int_equal(ds_tokenizer_pad(t, ids, got, 150), 0);
    assert_int_equal(ids[50], ds_tokenizer_find(t, "cat</w>"));
    assert_int_equal(ids[51], EOS);
    assert_int_equal(ids[76], info.pad);
    assert_int_equal(ds_tokenizer_pad(t, ids, got, 200), 0);
    assert_int_equal(ids[1], EOS);
    ds_tokens_free(got);
    assert_null(ds_tokenizer_piece(t, -1));
    assert_null(ds_tokenizer_piece(t, SIZE));
    assert_int_equal(ds_tokenizer_find(t, "dog</w>"), -1);
    ds_tokenizer_close(t);
}

/* Texts that make careless code quadratic: a word of half a megabyte, and as many marks. */
static void huge_texts_end(void **state)
{
    size_t n = (size_t)1 << 19;
    char *text = malloc(2 * n + 3);
    ds_tokenizer *t = open_root();
    ds_tokens *got = NULL;
    ds_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < n; i++)
        text[i] = "ca"[i % 2];
    text[n] = '\0';
    got = encode(t, text);
    assert_int_equal(got->count, n / 2 + 1); /* the last "a" ends the word and does not merge */
    ds_tokens_free(got);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, i % 2 ? "\xcc\xa3" : "\xcc\x81", 3);
    got = encode(t, text);
    assert_int_equal(got->count, 2 * n);
    ds_tokens_free(got);
    memset(text, 'a', 2 * n + 1);
    text[2 * n + 1] = '\0';
    assert_int_equal(ds_tokenizer_encode(t, &got, text, &err), DS_E_ARG);
    assert_null(got);
    free(text);
    ds_tokenizer_close(t);
}

static void bad_utf8_is_refused(void **state)
{
    static const struct {
        const char *text, *where;
    } cases[] = {
        { "abc\xff", "offset 3" },
        { "\x80", "offset 0" },
        { "a\xc3", "offset 1" },
        { "a\xc0\x80", "offset 1" },
        { "\xed\xa0\x80", "offset 0" },
        { "\xf4\x90\x80\x80", "offset 0" },
        { "\xc3\xa9\xe2\x82", "offset 2" },
        { "\xe0\x80\xaf", "offset 0" },
    };
    ds_tokenizer *t = open_root();

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        ds_error err = { 0 };
        ds_tokens *got = NULL;

        assert_int_equal(ds_tokenizer_encode(t, &got, cases[i].text, &err), DS_E_ARG);
        assert_non_null(strstr(err.text, cases[i].where));
        assert_null(got);
    }
    ds_tokenizer_close(t);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void special_tokens_in_every_form(void **state)
{
    static const char map[] =
        "{\"bos_token\": {\"content\": \"<|startoftext|>\"}, \"pad_token\": \"!\","
        " \"additional_special_tokens\": [\"<cat-toy>\"]}";
    static const char config[] = "{\"model_max_length\": 1000000000000000019884624838656,"
                                 " \"tokenizer_class\": \"CLIPTokenizer\", \"pad_token\": \"?\","
                                 " \"eos_token\": {\"content\": \"c\", \"normalized\": true}}";
    static const char added[] = "{\"<cat-toy>\": 600}";
    ds_tokenizer *t = NULL;
    ds_error err = { 0 };

    (void)state;
    put_all();
    put("special_tokens_map.json", map, strlen(map));
    put("tokenizer_config.json", config, strlen(config));
    put("added_tokens.json", added, strlen(added));
    ts_ok(ds_tokenizer_open(&t, root, &err), &err);
    assert_int_equal(ds_tokenizer_describe(t).length, 77);
    assert_int_equal(ds_tokenizer_describe(t).size, 601);
    assert_int_equal(ds_tokenizer_describe(t).pad, '!'); /* the map goes before the config */
    assert_int_equal(ds_tokenizer_describe(t).eos, 'c');
    assert_int_equal(ds_tokenizer_describe(t).unk, EOS);
    assert_string_equal(pieces(t, "a<cat-toy>!C <CAT-toy>"), "a</w> <cat-toy> ! c <</w> c a "
                                                             "t</w> -</w> t o y</w> ></w>");
    ds_tokenizer_close(t);
}

typedef struct lie {
    const char *file, *text;
    ds_status code;
    const char *says; /* in the error's text */
} lie;

static const lie lies[] = {
    { "vocab.json", NULL, DS_E_IO, "" },
    { "vocab.json", "", DS_E_FORMAT, "not valid JSON" },
    { "vocab.json", "[1]", DS_E_FORMAT, "expected a JSON object" },
    { "vocab.json", "{}", DS_E_FORMAT, "found none" },
    { "vocab.json", "{\"a\": 0, \"a\": 1}", DS_E_FORMAT, "duplicate" },
    { "vocab.json", "{\"a\": 0, \"b\": 0}", DS_E_FORMAT, "taken" },
    { "vocab.json", "{\"a\": -1}", DS_E_FORMAT, "whole number" },
    { "vocab.json", "{\"a\": 1.5}", DS_E_FORMAT, "whole number" },
    { "vocab.json", "{\"a\": 99999999999999999999}", DS_E_FORMAT, "whole number" },
    { "vocab.json", "{\"a\": 1048576}", DS_E_FORMAT, "whole number" },
    { "vocab.json", "{\"a\": \"0\"}", DS_E_FORMAT, "not a number" },
    { "vocab.json", "{\"a\xff\": 0}", DS_E_FORMAT, "not valid JSON" },
    { "vocab.json", "{\"a\": 0}", DS_E_FORMAT, "not in vocab.json" },
    { "merges.txt", NULL, DS_E_IO, "" },
    { "merges.txt", "#version: 0.2\nc\n", DS_E_FORMAT, "one space" },
    { "merges.txt", "c a t\n", DS_E_FORMAT, "one space" },
    { "merges.txt", " a\n", DS_E_FORMAT, "one space" },
    { "merges.txt", "c \n", DS_E_FORMAT, "one space" },
    { "merges.txt", "c qq\n", DS_E_FORMAT, "right token" },
    { "merges.txt", "qq c\n", DS_E_FORMAT, "left token" },
    { "merges.txt", "c c\n", DS_E_FORMAT, "resulting token" },
    { "merges.txt", "c a\nc a\n", DS_E_FORMAT, "earlier line" },
    { "merges.txt", "\xff \xfe\n", DS_E_FORMAT, "left token" },
    { "special_tokens_map.json", "{\"bos_token\": 3}", DS_E_FORMAT, "bos_token" },
    { "special_tokens_map.json", "{\"pad_token\": {\"lstrip\": true}}", DS_E_FORMAT, "content" },
    { "special_tokens_map.json", "{\"eos_token\": \"</s>\"}", DS_E_FORMAT, "not in vocab.json" },
    { "special_tokens_map.json", "{\"eos_token\": \"\"}", DS_E_FORMAT, "not in vocab.json" },
    { "special_tokens_map.json", "{\"unk_token\": {\"content\": \"c\", \"single_word\": true}}",
      DS_E_UNSUPPORTED, "single_word" },
    { "tokenizer_config.json", "{", DS_E_FORMAT, "not valid JSON" },
    { "tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\"}", DS_E_UNSUPPORTED, "T5" },
    { "tokenizer_config.json", "{\"model_max_length\": 2}", DS_E_FORMAT, "at least 3" },
    { "tokenizer_config.json", "{\"model_max_length\": \"77\"}", DS_E_FORMAT, "not a number" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\": {\"0\": {\"content\": \"zz\"}}}",
      DS_E_FORMAT, "taken" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\": {\"9e9\": {\"content\": \"zz\"}}}",
      DS_E_FORMAT, "whole number" },
    { "added_tokens.json", "{\"<x>\": 5}", DS_E_FORMAT, "taken" },
};

static void lies_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < DS_COUNT(lies); i++) {
        const lie *l = &lies[i];
        ds_tokenizer *t = NULL;
        ds_error err = { 0 };
        ds_status st;

        put_all();
        if (l->text != NULL)
            put(l->file, l->text, strlen(l->text));
        else
            unlink(ts_path(root, "%s", l->file));
        st = ds_tokenizer_open(&t, root, &err);
        if (st != l->code || strstr(err.text, l->says) == NULL || err.name[0] == '\0')
            fail_msg("%s = %s: got %s: %s [%s]", l->file, l->text, ds_status_name(st), err.text,
                     err.name);
        assert_null(t);
    }
}

static void giant_lines_are_refused(void **state)
{
    size_t n = 5000;
    char *text = malloc(n);
    ds_tokenizer *t = NULL;
    ds_error err = { 0 };

    (void)state;
    put_all();
    memset(text, 'c', n);
    text[n / 2] = ' ';
    put("merges.txt", text, n);
    assert_int_equal(ds_tokenizer_open(&t, root, &err), DS_E_FORMAT);
    memset(text, 'c', n);
    memcpy(text, "{\"", 2);
    memcpy(text + n - 5, "\": 0}", 5);
    put("vocab.json", text, n);
    assert_int_equal(ds_tokenizer_open(&t, root, NULL), DS_E_FORMAT);
    put_all();
    put("merges.txt", "c a\0 t</w>\n", 11);
    assert_int_equal(ds_tokenizer_open(&t, root, NULL), DS_E_FORMAT);
    free(text);
}

static void no_vocabulary_of_bytes(void **state)
{
    static const char vocab[] = "{\"a\": 0, \"b</w>\": 1, \"ab</w>\": 2, \"<|startoftext|>\": 3,"
                                " \"<|endoftext|>\": 7}";
    ds_tokenizer *t = NULL;
    ds_error err = { 0 };

    (void)state;
    put_all();
    put("vocab.json", vocab, strlen(vocab));
    put("merges.txt", "a b</w>", 7);
    ts_ok(ds_tokenizer_open(&t, root, &err), &err);
    assert_string_equal(pieces(t, "ab axb"), "ab</w> a <|endoftext|> b</w>");
    assert_null(ds_tokenizer_piece(t, 5)); /* a gap */
    ds_tokenizer_close(t);
}

static void every_allocation_may_fail(void **state)
{
    static const char text[] = "a bla\xcc\x81\xcc\xa3 black cat's <|endoftext|> \xc4\xb0, 12";
    ds_status st = DS_E_NOMEM;
    int64_t n;

    (void)state;
    put_all();
    for (n = 1; st != DS_OK; n++) {
        ds_tokenizer *t = NULL;
        ds_tokens *got = NULL;
        ds_error err = { 0 };

        ts_alloc_begin(n);
        st = ds_tokenizer_open(&t, root, &err);
        if (st == DS_OK)
            st = ds_tokenizer_encode(t, &got, text, &err);
        if (st != DS_OK) {
            assert_int_equal(st, DS_E_NOMEM);
            assert_int_equal(err.code, DS_E_NOMEM);
            assert_null(got);
        }
        ds_tokens_free(got);
        ds_tokenizer_close(t);
        assert_int_equal(ts_alloc_end(), 0);
        assert_true(n < 1000);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_and_merges),
        cmocka_unit_test(normalises),
        cmocka_unit_test(words_are_those_of_the_prompt),
        cmocka_unit_test(long_prompts_come_in_chunks),
        cmocka_unit_test(huge_texts_end),
        cmocka_unit_test(bad_utf8_is_refused),
        cmocka_unit_test(special_tokens_in_every_form),
        cmocka_unit_test(lies_are_found),
        cmocka_unit_test(giant_lines_are_refused),
        cmocka_unit_test(no_vocabulary_of_bytes),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
