/* test_rle.c - run lengths against strings that COCO's own program (pycocotools 2.0) wrote. */

#include "support.h"

#include <diffuscope/rle.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 64 * 64 };

/* Encodes, compares with COCO's string, decodes and compares with the mask. */
static void expect_text(const char *what, const uint8_t *mask, int64_t h, int64_t w,
                        const char *want)
{
    uint8_t back[MAX];
    char *text;
    ds_error err = { 0 };

    ts_ok(ds_rle_encode(&text, mask, h, w, &err), &err);
    if (strcmp(text, want) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", what, text, want);
    memset(back, 7, sizeof back);
    ts_ok(ds_rle_decode(back, want, h, w, &err), &err);
    for (int64_t i = 0; i < h * w; i++)
        assert_int_equal(back[i], mask[i] != 0);
    ds_free(text);
}

static void strings_are_those_of_coco(void **state)
{
    uint8_t m[MAX] = { 0 };

    (void)state;
    expect_text("empty", m, 3, 4, "<");
    memset(m, 255, 12);
    expect_text("full", m, 3, 4, "0<");

    memset(m, 0, sizeof m);
    for (int y = 2; y < 6; y++)
        for (int x = 1; x < 4; x++)
            m[y * 7 + x] = 1;
    expect_text("box", m, 9, 7, ";45000i0");

    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            m[y * 64 + x] = (y - 30) * (y - 30) + (x - 33) * (x - 33) <= 15 * 15;
    expect_text("disc", m, 64, 64,
                "nT11j1:I4L4M2N2N2O0O2O0O2O0000000O20N100000001N101N101N2N2N3L4L7FWm0");
}

static void runs_are_counted_by_column(void **state)
{
    const uint8_t m[6] = { 0, 1, 1, 0, 1, 0 }; /* 2 rows of 3 */
    const uint32_t want[] = { 2, 3, 1 };
    uint8_t back[6];
    uint32_t *counts;
    int64_t n;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_rle_count(&counts, &n, m, 2, 3, &err), &err);
    assert_int_equal(n, 3);
    assert_memory_equal(counts, want, sizeof want);
    ts_ok(ds_rle_fill(back, counts, n, 2, 3, &err), &err);
    assert_memory_equal(back, m, sizeof m);
    ds_free(counts);
}

static void random_masks_come_back(void **state)
{
    uint8_t m[MAX], back[MAX];

    (void)state;
    srand(5);
    for (int k = 0; k < 200; k++) {
        int64_t h = 1 + rand() % 60, w = 1 + rand() % 60;
        int stay = 1 + rand() % 300;
        char *text;
        ds_error err = { 0 };

        for (int64_t i = 0, on = 0; i < h * w; i++) {
            on = rand() % stay == 0 ? !on : on;
            m[i] = (uint8_t)on;
        }
        ts_ok(ds_rle_encode(&text, m, h, w, &err), &err);
        ts_ok(ds_rle_decode(back, text, h, w, &err), &err);
        assert_memory_equal(back, m, (size_t)(h * w));
        ds_free(text);
    }
}

static void damaged_runs_are_refused(void **state)
{
    static const char *const bad[] = {
        "",         /* nothing covers the mask */
        "9",        /* too few */
        "=",        /* too many: 13 */
        "o",        /* a number that does not end */
        "oooooooo", /* too long */
        "\x7f",     /* not a digit */
        "\xc3\xa9", /* nor this */
        "O<",       /* a first run below zero */
        "45000i0",  /* another mask */
        "4 4",
    };
    static const uint32_t over[] = { 3, UINT32_MAX, 9 }, under[] = { 3, 4 };
    uint8_t m[12];

    (void)state;
    for (size_t i = 0; i < DS_COUNT(bad); i++) {
        ds_error err = { 0 };

        if (ds_rle_decode(m, bad[i], 3, 4, &err) != DS_E_FORMAT || err.text[0] == '\0')
            fail_msg("\"%s\" was taken for a mask", bad[i]);
    }
    assert_int_equal(ds_rle_fill(m, over, 3, 3, 4, NULL), DS_E_FORMAT);
    assert_int_equal(ds_rle_fill(m, under, 2, 3, 4, NULL), DS_E_FORMAT);
    assert_int_equal(ds_rle_fill(m, under, 2, -1, 4, NULL), DS_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_those_of_coco),
        cmocka_unit_test(runs_are_counted_by_column),
        cmocka_unit_test(random_masks_come_back),
        cmocka_unit_test(damaged_runs_are_refused),
    };

    return cmocka_run_group_tests_name("rle", tests, NULL, NULL);
}
