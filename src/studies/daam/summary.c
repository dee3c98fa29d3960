/* summary.c - what all scenes say together: means with intervals, held-out thresholds, differences on
 * the same words. Only lines go in, so a resumed run says the same as one that was not interrupted. */

#include "studies/daam/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/student.h"
#include "studies/few.h"

/* One setting's numbers over all words, and over scenes for the matching. */
typedef struct column {
    int64_t rows;
    float *iou;     /* [rows, EVAL_TAUS] */
    int64_t *scene; /* [rows] */
    double *fixed, *held_out;
    int64_t peaks, on_own, denser, pairs; /* of `pairs` words beside another entity */
    int64_t matches;
    double *labelled, *best, *hungarian; /* [matches], one per scene */
} column;

static double real_at(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* Six digits behind the point. */
static json_t *interval(ds_value v)
{
    v.value = round(v.value * 1e6) / 1e6;
    v.low = round(v.low * 1e6) / 1e6;
    v.high = round(v.high * 1e6) / 1e6;
    return ds__json_interval(v);
}

static bool column_room(column *c, ds_arena *a, size_t rows, size_t scenes)
{
    c->iou = ds__arena_alloc(a, rows * EVAL_TAUS * sizeof *c->iou + 1);
    c->scene = ds__arena_alloc(a, rows * sizeof *c->scene + 1);
    c->fixed = ds__arena_alloc(a, rows * sizeof *c->fixed + 1);
    c->held_out = ds__arena_alloc(a, rows * sizeof *c->held_out + 1);
    c->labelled = ds__arena_alloc(a, scenes * sizeof *c->labelled + 1);
    c->best = ds__arena_alloc(a, scenes * sizeof *c->best + 1);
    c->hungarian = ds__arena_alloc(a, scenes * sizeof *c->hungarian + 1);
    return c->iou && c->scene && c->fixed && c->held_out && c->labelled && c->best && c->hungarian;
}

static void add_word(column *c, int64_t scene, const json_t *row)
{
    const json_t *iou = json_object_get(row, "iou");

    c->scene[c->rows] = scene;
    c->fixed[c->rows] = real_at(row, "fixed");
    for (int k = 0; k < EVAL_TAUS; k++)
        c->iou[c->rows * EVAL_TAUS + k] = (float)json_number_value(json_array_get(iou, (size_t)k));
    c->peaks += json_is_true(json_object_get(row, "peak"));
    if (json_object_get(row, "mass_other") != NULL) {
        c->pairs++;
        c->denser += json_is_true(json_object_get(row, "denser"));
        c->on_own += real_at(row, "mass") > real_at(row, "mass_other");
    }
    c->rows++;
}

static void add_match(column *c, const json_t *m)
{
    if (json_object_get(m, "hungarian") == NULL)
        return;
    c->labelled[c->matches] = real_at(m, "labelled");
    c->best[c->matches] = real_at(m, "best");
    c->hungarian[c->matches] = real_at(m, "hungarian");
    c->matches++;
}

/* DS_E_FORMAT where a line lacks the setting: it was made with others. */
static ds_status gather(column *c, ds_arena *a, const json_t *lines, const char *name,
                        ds_error *err)
{
    size_t i, k, rows = 0;
    json_t *line, *word;

    json_array_foreach (lines, i, line)
        rows += json_array_size(json_object_get(line, "words"));
    if (!column_room(c, a, rows, json_array_size(lines)))
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu words", rows);
    json_array_foreach (lines, i, line) {
        int64_t scene = json_integer_value(json_object_get(line, "scene"));

        json_array_foreach (json_object_get(line, "words"), k, word) {
            const json_t *row = json_object_get(json_object_get(word, "maps"), name);

            if (json_array_size(json_object_get(row, "iou")) != EVAL_TAUS)
                return ds_fail(err, DS_E_FORMAT,
                               "pairs.jsonl: scene %lld has no setting \"%s\"; it belongs to "
                               "another evaluation",
                               (long long)scene, name);
            add_word(c, scene, row);
        }
        add_match(c, json_object_get(json_object_get(line, "match"), name));
    }
    return DS_OK;
}

/* ---- one setting ------------------------------------------------------------------------------ */

static ds_status put_mean(json_t *o, const char *name, const double *x, const int64_t *unit,
                          int64_t n, ds_error *err)
{
    ds_value v;
    ds_status st = ds_stats_mean(&v, x, unit, n, err);

    if (st == DS_OK)
        json_object_set_new(o, name, interval(ds__within_one(v)));
    return st;
}

static void put_share(json_t *o, const char *name, int64_t hits, int64_t n)
{
    if (n > 0)
        json_object_set_new(o, name, interval(ds_stats_share(hits, n)));
}

/* Mean IoU by threshold. */
static json_t *curve(const daam_eval *e, const column *c)
{
    json_t *list = json_array();

    for (int k = 0; k < EVAL_TAUS; k++) {
        double sum = 0.0;

        for (int64_t r = 0; r < c->rows; r++)
            sum += c->iou[r * EVAL_TAUS + k];
        json_array_append_new(list, json_pack("[o, o]", ds__json_rounded(e->tau[k]),
                                              ds__json_rounded(sum / (double)c->rows)));
    }
    return list;
}

static ds_status put_matches(json_t *o, const column *c, ds_error *err)
{
    const struct {
        const char *name;
        const double *x;
    } mean[] = { { "scene_labelled", c->labelled },
                 { "scene_best", c->best },
                 { "scene_hungarian", c->hungarian } };
    ds_status st = DS_OK;

    for (size_t i = 0; st == DS_OK && c->matches > 0 && i < DS_COUNT(mean); i++)
        st = put_mean(o, mean[i].name, mean[i].x, NULL, c->matches, err);
    return st;
}

static ds_status summarise(const daam_eval *e, const map_setting *x, column *c, json_t *o,
                           ds_error *err)
{
    ds_sweep s;
    json_t *held_out, *tuned;
    ds_status st =
        ds_sweep_summarise(&s, c->iou, c->scene, c->rows, e->tau, EVAL_TAUS, c->held_out, err);

    if (st == DS_OK)
        st = put_mean(o, "miou_fixed", c->fixed, c->scene, c->rows, err);
    if (st != DS_OK)
        return st;
    held_out = interval(s.held_out);
    json_object_set_new(held_out, "thresholds",
                        json_pack("[o, o]", ds__json_rounded(s.held_out_tau[0]),
                                  ds__json_rounded(s.held_out_tau[1])));
    json_object_set_new(o, "miou_held_out", held_out);
    tuned = interval(s.tuned);
    json_object_set_new(tuned, "threshold", ds__json_rounded(s.tuned_tau));
    json_object_set_new(o, "miou_tuned", tuned);
    if (x->source == MAP_WHOLE)
        return DS_OK;
    json_object_set_new(o, "curve", curve(e, c));
    put_share(o, "peak_inside", c->peaks, c->rows);
    put_share(o, "mass_on_right_object", c->on_own, c->pairs);
    put_share(o, "denser_on_right_object", c->denser, c->pairs);
    return put_matches(o, c, err);
}

/* ---- all of them ------------------------------------------------------------------------------ */

/* Each setting against each other one that stands before it, at held-out thresholds. */
static ds_status differences(const daam_eval *e, const column *c, json_t *out, ds_error *err)
{
    const map_setting *at = e->settings.at;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < e->settings.count; i++)
        for (int j = 0; st == DS_OK && j < i; j++) {
            char name[80];
            ds_value d;

            st = ds_stats_difference(&d, c[i].held_out, c[j].held_out, c[i].scene, c[i].rows, err);
            snprintf(name, sizeof name, "%.31s - %.31s", at[i].name, at[j].name);
            if (st == DS_OK)
                json_object_set_new(out, name, interval(d));
        }
    return st;
}

static json_t *count_lines(const json_t *lines)
{
    json_t *o = json_object(), *why = json_object(), *line;
    json_int_t scored = 0, words = 0;
    size_t i;

    json_array_foreach (lines, i, line) {
        const char *text = json_string_value(json_object_get(line, "rejected"));

        scored += text == NULL;
        words += (json_int_t)json_array_size(json_object_get(line, "words"));
        if (text != NULL)
            json_object_set_new(why, text,
                                json_integer(json_integer_value(json_object_get(why, text)) + 1));
    }
    json_object_set_new(o, "scenes", json_integer(scored));
    json_object_set_new(o, "words", json_integer(words));
    json_object_set_new(o, "rejected", why);
    return o;
}

/* The table along the grammar over all lines; nothing without a parser. */
static ds_status add_syntax(const daam_eval *e, const json_t *lines, json_t *root, ds_error *err)
{
    json_t *parsed, *line;
    char *list, *table = NULL;
    size_t i;
    ds_status st;

    if (e->parser == NULL)
        return DS_OK;
    parsed = json_array();
    json_array_foreach (lines, i, line)
        if (json_object_get(line, "syntax") != NULL)
            json_array_append(parsed, json_object_get(line, "syntax"));
    list = json_dumps(parsed, 0);
    st = list != NULL ? ds_daam_overlap_table(&table, list, err)
                      : ds_fail(err, DS_E_NOMEM, "no memory for a table");
    if (st == DS_OK)
        json_object_set_new(root, "syntax", json_loads(table, 0, NULL));
    free(list);
    ds_free(table);
    json_decref(parsed);
    return st;
}

static ds_status add_settings(const daam_eval *e, const json_t *lines, json_t *root, ds_error *err)
{
    column c[MAP_SETTINGS] = { { 0 } };
    json_t *settings = json_object(), *apart = json_object();
    ds_arena arena = { 0 };
    ds_status st = DS_OK;

    json_object_set_new(root, "settings", settings);
    json_object_set_new(root, "differences_held_out", apart);
    for (int i = 0; st == DS_OK && i < e->settings.count; i++) {
        const map_setting *x = &e->settings.at[i];
        json_t *one = json_object();

        json_object_set_new(settings, x->name, one);
        st = gather(&c[i], &arena, lines, x->name, err);
        if (st == DS_OK)
            st = summarise(e, x, &c[i], one, err);
    }
    if (st == DS_OK)
        st = differences(e, c, apart, err);
    ds__arena_free(&arena);
    return st;
}

ds_status ds__daam_eval_summary(const daam_eval *e, const json_t *lines, ds_error *err)
{
    json_t *root = ds__result_root(e->job->result);
    ds_status st;

    json_object_set_new(root, "counts", count_lines(lines));
    st = ds__warn_few_scenes(
        e->job, json_integer_value(json_object_get(json_object_get(root, "counts"), "scenes")),
        err);
    json_object_set_new(root, "unit", json_string("intersection over union, 0 to 1"));
    json_object_set_new(root, "intervals",
                        json_string("95 %: means by bootstrap over scenes, shares by Wilson"));
    json_object_set_new(root, "threshold",
                        json_string(ds_threshold_name((ds_threshold)e->threshold_kind)));
    json_object_set_new(root, "fixed_threshold", ds__json_rounded(e->threshold));
    if (st == DS_OK)
        st = add_settings(e, lines, root, err);
    return st == DS_OK ? add_syntax(e, lines, root, err) : st;
}
