/* test_letters.c - the library's own letters, and letters and grammar that a program offers. */

#include "support.h"

#include <diffuscope/letters.h>
#include <diffuscope/optional.h>
#include <diffuscope/syntax.h>
#include <string.h>

#include "report/letters.h"
#include "report/text.h"

static const ds_lettering plain = { .size = 16, .lines = 1 };

/* Dark pixels of a text on white, by columns [width]. */
static void columns(int64_t *out, int64_t width, const char *text, const ds_lettering *how)
{
    ds_image on;
    ds_writer *w;
    ds_error err = { 0 };

    ts_ok(ds_image_init(&on, width, 60, &err), &err);
    memset(on.rgb, 255, (size_t)(width * 60 * 3));
    ts_ok(ds__writer_new(&w, &err), &err);
    ts_ok(ds__text_draw(w, &on, 0, 0, text, how, &err), &err);
    for (int64_t x = 0; x < width; x++) {
        out[x] = 0;
        for (int64_t y = 0; y < 60; y++)
            out[x] += on.rgb[3 * (y * width + x)] < 128;
    }
    ds__writer_free(w);
    ds_image_clear(&on);
}

static void measure(int64_t *width, int64_t *height, const char *text, const ds_lettering *how)
{
    ds_writer *w;
    ds_error err = { 0 };

    ts_ok(ds__writer_new(&w, &err), &err);
    ts_ok(ds__text_measure(w, width, height, text, how, &err), &err);
    ds__writer_free(w);
}

static void letters_have_their_shapes(void **state)
{
    int64_t l[40], i[40], wide, narrow, high;

    (void)state;
    ds_letters_use(NULL);
    columns(l, 40, "l", &plain); /* a bar: few columns, all high */
    columns(i, 40, "-", &plain); /* a stroke: every column low */
    for (int64_t x = 0; x < 40; x++) {
        assert_true(l[x] == 0 || l[x] >= 8);
        assert_true(i[x] <= 3);
    }
    measure(&wide, &high, "WWWW", &plain);
    measure(&narrow, &high, "iiii", &plain);
    assert_true(wide > 3 * narrow);
    assert_in_range(high, 17, 22);
    ds_report_use();
}

static void bold_is_darker_and_larger_is_larger(void **state)
{
    const ds_lettering bold = { .size = 16, .lines = 1, .bold = true };
    const ds_lettering large = { .size = 32, .lines = 1 };
    int64_t a[120], b[120], dark_a = 0, dark_b = 0, wa, wb, h;

    (void)state;
    ds_letters_use(NULL);
    columns(a, 120, "strawberry", &plain);
    columns(b, 120, "strawberry", &bold);
    for (int x = 0; x < 120; x++) {
        dark_a += a[x];
        dark_b += b[x];
    }
    assert_true(dark_a > 100 && dark_b > dark_a * 5 / 4);
    measure(&wa, &h, "strawberry", &plain);
    measure(&wb, &h, "strawberry", &large);
    assert_in_range(wb, 2 * wa - 2, 2 * wa + 2);
    ds_report_use();
}

static void long_texts_wrap_and_are_cut(void **state)
{
    const ds_lettering two = { .size = 12, .lines = 2, .width = 90 };
    const char *text = "one two three four five six seven eight nine ten";
    int64_t width, height, one, line, ink[120];

    (void)state;
    ds_letters_use(NULL);
    measure(&one, &line, "one", &plain);
    measure(&width, &height, text, &two);
    assert_true(width <= 90);
    assert_int_equal(height, 2 * 14);
    columns(ink, 120, text, &two);
    for (int x = 91; x < 120; x++)
        assert_int_equal(ink[x], 0);
    ds_report_use();
}

/* Each place keeps the order: other scripts have boxes, and nothing is lost or read past the end. */
static void unknown_scripts_are_boxes(void **state)
{
    int64_t one, two, h, fits;

    (void)state;
    ds_letters_use(NULL);
    measure(&one, &h, "猫", &plain);
    measure(&two, &h, "猫犬", &plain);
    assert_in_range(two, 2 * one - 1, 2 * one);
    measure(&fits, &h, "Ωmega, Кот, façade, ±2σ", &plain);
    assert_true(fits > 100);
    measure(&fits, &h, "", &plain);
    assert_int_equal(fits, 0);
    ds_report_use();
}

/* ---- what a program offers -------------------------------------------------------------------- */

static int opened, closed;

static ds_status mine_open(void **state, ds_error *err)
{
    (void)err;
    *state = &opened;
    opened++;
    return DS_OK;
}

static void mine_close(void *state)
{
    assert_ptr_equal(state, &opened);
    closed++;
}

static ds_status mine_measure(void *state, int64_t *width, int64_t *height, const char *text,
                              const ds_lettering *how, ds_error *err)
{
    (void)state;
    (void)err;
    *width = (int64_t)strlen(text) * how->size;
    *height = 7;
    return DS_OK;
}

static ds_status mine_draw(void *state, ds_image *on, int64_t x, int64_t y, const char *text,
                           const ds_lettering *how, ds_error *err)
{
    (void)state, (void)on, (void)x, (void)y, (void)text, (void)how;
    return ds_fail(err, DS_E_IO, "no ink");
}

static void a_program_sets_its_own(void **state)
{
    static const ds_letters mine = { sizeof mine, mine_open, mine_close, mine_measure, mine_draw };
    char longer[1400];
    int64_t w, h;
    ds_writer *writer;
    ds_error err = { 0 };

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ds_letters_use(&mine);
    ts_ok(ds__writer_new(&writer, &err), &err);
    ts_ok(ds__text_measure(writer, &w, &h, longer, &plain, &err), &err);
    assert_int_equal(w, 1000 * 16); /* what they are promised: at most 1,000 bytes */
    assert_int_equal(ds__text_measure(writer, &w, &h, "\xff", &plain, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds__text_draw(writer, NULL, 0, 0, "a", &plain, &err), DS_E_IO);
    ds__writer_free(writer);
    assert_int_equal(opened, 1);
    assert_int_equal(closed, 1);
    ds_report_use();
}

static void without_grammar_it_says_so(void **state)
{
    ds_parser *p;
    ds_error err = { 0 };

    (void)state;
    ds_grammar_use(NULL);
    assert_false(ds_syntax_available());
    assert_int_equal(ds_parser_open(&p, &err), DS_E_UNSUPPORTED);
    assert_null(p);
    assert_non_null(strstr(err.text, "link-grammar"));
    ds_report_use();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_have_their_shapes),
        cmocka_unit_test(bold_is_darker_and_larger_is_larger),
        cmocka_unit_test(long_texts_wrap_and_are_cut),
        cmocka_unit_test(unknown_scripts_are_boxes),
        cmocka_unit_test(a_program_sets_its_own),
        cmocka_unit_test(without_grammar_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
