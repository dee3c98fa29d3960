/* test_captions.c - lists of captions to choose from, in all their forms, and damaged ones. */

#include "support.h"

#include <diffuscope/captions.h>
#include <diffuscope/syntax.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ds-choices-XXXXXX";

static const char *put(const char *name, const char *text)
{
    const char *path = ts_path(dir, "%s", name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

static ds_captions *open_list(const char *name, const char *text)
{
    ds_captions *c;
    ds_error err = { 0 };

    ts_ok(ds_captions_open(&c, put(name, text), NULL, &err), &err);
    return c;
}

static ds_caption_choice choice(ds_captions *c, int64_t i)
{
    ds_caption_choice out;
    ds_error err = { 0 };

    ts_ok(ds_captions_at(c, &out, i, 1, &err), &err);
    return out;
}

static void visual_genome(void **state)
{
    static const char json[] =
        "[{\"image_path\": \"1.jpg\", \"bbox_x\": 5, \"bbox_y\": 6.9, \"bbox_w\": 7, \"bbox_h\": 8,"
        "  \"true_caption\": \"a on b\", \"false_caption\": \"b on a\", \"relation_name\": \"on\"},"
        " {\"image_path\": \"2.jpg\", \"true_caption\": \"c\", \"false_caption\": \"d\","
        "  \"attributes\": [\"red\", \"small\"]}]";
    static const char csv[] = "image_path,bbox_x,bbox_y,bbox_w,bbox_h,true_caption,false_caption,"
                              "relation_name\n1.jpg,5,6,7,8,a on b,\"b, on a\",on\n";
    ds_captions *c = open_list("vg.json", json);
    ds_caption_choice x = choice(c, 0);

    (void)state;
    assert_int_equal(ds_captions_count(c), 2);
    assert_true(x.boxed && x.box[0] == 5 && x.box[1] == 6 && x.box[2] == 7 && x.box[3] == 8);
    assert_string_equal(x.right, "a on b");
    assert_int_equal(x.wrong_count, 1);
    assert_string_equal(x.wrong[0], "b on a");
    assert_string_equal(x.group, "on");
    assert_string_equal(x.path, ts_path(dir, "1.jpg"));
    x = choice(c, 1);
    assert_false(x.boxed);
    assert_string_equal(x.group, "red_small");
    assert_non_null(strstr(x.where, "vg.json: entry 2"));
    ds_captions_close(c);

    c = open_list("vg.csv", csv);
    x = choice(c, 0);
    assert_true(x.boxed && x.box[3] == 8 && x.wrong_count == 1);
    assert_string_equal(x.wrong[0], "b, on a");
    assert_string_equal(x.group, "on");
    assert_non_null(strstr(x.where, "vg.csv:2"));
    ds_captions_close(c);
}

static void folders_of_pictures(void **state)
{
    ds_captions *c;
    ds_error err = { 0 };
    const char *path = put("vg.csv", "image,true_caption,false_caption\n1.jpg,a,b\n");

    (void)state;
    assert_int_equal(mkdir(ts_path(dir, "images"), 0777), 0);
    c = open_list("vg.csv", "image,true_caption,false_caption\n1.jpg,a,b\n");
    assert_string_equal(choice(c, 0).path, ts_path(dir, "images/1.jpg"));
    ds_captions_close(c);
    rmdir(ts_path(dir, "images"));
    ts_ok(ds_captions_open(&c, path, "/elsewhere", &err), &err);
    assert_string_equal(choice(c, 0).path, "/elsewhere/1.jpg");
    ds_captions_close(c);
}

static void orders_that_are_given(void **state)
{
    static const char csv[] = "images,correct_caption,hard_text_1,hard_text_2,hard_text_3,"
                              "hard_text_4\r\nx.jpg,a b c d,b a c d,c b a d,d b c a,\r\n";
    static const char json[] =
        "[{\"image\": \"x.jpg\", \"caption_options\": [\"r\", \"p\", \"q\"]}]";
    ds_captions *c = open_list("order.csv", csv);
    ds_caption_choice x = choice(c, 0);

    (void)state;
    assert_int_equal(x.wrong_count, 3);
    assert_string_equal(x.wrong[2], "d b c a");
    ds_captions_close(c);
    c = open_list("order.json", json);
    x = choice(c, 0);
    assert_int_equal(x.wrong_count, 2);
    assert_string_equal(x.right, "r");
    assert_string_equal(x.wrong[1], "q");
    ds_captions_close(c);
    ds_captions_close(NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Cuts a text at its blanks. */
static size_t cut(char *copy, char **word, const char *text)
{
    size_t n = 0;

    strcpy(copy, text);
    while ((word[n] = strsep(&copy, " ")) != NULL)
        n++;
    return n;
}

static void same_words(char *const *a, char *const *b, size_t n)
{
    char *x[16], *y[16];

    memcpy(x, a, n * sizeof *x);
    memcpy(y, b, n * sizeof *y);
    qsort(x, n, sizeof *x, by_text);
    qsort(y, n, sizeof *y, by_text);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(x[i], y[i]);
}

static void orders_that_are_made(void **state)
{
    static const char json[] =
        "[{\"image\": \"a/x.jpg\", \"caption\": [\"A small dog, on the RED (sofa) sees a cat.\","
        " \"dogs\"]}]";
    static const bool named[11] = { 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1 }; /* nouns and adjectives */
    char copy[2][256], *own[32], *word[32], last[256];
    ds_captions *c;
    ds_caption_choice x;

    (void)state;
    if (!ds_syntax_available())
        skip();
    c = open_list("coco_karpathy_test.json", json);
    assert_int_equal(ds_captions_count(c), 2);
    x = choice(c, 0);
    assert_string_equal(x.right, "a small dog, on the red sofa sees a cat");
    assert_int_equal(x.wrong_count, 4);
    assert_int_equal(cut(copy[0], own, "a small dog , on the red sofa sees a cat"), 11);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(cut(copy[1], word, x.wrong[k]), 11);
        same_words(own, word, 11);
        for (int i = 0; i < 11; i++)
            if (k < 2 && named[i] == (k == 1))
                assert_string_equal(own[i], word[i]);
        for (int i = 0; i < 9 && k == 2; i += 3)
            same_words(own + i, word + i, 3);
    }
    assert_non_null(strstr(x.wrong[3], "a small dog"));
    assert_non_null(strstr(x.wrong[3], ", on the"));
    strcpy(last, x.wrong[3]);
    x = choice(c, 0);
    assert_string_equal(x.wrong[3], last);         /* of the seed and the number alone */
    assert_int_equal(choice(c, 1).wrong_count, 0); /* one word has one order */
    ds_captions_close(c);
}

static void long_captions_are_cut(void **state)
{
    char text[2048] = "[{\"image\": \"x\", \"caption\": [\"";
    ds_captions *c;
    ds_caption_choice x;
    int blanks = 0;

    (void)state;
    if (!ds_syntax_available())
        skip();
    for (int i = 0; i < 40; i++)
        strcat(text, "dog cat ");
    strcat(text, "\"]}]");
    c = open_list("long.json", text);
    x = choice(c, 0);
    for (const char *s = x.right; *s != '\0'; s++)
        blanks += *s == ' ';
    assert_int_equal(blanks, 29);
    ds_captions_close(c);
}

static void refused(const char *name, const char *text, const char *expected)
{
    ds_captions *c;
    ds_error err = { 0 };

    assert_int_not_equal(ds_captions_open(&c, put(name, text), NULL, &err), DS_OK);
    if (strstr(err.text, expected) == NULL)
        fail_msg("expected \"%s\", found \"%s\"", expected, err.text);
    assert_null(c);
}

static void damage_is_named(void **state)
{
    ds_captions *c;
    ds_error err = { 0 };

    (void)state;
    refused("a.csv", "", "line of headings");
    refused("a.csv", "path,true_caption,false_caption\n", "expected a heading image_path");
    refused("a.csv", "image,caption\n", "expected a heading true_caption");
    refused("a.csv", "image,true_caption\n", "expected a heading false_caption");
    refused("a.csv", "image,true_caption,false_caption\n", "no captions to choose from");
    refused("a.csv", "image,true_caption,false_caption\nx,a,b\nx,,b\n",
            "a.csv:3: expected a right");
    refused("a.csv", "image,true_caption,false_caption\nx,a,\n", "a.csv:2: expected a right");
    refused("a.csv", "image,true_caption,false_caption\n,a,b\n", "a.csv:2: expected a picture");
    refused("a.csv",
            "image,true_caption,false_caption,bbox_x,bbox_y,bbox_w,bbox_h\nx,a,b,1,2,3,z\n",
            "a.csv:2: expected a number of pixels in bbox_h, found \"z\"");
    refused("a.json", "{}", "expected an array");
    refused("a.json", "[", "a.json:1");
    refused("a.json", "[3]", "entry 1: expected a picture");
    refused("a.json", "[{\"image\": \"x\"}]", "entry 1: expected a right caption");
    refused("a.json", "[{\"image\": \"x\", \"caption_options\": [\"a\", 3]}]", "entry 1");
    refused("a.json",
            "[{\"image\": \"x\", \"true_caption\": \"a\", \"false_caption\": \"b\","
            " \"bbox_x\": 1}]",
            "expected numbers in bbox_x");
    refused("a.txt", "x", "NAME.json or NAME.csv");
    assert_int_equal(ds_captions_open(&c, ts_path(dir, "none.csv"), NULL, &err), DS_E_IO);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const files[] = { "vg.json",    "vg.csv",    "order.csv",
                                         "order.json", "long.json", "coco_karpathy_test.json",
                                         "a.csv",      "a.json",    "a.txt" };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(files); i++)
        unlink(ts_path(dir, "%s", files[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visual_genome),         cmocka_unit_test(folders_of_pictures),
        cmocka_unit_test(orders_that_are_given), cmocka_unit_test(orders_that_are_made),
        cmocka_unit_test(long_captions_are_cut), cmocka_unit_test(damage_is_named),
    };

    return cmocka_run_group_tests_name("choices", tests, make_folder, remove_folder);
}
