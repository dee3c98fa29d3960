/* edit.c - see edit.h. */

#include "methods/component/edit.h"

#include <stdio.h>
#include <string.h>

#include "probes/components.h"

void ds__edit_clear(ds_edit *e)
{
    ds__arena_free(&e->arena);
    *e = (ds_edit){ 0 };
}

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for an edit");
}

ds_edit_part *ds__edit_add(ds_edit *e, const char *name, const ds_tensor *shape, int64_t count)
{
    const size_t n = (size_t)(count > 0 ? count : 1);
    ds_edit_part p = { .rank = shape->rank, .count = count };

    if (e->parts == e->room) {
        int64_t room = e->room == 0 ? 32 : 2 * e->room;
        ds_edit_part *more = ds__arena_alloc(&e->arena, (size_t)room * sizeof *more);

        if (more == NULL)
            return NULL;
        if (e->parts > 0)
            memcpy(more, e->part, (size_t)e->parts * sizeof *more);
        e->part = more;
        e->room = room;
    }
    memcpy(p.dim, shape->dim, sizeof p.dim);
    p.name = ds__arena_printf(&e->arena, "%s", name);
    p.index = ds__arena_alloc(&e->arena, n * sizeof *p.index);
    p.before = ds__arena_alloc(&e->arena, n * sizeof *p.before);
    p.after = ds__arena_alloc(&e->arena, n * sizeof *p.after);
    if (p.name == NULL || p.index == NULL || p.before == NULL || p.after == NULL)
        return NULL;
    e->part[e->parts] = p;
    return &e->part[e->parts++];
}

const ds_edit_part *ds__edit_find(const ds_edit *e, const char *name)
{
    for (int64_t i = 0; i < e->parts; i++)
        if (strcmp(e->part[i].name, name) == 0)
            return &e->part[i];
    return NULL;
}

int64_t ds__edit_count(const ds_edit *e)
{
    int64_t n = 0;

    for (int64_t i = 0; i < e->parts; i++)
        n += e->part[i].count;
    return n;
}

/* ---- files ----------------------------------------------------------------------------------- */

static ds_status put(ds_bundle *b, const char *what, const char *name, ds_dtype type, int64_t n,
                     const void *values, ds_error *err)
{
    char full[600];
    ds_tensor *t;
    ds_status st;

    snprintf(full, sizeof full, "%s.%s", what, name);
    st = ds_bundle_add(b, full, type, 1, &n, &t, err);
    if (st == DS_OK && n > 0)
        memcpy(t->data, values, (size_t)n * ds_dtype_size(type));
    return st;
}

ds_status ds__edit_to_bundle(const ds_edit *e, ds_bundle *b, ds_error *err)
{
    ds_status st = ds_bundle_set_meta(b, "diffuscope", "component edit 1", err);

    for (int64_t i = 0; st == DS_OK && i < e->parts; i++) {
        const ds_edit_part *p = &e->part[i];

        st = put(b, "index", p->name, DS_DTYPE_I64, p->count, p->index, err);
        if (st == DS_OK)
            st = put(b, "before", p->name, DS_DTYPE_F32, p->count, p->before, err);
        if (st == DS_OK)
            st = put(b, "after", p->name, DS_DTYPE_F32, p->count, p->after, err);
        if (st == DS_OK)
            st = put(b, "shape", p->name, DS_DTYPE_I64, p->rank, p->dim, err);
    }
    return st;
}

static const ds_tensor *piece(const ds_bundle *b, const char *what, const char *name)
{
    char full[600];

    snprintf(full, sizeof full, "%s.%s", what, name);
    return ds_bundle_find(b, full);
}

static ds_status refuse(const char *what, const char *name, const char *why, ds_error *err)
{
    ds_fail(err, DS_E_FORMAT, "%s: the edit of %.120s %s", what, name, why);
    return ds_fail_at(err, DS_E_FORMAT, name, -1);
}

static ds_status read_part(ds_edit *e, const ds_bundle *b, const char *name, const char *what,
                           ds_error *err)
{
    const ds_tensor *index = piece(b, "index", name), *before = piece(b, "before", name),
                    *after = piece(b, "after", name), *shape = piece(b, "shape", name);
    ds_tensor dims = { DS_DTYPE_F32, 0, { 0 }, NULL };
    ds_edit_part *p;
    size_t bytes;

    if (strrchr(name, '.') == NULL)
        return refuse(what, name, "is of no parameter: expected COMPONENT.PARAMETER", err);
    if (before == NULL || after == NULL || shape == NULL || index->dtype != DS_DTYPE_I64 ||
        before->dtype != DS_DTYPE_F32 || after->dtype != DS_DTYPE_F32 ||
        shape->dtype != DS_DTYPE_I64 || index->rank != 1 || !ds_tensor_same_shape(index, before) ||
        !ds_tensor_same_shape(index, after) || shape->rank != 1 || shape->dim[0] > DS_MAX_RANK)
        return refuse(what, name,
                      "is damaged: expected index and shape as I64, before and after as F32 of the "
                      "same length",
                      err);
    dims.rank = (int)shape->dim[0];
    memcpy(dims.dim, shape->data, (size_t)dims.rank * sizeof *dims.dim);
    if (ds_tensor_bytes(&dims, &bytes, err) != DS_OK)
        return DS_E_SHAPE;
    p = ds__edit_add(e, name, &dims, index->dim[0]);
    if (p == NULL)
        return no_memory(err);
    memcpy(p->index, index->data, (size_t)p->count * sizeof *p->index);
    memcpy(p->before, before->data, (size_t)p->count * sizeof *p->before);
    memcpy(p->after, after->data, (size_t)p->count * sizeof *p->after);
    for (int64_t k = 0; k < p->count; k++)
        if (p->index[k] < (k > 0 ? p->index[k - 1] + 1 : 0) ||
            p->index[k] >= ds_tensor_count(&dims))
            return refuse(what, name, "names places that are out of range or out of order", err);
    return DS_OK;
}

ds_status ds__edit_from_bundle(ds_edit *e, const ds_bundle *b, const char *what, ds_error *err)
{
    ds_status st = DS_OK;

    *e = (ds_edit){ 0 };
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(b); i++)
        if (strncmp(ds_bundle_name(b, i), "index.", 6) == 0)
            st = read_part(e, b, ds_bundle_name(b, i) + 6, what, err);
    if (st == DS_OK && e->parts == 0)
        st = ds_fail(err, DS_E_NOMATCH,
                     "%s holds no edit: expected the tensors.safetensors that `component edit` or "
                     "`component redirect` wrote",
                     what);
    if (st != DS_OK)
        ds__edit_clear(e);
    return st;
}

ds_status ds__edit_load(ds_edit *e, const char *path, ds_error *err)
{
    ds_bundle *b = NULL;
    ds_status st = ds_bundle_load(&b, path, err);

    *e = (ds_edit){ 0 };
    if (st == DS_OK)
        st = ds__edit_from_bundle(e, b, path, err);
    ds_bundle_free(b);
    return st;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static ds_status differ(const char *name, ds_error *err)
{
    ds_fail(err, DS_E_ARG,
            "the two edits were made for different weights: %.120s has other values before them",
            name);
    return ds_fail_at(err, DS_E_ARG, name, -1);
}

static bool same_shape(const ds_edit_part *a, const ds_edit_part *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

/* Merges two sorted lists into `to` (NULL: counts only): those in both, and where `either` those in
 * one. */
static int64_t merge(ds_edit_part *to, const ds_edit_part *a, const ds_edit_part *b, bool either,
                     bool *clash)
{
    int64_t i = 0, j = 0, n = 0;

    while (i < a->count || j < b->count) {
        bool left = j == b->count || (i < a->count && a->index[i] <= b->index[j]);
        bool right = i == a->count || (j < b->count && b->index[j] <= a->index[i]);
        float before = left ? a->before[i] : b->before[j];

        if (left && right && a->before[i] != b->before[j])
            *clash = true;
        if (to != NULL && (either || (left && right))) {
            to->index[n] = left ? a->index[i] : b->index[j];
            to->before[n] = before;
            to->after[n] = !right  ? a->after[i]
                           : !left ? b->after[j]
                           : a->after[i] == b->after[j]
                               ? a->after[i]
                               : before + ((a->after[i] - before) + (b->after[j] - before));
        }
        n += either || (left && right);
        i += left;
        j += right;
    }
    return n;
}

static ds_status combine(ds_edit *out, const ds_edit *a, const ds_edit *b, bool either,
                         ds_error *err)
{
    static const ds_edit_part none = { 0 };
    const ds_edit *both[2] = { a, b };

    *out = (ds_edit){ 0 };
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < both[k]->parts; i++) {
            const ds_edit_part *p = &both[k]->part[i], *q = ds__edit_find(both[1 - k], p->name);
            ds_tensor shape = { DS_DTYPE_F32, p->rank, { 0 }, NULL };
            ds_edit_part *to;
            bool clash = q != NULL && !same_shape(p, q);
            int64_t n;

            if ((k == 1 && q != NULL) || (q == NULL && !either))
                continue;
            memcpy(shape.dim, p->dim, sizeof shape.dim);
            n = merge(NULL, p, q != NULL ? q : &none, either, &clash);
            if (clash)
                return differ(p->name, err);
            to = n > 0 ? ds__edit_add(out, p->name, &shape, n) : NULL;
            if (n > 0 && to == NULL)
                return no_memory(err);
            if (n > 0)
                merge(to, p, q != NULL ? q : &none, either, &clash);
        }
    return DS_OK;
}

ds_status ds__edit_unite(ds_edit *out, const ds_edit *a, const ds_edit *b, ds_error *err)
{
    return combine(out, a, b, true, err);
}

ds_status ds__edit_intersect(ds_edit *out, const ds_edit *a, const ds_edit *b, ds_error *err)
{
    return combine(out, a, b, false, err);
}

double ds__edit_overlap(const ds_edit *a, const ds_edit *b)
{
    int64_t both = 0, either;
    bool clash = false;

    for (int64_t i = 0; i < a->parts; i++) {
        const ds_edit_part *q = ds__edit_find(b, a->part[i].name);

        if (q != NULL)
            both += merge(NULL, &a->part[i], q, false, &clash);
    }
    either = ds__edit_count(a) + ds__edit_count(b) - both;
    return either > 0 ? (double)both / (double)either : 0.0;
}

void ds__edit_scale(ds_edit *e, double strength)
{
    for (int64_t i = 0; strength != 1.0 && i < e->parts; i++) {
        ds_edit_part *p = &e->part[i];

        for (int64_t k = 0; k < p->count; k++)
            p->after[k] = (float)(p->before[k] + strength * ((double)p->after[k] - p->before[k]));
    }
}

/* ---- models ---------------------------------------------------------------------------------- */

ds_status ds__edit_check(const ds_edit *e, ds_model *m, ds_error *err)
{
    for (int64_t i = 0; i < e->parts; i++) {
        const ds_edit_part *p = &e->part[i];
        int64_t rows, columns, wanted = 1;
        float *v;
        ds_status st = ds__parameter_values(m, p->name, &v, &rows, &columns, err);
        bool same = st == DS_OK;

        if (st != DS_OK)
            return st;
        for (int k = 0; k < p->rank; k++)
            wanted *= p->dim[k];
        same = wanted == rows * columns;
        for (int64_t k = 0; same && k < p->count; k++)
            same = v[p->index[k]] == p->before[k];
        ds_free(v);
        if (!same) {
            ds_fail(err, DS_E_ARG,
                    "the edit was made for another model: %.120s has other values there", p->name);
            return ds_fail_at(err, DS_E_ARG, p->name, -1);
        }
    }
    return DS_OK;
}
