/* bundle.c - named sets of tensors in memory.
 *
 * Names are looked up by bisection: unlike a hash table it has no bad case that a hostile file
 * could provoke. Thread rule: any number of readers, or one writer. */

#include "weights/bundle.h"

#include "tensor/convert.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_ROOM 16

ds_status ds_bundle_new(ds_bundle **out, ds_error *err)
{
    ds_bundle *b = ds_calloc(1, sizeof *b);

    *out = b;
    if (b == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a set of tensors");
    b->meta_end = &b->meta;
    return DS_OK;
}

void ds_bundle_free(ds_bundle *b)
{
    if (b == NULL)
        return;
    for (int64_t i = 0; i < b->count; i++)
        ds_free(b->entry[i]->owned);
    ds_free(b->entry);
    ds_free(b->by_name);
    ds__arena_free(&b->arena);
    if (b->map != NULL)
        munmap(b->map, b->map_size);
    ds_free(b);
}

static ds_bundle_entry **regrow(ds_bundle_entry **old, int64_t count, int64_t room)
{
    ds_bundle_entry **p = ds_calloc((size_t)room, sizeof *p);

    if (p != NULL && count > 0)
        memcpy(p, old, (size_t)count * sizeof *p);
    return p;
}

ds_status ds__bundle_reserve(ds_bundle *b, int64_t more, ds_error *err)
{
    int64_t room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room;
    ds_bundle_entry **entry, **by_name;

    while (room < b->count + more)
        room *= 2;
    if (room == b->room)
        return DS_OK;
    entry = regrow(b->entry, b->count, room);
    by_name = regrow(b->by_name, b->count, room);
    if (entry == NULL || by_name == NULL) {
        ds_free(entry);
        ds_free(by_name);
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of %lld tensors", (long long)room);
    }
    ds_free(b->entry);
    ds_free(b->by_name);
    b->entry = entry;
    b->by_name = by_name;
    b->room = room;
    return DS_OK;
}

static char *keep_text(ds_bundle *b, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = ds__arena_alloc(&b->arena, n);

    return p != NULL ? memcpy(p, text, n) : NULL;
}

ds_bundle_entry *ds__bundle_append(ds_bundle *b, const char *name)
{
    ds_bundle_entry *e = ds__arena_alloc(&b->arena, sizeof *e);

    if (e == NULL || (e->name = keep_text(b, name)) == NULL)
        return NULL;
    b->entry[b->count] = b->by_name[b->count] = e;
    b->count++;
    return e;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(ds_bundle_entry *const *)a)->name, (*(ds_bundle_entry *const *)b)->name);
}

void ds__bundle_sort(ds_bundle *b)
{
    if (b->count > 0)
        qsort(b->by_name, (size_t)b->count, sizeof *b->by_name, compare_names);
}

/* The first position in by_name, among the first n, whose name is not below `name`. */
static int64_t lower_bound(const ds_bundle *b, int64_t n, const char *name)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (strcmp(b->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ds_tensor *ds_bundle_find(const ds_bundle *b, const char *name)
{
    int64_t i = lower_bound(b, b->count, name);

    return i < b->count && strcmp(b->by_name[i]->name, name) == 0 ? &b->by_name[i]->tensor : NULL;
}

/* Files hold names as UTF-8 JSON strings, one name being reserved. */
static ds_status check_name(const ds_bundle *b, const char *name, ds_error *err)
{
    json_t *text = json_string(name);

    if (text == NULL)
        return ds_fail(err, DS_E_ARG, "tensor name '%.120s' is not valid UTF-8", name);
    json_decref(text);
    if (strcmp(name, "__metadata__") == 0)
        return ds_fail(err, DS_E_ARG, "the name '__metadata__' is reserved by the file format");
    if (ds_bundle_find(b, name) != NULL)
        return ds_fail(err, DS_E_ARG, "there is a tensor '%.120s' already", name);
    return DS_OK;
}

/* A tensor of these sizes under a name that is free, its bytes counted. */
static ds_status describe(ds_tensor *t, size_t *bytes, const ds_bundle *b, const char *name,
                          ds_dtype dtype, int rank, const int64_t *dim, ds_error *err)
{
    ds_status st;

    *t = (ds_tensor){ .dtype = dtype, .rank = rank };
    if (rank < 0 || rank > DS_MAX_RANK || (unsigned)dtype >= DS_DTYPES)
        return ds_fail(err, DS_E_ARG,
                       "tensor '%.120s': rank %d, type %d: expected 0 to %d, 0 to %d", name, rank,
                       (int)dtype, DS_MAX_RANK, DS_DTYPES - 1);
    for (int i = 0; i < rank; i++)
        t->dim[i] = dim[i];
    st = check_name(b, name, err);
    return st == DS_OK ? ds_tensor_bytes(t, bytes, err) : st;
}

/* A new entry in its place among the names; NULL when memory is exhausted. Room is there. */
static ds_bundle_entry *insert(ds_bundle *b, const char *name, const ds_tensor *t)
{
    int64_t at = lower_bound(b, b->count, name);
    ds_bundle_entry *e = ds__bundle_append(b, name);

    if (e == NULL)
        return NULL;
    memmove(b->by_name + at + 1, b->by_name + at, (size_t)(b->count - 1 - at) * sizeof *b->by_name);
    b->by_name[at] = e;
    e->owned = NULL;
    e->tensor = *t;
    return e;
}

ds_status ds_bundle_add(ds_bundle *b, const char *name, ds_dtype dtype, int rank,
                        const int64_t *dim, ds_tensor **out, ds_error *err)
{
    ds_tensor t;
    ds_bundle_entry *e;
    ds_status st;
    size_t bytes;

    *out = NULL;
    if ((st = describe(&t, &bytes, b, name, dtype, rank, dim, err)) != DS_OK ||
        (st = ds__bundle_reserve(b, 1, err)) != DS_OK)
        return st;
    if ((t.data = ds_calloc(bytes, 1)) == NULL || (e = insert(b, name, &t)) == NULL) {
        ds_free(t.data);
        return ds_fail(err, DS_E_NOMEM, "tensor '%.120s': no memory for %zu bytes", name, bytes);
    }
    e->owned = t.data;
    *out = &e->tensor;
    return DS_OK;
}

ds_status ds_bundle_borrow(ds_bundle *b, const char *name, const ds_tensor *given, ds_error *err)
{
    ds_tensor t;
    size_t bytes;
    ds_status st = describe(&t, &bytes, b, name, given->dtype, given->rank, given->dim, err);

    t.data = given->data;
    if (st == DS_OK)
        st = ds__bundle_reserve(b, 1, err);
    if (st == DS_OK && insert(b, name, &t) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "tensor '%.120s': no memory for its name", name);
    return st;
}

static ds_bundle_pair *find_meta(const ds_bundle *b, const char *key)
{
    for (ds_bundle_pair *m = b->meta; m != NULL; m = m->next)
        if (strcmp(m->key, key) == 0)
            return m;
    return NULL;
}

ds_status ds__bundle_append_meta(ds_bundle *b, const char *key, const char *value, ds_error *err)
{
    ds_bundle_pair *m = ds__arena_alloc(&b->arena, sizeof *m);

    if (m == NULL || (m->key = keep_text(b, key)) == NULL ||
        (m->value = keep_text(b, value)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for metadata '%.120s'", key);
    *b->meta_end = m;
    b->meta_end = &m->next;
    return DS_OK;
}

ds_status ds_bundle_set_meta(ds_bundle *b, const char *key, const char *value, ds_error *err)
{
    ds_bundle_pair *m = find_meta(b, key);
    char *copy;

    if (m == NULL)
        return ds__bundle_append_meta(b, key, value, err);
    if ((copy = keep_text(b, value)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for metadata '%.120s'", key);
    m->value = copy;
    return DS_OK;
}

const char *ds_bundle_meta(const ds_bundle *b, const char *key)
{
    const ds_bundle_pair *m = find_meta(b, key);

    return m != NULL ? m->value : NULL;
}

int64_t ds_bundle_count(const ds_bundle *b)
{
    return b->count;
}

const char *ds_bundle_name(const ds_bundle *b, int64_t i)
{
    return i >= 0 && i < b->count ? b->entry[i]->name : NULL;
}

ds_tensor *ds_bundle_at(const ds_bundle *b, int64_t i)
{
    return i >= 0 && i < b->count ? &b->entry[i]->tensor : NULL;
}

ds_status ds_bundle_expect(const ds_bundle *b, const char *name, int rank, const int64_t *dim,
                           ds_tensor **out, ds_error *err)
{
    ds_tensor *t = ds_bundle_find(b, name);
    ds_tensor want = { .rank = rank };
    char expected[160], found[160];
    int64_t bad;
    bool same;

    *out = NULL;
    if (rank < 0 || rank > DS_MAX_RANK)
        return ds_fail(err, DS_E_ARG, "rank %d: expected 0 to %d", rank, DS_MAX_RANK);
    if (t == NULL) {
        ds_fail(err, DS_E_NOMATCH, "expected a tensor '%.120s', found none among %lld", name,
                (long long)b->count);
        return ds_fail_at(err, DS_E_NOMATCH, name, -1);
    }
    same = t->rank == rank;
    for (int i = 0; i < rank; i++) {
        want.dim[i] = dim[i];
        same = same && (dim[i] == -1 || dim[i] == t->dim[i]);
    }
    if (!same) {
        ds_fail(err, DS_E_SHAPE, "tensor '%.120s': expected shape %s, found %s", name,
                ds_tensor_shape(&want, expected, sizeof expected),
                ds_tensor_shape(t, found, sizeof found));
        return ds_fail_at(err, DS_E_SHAPE, name, -1);
    }
    bad = ds__tensor_not_finite(t);
    if (bad >= 0) {
        ds_fail(err, DS_E_FORMAT, "tensor '%.120s': its element %lld is not a finite number", name,
                (long long)bad);
        return ds_fail_at(err, DS_E_FORMAT, name, -1);
    }
    *out = t;
    return DS_OK;
}
