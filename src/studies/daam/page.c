/* page.c - what `eval daam` found, for people: the table in a terminal; the page with table, bars,
 * curves and pictures. Made of result.json alone, and of the pictures of the first scenes. */

#include "studies/daam/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <diffuscope/chart.h>

#include "job/folder.h"

static double value_of(const json_t *estimate, const char *name)
{
    const json_t *v = json_object_get(estimate, name);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* "64.8 [63.1, 66.4]" of 100; "" where there is no number. */
static const char *percent(ds_arena *a, const json_t *e)
{
    if (!isfinite(value_of(e, "value")))
        return "";
    if (!isfinite(value_of(e, "low")))
        return ds__arena_printf(a, "%.1f", 100.0 * value_of(e, "value"));
    return ds__arena_printf(a, "%.1f [%.1f, %.1f]", 100.0 * value_of(e, "value"),
                            100.0 * value_of(e, "low"), 100.0 * value_of(e, "high"));
}

/* ---- in a terminal ---------------------------------------------------------------------------- */

static void say_settings(ds_result *r, ds_arena *a)
{
    static const char *const keys[] = { "miou_fixed", "miou_held_out", "peak_inside",
                                        "mass_on_right_object" };
    const char *name;
    json_t *s;

    ds__result_say(r, "%-16s %-20s %-20s %-20s %s\n", "setting", "fixed", "held-out", "peak inside",
                   "mass on right object");
    json_object_foreach (json_object_get(ds__result_root(r), "settings"), name, s) {
        const char *text[DS_COUNT(keys)];

        for (size_t k = 0; k < DS_COUNT(keys); k++) {
            text[k] = percent(a, json_object_get(s, keys[k]));
            if (text[k] == NULL || text[k][0] == '\0')
                text[k] = "-";
        }
        ds__result_say(r, "%-16s %-20s %-20s %-20s %s\n", name, text[0], text[1], text[2], text[3]);
    }
}

static void say(ds_result *r, ds_arena *a)
{
    const json_t *root = ds__result_root(r), *counts = json_object_get(root, "counts");
    const json_t *syntax = json_object_get(root, "syntax");
    const char *name;
    char *table = syntax != NULL ? json_dumps(syntax, 0) : NULL, *text = NULL;
    json_t *n;

    ds__result_say(r, "%lld scenes, %lld words",
                   (long long)json_integer_value(json_object_get(counts, "scenes")),
                   (long long)json_integer_value(json_object_get(counts, "words")));
    json_object_foreach (json_object_get(counts, "rejected"), name, n)
        ds__result_say(r, "; left out: %lld, %s", (long long)json_integer_value(n), name);
    ds__result_say(r, "\nmean IoU in percent with 95 %% intervals; threshold %s, fixed at %g\n\n",
                   json_string_value(json_object_get(root, "threshold")),
                   value_of(root, "fixed_threshold"));
    say_settings(r, a);
    if (table != NULL && ds_daam_overlap_text(&text, table, NULL) == DS_OK) {
        ds__result_say(r, "\n");
        ds__buffer_text(&r->summary, text);
    }
    free(table);
    ds_free(text);
}

/* ---- tables ----------------------------------------------------------------------------------- */

/* A table of one row per member of an object, whose cells `fill` makes. */
typedef struct rows_of {
    const char *caption;
    const char *const *head;
    int64_t columns;
    const json_t *object;
    void (*fill)(ds_arena *a, const char **cell, const char *name, const json_t *member);
} rows_of;

static ds_status add_table(ds_page *p, ds_arena *a, const rows_of *t, ds_error *err)
{
    const int64_t rows = (int64_t)json_object_size(t->object);
    const char **cell =
        ds__arena_alloc(a, (size_t)(rows * t->columns) * sizeof *cell + sizeof *cell);
    const ds_table table = { t->caption, t->head, cell, rows, t->columns };
    const char *name;
    json_t *member;
    int64_t row = 0;

    if (cell == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a table");
    json_object_foreach ((json_t *)t->object, name, member)
        t->fill(a, cell + t->columns * row++, name, member);
    return ds_page_table(p, &table, err);
}

enum { SETTING_COLUMNS = 9 };

static void fill_setting(ds_arena *a, const char **cell, const char *name, const json_t *s)
{
    static const char *const keys[SETTING_COLUMNS] = { NULL,
                                                       "miou_fixed",
                                                       "miou_held_out",
                                                       NULL,
                                                       "miou_tuned",
                                                       "peak_inside",
                                                       "mass_on_right_object",
                                                       "scene_best",
                                                       "scene_hungarian" };
    const json_t *taus = json_object_get(json_object_get(s, "miou_held_out"), "thresholds");

    cell[0] = name;
    for (int k = 1; k < SETTING_COLUMNS; k++)
        cell[k] = keys[k] != NULL ? percent(a, json_object_get(s, keys[k])) : "";
    if (json_is_number(json_array_get(taus, 0)) && json_object_get(s, "curve") != NULL)
        cell[3] = ds__arena_printf(a, "%.3g, %.3g", json_number_value(json_array_get(taus, 0)),
                                   json_number_value(json_array_get(taus, 1)));
}

static void fill_difference(ds_arena *a, const char **cell, const char *name, const json_t *d)
{
    cell[0] = name;
    cell[1] = percent(a, d);
    cell[2] = ds__arena_printf(a, "%.0f", value_of(d, "count"));
}

static ds_status add_settings(ds_page *p, ds_arena *a, const json_t *root, ds_error *err)
{
    static const char *const head[SETTING_COLUMNS] = {
        "setting",     "fixed threshold",      "held-out",      "thresholds", "tuned on themselves",
        "peak inside", "mass on right object", "unnamed, best", "Hungarian"
    };
    const rows_of t = {
        .caption = "Mean intersection over union and shares, in percent with 95 % intervals",
        .head = head,
        .columns = SETTING_COLUMNS,
        .object = json_object_get(root, "settings"),
        .fill = fill_setting,
    };

    return add_table(p, a, &t, err);
}

static ds_status add_differences(ds_page *p, ds_arena *a, const json_t *root, ds_error *err)
{
    static const char *const head[] = { "difference", "points", "words" };
    const rows_of t = {
        .caption = "On the same words, at held-out thresholds, in points of 100",
        .head = head,
        .columns = DS_COUNT(head),
        .object = json_object_get(root, "differences_held_out"),
        .fill = fill_difference,
    };

    return json_object_size(t.object) > 0 ? add_table(p, a, &t, err) : DS_OK;
}

/* ---- charts ----------------------------------------------------------------------------------- */

static ds_status add_chart(ds_page *p, const ds_chart *chart, const char *caption, ds_error *err)
{
    char *svg;
    ds_status st = ds_chart_svg(&svg, chart, err);

    if (st == DS_OK)
        st = ds_page_chart(p, svg, caption, err);
    ds_free(svg);
    return st;
}

static ds_status add_bars(ds_page *p, const json_t *root, ds_error *err)
{
    const char *names[MAP_SETTINGS], *name;
    double y[MAP_SETTINGS], low[MAP_SETTINGS], high[MAP_SETTINGS];
    ds_series bars = { .kind = DS_SERIES_BARS, .y = y, .low = low, .high = high };
    ds_chart c = DS_CHART_INIT;
    json_t *s;

    json_object_foreach (json_object_get(root, "settings"), name, s) {
        const json_t *e = json_object_get(s, "miou_held_out");

        if (bars.count == MAP_SETTINGS || !isfinite(value_of(e, "low")))
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

static ds_status add_curves(const daam_eval *e, ds_page *p, const json_t *root, ds_error *err)
{
    double y[MAP_SETTINGS][EVAL_TAUS];
    ds_series series[MAP_SETTINGS];
    ds_chart c = DS_CHART_INIT;
    const char *name;
    json_t *s;
    int n = 0;

    json_object_foreach (json_object_get(root, "settings"), name, s) {
        const json_t *curve = json_object_get(s, "curve");

        if (n == MAP_SETTINGS || json_array_size(curve) != EVAL_TAUS)
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

/* ---- the page --------------------------------------------------------------------------------- */

static ds_status add_pictures(const daam_eval *e, ds_page *p, ds_error *err)
{
    ds_status st = e->sheets > 0 ? ds_page_section(p, "Pictures", err) : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < e->sheets; i++) {
        char name[64], path[4096];
        ds_image sheet;

        snprintf(name, sizeof name, "scene-%06lld.png", (long long)i);
        st = ds__run_file(path, sizeof path, e->job->common.folder, name, err);
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
    "The map is cut at a threshold and compared with the mask: pixels in both over pixels in "
    "either. Held-out: the threshold that is best on one half of the scenes is used on the other, "
    "and the other way round. Peak inside: the map's largest value lies in the mask. Mass on right "
    "object: of two things in a picture, the word's own holds more of its map. Unnamed: each mask "
    "takes the best map of any word of the prompt, or (Hungarian) the best assignment of one word "
    "to each.\n\n"
    "The whole image and discs in the middle use no map. Maps of another word of the prompt, of a "
    "prompt with wrong words, and of networks with random weights have to be worse.";

ds_status ds__daam_eval_page(const daam_eval *e, ds_error *err)
{
    const json_t *root = ds__result_root(e->job->result);
    ds_arena arena = { 0 };
    ds_page *p = NULL;
    ds_status st = ds__result_page(e->job->result, &p, "Word maps against masks", err);

    say(e->job->result, &arena);
    if (st == DS_OK)
        st = ds_page_text(p, about, err);
    if (st == DS_OK)
        st = add_settings(p, &arena, root, err);
    if (st == DS_OK)
        st = add_bars(p, root, err);
    if (st == DS_OK)
        st = add_curves(e, p, root, err);
    if (st == DS_OK)
        st = add_differences(p, &arena, root, err);
    if (st == DS_OK)
        st = add_pictures(e, p, err);
    ds__arena_free(&arena);
    return st;
}
