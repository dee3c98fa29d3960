/* option.c - sets of options: rows of several tables, their values, the structs that they fill.
 * Parsing of texts is in option_parse.c. */

#include "job/option.h"

#include <string.h>

ds_status ds_option_set_new(ds_option_set **out, bool dashes, ds_error *err)
{
    *out = ds_calloc(1, sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: no memory for a set");
    (*out)->dashes = dashes;
    return DS_OK;
}

void ds_option_set_free(ds_option_set *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->count; i++)
        ds_free(s->entry[i].list);
    ds_free(s->entry);
    ds__arena_free(&s->arena);
    ds_free(s);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static ds_status grow(ds_option_set *s, ds_error *err)
{
    int room = s->room > 0 ? 2 * s->room : 64;
    option_entry *more;

    if (s->count < s->room)
        return DS_OK;
    more = ds_calloc((size_t)room, sizeof *more);
    if (more == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: no memory for %d of them", room);
    if (s->count > 0)
        memcpy(more, s->entry, (size_t)s->count * sizeof *more);
    ds_free(s->entry);
    s->entry = more;
    s->room = room;
    return DS_OK;
}

static ds_status add_row(ds_option_set *s, const ds_option *row, char *fields, ds_error *err)
{
    option_entry *e;

    if (ds_option_find(s, row->name) >= 0)
        return ds_fail(err, DS_E_INTERNAL, "two tables have an option %s", row->name);
    if (grow(s, err) != DS_OK)
        return DS_E_NOMEM;
    e = &s->entry[s->count];
    *e = (option_entry){ .row = row, .field = fields != NULL ? fields + row->offset : NULL };
    e->shown =
        ds__arena_printf(&s->arena, "%s%s", s->dashes && !row->positional ? "--" : "", row->name);
    if (e->shown == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: no memory for a name");
    s->count++;
    return DS_OK;
}

ds_status ds_option_set_add(ds_option_set *s, const ds_option *table, void *fields, ds_error *err)
{
    ds_status st = DS_OK;

    for (const ds_option *o = table; o != NULL && st == DS_OK; o++) {
        if (o->kind == DS_OPTION_BLOCK)
            st = ds_option_set_add(s, o->block, fields != NULL ? (char *)fields + o->offset : NULL,
                                   err);
        else if (o->name == NULL)
            break;
        else
            st = add_row(s, o, fields, err);
    }
    return st;
}

int ds_option_count(const ds_option_set *s)
{
    return s->count;
}

const ds_option *ds_option_at(const ds_option_set *s, int i)
{
    return i >= 0 && i < s->count ? s->entry[i].row : NULL;
}

int ds_option_find(const ds_option_set *s, const char *name)
{
    for (int i = 0; i < s->count; i++) {
        const ds_option *o = s->entry[i].row;

        if (strcmp(o->name, name) == 0 || (o->alias != NULL && strcmp(o->alias, name) == 0))
            return i;
    }
    return -1;
}

const char *ds_option_shown(const ds_option_set *s, int i)
{
    return s->entry[i].shown;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Puts the value into the struct. */
static void fill(const option_entry *e)
{
    if (e->field == NULL)
        return;
    switch (e->row->kind) {
    case DS_OPTION_FLAG:
        *(bool *)e->field = e->whole != 0;
        break;
    case DS_OPTION_INT:
        *(int64_t *)e->field = e->whole;
        break;
    case DS_OPTION_SEED:
        *(uint64_t *)e->field = e->seed;
        break;
    case DS_OPTION_REAL:
    case DS_OPTION_SHARE:
        *(double *)e->field = e->real;
        break;
    case DS_OPTION_RANGE:
        *(ds_range *)e->field = e->range;
        break;
    case DS_OPTION_PART:
        *(ds_part_of *)e->field = e->part;
        break;
    case DS_OPTION_CHOICE:
        *(int *)e->field = (int)e->whole;
        break;
    case DS_OPTION_TEXTS:
    case DS_OPTION_WORDS:
        *(ds_texts *)e->field = e->resolved != NULL && e->texts == 1
                                    ? (ds_texts){ &e->resolved, 1 }
                                    : (ds_texts){ e->list, e->texts };
        break;
    case DS_OPTION_TEXT:
    case DS_OPTION_FILE:
    case DS_OPTION_OUTFILE:
    case DS_OPTION_OUTPATH:
    case DS_OPTION_OUTDIR:
    case DS_OPTION_STATE:
        *(const char **)e->field = e->resolved != NULL ? e->resolved : e->text;
        break;
    case DS_OPTION_BLOCK:
        break;
    }
}

static ds_status append(ds_option_set *s, option_entry *e, const char *text, ds_error *err)
{
    const char **more = ds_calloc((size_t)e->texts + 1, sizeof *more);
    const char *copy = ds__arena_printf(&s->arena, "%s", text);

    if (more == NULL || copy == NULL) {
        ds_free(more);
        return ds_fail(err, DS_E_NOMEM, "options: no memory for a text");
    }
    if (e->texts > 0)
        memcpy(more, e->list, (size_t)e->texts * sizeof *more);
    ds_free(e->list);
    e->list = more;
    e->list[e->texts++] = copy;
    e->text = copy;
    return DS_OK;
}

/* Parses and keeps; text NULL: of a flag. */
static ds_status take(ds_option_set *s, option_entry *e, const char *text, ds_error *err)
{
    const bool several = e->row->kind == DS_OPTION_TEXTS || e->row->kind == DS_OPTION_WORDS;
    ds_status st = ds__option_parse(e, text, err);

    if (st == DS_OK && several)
        st = append(s, e, text, err);
    else if (st == DS_OK && text != NULL) {
        e->text = ds__arena_printf(&s->arena, "%s", text);
        if (e->text == NULL)
            st = ds_fail(err, DS_E_NOMEM, "options: no memory for a text");
    }
    if (st == DS_OK)
        fill(e);
    return st;
}

static ds_status unknown(const ds_option_set *s, const char *name, ds_error *err)
{
    const char *dashes = s->dashes ? "--" : "", *near;
    const char **names = ds_calloc((size_t)s->count + 1, sizeof *names);

    if (names == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: no memory for their names");
    for (int i = 0; i < s->count; i++)
        names[i] = s->entry[i].row->name;
    near = ds_near_match(name, names, s->count);
    ds_free(names);
    if (near != NULL)
        return ds_fail(err, DS_E_NOMATCH, "unknown option %s%s; did you mean %s%s?", dashes, name,
                       dashes, near);
    return ds_fail(err, DS_E_NOMATCH, "unknown option %s%s", dashes, name);
}

ds_status ds_option_set_text(ds_option_set *s, const char *name, const char *text, ds_error *err)
{
    int i = ds_option_find(s, name);
    ds_status st;

    if (i < 0)
        return unknown(s, name, err);
    st = take(s, &s->entry[i], text, err);
    s->entry[i].given |= st == DS_OK;
    return st;
}

static ds_status check_arguments(const option_entry *e, ds_error *err)
{
    const ds_option *o = e->row;

    if ((double)e->texts < o->min)
        return ds_fail(err, DS_E_ARG, "expected %s, found %lld argument%s", o->arg,
                       (long long)e->texts, e->texts == 1 ? "" : "s");
    if (o->max > 0 && (double)e->texts > o->max)
        return ds_fail(err, DS_E_ARG, "expected %s, found one more: \"%s\"", o->arg,
                       e->list[(int64_t)o->max]);
    return DS_OK;
}

ds_status ds_option_set_finish(ds_option_set *s, ds_error *err)
{
    ds_status st = DS_OK;

    if (s->finished)
        return DS_OK;
    for (int i = 0; i < s->count && st == DS_OK; i++) {
        option_entry *e = &s->entry[i];

        if (!e->given && e->row->standard != NULL)
            st = take(s, e, e->row->standard, err);
        else if (!e->given)
            fill(e);
        if (st == DS_OK && e->row->required && !e->given)
            st = ds_fail(err, DS_E_ARG, "%s %s is needed", e->shown,
                         e->row->arg != NULL ? e->row->arg : e->row->choices);
        if (st == DS_OK && e->row->positional)
            st = check_arguments(e, err);
    }
    s->finished = st == DS_OK;
    return st;
}

ds_status ds_option_resolve(ds_option_set *s, int i, const char *text, ds_error *err)
{
    s->entry[i].resolved = ds__arena_printf(&s->arena, "%s", text);
    if (s->entry[i].resolved == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: no memory for a text");
    fill(&s->entry[i]);
    return DS_OK;
}

ds_status ds__option_default(ds_option_set *s, int i, const char *text, ds_error *err)
{
    return take(s, &s->entry[i], text, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

bool ds_option_given(const ds_option_set *s, int i)
{
    return s->entry[i].given;
}

const char *ds_option_text(const ds_option_set *s, int i)
{
    return s->entry[i].text;
}

const char *ds_option_value(const ds_option_set *s, int i)
{
    return s->entry[i].resolved != NULL ? s->entry[i].resolved : s->entry[i].text;
}

ds_texts ds_option_texts(const ds_option_set *s, int i)
{
    return (ds_texts){ s->entry[i].list, s->entry[i].texts };
}

int64_t ds_option_int(const ds_option_set *s, int i)
{
    return s->entry[i].whole;
}

uint64_t ds_option_seed(const ds_option_set *s, int i)
{
    return s->entry[i].seed;
}

double ds_option_real(const ds_option_set *s, int i)
{
    return s->entry[i].real;
}

bool ds_option_flag(const ds_option_set *s, int i)
{
    return s->entry[i].whole != 0;
}

int ds_option_choice(const ds_option_set *s, int i)
{
    return s->entry[i].text != NULL ? (int)s->entry[i].whole : -1;
}
