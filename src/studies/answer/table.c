/* table.c - the values of a study. See answer.h. */

#include "studies/answer/answer.h"

#include <math.h>
#include <string.h>

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a table");
}

/* The same block, longer; NULL leaves the old one. */
static void *grown(void *old, int64_t count, int64_t room, size_t size)
{
    void *more = ds_calloc((size_t)room, size);

    if (more != NULL && old != NULL)
        memcpy(more, old, (size_t)count * size);
    if (more != NULL)
        ds_free(old);
    return more;
}

static bool grow(void *block, int64_t count, int64_t room, size_t size)
{
    void *old, *more;

    memcpy(&old, block, sizeof old);
    more = grown(old, count, room, size);
    if (more != NULL)
        memcpy(block, &more, sizeof more);
    return more != NULL;
}

static ds_status make_room(answer_table *t, ds_error *err)
{
    const int64_t room = t->room > 0 ? 2 * t->room : 64;
    bool good = true;

    if (t->by_item == NULL && (t->by_item = json_object()) == NULL)
        return no_memory(err);
    if (t->rows < t->room)
        return DS_OK;
    for (int k = 0; k < ANSWER_PARTS; k++)
        good = good && grow(&t->part[k].of, t->rows, room, sizeof *t->part[k].of);
    good = good && grow(&t->item, t->rows, room, sizeof *t->item) &&
           grow(&t->picture, t->rows, room, sizeof *t->picture);
    if (!good)
        return no_memory(err);
    t->room = room;
    return DS_OK;
}

static ds_status number_of(int64_t *out, answer_factor *f, const char *name, ds_error *err)
{
    const json_t *known;

    if (f->number == NULL && (f->number = json_object()) == NULL)
        return no_memory(err);
    known = json_object_get(f->number, name);
    *out = known != NULL ? (int64_t)json_integer_value(known) : f->count;
    if (known != NULL)
        return DS_OK;
    if (f->count == f->room) {
        const int64_t room = f->room > 0 ? 2 * f->room : 16;

        if (!grow(&f->name, f->count, room, sizeof *f->name))
            return no_memory(err);
        f->room = room;
    }
    f->name[f->count] = ds_strdup(name);
    if (f->name[f->count] == NULL)
        return no_memory(err);
    f->count++;
    return json_object_set_new(f->number, name, json_integer(*out)) == 0
               ? DS_OK
               : ds_fail(err, DS_E_FORMAT, "\"%.80s\" is no text in UTF-8", name);
}

ds_status ds__table_add(answer_table *t, const char *const part[ANSWER_PARTS], const char *item,
                        const char *picture, ds_error *err)
{
    ds_status st = make_room(t, err);

    if (st == DS_OK && ds__table_find(t, item) >= 0)
        st = ds_fail(err, DS_E_FORMAT, "item \"%.80s\" is there twice", item);
    for (int k = 0; st == DS_OK && k < ANSWER_PARTS; k++)
        st = number_of(&t->part[k].of[t->rows], &t->part[k], part[k], err);
    if (st != DS_OK)
        return st;
    t->item[t->rows] = ds_strdup(item);
    t->picture[t->rows] = picture != NULL ? ds_strdup(picture) : NULL;
    t->rows++;
    if (t->item[t->rows - 1] == NULL || (picture != NULL && t->picture[t->rows - 1] == NULL))
        return no_memory(err);
    return json_object_set_new(t->by_item, item, json_integer(t->rows - 1)) == 0
               ? DS_OK
               : ds_fail(err, DS_E_FORMAT, "\"%.80s\" is no text in UTF-8", item);
}

int64_t ds__table_find(const answer_table *t, const char *item)
{
    const json_t *row = json_object_get(t->by_item, item);

    return row != NULL ? (int64_t)json_integer_value(row) : -1;
}

static ds_status measure_of(answer_measure **out, answer_table *t, const char *name, ds_error *err)
{
    for (int64_t i = 0; i < t->measures; i++)
        if (strcmp(t->measure[i].name, name) == 0) {
            *out = &t->measure[i];
            return DS_OK;
        }
    if (!grow(&t->measure, t->measures, t->measures + 1, sizeof *t->measure))
        return no_memory(err);
    *out = &t->measure[t->measures];
    (*out)->name = ds_strdup(name);
    if ((*out)->name == NULL)
        return no_memory(err);
    t->measures++;
    return DS_OK;
}

ds_status ds__table_set(answer_table *t, int64_t row, const char *name, double value, ds_error *err)
{
    answer_measure *m = NULL;
    ds_status st = measure_of(&m, t, name, err);

    if (st != DS_OK)
        return st;
    if (row >= m->room) {
        const int64_t room = t->room > row ? t->room : row + 1;

        if (!grow(&m->value, m->room, room, sizeof *m->value))
            return no_memory(err);
        for (int64_t i = m->room; i < room; i++)
            m->value[i] = NAN;
        m->room = room;
    }
    m->value[row] = value;
    return DS_OK;
}

static void factor_free(answer_factor *f)
{
    for (int64_t i = 0; i < f->count; i++)
        ds_free(f->name[i]);
    ds_free(f->name);
    ds_free(f->of);
    json_decref(f->number);
}

void ds__table_free(answer_table *t)
{
    for (int k = 0; k < ANSWER_PARTS; k++)
        factor_free(&t->part[k]);
    for (int64_t i = 0; i < t->rows; i++) {
        ds_free(t->item[i]);
        ds_free(t->picture[i]);
    }
    for (int64_t i = 0; i < t->measures; i++) {
        ds_free(t->measure[i].name);
        ds_free(t->measure[i].value);
    }
    ds_free(t->item);
    ds_free(t->picture);
    ds_free(t->measure);
    json_decref(t->by_item);
    *t = (answer_table){ .rows = 0 };
}
