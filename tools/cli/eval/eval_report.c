/* eval_report.c - report.html of `diffuscope eval daam`: the table, bars, curves and pictures. Made
 * of result.json alone, and of the pictures of the first scenes. */

#include "eval_daam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/chart.h>

#include "report_page.h"

enum { CELL = 48 };

typedef struct cells {
    const char **text; /* [rows, columns] */
    char *room;        /* CELL bytes for each */
    int64_t rows, columns;
} cells;

static bool cells_new(cells *c, int64_t rows, int64_t columns)
{
    size_t n = (size_t)(rows * columns);

    *c = (cells){ calloc(n + 1, sizeof *c->text), calloc(n + 1, CELL), rows, columns };
    return c->text != NULL && c->room != NULL;
}

static void cells_free(cells *c)
{
    free(c->text);
    free(c->room);
}

static char *cell(cells *c, int64_t row, int64_t column)
{
    int64_t i = row * c->columns + column;

    c->text[i] = c->room + i * CELL;
    return c->room + i * CELL;
}

static double value_of(const json_t *estimate, const char *name)
{
    const json_t *v = json_object_get(estimate, name);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* "64.8 [63.1, 66.4]" of 100; nothing where there is no number. */
static void put_percent(cells *c, int64_t row, int64_t column, const json_t *e)
{
    if (isfinite(value_of(e, "value")))
        snprintf(cell(c, row, column), CELL, "%.1f [%.1f, %.1f]", 100.0 * value_of(e, "value"),
                 100.0 * value_of(e, "low"), 100.0 * value_of(e, "high"));
}

static ds_status add_table(ds_page *p, const char *caption, const char *const *head, cells *c,
                           ds_error *err)
{
    ds_table t = { caption, head, c->text, c->rows, c->columns };

    return ds_page_table(p, &t, err);
}

static ds_status add_settings(ds_page *p, const json_t *result, ds_error *err)
{
    static const char *const head[] = {
        "setting",     "fixed threshold",      "held-out",      "thresholds", "tuned on themselves",
        "peak inside", "mass on right object", "unnamed, best", "Hungarian"
    };
    static const char *const keys[] = { NULL,
                                        "miou_fixed",
                                        "miou_held_out",
                                        NULL,
                                        "miou_tuned",
                                        "peak_inside",
                                        "mass_on_right_object",
                                        "scene_best",
                                        "scene_hungarian" };
    json_t *settings = json_object_get(result, "settings"), *s;
    const char *name;
    int64_t row = 0;
    cells c;
    ds_status st;

    if (!cells_new(&c, (int64_t)json_object_size(settings), DS_COUNT(head))) {
        cells_free(&c);
        return ds_fail(err, DS_E_NOMEM, "a table");
    }
    json_object_foreach (settings, name, s) {
        const json_t *taus = json_object_get(json_object_get(s, "miou_held_out"), "thresholds");

        snprintf(cell(&c, row, 0), CELL, "%s", name);
        for (int64_t k = 1; k < c.columns; k++)
            if (keys[k] != NULL)
                put_percent(&c, row, k, json_object_get(s, keys[k]));
        if (json_is_number(json_array_get(taus, 0)) && json_object_get(s, "curve") != NULL)
            snprintf(cell(&c, row, 3), CELL, "%.3g, %.3g",
                     json_number_value(json_array_get(taus, 0)),
                     json_number_value(json_array_get(taus, 1)));
        row++;
    }
    st = add_table(p, "Mean intersection over union and shares, in percent with 95 % intervals",
                   head, &c, err);
    cells_free(&c);
    return st;
}

static ds_status add_differences(ds_page *p, const json_t *result, ds_error *err)
{
    static const char *const head[] = { "difference", "points", "words" };
    json_t *list = json_object_get(result, "differences_held_out"), *d;
    const char *name;
    int64_t row = 0;
    cells c;
    ds_status st;

    if (!cells_new(&c, (int64_t)json_object_size(list), DS_COUNT(head))) {
        cells_free(&c);
        return ds_fail(err, DS_E_NOMEM, "a table");
    }
    json_object_foreach (list, name, d) {
        snprintf(cell(&c, row, 0), CELL, "%.40s", name);
        put_percent(&c, row, 1, d);
        snprintf(cell(&c, row++, 2), CELL, "%.0f", value_of(d, "count"));
    }
    st = add_table(p, "On the same words, at held-out thresholds, in points of 100", head, &c, err);
    cells_free(&c);
    return st;
}

/* ---- charts ---------------------------------------------------------------------------------- */

static ds_status add_chart(ds_page *p, const ds_chart *chart, const char *caption, ds_error *err)
{
    char *svg;
    ds_status st = ds_chart_svg(&svg, chart, err);

    if (st == DS_OK)
        st = ds_page_chart(p, svg, caption, err);
    ds_free(svg);
    return st;
}

static ds_status add_bars(ds_page *p, const json_t *result, ds_error *err)
{
    const char *names[EVAL_SETTINGS], *name;
    double y[EVAL_SETTINGS], low[EVAL_SETTINGS], high[EVAL_SETTINGS];
    ds_series bars = { .kind = DS_SERIES_BARS, .y = y, .low = low, .high = high };
    ds_chart c = DS_CHART_INIT;
    json_t *s;

    json_object_foreach (json_object_get(result, "settings"), name, s) {
        const json_t *e = json_object_get(s, "miou_held_out");

        if (bars.count == EVAL_SETTINGS || !isfinite(value_of(e, "low")))
            continue;
        names[bars.count] = name;
        y[bars.count] = value_of(e, "value");
        low[bars.count] = value_of(e, "low");
        high[bars.count++] = value_of(e, "high");
    }
    if (bars.count == 0)
        return DS_OK;
    c.title = "Mean IoU at held-out thresholds";
    c.x.names = names;
    c.y.label = "mean IoU";
    c.series = &bars;
    c.count = 1;
    c.sideways = true;
    c.height = 80.0 + 26.0 * (double)bars.count;
    return add_chart(p, &c, "With 95 % intervals, bootstrapped over scenes", err);
}

static ds_status add_curves(const eval *e, ds_page *p, const json_t *result, ds_error *err)
{
    double y[EVAL_SETTINGS][EVAL_TAUS];
    ds_series series[EVAL_SETTINGS];
    ds_chart c = DS_CHART_INIT;
    const char *name;
    json_t *s;
    int n = 0;

    json_object_foreach (json_object_get(result, "settings"), name, s) {
        const json_t *curve = json_object_get(s, "curve");

        if (n == EVAL_SETTINGS || json_array_size(curve) != EVAL_TAUS)
            continue;
        for (size_t k = 0; k < EVAL_TAUS; k++)
            y[n][k] = json_number_value(json_array_get(json_array_get(curve, k), 1));
        series[n] = (ds_series){
            .name = name, .kind = DS_SERIES_CURVE, .count = EVAL_TAUS, .x = e->tau, .y = y[n]
        };
        n++;
    }
    if (n == 0)
        return DS_OK;
    c.title = "Mean IoU by threshold";
    c.x.label = "threshold";
    c.y.label = "mean IoU";
    c.series = series;
    c.count = n;
    return add_chart(p, &c, "The fixed threshold is one point of each curve", err);
}

static ds_status add_pictures(const eval *e, ds_page *p, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < e->pictures; i++) {
        char name[64], path[4096];
        ds_image sheet;

        snprintf(name, sizeof name, "scene-%06lld.png", (long long)i);
        st = run_folder_file(path, sizeof path, e->out, name, err);
        if (st != DS_OK || access(path, R_OK) != 0)
            continue; /* the scene was rejected */
        st = ds_image_load(&sheet, path, err);
        if (st == DS_OK)
            st = ds_page_picture(
                p, &sheet, "A picture, its true mask, and the maps of its first word", name, err);
        ds_image_clear(&sheet);
    }
    return st;
}

static const char about[] =
    "Each word that names something in a picture has a mask, and each setting makes a map of it. "
    "The "
    "map is cut at a threshold and compared with the mask: pixels in both over pixels in either. "
    "Held-out: the threshold that is best on one half of the scenes is used on the other, and the "
    "other way round. Peak inside: the map's largest value lies in the mask. Mass on right object: "
    "of "
    "two things in a picture, the word's own holds more of its map. Unnamed: each mask takes the "
    "best "
    "map of any word of the prompt, or (Hungarian) the best assignment of one word to each.\n\n"
    "The whole image and discs in the middle use no map. Maps of another word of the prompt, of a "
    "prompt with wrong words, and of networks with random weights have to be worse.";

ds_status eval_report(const eval *e, const json_t *result, ds_run_record *record, ds_error *err)
{
    ds_page *p = NULL;
    ds_status st = ds_page_new(&p, "Word maps against masks", err);

    if (st == DS_OK)
        st = ds_page_text(p, about, err);
    if (st == DS_OK)
        st = add_settings(p, result, err);
    if (st == DS_OK)
        st = add_bars(p, result, err);
    if (st == DS_OK)
        st = add_curves(e, p, result, err);
    if (st == DS_OK && json_object_size(json_object_get(result, "differences_held_out")) > 0)
        st = add_differences(p, result, err);
    if (st == DS_OK && e->pictures > 0)
        st = ds_page_section(p, "Pictures", err);
    if (st == DS_OK)
        st = add_pictures(e, p, err);
    if (st == DS_OK)
        st = report_page_save(p, e->a, record, e->out, err);
    ds_page_free(p);
    return st;
}
