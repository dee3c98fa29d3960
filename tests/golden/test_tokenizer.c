/* The tokenizer against the reference prompts, with the small vocabularies and with CLIP's own. */

#include "support.h"

#include <diffuscope/tokenizer.h>
#include <jansson.h>
#include <string.h>

/* "a, b, c" of the pieces, for messages; cut short if long. */
static const char *join(char *buf, size_t size, const char *const *pieces, int64_t n)
{
    size_t at = 0;

    buf[0] = '\0';
    for (int64_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s ", pieces[i]);
    return buf;
}

static void check_case(const ds_tokenizer *t, const json_t *c)
{
    const char *text = json_string_value(json_object_get(c, "text"));
    const json_t *want = json_object_get(c, "tokens"), *padded = json_object_get(c, "ids");
    int64_t length = ds_tokenizer_describe(t).length, ids[77], left;
    ds_tokens *got = NULL;
    ds_error err = { 0 };
    char buf[2000];
    bool same;

    ts_ok(ds_tokenizer_encode(t, &got, text, &err), &err);
    same = got->count == (int64_t)json_array_size(want);
    for (int64_t i = 0; same && i < got->count; i++)
        same = strcmp(got->pieces[i], json_string_value(json_array_get(want, (size_t)i))) == 0;
    if (!same)
        fail_msg("\"%s\": %zu tokens expected, found %lld: %s", text, json_array_size(want),
                 (long long)got->count, join(buf, sizeof buf, got->pieces, got->count));
    assert_int_equal(length, json_array_size(padded));
    left = ds_tokenizer_pad(t, ids, got, 0);
    assert_int_equal(left, got->count > length - 2 ? got->count - (length - 2) : 0);
    for (size_t i = 0; i < json_array_size(padded); i++)
        assert_int_equal(ids[i], json_integer_value(json_array_get(padded, i)));
    ds_tokens_free(got);
}

static void check_file(const char *golden, const char *cases, const char *model)
{
    ds_tokenizer *t = NULL;
    ds_error err = { 0 };
    json_t *root, *list, *c;
    size_t i;

    if (golden == NULL)
        skip();
    root = json_load_file(ts_path(golden, "cases/tokenizer/%s", cases), 0, NULL);
    list = json_object_get(root, "cases");
    assert_true(json_array_size(list) >= 20);
    ts_ok(ds_tokenizer_open(&t, ts_path(golden, "models/%s", model), &err), &err);
    json_array_foreach (list, i, c)
        check_case(t, c);
    ds_tokenizer_close(t);
    json_decref(root);
}

static void small_set(void **state)
{
    (void)state;
    check_file(TS_SMALL_GOLDEN, "small-vocab.json", "sd15/tokenizer");
}

static void small_vocabulary(void **state)
{
    (void)state;
    check_file(ts_golden(), "small-vocab.json", "sd15/tokenizer");
}

/* tokenizer.json alone, which is all that transformers 5 writes. */
static void one_file(void **state)
{
    (void)state;
    check_file(ts_golden(), "small-vocab.json", "../files/tokenizer-transformers5");
}

static void clip_vocabulary(void **state)
{
    (void)state;
    check_file(ts_golden(), "clip-vocab.json", "clip-vocab");
}

/* Every folder of the reference models opens; SDXL's second tokenizer pads with "!", id 0, and so
 * takes a "!" of the prompt for its padding token, as transformers does. */
static void padding_differs(void **state)
{
    static const char *const folders[] = { "sd15/tokenizer", "sdxl/tokenizer", "sd21/tokenizer",
                                           "sdxl/tokenizer_2" };
    const char *golden = ts_golden();

    (void)state;
    if (golden == NULL)
        skip();
    for (size_t i = 0; i < DS_COUNT(folders); i++) {
        int64_t pad = i < 2 ? 1535 : 0, ids[77];
        ds_tokenizer *t = NULL;
        ds_tokens *got = NULL;
        ds_error err = { 0 };

        ts_ok(ds_tokenizer_open(&t, ts_path(golden, "models/%s", folders[i]), &err), &err);
        assert_int_equal(ds_tokenizer_describe(t).pad, pad);
        ts_ok(ds_tokenizer_encode(t, &got, "a cat!", &err), &err);
        assert_int_equal(ds_tokenizer_pad(t, ids, got, 0), 0);
        assert_int_equal(got->count, 3);
        assert_int_equal(ids[0], 1534);
        assert_int_equal(ids[3], i < 2 ? 256 : 0);
        assert_int_equal(ids[4], 1535);
        assert_int_equal(ids[5], pad);
        assert_int_equal(ids[76], pad);
        ds_tokens_free(got);
        ds_tokenizer_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_set),       cmocka_unit_test(small_vocabulary),
        cmocka_unit_test(one_file),        cmocka_unit_test(clip_vocabulary),
        cmocka_unit_test(padding_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
