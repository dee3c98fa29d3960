/* test_chart.c - drawings: places, escaping, refusals. */

#include "support.h"

#include <diffuscope/chart.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int count_of(const char *text, const char *what)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

/* Every tag is closed in order, and no bare & or < stands in the text: enough of XML to know that a
 * reader will not stop in the middle. */
static void assert_well_formed(const char *svg)
{
    char open[32][16];
    int depth = 0;

    for (const char *p = svg; *p != '\0'; p++) {
        if (*p == '&')
            assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 ||
                        strncmp(p, "&gt;", 4) == 0 || strncmp(p, "&quot;", 6) == 0 ||
                        strncmp(p, "&#39;", 5) == 0);
        if (*p != '<')
            continue;
        if (p[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strncmp(p + 2, open[depth], strlen(open[depth])), 0);
            assert_int_equal(p[2 + strlen(open[depth])], '>');
        } else {
            size_t n = strcspn(p + 1, " >/");
            const char *end = strchr(p, '>');

            assert_non_null(end);
            assert_true(n > 0 && n < 16 && depth < 32);
            assert_int_equal(
                count_of(p + 1, "<") > 0 ? strcspn(p + 1, "<") > (size_t)(end - p - 1) : 1, 1);
            if (end[-1] != '/') {
                memcpy(open[depth], p + 1, n);
                open[depth++][n] = '\0';
            }
        }
    }
    assert_int_equal(depth, 0);
}

static char *draw(const ds_chart *c)
{
    ds_error err = { 0 };
    char *svg;

    ts_ok(ds_chart_svg(&svg, c, &err), &err);
    assert_int_equal(strncmp(svg, "<svg ", 5), 0);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    assert_well_formed(svg);
    return svg;
}

static void bars_stand_on_zero(void **state)
{
    const double y[3] = { 2.0, -1.0, 4.0 }, low[3] = { 1.0, -2.0, 3.0 }, high[3] = { 3, 0, 5 };
    const char *const names[3] = { "<nurse>", "\"judge\" & 'cook'", "яблоко" };
    const ds_series s = { "gap", DS_SERIES_BARS, 3, NULL, y, low, high };
    ds_chart c = DS_CHART_INIT;

    (void)state;
    c.title = "<script>alert(1)</script>";
    c.x.names = names;
    c.series = &s;
    c.count = 1;
    for (int sideways = 0; sideways < 2; sideways++) {
        double place[3][2];
        char *svg, *p;

        c.sideways = sideways != 0;
        svg = p = draw(&c);
        assert_null(strstr(svg, "<script"));
        assert_non_null(strstr(svg, "&lt;nurse&gt;"));
        p = strstr(p, "fill=\"#6294e6\"/>") + 1; /* behind the legend */
        for (int i = 0; i < 3; i++) {
            double x, yy, w, h;

            p = strstr(p, "<rect ");
            assert_int_equal(sscanf(p, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x,
                                    &yy, &w, &h),
                             4);
            place[i][0] = sideways ? x : yy + h; /* where a positive bar stands */
            place[i][1] = sideways ? w : h;
            if (i == 1)
                place[i][0] = sideways ? x + w : yy;
            p++;
        }
        assert_true(fabs(place[0][0] - place[2][0]) < 0.2 && fabs(place[0][0] - place[1][0]) < 0.2);
        assert_true(fabs(place[0][1] - 2.0 * place[1][1]) < 0.3);
        assert_true(fabs(place[2][1] - 4.0 * place[1][1]) < 0.6);
        ds_free(svg);
    }
}

static void a_power_law_is_a_straight_line(void **state)
{
    const double x[3] = { 10.0, 100.0, 1000.0 }, y[3] = { 8.0, 4.0, 2.0 };
    const ds_series s = { NULL, DS_SERIES_CURVE, 3, x, y, NULL, NULL };
    ds_chart c = DS_CHART_INIT;
    double p[6];
    char *svg, *path;

    (void)state;
    c.x.log = c.y.log = true;
    c.series = &s;
    c.count = 1;
    svg = draw(&c);
    path = strstr(svg, " d=\"M");
    assert_int_equal(
        sscanf(path, " d=\"M%lf %lfL%lf %lfL%lf %lf", &p[0], &p[1], &p[2], &p[3], &p[4], &p[5]), 6);
    assert_true(fabs(p[2] - p[0] - (p[4] - p[2])) < 0.3 && p[2] > p[0]);
    assert_true(fabs(p[3] - p[1] - (p[5] - p[3])) < 0.3 && p[3] > p[1]);
    ds_free(svg);
}

static void edges_are_drawn(void **state)
{
    const double one[1] = { 5.0 }, zero[2] = { 0.0, 0.0 }, tiny[2] = { 1e-300, 2e-300 };
    ds_series s = { "s", DS_SERIES_CURVE, 1, NULL, one, NULL, NULL };
    const ds_chart_line line = { "chance & more", 3.0, false };
    ds_chart c = DS_CHART_INIT;

    (void)state;
    c.series = &s;
    c.count = 1;
    ds_free(draw(&c));
    s.count = 0;
    ds_free(draw(&c));
    s = (ds_series){ "s", DS_SERIES_BARS, 2, NULL, zero, NULL, NULL };
    ds_free(draw(&c));
    s = (ds_series){ "s", DS_SERIES_POINTS, 2, NULL, tiny, NULL, NULL };
    ds_free(draw(&c));
    c.y.log = true;
    ds_free(draw(&c));
    c.y.log = false;
    c.lines = &line;
    c.line_count = 1;
    c.y.low = 0.0;
    c.y.high = 1.0; /* the line lies outside */
    ds_free(draw(&c));
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    double y[3] = { 1.0, NAN, 2.0 };
    ds_series s = { "gap of <x>", DS_SERIES_CURVE, 3, NULL, y, NULL, NULL };
    ds_chart c = DS_CHART_INIT;
    ds_error err = { 0 };
    char *svg;

    (void)state;
    c.series = &s;
    c.count = 1;
    assert_int_equal(ds_chart_svg(&svg, &c, &err), DS_E_ARG);
    assert_null(svg);
    assert_non_null(strstr(err.text, "place 1"));
    assert_non_null(strstr(err.text, "gap of"));
    y[1] = INFINITY;
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
    y[1] = 0.0;
    c.y.log = true;
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
    y[1] = 1.0;
    s.kind = DS_SERIES_BARS;
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
    c.y.log = false;
    s.low = y; /* without high */
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
    s.low = NULL;
    s.name = "\xff";
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
    s.name = NULL;
    ts_ok(ds_chart_svg(&svg, &c, NULL), NULL);
    ds_free(svg);
    c.size = 0;
    assert_int_equal(ds_chart_svg(&svg, &c, NULL), DS_E_ARG);
}

static void a_matrix_brackets_what_may_be_noise(void **state)
{
    const double values[4] = { 1.0, -0.1, NAN, 2.0 }, se[4] = { 0.1, 0.1, 0.0, 0.1 };
    const char *const rows[2] = { "<a>", "b" }, *const columns[2] = { "c & d", "e" };
    ds_matrix m = DS_MATRIX_INIT;
    double bad[4] = { 1.0, INFINITY, 0.0, 0.0 };
    char *svg;

    (void)state;
    m.rows = m.columns = 2;
    m.values = values;
    m.se = se;
    m.row_names = rows;
    m.column_names = columns;
    m.colors = DS_COLORS_DIVERGING;
    m.floor_se = 2.0;
    ts_ok(ds_matrix_svg(&svg, &m, NULL), NULL);
    assert_well_formed(svg);
    assert_non_null(strstr(svg, "(-0.1 ± 0.1)"));
    assert_non_null(strstr(svg, "2 ± 0.1"));
    assert_int_equal(count_of(svg, "height=\"29.0\""), 2); /* coloured cells */
    ds_free(svg);
    m.values = bad;
    assert_int_equal(ds_matrix_svg(&svg, &m, NULL), DS_E_ARG);
    assert_null(svg);
    m.rows = 0;
    assert_int_equal(ds_matrix_svg(&svg, &m, NULL), DS_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_stand_on_zero),
        cmocka_unit_test(a_power_law_is_a_straight_line),
        cmocka_unit_test(edges_are_drawn),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
        cmocka_unit_test(a_matrix_brackets_what_may_be_noise),
    };

    return cmocka_run_group_tests_name("chart", tests, NULL, NULL);
}
