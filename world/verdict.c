/* verdict.c - see verdict.h. */

#include "world/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "world/export.h"
#include "world/record.h"

typedef struct sight {
    char path[1400];
    int occupation;
    ds_verdict v;
    ds_status st;
    ds_error err;
} sight;

static int find_occupation(const ds_world_tables *t, const char *name)
{
    for (int i = 0; i < t->occupations; i++) {
        if (strcmp(t->occupation[i].id, name) == 0)
            return i;
        for (int k = 0; k < t->occupation[i].names; k++)
            if (strcmp(t->occupation[i].name[k], name) == 0)
                return i;
    }
    return -1;
}

static void look(sight *s, const ds_world_tables *t, const ds_judge *j)
{
    uint8_t rgb[DS_WORLD_SIDE * DS_WORLD_SIDE * 3];
    const int asked[DS_JUDGE_ASKED] = { t->objects + t->occupation[s->occupation].drawing, -1 };

    s->st = ds_world_read_png(s->path, rgb, DS_WORLD_SIDE, DS_WORLD_SIDE, &s->err);
    if (s->st == DS_OK)
        s->st = ds_judge_look(j, &s->v, rgb, 1, asked, &s->err);
}

static ds_status prepare(sight *s, const ds_world_tables *t, const ds__csv *c, const char *table,
                         int64_t occupation, int64_t picture, ds_error *err)
{
    const char *slash = strrchr(table, '/');
    const int folder = slash != NULL ? (int)(slash + 1 - table) : 0;

    for (int64_t r = 0; r < c->rows; r++) {
        const char *name = ds__csv_cell(c, r, occupation), *file = ds__csv_cell(c, r, picture);

        s[r].occupation = find_occupation(t, name);
        if (s[r].occupation < 0)
            return ds_fail(err, DS_E_NOMATCH, "%s:%lld: \"%.60s\" is no occupation of this world",
                           table, (long long)c->line[r], name);
        if (snprintf(s[r].path, sizeof s[r].path, "%.*s%s", file[0] == '/' ? 0 : folder, table,
                     file) >= (int)sizeof s[r].path)
            return ds_fail(err, DS_E_FORMAT, "%s:%lld: the path is too long", table,
                           (long long)c->line[r]);
    }
    return DS_OK;
}

static void print_row(FILE *to, const ds_world_tables *t, const sight *s, const char *key)
{
    const ds_verdict_thing *x = &s->v.thing[0];
    const bool person = x->gender >= 0;

    fputc('"', to);
    for (const char *c = key; *c != '\0'; c++) {
        if (*c == '"')
            fputc('"', to);
        fputc(*c, to);
    }
    fprintf(to, "\",%d,%d,%d,", (person ? x->gender : x->asked_gender[0]) == 0,
            x->concept[0] == t->objects + t->occupation[s->occupation].drawing, person);
    if (person)
        fprintf(to, "%d", x->skin);
    fputc('\n', to);
}

static ds_status judge_all(sight *s, const ds_world_tables *t, const ds_judge *j, const ds__csv *c,
                           int64_t key, const char *labels, ds_error *err)
{
    ds_out_text out;
    ds_status st = ds__out_text_open(&out, err);

#pragma omp parallel for schedule(dynamic) num_threads(ds_threads())
    for (int64_t r = 0; r < c->rows; r++)
        if (st == DS_OK)
            look(&s[r], t, j);
    for (int64_t r = 0; st == DS_OK && r < c->rows; r++)
        if (s[r].st != DS_OK)
            st = ds_fail(err, s[r].st, "%s", s[r].err.text);
    if (st == DS_OK)
        fprintf(out.to, "%s,woman,dressed,person,skin\n", c->heading[key]);
    for (int64_t r = 0; st == DS_OK && r < c->rows; r++)
        print_row(out.to, t, &s[r], ds__csv_cell(c, r, key));
    return ds__out_text_close(&out, labels, st, err);
}

ds_status ds_world_verdicts(const ds_world *w, const ds_judge *j, const char *table,
                            const char *labels, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(w);
    ds__csv c;
    int64_t key, picture, occupation;
    sight *s = NULL;
    ds_status st = ds__csv_read(&c, table, (size_t)1 << 28, err);

    if (st != DS_OK)
        return st;
    picture = ds__csv_column(&c, "picture");
    key = ds__csv_column(&c, "item") >= 0 ? ds__csv_column(&c, "item") : picture;
    occupation = ds__csv_column(&c, "occupation") >= 0 ? ds__csv_column(&c, "occupation")
                                                       : ds__csv_column(&c, "condition");
    if (picture < 0 || occupation < 0)
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: expected the columns \"picture\" and \"occupation\" or \"condition\"",
                     table);
    s = st == DS_OK ? ds_calloc((size_t)c.rows + 1, sizeof *s) : NULL;
    if (st == DS_OK && s == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%lld pictures", (long long)c.rows);
    if (st == DS_OK)
        st = prepare(s, t, &c, table, occupation, picture, err);
    if (st == DS_OK)
        st = judge_all(s, t, j, &c, key, labels, err);
    ds_free(s);
    ds__csv_clear(&c);
    return st;
}
