/* test_figure.c - colour maps, maps of other sizes, overlays, sheets. */

#include "support.h"

#include <diffuscope/figure.h>

#include "report/colors.h"
#include "report/ticks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A map that rises from left to right. */
static const float ramp[8] = { 0.0f, 1.0f, 2.0f, 3.0f, 0.0f, 1.0f, 2.0f, 3.0f };
static const ds_map ramp_map = { ramp, NULL, 4, 2 };

static double distance(ds_colors colors, int a, int b)
{
    unsigned char p[3], q[3];

    ds_colors_level(p, colors, a);
    ds_colors_level(q, colors, b);
    return ds__oklab_lightness(q) - ds__oklab_lightness(p);
}

/* Lightness of the sequential map grows in equal steps, up to the rounding to 8 bits. */
static void lightness_grows_evenly(void **state)
{
    (void)state;
    for (int i = 0; i + 15 < DS_COLORS_LEVELS; i++) {
        double step = distance(DS_COLORS_SEQUENTIAL, i, i + 15);

        if (!(step > 0.9 * 0.8 / 17.0 && step < 1.1 * 0.8 / 17.0))
            fail_msg("level %d: a step of %g, expected about %g", i, step, 0.8 / 17.0);
    }
    for (int i = 0; i + 1 < DS_COLORS_LEVELS; i++)
        assert_true(distance(DS_COLORS_SEQUENTIAL, i, i + 1) > 0.0);
}

static void the_diverging_map_is_even_around_zero(void **state)
{
    (void)state;
    for (int i = 0; i < 128; i++) {
        unsigned char left[3], right[3];

        assert_true(fabs(distance(DS_COLORS_DIVERGING, i, 255 - i)) < 0.006);
        if (i + 4 < 128)
            assert_true(distance(DS_COLORS_DIVERGING, i, i + 4) > 0.0);
        ds_colors_level(left, DS_COLORS_DIVERGING, i);
        ds_colors_level(right, DS_COLORS_DIVERGING, 255 - i);
        if (i < 100)
            assert_true(left[2] > left[0] && right[0] > right[2]); /* blue below, orange above */
    }
}

static void jet_has_its_known_corners(void **state)
{
    unsigned char rgb[3];
    static const unsigned char low[3] = { 0, 0, 128 }, high[3] = { 128, 0, 0 };

    (void)state;
    ds_colors_at(rgb, DS_COLORS_JET, 0.0);
    assert_memory_equal(rgb, low, 3);
    ds_colors_at(rgb, DS_COLORS_JET, 7.0);
    assert_memory_equal(rgb, high, 3);
    ds_colors_at(rgb, DS_COLORS_JET, 0.5);
    assert_int_equal(rgb[1], 255);
}

static void ranges_hold_zero(void **state)
{
    const float negative[2] = { -3.0f, 1.0f }, zero[2] = { 0.0f, 0.0f };
    const ds_map maps[3] = { { negative, NULL, 2, 1 }, { NULL, NULL, 0, 0 }, ramp_map };
    const ds_map nothing = { zero, NULL, 2, 1 };
    double low, high;

    (void)state;
    ts_ok(ds_map_range(&low, &high, maps, 3, DS_COLORS_SEQUENTIAL, NULL), NULL);
    assert_true(low == -3.0 && high == 3.0);
    ts_ok(ds_map_range(&low, &high, maps, 1, DS_COLORS_DIVERGING, NULL), NULL);
    assert_true(low == -3.0 && high == 3.0);
    ts_ok(ds_map_range(&low, &high, &maps[2], 1, DS_COLORS_SEQUENTIAL, NULL), NULL);
    assert_true(low == 0.0 && high == 3.0);
    ts_ok(ds_map_range(&low, &high, &nothing, 1, DS_COLORS_SEQUENTIAL, NULL), NULL);
    assert_true(low == 0.0 && high == 1.0);
    ts_ok(ds_map_range(&low, &high, &nothing, 1, DS_COLORS_DIVERGING, NULL), NULL);
    assert_true(low == -1.0 && high == 1.0);
}

static void what_is_not_finite_is_refused_with_its_place(void **state)
{
    float values[6] = { 0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f }, se[6] = { 0.0f };
    const ds_map map = { values, se, 3, 2 };
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    ds_image image;
    float out[6];

    (void)state;
    for (size_t i = 0; i < DS_COUNT(bad); i++) {
        ds_error err = { 0 };

        values[4] = bad[i];
        assert_int_equal(ds_map_overlay(&image, &map, NULL, &err), DS_E_ARG);
        assert_non_null(strstr(err.text, "column 1, row 1"));
        assert_null(image.rgb);
        assert_int_equal(ds_map_figure(&image, "t", &map, NULL, NULL), DS_E_ARG);
        assert_null(image.rgb);
        assert_int_equal(ds_map_enlarge(out, &map, 3, 2, DS_ENLARGE_SMOOTH, NULL), DS_E_ARG);
    }
    values[4] = 4.0f;
    se[2] = -1.0f;
    assert_int_equal(ds_map_overlay(&image, &map, NULL, NULL), DS_E_ARG);
    se[2] = NAN;
    assert_int_equal(ds_map_overlay(&image, &map, NULL, NULL), DS_E_ARG);
}

/* PyTorch's interpolate([0, 1, 4, 9], size=8, mode="bicubic", align_corners=False) by hand. */
static void enlarging_is_bicubic(void **state)
{
    static const float values[4] = { 0.0f, 1.0f, 4.0f, 9.0f };
    const ds_map map = { values, NULL, 4, 1 };
    float out[16], same[4];
    double w[4], t = 0.25, want = 0.0;

    (void)state;
    ts_ok(ds_map_enlarge(same, &map, 4, 1, DS_ENLARGE_SMOOTH, NULL), NULL);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(same[i] - values[i]) < 1e-6f);
    ts_ok(ds_map_enlarge(out, &map, 8, 2, DS_ENLARGE_SMOOTH, NULL), NULL);
    for (int k = 0; k < 4; k++) { /* at 1.25 */
        double d = fabs(t - (k - 1));

        w[k] = d <= 1.0 ? 1.25 * d * d * d - 2.25 * d * d + 1.0
                        : -0.75 * d * d * d + 3.75 * d * d - 6.0 * d + 3.0;
        want += w[k] * values[k];
    }
    assert_true(fabs(out[3] - want) < 1e-5);
    assert_true(fabs(out[8 + 3] - want) < 1e-5);
    for (int i = 0; i < 16; i++)
        assert_true(out[i] >= 0.0f && out[i] <= 9.0f);
    ts_ok(ds_map_enlarge(out, &map, 8, 2, DS_ENLARGE_BLOCKS, NULL), NULL);
    for (int i = 0; i < 16; i++)
        assert_true(out[i] == values[i % 8 / 2]);
}

static void a_map_alone_has_the_colours_of_its_values(void **state)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image image;
    unsigned char want[3];

    (void)state;
    o.enlarge = DS_ENLARGE_BLOCKS;
    ts_ok(ds_map_overlay(&image, &ramp_map, &o, NULL), NULL);
    assert_int_equal(image.width, 256);
    assert_int_equal(image.height, 128);
    for (int i = 0; i < 4; i++) {
        ds_colors_level(want, DS_COLORS_SEQUENTIAL, 85 * i);
        assert_memory_equal(image.rgb + 3 * (64 * i + 10), want, 3);
    }
    ds_image_clear(&image);
}

static void a_constant_map_is_one_colour(void **state)
{
    static const float values[4] = { 0.25f, 0.25f, 0.25f, 0.25f };
    const ds_map map = { values, NULL, 2, 2 };
    ds_image image;

    (void)state;
    ts_ok(ds_map_overlay(&image, &map, NULL, NULL), NULL);
    for (int64_t i = 1; i < image.width * image.height; i++)
        assert_memory_equal(image.rgb, image.rgb + 3 * i, 3);
    ds_image_clear(&image);
    ts_ok(ds_map_figure(&image, "constant", &map, NULL, NULL), NULL);
    ds_image_clear(&image);
}

static void a_scale_may_begin_at_the_smallest_value(void **state)
{
    static const float values[2] = { 3.0f, 4.0f };
    const ds_map map = { values, NULL, 2, 1 };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    unsigned char low[3], high[3];
    ds_image image;

    (void)state;
    o.from_least = true;
    o.enlarge = DS_ENLARGE_BLOCKS;
    ts_ok(ds_map_overlay(&image, &map, &o, NULL), NULL);
    ds_colors_level(low, DS_COLORS_SEQUENTIAL, 0);
    ds_colors_level(high, DS_COLORS_SEQUENTIAL, 255);
    assert_memory_equal(image.rgb, low, 3);
    assert_memory_equal(image.rgb + 3 * (image.width - 1), high, 3);
    ds_image_clear(&image);
}

static ds_image plain_picture(int64_t width, int64_t height, unsigned char level)
{
    ds_image image;

    ts_ok(ds_image_init(&image, width, height, NULL), NULL);
    memset(image.rgb, level, (size_t)(3 * width * height));
    return image;
}

/* Over a picture of one grey, the legend's colour is what is seen. */
static void opacity_mixes_map_and_picture(void **state)
{
    ds_image picture = plain_picture(256, 128, 128), image;
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    unsigned char top[3];

    (void)state;
    o.picture = &picture;
    o.enlarge = DS_ENLARGE_BLOCKS;
    o.opacity = 0.0;
    ts_ok(ds_map_overlay(&image, &ramp_map, &o, NULL), NULL);
    assert_true(image.rgb[0] == image.rgb[1] && abs(image.rgb[0] - 128) <= 1);
    ds_image_clear(&image);
    o.opacity = 1.0;
    ts_ok(ds_map_overlay(&image, &ramp_map, &o, NULL), NULL);
    ds_colors_level(top, DS_COLORS_SEQUENTIAL, 255);
    assert_memory_equal(image.rgb + 3 * 255, top, 3);
    ds_image_clear(&image);
    o.heat_alpha = true; /* the picture untouched where the heat is 0 */
    o.colors = DS_COLORS_JET;
    ts_ok(ds_map_overlay(&image, &ramp_map, &o, NULL), NULL);
    assert_true(image.rgb[0] == 128 && image.rgb[1] == 128 && image.rgb[2] == 128);
    ds_image_clear(&image);
    ds_image_clear(&picture);
}

/* 1 with an error of 0.4 is told, 1 with 0.6 is not at two standard errors. */
static void the_floor_hides_what_may_be_noise(void **state)
{
    static const float values[2] = { 1.0f, 1.0f }, se[2] = { 0.4f, 0.6f };
    const ds_map map = { values, se, 2, 1 };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    unsigned char color[3];
    ds_image image;
    int64_t seen[2] = { 0, 0 };

    (void)state;
    o.floor_se = 2.0;
    ts_ok(ds_map_overlay(&image, &map, &o, NULL), NULL);
    ds_colors_level(color, DS_COLORS_SEQUENTIAL, 255);
    for (int64_t i = 0; i < image.width * image.height; i++)
        if (memcmp(image.rgb + 3 * i, color, 3) == 0)
            seen[i % image.width >= image.width / 2]++;
    assert_int_equal(seen[0], image.width / 2 * image.height);
    assert_int_equal(seen[1], 0);
    ds_image_clear(&image);
}

static void sheets_take_hostile_titles(void **state)
{
    static const char *const titles[] = { "",
                                          "\xe8\x8b\xb9\xe6\x9e\x9c",
                                          "<b>&\"'",
                                          "\x01\x1f\x7f",
                                          "a\nb\tc",
                                          "\xd8\xaa\xd9\x81\xd8\xa7\xd8\xad\xd8\xa9",
                                          "\xf0\x9f\x8d\x8e\xef\xb8\x8f" };
    char *longest = malloc(100001);
    ds_panel panels[DS_COUNT(titles) + 1];
    ds_image image;
    ds_error err = { 0 };

    (void)state;
    memset(longest, 'w', 100000);
    longest[100000] = '\0';
    for (size_t i = 0; i < DS_COUNT(titles); i++)
        panels[i] = (ds_panel){ .title = titles[i], .map = ramp_map };
    panels[DS_COUNT(titles)] = (ds_panel){ .title = longest, .map = ramp_map };
    ts_ok(ds_map_sheet(&image, longest, panels, DS_COUNT(panels), 0, NULL, &err), &err);
    assert_true(image.width < 4000 && image.height < 4000);
    ds_image_clear(&image);
    panels[1].title = "\xff\xfe";
    assert_int_equal(ds_map_sheet(&image, NULL, panels, 2, 0, NULL, &err), DS_E_ARG);
    assert_null(image.rgb);
    free(longest);
}

static void misuse_is_refused(void **state)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    const ds_panel empty = { .title = "nothing" };
    const ds_map no_size = { ramp, NULL, 0, 2 };
    ds_image image;

    (void)state;
    assert_int_equal(ds_map_sheet(&image, NULL, &empty, 1, 0, NULL, NULL), DS_E_ARG);
    assert_int_equal(ds_map_sheet(&image, NULL, &empty, 0, 0, NULL, NULL), DS_E_ARG);
    assert_int_equal(ds_map_overlay(&image, &no_size, NULL, NULL), DS_E_ARG);
    o.opacity = 1.5;
    assert_int_equal(ds_map_overlay(&image, &ramp_map, &o, NULL), DS_E_ARG);
    o = (ds_figure_options)DS_FIGURE_OPTIONS_INIT;
    o.low = 2.0;
    o.high = 1.0;
    assert_int_equal(ds_map_overlay(&image, &ramp_map, &o, NULL), DS_E_ARG);
    o = (ds_figure_options){ .opacity = 0.5 }; /* without its size */
    assert_int_equal(ds_map_overlay(&image, &ramp_map, &o, NULL), DS_E_ARG);
}

static void ticks_are_round(void **state)
{
    ds_ticks t;
    char text[24];

    (void)state;
    ds__ticks_linear(&t, 0.0, 0.4000000059, 5);
    assert_int_equal(t.count, 5);
    assert_string_equal(t.label[0], "0");
    assert_string_equal(t.label[4], "0.4");
    ds__ticks_linear(&t, -3e-7, 3e-7, 3);
    assert_string_equal(t.label[0], "-2e-7");
    ds__ticks_log(&t, 0.02, 300.0, 6);
    assert_string_equal(t.label[0], "0.1");
    assert_int_equal(t.count, 4);
    ds__number_text(text, sizeof text, 0.000123456, 3);
    assert_string_equal(text, "1.23e-4");
    ds__number_text(text, sizeof text, -0.0, 3);
    assert_string_equal(text, "0");
    ds__number_text(text, sizeof text, 14.9999, 3);
    assert_string_equal(text, "15");
}

/* Memory that ends anywhere is an error, and nothing leaks. */
static void memory_may_end_anywhere(void **state)
{
    const ds_panel panel = { .title = "a", .map = ramp_map };
    int64_t requests = 1;

    (void)state;
    for (int64_t n = 0; n <= requests; n++) {
        ds_image image;
        ds_status st;

        ts_alloc_begin(n);
        st = ds_map_sheet(&image, "t", &panel, 1, 0, NULL, NULL);
        assert_int_equal(st, n == 0 ? DS_OK : DS_E_NOMEM);
        ds_image_clear(&image);
        requests = n == 0 ? ts_alloc_requests() : requests;
        assert_int_equal(ts_alloc_end(), 0);
    }
    assert_true(requests > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lightness_grows_evenly),
        cmocka_unit_test(the_diverging_map_is_even_around_zero),
        cmocka_unit_test(jet_has_its_known_corners),
        cmocka_unit_test(ranges_hold_zero),
        cmocka_unit_test(what_is_not_finite_is_refused_with_its_place),
        cmocka_unit_test(enlarging_is_bicubic),
        cmocka_unit_test(a_map_alone_has_the_colours_of_its_values),
        cmocka_unit_test(a_constant_map_is_one_colour),
        cmocka_unit_test(a_scale_may_begin_at_the_smallest_value),
        cmocka_unit_test(opacity_mixes_map_and_picture),
        cmocka_unit_test(the_floor_hides_what_may_be_noise),
        cmocka_unit_test(sheets_take_hostile_titles),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(memory_may_end_anywhere),
    };

    return cmocka_run_group_tests_name("figure", tests, NULL, NULL);
}
