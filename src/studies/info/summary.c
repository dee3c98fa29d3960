/* summary.c - what the lines of `eval info` say together. See eval.h. */

#include "studies/info/eval.h"

#include <math.h>
#include <string.h>

#include "stats/student.h"
#include "studies/few.h"

/* Maps of a word: those of information, then the settings'. */
enum { MAPS = 2 + MAP_SETTINGS };

/* All words of all lines, as columns. */
typedef struct words {
    int64_t count;
    int64_t *scene;
    double *whole, *column[4]; /* cmi_o, mi_o, cmi_s, mi_s */
    float *iou[MAPS];          /* [count, taus] of each map */
    double *held_out[MAPS];    /* [count] */
    void *block;
} words;

static int64_t count_words(const json_t *lines)
{
    int64_t n = 0;
    size_t i;
    json_t *line;

    json_array_foreach (lines, i, line)
        n += (int64_t)json_array_size(json_object_get(line, "words"));
    return n;
}

static double real_at(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* What is drawn again for intervals, and put in one of two halves: the scene, or where several show
 * the same picture, that. */
static int64_t unit_of(const json_t *line)
{
    const json_t *picture = json_object_get(line, "picture");

    return json_integer_value(picture != NULL ? picture : json_object_get(line, "scene"));
}

static int maps_of(const info_eval *e)
{
    return 2 + e->settings.count;
}

static const json_t *row_of(const info_eval *e, const json_t *word, int map)
{
    static const char *const name[] = { "iou_o", "iou_s" };

    return map < 2
               ? json_object_get(word, name[map])
               : json_object_get(json_object_get(word, "attention"), e->settings.at[map - 2].name);
}

/* DS_E_FORMAT where a line lacks a map: it was made by another program. */
static ds_status read_word(const info_eval *e, words *w, int64_t at, const json_t *line,
                           const json_t *word, ds_error *err)
{
    static const char *const column[] = { "cmi_o", "mi_o", "cmi_s", "mi_s" };

    w->scene[at] = unit_of(line);
    w->whole[at] = real_at(word, "whole");
    for (int c = 0; c < 4; c++)
        w->column[c][at] = real_at(word, column[c]);
    for (int f = 0; f < maps_of(e); f++) {
        const json_t *row = row_of(e, word, f);

        if (json_array_size(row) != EVAL_INFO_TAUS)
            return ds_fail(err, DS_E_FORMAT,
                           "scenes.jsonl: scene %lld lacks a map; it belongs to another evaluation",
                           (long long)json_integer_value(json_object_get(line, "scene")));
        for (int t = 0; t < EVAL_INFO_TAUS; t++)
            w->iou[f][at * EVAL_INFO_TAUS + t] =
                (float)json_number_value(json_array_get(row, (size_t)t));
    }
    return DS_OK;
}

static ds_status read_words(const info_eval *e, words *w, const json_t *lines, ds_error *err)
{
    size_t n = (size_t)count_words(lines), maps = (size_t)maps_of(e), at = 0, i, k;
    json_t *line, *word;
    double *d;
    ds_status st = DS_OK;

    *w = (words){ .count = (int64_t)n };
    w->block =
        ds_calloc(n + 1, (6 + maps) * sizeof(double) + maps * EVAL_INFO_TAUS * sizeof(float));
    if (w->block == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the words of all scenes");
    d = w->block;
    w->whole = d;
    for (int c = 0; c < 4; c++)
        w->column[c] = d + (size_t)(c + 1) * n;
    w->scene = (int64_t *)(d + 5 * n);
    for (size_t m = 0; m < maps; m++) {
        w->held_out[m] = d + (6 + m) * n;
        w->iou[m] = (float *)(d + (6 + maps) * n) + m * n * EVAL_INFO_TAUS;
    }
    json_array_foreach (lines, i, line)
        json_array_foreach (json_object_get(line, "words"), k, word)
            if (st == DS_OK)
                st = read_word(e, w, (int64_t)at++, line, word, err);
    return st;
}

/* ---- localisation ----------------------------------------------------------------------------- */

static const char *map_name(const info_eval *e, int map)
{
    static const char *const name[] = { "i_o", "i_s" };

    return map < 2 ? name[map] : e->settings.at[map - 2].name;
}

/* At held-out thresholds, word by word: information less each setting. */
static ds_status differences(const info_eval *e, const words *w, json_t *out, ds_error *err)
{
    ds_status st = DS_OK;

    for (int f = 0; f < 2; f++)
        for (int m = 2; st == DS_OK && m < maps_of(e); m++) {
            char name[80];
            ds_value d;

            st = ds_stats_difference(&d, w->held_out[f], w->held_out[m], w->scene, w->count, err);
            snprintf(name, sizeof name, "%s - %s", map_name(e, f), map_name(e, m));
            if (st == DS_OK)
                json_object_set_new(out, name, ds__json_interval(d));
        }
    return st;
}

static ds_status localisation(const info_eval *e, const words *w, json_t **out, ds_error *err)
{
    json_t *attention = json_object(), *apart = json_object();
    ds_value whole;
    ds_status st = ds_stats_mean(&whole, w->whole, w->scene, w->count, err);

    *out = json_pack("{s:I, s:o}", "words", (json_int_t)w->count, "whole_picture",
                     ds__json_interval(ds__within_one(whole)));
    json_object_set_new(*out, "attention", attention);
    json_object_set_new(*out, "differences_held_out", apart);
    for (int m = 0; st == DS_OK && m < maps_of(e); m++) {
        ds_sweep sweep;

        st = ds_sweep_summarise(&sweep, w->iou[m], w->scene, w->count, e->tau, EVAL_INFO_TAUS,
                                w->held_out[m], err);
        if (st == DS_OK)
            json_object_set_new(
                m < 2 ? *out : attention, map_name(e, m),
                json_pack("{s:o, s:o, s:f}", "held_out", ds__json_interval(sweep.held_out), "tuned",
                          ds__json_interval(sweep.tuned), "tuned_threshold", sweep.tuned_tau));
    }
    return st == DS_OK ? differences(e, w, apart, err) : st;
}

static ds_status correlations(const words *w, json_t **out, ds_error *err)
{
    ds_value o, s;
    ds_status st =
        ds_stats_correlation(&o, DS_PEARSON, w->column[0], w->column[1], w->scene, w->count, err);

    if (st == DS_OK)
        st = ds_stats_correlation(&s, DS_PEARSON, w->column[2], w->column[3], w->scene, w->count,
                                  err);
    if (st == DS_OK)
        *out = json_pack("{s:o, s:o}", "i_o", ds__json_interval(o), "i_s", ds__json_interval(s));
    return st;
}

/* Change against information: over words (units: scenes), and the mean of the correlations within
 * pictures. Words without an intervention are left out. */
static ds_status interventions(const json_t *lines, json_t **out, ds_error *err)
{
    static const char *const name[] = { "cmi_o", "cmi_s", "change", "change_r_o", "change_r_s" };
    size_t room = (size_t)count_words(lines) + 1, i, k;
    double *column = ds_calloc(5 * room, sizeof *column);
    int64_t *scene = ds_calloc(room, sizeof *scene), n = 0;
    json_t *line, *word;
    ds_value r[4] = { { 0 } };
    ds_status st = DS_OK;

    if (column == NULL || scene == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the interventions");
    json_array_foreach (lines, i, line)
        json_array_foreach (json_object_get(line, "words"), k, word) {
            if (st != DS_OK || json_object_get(word, "change") == NULL)
                continue;
            for (int c = 0; c < 5; c++)
                column[(size_t)c * room + (size_t)n] = real_at(word, name[c]);
            scene[n++] = unit_of(line);
        }
    for (int f = 0; st == DS_OK && f < 2; f++) {
        st = ds_stats_correlation(&r[f], DS_PEARSON, column + (size_t)f * room, column + 2 * room,
                                  scene, n, err);
        if (st == DS_OK)
            st = ds_stats_mean(&r[2 + f], column + (size_t)(3 + f) * room, scene, n, err);
    }
    if (st == DS_OK)
        *out = json_pack("{s:I, s:o, s:o, s:o, s:o}", "words", (json_int_t)n, "image_level_i_o",
                         ds__json_interval(r[0]), "image_level_i_s", ds__json_interval(r[1]),
                         "pixel_level_i_o", ds__json_interval(r[2]), "pixel_level_i_s",
                         ds__json_interval(r[3]));
    ds_free(column);
    ds_free(scene);
    return st;
}

/* ---- choices ---------------------------------------------------------------------------------- */

static json_t *choice_of(const json_t *lines, const char *kind)
{
    int64_t hits[2] = { 0 }, ties[2] = { 0 }, n = 0;
    size_t i, k;
    json_t *line, *choice;

    json_array_foreach (lines, i, line)
        json_array_foreach (json_object_get(line, "choices"), k, choice) {
            static const char *const margin[] = { "o", "s" }, *const se[] = { "o_se", "s_se" };

            if (strcmp(json_string_value(json_object_get(choice, "kind")), kind) != 0)
                continue;
            n++;
            for (int f = 0; f < 2; f++) {
                double m = real_at(choice, margin[f]);

                hits[f] += m > 0;
                ties[f] += fabs(m) < 2 * real_at(choice, se[f]);
            }
        }
    if (n == 0)
        return NULL; /* no scene has a caption of this kind */
    return json_pack("{s:f, s:o, s:o, s:o, s:o}", "chance", 0.5, "i_s",
                     ds__json_interval(ds_stats_share(hits[1], n)), "i_o",
                     ds__json_interval(ds_stats_share(hits[0], n)), "i_s_undecided",
                     ds__json_interval(ds_stats_share(ties[1], n)), "i_o_undecided",
                     ds__json_interval(ds_stats_share(ties[0], n)));
}

static json_t *choices_json(const json_t *lines)
{
    json_t *all = json_object();

    for (int k = 0; k < EVAL_INFO_KINDS; k++) {
        json_t *one = choice_of(lines, ds__wrong_kinds[k]);

        if (one != NULL)
            json_object_set_new(all, ds__wrong_kinds[k], one);
    }
    return all;
}

ds_status ds__info_eval_summary(const info_eval *e, const json_t *lines, ds_error *err)
{
    ds_result *r = e->job->result;
    json_t *root = ds__result_root(r), *one = NULL, *line;
    json_int_t calls = 0;
    words w;
    size_t i;
    ds_status st = read_words(e, &w, lines, err);

    json_array_foreach (lines, i, line)
        calls += json_integer_value(json_object_get(line, "calls"));
    json_object_set_new(root, "scenes", json_integer((json_int_t)json_array_size(lines)));
    json_object_set_new(root, "calls", json_integer(calls));
    if (st == DS_OK)
        st = ds__warn_few_scenes(e->job, (int64_t)json_array_size(lines), err);
    if (st == DS_OK)
        st = localisation(e, &w, &one, err);
    if (st == DS_OK)
        st = ds__result_set(r, "localisation", one, err);
    if (st == DS_OK)
        st = ds__result_set(r, "caption_choice", choices_json(lines), err);
    if (st == DS_OK)
        st = correlations(&w, &one, err);
    if (st == DS_OK)
        st = ds__result_set(r, "mi_cmi_pearson", one, err);
    if (st == DS_OK)
        st = interventions(lines, &one, err);
    if (st == DS_OK)
        st = ds__result_set(r, "intervention_pearson", one, err);
    ds_free(w.block);
    return st;
}
