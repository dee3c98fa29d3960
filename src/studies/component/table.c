/* table.c - what edits did to pictures, from the lines alone: shares with Wilson's intervals, and paired
 * differences from the same pictures of the model as it was. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/page.h>
#include <diffuscope/stats.h>

#include "studies/component/eval.h"

/* Pictures of one kind in one row of the table. */
typedef struct tally {
    double *right, *before; /* [n]: 0 or 1, after the edit and without one */
    int64_t n, room;
} tally;

static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}

/* The line of the same concept and round under no edit. */
static const json_t *before(const json_t *lines, const json_t *of)
{
    const json_t *l;
    size_t i;

    json_array_foreach (lines, i, l)
        if (strcmp(text_at(l, "edit"), "base") == 0 &&
            strcmp(text_at(l, "concept"), text_at(of, "concept")) == 0 &&
            json_integer_value(json_object_get(l, "round")) ==
                json_integer_value(json_object_get(of, "round")))
            return l;
    return NULL;
}

static double right_at(const json_t *line, int i)
{
    return (double)json_integer_value(
        json_array_get(json_array_get(json_object_get(line, "pictures"), (size_t)i), 0));
}

/* concept_ NULL: all of them. Rounds that the unedited model lacks are left out. */
static ds_status count(tally *t, const json_t *lines, const char *concept_, const char *edit,
                       eval_kind kind, ds_error *err)
{
    const json_t *l;
    size_t i;
    int first = 0;

    for (int k = 0; k < (int)kind; k++)
        first += ds__eval_per_round[k];
    *t = (tally){ .room = (int64_t)json_array_size(lines) * EVAL_PICTURES };
    t->right = ds_calloc(2 * (size_t)t->room + 1, sizeof *t->right);
    if (t->right == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a table");
    t->before = t->right + t->room;
    json_array_foreach (lines, i, l) {
        const json_t *base = before(lines, l);

        if (base == NULL || strcmp(text_at(l, "edit"), edit) != 0 ||
            (concept_ != NULL && strcmp(text_at(l, "concept"), concept_) != 0))
            continue;
        for (int k = first; k < first + ds__eval_per_round[kind]; k++) {
            t->right[t->n] = right_at(l, k);
            t->before[t->n++] = right_at(base, k);
        }
    }
    return DS_OK;
}

static ds_status numbers(json_t **out, char *cell, size_t size, const tally *t, ds_error *err)
{
    int64_t hits = 0, lost = 0, gained = 0;
    ds_value share, by;
    ds_status st = ds_stats_difference(&by, t->right, t->before, NULL, t->n, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < t->n; i++) {
        hits += t->right[i] > 0.5;
        lost += t->before[i] > t->right[i];
        gained += t->right[i] > t->before[i];
    }
    share = ds_stats_share(hits, t->n);
    snprintf(cell, size, "%.1f [%.0f, %.0f] (%lld/%lld)", 100 * share.value, 100 * share.low,
             100 * share.high, (long long)lost, (long long)gained);
    *out = json_pack("{s:o, s:o, s:I, s:I, s:I}", "share", ds__json_interval(share), "change",
                     ds__json_interval(by), "pictures", (json_int_t)t->n, "lost", (json_int_t)lost,
                     "gained", (json_int_t)gained);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a table");
}

/* A row: one edit. cells [EVAL_KINDS + 1][64], the first the edit's name. */
static ds_status row(json_t *into, char cells[][64], const json_t *lines, const char *concept_,
                     const char *edit, ds_error *err)
{
    json_t *all = json_object();
    int64_t pictures = 0;
    ds_status st = DS_OK;

    snprintf(cells[0], 64, "%s", edit);
    for (int k = 0; st == DS_OK && k < EVAL_KINDS; k++) {
        json_t *one = NULL;
        tally t;

        st = count(&t, lines, concept_, edit, (eval_kind)k, err);
        pictures += st == DS_OK ? t.n : 0;
        if (st == DS_OK && t.n > 0)
            st = numbers(&one, cells[k + 1], 64, &t, err);
        if (one != NULL)
            json_object_set_new(all, ds__eval_kind_names[k], one);
        ds_free(t.right);
    }
    if (st == DS_OK && pictures > 0)
        json_object_set(into, edit, all);
    json_decref(all);
    return st;
}

static ds_status page_table(component_eval *e, const char *title, char cells[][64], int64_t rows,
                            ds_error *err)
{
    static const char *const head[EVAL_KINDS + 1] = { "edit", "target", "synonym", "near",
                                                      "others" };
    const char *cell[EVAL_EDITS * (EVAL_KINDS + 1)];
    const ds_table t = {
        .caption = title, .head = head, .cells = cell, .rows = rows, .columns = EVAL_KINDS + 1
    };
    ds_page *page;
    ds_status st = ds__result_page(e->job->result, &page, "Edits, judged on pictures", err);

    for (int64_t i = 0; i < rows * (EVAL_KINDS + 1); i++)
        cell[i] = cells[i];
    return st == DS_OK ? ds_page_table(page, &t, err) : st;
}

/* The table of one concept, or of all together (NULL). */
static ds_status table(component_eval *e, json_t *into, const json_t *lines, const char *concept_,
                       ds_error *err)
{
    char cells[EVAL_EDITS * (EVAL_KINDS + 1)][64];
    const char *title = concept_ != NULL ? concept_ : "all concepts";
    json_t *all = json_object();
    int64_t rows = 0;
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < EVAL_EDITS; k++) {
        char(*mine)[64] = &cells[rows * (EVAL_KINDS + 1)];
        const size_t had = json_object_size(all);

        for (int i = 0; i <= EVAL_KINDS; i++)
            mine[i][0] = '\0';
        st = row(all, mine, lines, concept_, ds__eval_edit_names[k], err);
        if (st != DS_OK || json_object_size(all) == had)
            continue;
        ds__result_say(e->job->result, "%-12s %-14s target %s, synonym %s, near %s, others %s\n",
                       title, mine[0], mine[1], mine[2], mine[3], mine[4]);
        rows++;
    }
    if (st == DS_OK && rows > 0)
        st = page_table(e, title, cells, rows, err);
    json_object_set_new(into, concept_ != NULL ? concept_ : "all", all);
    return st;
}

ds_status ds__eval_table(component_eval *e, const json_t *lines, ds_error *err)
{
    json_t *all = json_object();
    ds_status st = DS_OK;

    ds__result_say(e->job->result,
                   "right in percent [95 %% interval] (pictures lost/gained against the model "
                   "without an edit)\n");
    for (int64_t i = 0; st == DS_OK && i < e->count; i++)
        st = table(e, all, lines, e->c[i].name, err);
    if (st == DS_OK && e->count > 1)
        st = table(e, all, lines, NULL, err);
    if (st != DS_OK) {
        json_decref(all);
        return st;
    }
    return ds__result_set(e->job->result, "erase", all, err);
}
