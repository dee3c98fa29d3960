/* page.c - the answer for people: what was found, the figures, the tables, the pictures, the card. */

#include "studies/answer/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "base/arena.h"
#include "report/definitions.h"
#include "report/gallery.h"

enum { MOST_BARS = 80, MOST_PAIRS = 400, MOST_THUMBS = 4000, OPEN_GROUPS = 1 };

static const char *name_of(const answer_statistics *s, int64_t condition)
{
    return s->table->part[ANSWER_CONDITION].name[condition];
}

static const char *measure_of(const answer_statistics *s)
{
    return s->table->measure[s->measure].name;
}

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a page");
}

/* ---- order ------------------------------------------------------------------------------------- */

typedef struct placed {
    double value;
    int64_t condition;
} placed;

/* The largest first; without a value last. */
static int by_falling(const void *a, const void *b)
{
    const placed *x = a, *y = b;

    if (isnan(x->value) != isnan(y->value))
        return isnan(x->value) ? 1 : -1;
    if (x->value < y->value || x->value > y->value)
        return x->value > y->value ? -1 : 1;
    return (x->condition > y->condition) - (x->condition < y->condition);
}

static placed *in_order(ds_arena *a, const answer_statistics *s)
{
    placed *p = ds__arena_alloc(a, (size_t)s->conditions * sizeof *p + 1);

    for (int64_t k = 0; p != NULL && k < s->conditions; k++)
        p[k] = (placed){ s->condition[k].mean.value.value, k };
    if (p != NULL)
        qsort(p, (size_t)s->conditions, sizeof *p, by_falling);
    return p;
}

/* ---- figures ----------------------------------------------------------------------------------- */

/* Bars from left to right, the largest first; known numbers as points. */
static ds_status add_chart(ds_job *j, ds_page *p, ds_arena *a, const answer_statistics *s,
                           const placed *order, const char *file, ds_error *err)
{
    const int64_t n = s->conditions < MOST_BARS ? s->conditions : MOST_BARS;
    double *y = ds__arena_alloc(a, 4 * (size_t)n * sizeof *y + 1), *low = y + n, *high = y + 2 * n;
    const char **names = ds__arena_alloc(a, (size_t)n * sizeof *names + 1);
    const ds_series bars = { NULL, DS_SERIES_BARS, n, NULL, y, low, high };
    ds_chart chart = DS_CHART_INIT;
    char *svg = NULL;
    int64_t shown = 0;
    ds_series series = bars;
    ds_status st;

    if (y == NULL || names == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < n; i++) {
        const ds_value v = s->condition[order[i].condition].mean.value;

        if (isnan(v.value))
            break;
        names[i] = name_of(s, order[i].condition);
        y[i] = v.value;
        low[i] = isnan(v.low) ? v.value : v.low;
        high[i] = isnan(v.high) ? v.value : v.high;
        shown++;
    }
    if (shown == 0)
        return DS_OK;
    series.count = shown;
    chart.x.names = names;
    chart.y.label = measure_of(s);
    chart.series = &series;
    chart.count = 1;
    chart.sideways = true;
    chart.height = fmax(160, 90 + 22 * (double)shown);
    st = ds_chart_svg(&svg, &chart, err);
    if (st == DS_OK)
        st = ds_page_chart(p, svg,
                           s->conditions > MOST_BARS
                               ? "Means with their intervals; the largest 80, table.csv has all"
                               : "Means with their intervals",
                           err);
    if (st == DS_OK)
        return ds__result_file(j->result, file, svg, strlen(svg), err);
    ds_free(svg);
    return st;
}

/* ---- tables ------------------------------------------------------------------------------------ */

static const char *interval_of(ds_arena *a, ds_value v)
{
    if (isnan(v.value))
        return "";
    return isnan(v.low) ? ds__arena_printf(a, "%.3g", v.value)
                        : ds__arena_printf(a, "%.3g [%.3g, %.3g]", v.value, v.low, v.high);
}

static ds_status add_conditions(ds_page *p, ds_arena *a, const answer_statistics *s,
                                const placed *order, const char *what, ds_error *err)
{
    enum { COLUMNS = 7 };
    const char *head[COLUMNS] = { what, "mean", "items", "prompts", "seeds", "place", "known" };
    const char **cell = ds__arena_alloc(a, (size_t)s->conditions * COLUMNS * sizeof *cell + 1);
    const ds_table t = { "Conditions, the largest first; a place is what the differences that were "
                         "found leave open",
                         head, cell, s->conditions < 2000 ? s->conditions : 2000,
                         s->known > 0 ? COLUMNS : COLUMNS - 1 };

    if (cell == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < t.rows; i++) {
        const answer_condition *c = &s->condition[order[i].condition];
        const char **to = cell + i * t.columns;

        to[0] = name_of(s, order[i].condition);
        to[1] = interval_of(a, c->mean.value);
        to[2] = ds__arena_printf(a, "%lld", (long long)c->mean.value.count);
        to[3] = ds__arena_printf(a, "%lld", (long long)c->prompts);
        to[4] = ds__arena_printf(a, "%lld", (long long)c->seeds);
        to[5] = c->rank_low == 0 ? ""
                : c->rank_low == c->rank_high
                    ? ds__arena_printf(a, "%lld", (long long)c->rank_low)
                    : ds__arena_printf(a, "%lld to %lld", (long long)c->rank_low,
                                       (long long)c->rank_high);
        if (t.columns == COLUMNS)
            to[6] = isnan(c->truth) ? "" : ds__arena_printf(a, "%.3g", c->truth);
    }
    return ds_page_table(p, &t, err);
}

static int by_p(const void *a, const void *b)
{
    const answer_pair *x = *(const answer_pair *const *)a, *y = *(const answer_pair *const *)b;
    const double p = isnan(x->p) ? 2.0 : x->p, q = isnan(y->p) ? 2.0 : y->p;

    if (p < q || p > q)
        return p < q ? -1 : 1;
    return (x > y) - (x < y);
}

static ds_status add_pairs(ds_page *p, ds_arena *a, const answer_statistics *s, ds_error *err)
{
    enum { COLUMNS = 6 };
    static const char *const head[COLUMNS] = { "first", "second",       "first less second",
                                               "p",     "p, corrected", "found" };
    const int64_t n = s->pairs < MOST_PAIRS ? s->pairs : MOST_PAIRS;
    const answer_pair **sorted = ds__arena_alloc(a, (size_t)s->pairs * sizeof *sorted + 1);
    const char **cell = ds__arena_alloc(a, (size_t)n * COLUMNS * sizeof *cell + 1);
    const ds_table t = { n < s->pairs ? "The clearest 400 differences; result.json has all"
                                      : "Differences, the clearest first",
                         head, cell, n, COLUMNS };

    if (s->pairs == 0)
        return DS_OK;
    if (sorted == NULL || cell == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < s->pairs; i++)
        sorted[i] = &s->pair[i];
    qsort(sorted, (size_t)s->pairs, sizeof *sorted, by_p);
    for (int64_t i = 0; i < n; i++) {
        const char **to = cell + i * COLUMNS;

        to[0] = name_of(s, sorted[i]->a);
        to[1] = name_of(s, sorted[i]->b);
        to[2] = interval_of(a, sorted[i]->mean.value);
        to[3] = isnan(sorted[i]->p) ? "" : ds__arena_printf(a, "%.2g", sorted[i]->p);
        to[4] =
            isnan(sorted[i]->corrected) ? "" : ds__arena_printf(a, "%.2g", sorted[i]->corrected);
        to[5] = sorted[i]->corrected < ANSWER_LEVEL ? "yes" : "no";
    }
    return ds_page_table(p, &t, err);
}

/* ---- one measure ------------------------------------------------------------------------------- */

static ds_status add_texts(ds_page *p, const answer_statistics *s, ds_error *err)
{
    char text[600];
    ds_status st;

    ds__answer_few(text, s);
    st = text[0] != '\0' ? ds_page_text(p, text, err) : DS_OK;
    ds__answer_intervals(text, s);
    if (st == DS_OK)
        st = ds_page_text(p, text, err);
    ds__answer_power(text, s);
    if (st == DS_OK)
        st = ds_page_text(p, text, err);
    if (st != DS_OK || s->pairs == 0)
        return st;
    snprintf(text, sizeof text, "Of %lld comparisons, %s, %lld are found. Correction: %s.",
             (long long)s->tested,
             s->paired == ANSWER_BY_PROMPT ? "paired by prompt and seed"
             : s->paired == ANSWER_BY_SEED ? "paired by seed"
                                           : "without pairs, since they share no seeds",
             (long long)s->found, ds__correction_words((ds_correction)s->options->correction));
    return ds_page_text(p, text, err);
}

static ds_status add_truth(ds_page *p, const answer_statistics *s, ds_error *err)
{
    char text[400];

    if (s->known == 0)
        return DS_OK;
    ds__answer_known(text, s);
    return ds_page_text(p, text, err);
}

static ds_status add_measure(ds_job *j, ds_page *p, const answer_statistics *s, int64_t number,
                             const char *what, ds_error *err)
{
    ds_arena a = { 0 };
    const placed *order = in_order(&a, s);
    char file[32];
    ds_status st = order != NULL ? ds_page_section(p, measure_of(s), err) : no_memory(err);

    snprintf(file, sizeof file, "means-%lld.svg", (long long)number);
    if (st == DS_OK)
        st = add_texts(p, s, err);
    if (st == DS_OK)
        st = add_truth(p, s, err);
    if (st == DS_OK)
        st = add_chart(j, p, &a, s, order, file, err);
    if (st == DS_OK)
        st = add_conditions(p, &a, s, order, what, err);
    if (st == DS_OK)
        st = add_pairs(p, &a, s, err);
    ds__arena_free(&a);
    return st;
}

/* ---- pictures ---------------------------------------------------------------------------------- */

/* Rows with a picture, by their group (a condition; side by side, a prompt), then in the order of the table;
 * side by side by seed before. */
typedef struct shown {
    int64_t group, seed, row;
} shown;

static int by_group(const void *a, const void *b)
{
    const shown *x = a, *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->seed != y->seed)
        return x->seed < y->seed ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static ds_status add_thumb(ds_page *p, const answer_table *t, const answer_statistics *s,
                           bool beside, int64_t row, ds_error *err)
{
    const answer_measure *m = s != NULL ? &t->measure[s->measure] : NULL;
    const double value = m != NULL && row < m->room ? m->value[row] : NAN;
    const char *seed = t->part[ANSWER_SEED].name[t->part[ANSWER_SEED].of[row]];
    const char *prompt = t->part[ANSWER_PROMPT].name[t->part[ANSWER_PROMPT].of[row]];
    const char *run = t->part[ANSWER_CONDITION].name[t->part[ANSWER_CONDITION].of[row]];
    char caption[160], alt[400], which[64] = "";
    ds_image image = { 0 };
    ds_status st = ds_image_load(&image, t->picture[row], err);

    if (beside)
        snprintf(which, sizeof which, "%.50s, ", run);
    if (isnan(value))
        snprintf(caption, sizeof caption, "%sseed %.40s", which, seed);
    else
        snprintf(caption, sizeof caption, "%sseed %.40s: %.3g", which, seed, value);
    snprintf(alt, sizeof alt, "%s%.280s, seed %.40s", which, prompt, seed);
    if (st == DS_OK)
        st = ds__gallery_add(p, &image, alt, caption, value == 1.0, err);
    ds_image_clear(&image);
    return st;
}

/* The line of a group: a condition with its mean, or a prompt. */
static void line_of(char out[300], const char *name, double mean, int64_t n, int64_t step)
{
    char value[48] = "", some[64] = "";

    if (!isnan(mean))
        snprintf(value, sizeof value, ", mean %.3g", mean);
    if (step > 1)
        snprintf(some, sizeof some, ", of which one in %lld is shown", (long long)step);
    snprintf(out, 300, "%.120s: %lld pictures%s%s", name, (long long)n, some, value);
}

/* Every `step`-th place of a group: a picture, or side by side those of one seed. */
static ds_status add_group(ds_job *j, ds_page *p, const answer_table *t, const answer_statistics *s,
                           const shown *of, int64_t n, int64_t step, bool beside, bool open,
                           ds_error *err)
{
    const char *name = t->part[beside ? ANSWER_PROMPT : ANSWER_CONDITION].name[of[0].group];
    const double mean = s != NULL && !beside ? s->condition[of[0].group].mean.value.value : NAN;
    char line[300];
    int64_t place = -1;
    ds_status st;

    line_of(line, name, mean, n, step);
    st = ds__gallery_open(p, line, open, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        const bool first = !beside || i == 0 || of[i].seed != of[i - 1].seed;
        const bool last = !beside || i + 1 == n || of[i].seed != of[i + 1].seed;

        place += first;
        if (place % step != 0)
            continue;
        if (beside && first)
            st = ds__gallery_place(p, true, err);
        if (st == DS_OK)
            st = add_thumb(p, t, s, beside, of[i].row, err);
        if (st == DS_OK && beside && last)
            st = ds__gallery_place(p, false, err);
        if (st == DS_OK && i % 256 == 0)
            st = ds__job_progress(j, name, i, n, err);
    }
    return st == DS_OK ? ds__gallery_close(p, err) : st;
}

static ds_status add_gallery(ds_job *j, ds_page *p, const answer_table *t,
                             const answer_statistics *s, bool beside, ds_error *err)
{
    const int64_t *group = t->part[beside ? ANSWER_PROMPT : ANSWER_CONDITION].of;
    shown *of = ds_calloc((size_t)t->rows + 1, sizeof *of);
    int64_t n = 0, step, groups = 0;
    ds_status st = of != NULL ? DS_OK : no_memory(err);

    for (int64_t r = 0; st == DS_OK && r < t->rows; r++)
        if (t->picture[r] != NULL)
            of[n++] = (shown){ group[r], beside ? t->part[ANSWER_SEED].of[r] : 0, r };
    step = (n + MOST_THUMBS - 1) / MOST_THUMBS;
    if (n > 0) {
        qsort(of, (size_t)n, sizeof *of, by_group);
        st = ds_page_section(p, "Pictures", err);
    }
    if (st == DS_OK && n > 0)
        st = ds_page_text(p,
                          step > 1 ? "Evenly chosen, in the order of the table; no choice by hand."
                                   : "All of them, in the order of the table.",
                          err);
    if (st == DS_OK && n > 0 && s != NULL)
        st = ds_page_text(p, "A line below marks those whose first measure is 1.", err);
    for (int64_t i = 0, end; st == DS_OK && i < n; i = end) {
        for (end = i; end < n && of[end].group == of[i].group; end++)
            ;
        st = add_group(j, p, t, s, of + i, end - i, step, beside, groups++ < OPEN_GROUPS, err);
    }
    ds_free(of);
    return st;
}

/* ---- the card ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *card, const char *name)
{
    const char *text = json_string_value(json_object_get(card, name));

    return text != NULL && strcmp(text, "not stated") != 0 ? text : NULL;
}

static ds_status add_card(ds_page *p, const json_t *card, ds_error *err)
{
    const json_t *n = json_object_get(card, "numbers");
    char numbers[200], *from = json_dumps(json_object_get(card, "provenance"), JSON_INDENT(2));
    const ds_definition list[] = {
        { "Purpose", text_of(card, "purpose") }, { "Population", text_of(card, "population") },
        { "Metric", text_of(card, "metric") },   { "Harm that is supposed", text_of(card, "harm") },
        { "Limits", text_of(card, "limits") },   { "Numbers", numbers },
    };
    ds_status st = from != NULL ? ds_page_section(p, "Audit card", err) : no_memory(err);

    snprintf(numbers, sizeof numbers,
             "%lld items: %lld conditions (%.60s), %lld prompts, %lld seeds",
             (long long)json_integer_value(json_object_get(n, "items")),
             (long long)json_integer_value(json_object_get(n, "conditions")),
             json_string_value(json_object_get(card, "condition")),
             (long long)json_integer_value(json_object_get(n, "prompts")),
             (long long)json_integer_value(json_object_get(n, "seeds")));
    if (st == DS_OK)
        st = ds__page_definitions(p, list, DS_COUNT(list), err);
    if (st == DS_OK)
        st = ds_page_record(p, "Provenance", from, err);
    free(from);
    return st;
}

static bool is_stated(const json_t *card)
{
    return text_of(card, "purpose") != NULL || text_of(card, "population") != NULL ||
           text_of(card, "metric") != NULL || text_of(card, "harm") != NULL ||
           text_of(card, "limits") != NULL;
}

ds_status ds__answer_page(ds_job *j, const answer_table *t, const answer_statistics *s, int64_t n,
                          const json_t *card, const answer_source *from, ds_error *err)
{
    const char *purpose = text_of(card, "purpose");
    ds_page *p = NULL;
    ds_status st = ds__result_page(j->result, &p, purpose != NULL ? purpose : "Answer", err);

    if (st == DS_OK && (!from->side_by_side || is_stated(card)))
        st = add_card(p, card, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        st = add_measure(j, p, &s[i], i, from->what, err);
    return st == DS_OK ? add_gallery(j, p, t, n > 0 ? &s[0] : NULL, from->side_by_side, err) : st;
}
