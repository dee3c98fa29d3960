/* eval_summary.c - what all scenes say together: means with intervals, held-out thresholds,
 * differences on the same words. Only pairs.jsonl goes in, so a resumed run says the same as one
 * that was not interrupted. */

#include "eval_daam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static json_t *number(double v)
{
    return isfinite(v) ? json_real(round(v * 1e6) / 1e6) : json_null();
}

static json_t *estimate_json(const ds_value *e)
{
    json_t *o = json_object();

    json_object_set_new(o, "value", number(e->value));
    json_object_set_new(o, "low", number(e->low));
    json_object_set_new(o, "high", number(e->high));
    json_object_set_new(o, "count", json_integer(e->count));
    return o;
}

static bool column_room(column *c, int64_t rows, int64_t scenes)
{
    c->iou = calloc((size_t)(rows * EVAL_TAUS + 1), sizeof *c->iou);
    c->scene = calloc((size_t)rows + 1, sizeof *c->scene);
    c->fixed = calloc((size_t)rows + 1, sizeof *c->fixed);
    c->held_out = calloc((size_t)rows + 1, sizeof *c->held_out);
    c->labelled = calloc((size_t)scenes + 1, sizeof *c->labelled);
    c->best = calloc((size_t)scenes + 1, sizeof *c->best);
    c->hungarian = calloc((size_t)scenes + 1, sizeof *c->hungarian);
    return c->iou && c->scene && c->fixed && c->held_out && c->labelled && c->best && c->hungarian;
}

static void column_free(column *c)
{
    free(c->iou);
    free(c->scene);
    free(c->fixed);
    free(c->held_out);
    free(c->labelled);
    free(c->best);
    free(c->hungarian);
}

static void add_word(column *c, int64_t scene, const json_t *row)
{
    const json_t *iou = json_object_get(row, "iou");

    c->scene[c->rows] = scene;
    c->fixed[c->rows] = json_number_value(json_object_get(row, "fixed"));
    for (int k = 0; k < EVAL_TAUS; k++)
        c->iou[c->rows * EVAL_TAUS + k] = (float)json_number_value(json_array_get(iou, (size_t)k));
    c->peaks += json_is_true(json_object_get(row, "peak"));
    if (json_object_get(row, "mass_other") != NULL) {
        c->pairs++;
        c->denser += json_is_true(json_object_get(row, "denser"));
        c->on_own += json_number_value(json_object_get(row, "mass")) >
                     json_number_value(json_object_get(row, "mass_other"));
    }
    c->rows++;
}

static void add_match(column *c, const json_t *m)
{
    if (json_object_get(m, "hungarian") == NULL)
        return;
    c->labelled[c->matches] = json_number_value(json_object_get(m, "labelled"));
    c->best[c->matches] = json_number_value(json_object_get(m, "best"));
    c->hungarian[c->matches] = json_number_value(json_object_get(m, "hungarian"));
    c->matches++;
}

/* DS_E_FORMAT where a line lacks the setting: it was made with others. */
static ds_status gather(column *c, const json_t *lines, const char *name, ds_error *err)
{
    int64_t rows = 0;
    size_t i, k;
    json_t *line, *word;

    *c = (column){ .rows = 0 };
    json_array_foreach (lines, i, line)
        rows += (int64_t)json_array_size(json_object_get(line, "words"));
    if (!column_room(c, rows, (int64_t)json_array_size(lines)))
        return ds_fail(err, DS_E_NOMEM, "%lld words", (long long)rows);
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

static ds_status put_mean(json_t *o, const char *name, const double *x, const int64_t *unit,
                          int64_t n, ds_error *err)
{
    ds_value e;
    ds_status st = ds_stats_mean(&e, x, unit, n, err);

    if (st == DS_OK)
        json_object_set_new(o, name, estimate_json(&e));
    return st;
}

static void put_share(json_t *o, const char *name, int64_t hits, int64_t n)
{
    ds_value e = ds_stats_share(hits, n);

    if (n > 0)
        json_object_set_new(o, name, estimate_json(&e));
}

/* Mean IoU by threshold. */
static json_t *curve(const eval *e, const column *c)
{
    json_t *list = json_array();

    for (int k = 0; k < EVAL_TAUS; k++) {
        double sum = 0.0;

        for (int64_t r = 0; r < c->rows; r++)
            sum += c->iou[r * EVAL_TAUS + k];
        json_array_append_new(
            list, json_pack("[o, o]", number(e->tau[k]), number(sum / (double)c->rows)));
    }
    return list;
}

static ds_status summarise(const eval *e, const eval_setting *x, column *c, json_t *o,
                           ds_error *err)
{
    ds_sweep s;
    json_t *held_out;
    ds_status st =
        ds_sweep_summarise(&s, c->iou, c->scene, c->rows, e->tau, EVAL_TAUS, c->held_out, err);

    if (st != DS_OK)
        return st;
    st = put_mean(o, "miou_fixed", c->fixed, c->scene, c->rows, err);
    held_out = estimate_json(&s.held_out);
    json_object_set_new(held_out, "thresholds",
                        json_pack("[o, o]", number(s.held_out_tau[0]), number(s.held_out_tau[1])));
    json_object_set_new(o, "miou_held_out", held_out);
    json_object_set_new(o, "miou_tuned", estimate_json(&s.tuned));
    json_object_set_new(json_object_get(o, "miou_tuned"), "threshold", number(s.tuned_tau));
    if (x->source == EVAL_WHOLE)
        return st;
    json_object_set_new(o, "curve", curve(e, c));
    put_share(o, "peak_inside", c->peaks, c->rows);
    put_share(o, "mass_on_right_object", c->on_own, c->pairs);
    put_share(o, "denser_on_right_object", c->denser, c->pairs);
    if (st == DS_OK && c->matches > 0)
        st = put_mean(o, "scene_labelled", c->labelled, NULL, c->matches, err);
    if (st == DS_OK && c->matches > 0)
        st = put_mean(o, "scene_best", c->best, NULL, c->matches, err);
    if (st == DS_OK && c->matches > 0)
        st = put_mean(o, "scene_hungarian", c->hungarian, NULL, c->matches, err);
    return st;
}

/* Each setting against each other one that stands before it, at held-out thresholds. */
static ds_status differences(const eval *e, const column *c, json_t *out, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < e->settings; i++)
        for (int j = 0; st == DS_OK && j < i; j++) {
            char name[80];
            ds_value d;

            st = ds_stats_difference(&d, c[i].held_out, c[j].held_out, c[i].scene, c[i].rows, err);
            snprintf(name, sizeof name, "%s - %s", e->setting[i].name, e->setting[j].name);
            if (st == DS_OK)
                json_object_set_new(out, name, estimate_json(&d));
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

/* The table of --syntax over all lines; nothing without it. */
static ds_status add_syntax(const eval *e, const json_t *lines, json_t *o, ds_error *err)
{
    json_t *parsed = json_array(), *line;
    char *list, *table = NULL;
    size_t i;
    ds_status st = DS_OK;

    json_array_foreach (lines, i, line)
        if (json_object_get(line, "syntax") != NULL)
            json_array_append(parsed, json_object_get(line, "syntax"));
    list = e->parser != NULL ? json_dumps(parsed, 0) : NULL;
    if (list != NULL)
        st = ds_daam_overlap_table(&table, list, err);
    if (table != NULL)
        json_object_set_new(o, "syntax", json_loads(table, 0, NULL));
    free(list);
    ds_free(table);
    json_decref(parsed);
    return st;
}

ds_status eval_summary(const eval *e, const json_t *lines, json_t **result, ds_error *err)
{
    column *c = calloc(EVAL_SETTINGS, sizeof *c);
    json_t *o = json_object(), *settings = json_object(), *apart = json_object();
    ds_status st = DS_OK;

    *result = NULL;
    json_object_set_new(o, "counts", count_lines(lines));
    json_object_set_new(o, "unit", json_string("intersection over union, 0 to 1"));
    json_object_set_new(o, "intervals",
                        json_string("95 %: means by bootstrap over scenes, shares by Wilson"));
    json_object_set_new(o, "threshold", json_string(ds_threshold_name(e->mode)));
    json_object_set_new(o, "fixed_threshold", number(e->fixed));
    json_object_set_new(o, "settings", settings);
    json_object_set_new(o, "differences_held_out", apart);
    if (c == NULL)
        st = ds_fail(err, DS_E_NOMEM, "a summary");
    for (int i = 0; st == DS_OK && i < e->settings; i++) {
        json_t *one = json_object();

        st = gather(&c[i], lines, e->setting[i].name, err);
        if (st == DS_OK)
            st = summarise(e, &e->setting[i], &c[i], one, err);
        json_object_set_new(settings, e->setting[i].name, one);
    }
    if (st == DS_OK)
        st = differences(e, c, apart, err);
    if (st == DS_OK)
        st = add_syntax(e, lines, o, err);
    for (int i = 0; c != NULL && i < e->settings; i++)
        column_free(&c[i]);
    free(c);
    if (st != DS_OK) {
        json_decref(o);
        return st;
    }
    *result = o;
    return DS_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* "64.8 [63.1, 66.4]", in percent. */
static const char *percent(char *buf, size_t size, const json_t *e)
{
    const json_t *value = json_object_get(e, "value");

    if (!json_is_number(value))
        snprintf(buf, size, "-");
    else
        snprintf(buf, size, "%.1f [%.1f, %.1f]", 100.0 * json_number_value(value),
                 100.0 * json_number_value(json_object_get(e, "low")),
                 100.0 * json_number_value(json_object_get(e, "high")));
    return buf;
}

void eval_print(FILE *to, const json_t *result)
{
    const json_t *counts = json_object_get(result, "counts"), *why, *n;
    const char *name;
    json_t *s;
    char a[40], b[40], c[40], d[40];

    fprintf(to, "%lld scenes, %lld words",
            (long long)json_integer_value(json_object_get(counts, "scenes")),
            (long long)json_integer_value(json_object_get(counts, "words")));
    why = json_object_get(counts, "rejected");
    json_object_foreach ((json_t *)why, name, n)
        fprintf(to, "; left out: %lld, %s", (long long)json_integer_value(n), name);
    fprintf(to, "\nmean IoU in percent with 95 %% intervals; threshold %s, fixed at %g\n\n",
            json_string_value(json_object_get(result, "threshold")),
            json_number_value(json_object_get(result, "fixed_threshold")));
    fprintf(to, "%-16s %-20s %-20s %-20s %s\n", "setting", "fixed", "held-out", "peak inside",
            "mass on right object");
    json_object_foreach (json_object_get(result, "settings"), name, s)
        fprintf(to, "%-16s %-20s %-20s %-20s %s\n", name,
                percent(a, sizeof a, json_object_get(s, "miou_fixed")),
                percent(b, sizeof b, json_object_get(s, "miou_held_out")),
                percent(c, sizeof c, json_object_get(s, "peak_inside")),
                percent(d, sizeof d, json_object_get(s, "mass_on_right_object")));
    if (json_object_get(result, "syntax") != NULL) {
        char *table = json_dumps(json_object_get(result, "syntax"), 0), *text = NULL;

        if (table != NULL && ds_daam_overlap_text(&text, table, NULL) == DS_OK)
            fprintf(to, "\n%s", text);
        free(table);
        ds_free(text);
    }
}
