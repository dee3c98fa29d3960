/* read.c - tables from files. A CSV has a row per item: its key, prompt, seed, condition, picture, numbers. */

#include "studies/answer/answer.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strings.h>

#include "base/csv.h"

#define MOST_BYTES ((size_t)1 << 30)

/* A number with nothing behind it; an empty cell, "nan", "true", "false" too. */
static bool is_number(double *out, const char *text)
{
    char *end;

    *out = NAN;
    if (text[0] == '\0' || strcasecmp(text, "nan") == 0 || strcasecmp(text, "null") == 0)
        return true;
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0) {
        *out = tolower((unsigned char)text[0]) == 't';
        return true;
    }
    *out = strtod(text, &end);
    return *end == '\0' && end != text && isfinite(*out);
}

static ds_status need(int64_t *column, const ds__csv *c, const char *name, const char *path,
                      ds_error *err)
{
    *column = ds__csv_column(c, name);
    return *column >= 0
               ? DS_OK
               : ds_fail(err, DS_E_FORMAT,
                         "%s: expected a column \"%.60s\", found none of that name", path, name);
}

/* The first of some columns that is there; -1: none. */
static int64_t first_of(const ds__csv *c, const char *const *names)
{
    int64_t found = -1;

    for (int i = 0; found < 0 && names[i] != NULL; i++)
        found = ds__csv_column(c, names[i]);
    return found;
}

/* Numbers in all columns that hold nothing else, except those in `other`. */
static ds_status take_numbers(answer_table *t, const ds__csv *c, const int64_t *row,
                              const bool *other, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t k = 0; k < c->columns; k++) {
        bool numbers = !other[k], any = false;
        double x;

        for (int64_t r = 0; numbers && r < c->rows; r++) {
            numbers = is_number(&x, ds__csv_cell(c, r, k));
            any = any || !isnan(x);
        }
        for (int64_t r = 0; numbers && any && st == DS_OK && r < c->rows; r++) {
            is_number(&x, ds__csv_cell(c, r, k));
            if (row[r] >= 0)
                st = ds__table_set(t, row[r], c->heading[k], x, err);
        }
    }
    return st;
}

/* ---- items ------------------------------------------------------------------------------------- */

typedef struct columns {
    int64_t item, picture, part[ANSWER_PARTS];
} columns;

static ds_status find_columns(columns *at, const ds__csv *c, const read_options *o,
                              const char *path, ds_error *err)
{
    static const char *const conditions[] = { "condition", "model", "prompt", NULL };
    static const char *const units[] = { "template", "prompt", NULL };
    ds_status st = need(&at->part[ANSWER_SEED], c, "seed", path, err);

    at->item = ds__csv_column(c, "item");
    at->picture = ds__csv_column(c, "picture");
    at->part[ANSWER_CONDITION] = first_of(c, conditions);
    at->part[ANSWER_PROMPT] = first_of(c, units);
    if (st == DS_OK && o->by != NULL)
        st = need(&at->part[ANSWER_CONDITION], c, o->by, path, err);
    if (st == DS_OK && o->unit != NULL)
        st = need(&at->part[ANSWER_PROMPT], c, o->unit, path, err);
    if (st == DS_OK && (at->part[ANSWER_CONDITION] < 0 || at->part[ANSWER_PROMPT] < 0))
        st = ds_fail(err, DS_E_FORMAT, "%s: expected a column \"prompt\", found none", path);
    return st;
}

static ds_status add_row(answer_table *t, const ds__csv *c, const columns *at, int64_t r,
                         const char *path, ds_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *file = at->picture >= 0 ? ds__csv_cell(c, r, at->picture) : "";
    const char *part[ANSWER_PARTS];
    char key[32], where[4200];

    for (int k = 0; k < ANSWER_PARTS; k++)
        part[k] = ds__csv_cell(c, r, at->part[k]);
    snprintf(key, sizeof key, "%lld", (long long)t->rows);
    if (snprintf(where, sizeof where, "%.*s%s",
                 file[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - path), path,
                 file) >= (int)sizeof where)
        return ds_fail(err, DS_E_FORMAT, "%s:%lld: the name of the picture is too long", path,
                       (long long)c->line[r]);
    return ds__table_add(t, part,
                         at->item >= 0     ? ds__csv_cell(c, r, at->item)
                         : file[0] != '\0' ? file
                                           : key,
                         file[0] != '\0' ? where : NULL, err);
}

static ds_status take_rows(answer_table *t, const ds__csv *c, const columns *at, const char *path,
                           ds_error *err)
{
    int64_t *row = ds_calloc((size_t)c->rows + 1, sizeof *row);
    bool *other = ds_calloc((size_t)c->columns + 1, sizeof *other);
    ds_status st =
        row != NULL && other != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a table");

    for (int64_t r = 0; st == DS_OK && r < c->rows; r++) {
        row[r] = t->rows;
        st = add_row(t, c, at, r, path, err);
    }
    for (int64_t k = 0; st == DS_OK && k < c->columns; k++)
        other[k] = k == at->item || k == at->picture || k == at->part[0] || k == at->part[1] ||
                   k == at->part[2] || strcmp(c->heading[k], "prompt") == 0;
    if (st == DS_OK)
        st = take_numbers(t, c, row, other, err);
    ds_free(row);
    ds_free(other);
    return st;
}

/* The options' own text outlives the file. */
static const char *name_of(const char *heading)
{
    static const char *const known[] = { "condition", "model", "prompt" };

    for (size_t i = 0; i < DS_COUNT(known); i++)
        if (strcmp(heading, known[i]) == 0)
            return known[i];
    return "condition";
}

ds_status ds__table_read(answer_table *t, const char **by, const char *path, const read_options *o,
                         ds_error *err)
{
    ds__csv c;
    columns at;
    ds_status st = ds__csv_read(&c, path, MOST_BYTES, err);

    if (st == DS_OK)
        st = find_columns(&at, &c, o, path, err);
    if (st == DS_OK)
        st = take_rows(t, &c, &at, path, err);
    if (st == DS_OK)
        *by = o->by != NULL ? o->by : name_of(c.heading[at.part[ANSWER_CONDITION]]);
    ds__csv_clear(&c);
    return st;
}

/* ---- labels ------------------------------------------------------------------------------------ */

ds_status ds__table_label(answer_table *t, const char *path, ds_error *err)
{
    static const char *const keys[] = { "item", "picture", NULL };
    ds__csv c;
    ds_status st = ds__csv_read(&c, path, MOST_BYTES, err);
    int64_t *row = NULL, key = st == DS_OK ? first_of(&c, keys) : -1;
    bool *other = NULL;

    if (st == DS_OK && key < 0)
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: expected a column \"item\" or \"picture\" that names the items", path);
    if (st == DS_OK) {
        row = ds_calloc((size_t)c.rows + 1, sizeof *row);
        other = ds_calloc((size_t)c.columns + 1, sizeof *other);
        if (row == NULL || other == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for labels");
    }
    for (int64_t r = 0; st == DS_OK && r < c.rows; r++) {
        const char *name = ds__csv_cell(&c, r, key);

        row[r] = ds__table_find(t, name);
        if (row[r] < 0)
            st = ds_fail(err, DS_E_NOMATCH, "%s:%lld: no item is called \"%.80s\"", path,
                         (long long)c.line[r], name);
    }
    for (int64_t k = 0; st == DS_OK && k < c.columns; k++)
        other[k] =
            k == key || strcmp(c.heading[k], "item") == 0 || strcmp(c.heading[k], "picture") == 0;
    if (st == DS_OK)
        st = take_numbers(t, &c, row, other, err);
    ds_free(row);
    ds_free(other);
    ds__csv_clear(&c);
    return st;
}
