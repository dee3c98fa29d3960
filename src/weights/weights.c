/* weights.c - one component's parameters over one or more mapped files. */

#include "weights/weights.h"

#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "weights/bundle.h"
#include "weights/names.h"
#include "weights/shards.h"

#define NAME_SIZE 256
#define SHOWN     3 /* names in the message about tensors that nobody bound */

typedef struct param {
    const char *name; /* the present one */
    ds_tensor tensor;
    int64_t file;
    bool used;
} param;

struct ds_weights_file {
    char *path;
    ds_bundle *bundle;
    char hash[65];
};

struct ds_weights {
    ds_arena arena;
    ds_weights_file **file;
    bool shared;  /* the file is somebody else's */
    param *param; /* sorted by name */
    int64_t files, params, room;
};

static int compare_params(const void *a, const void *b)
{
    return strcmp(((const param *)a)->name, ((const param *)b)->name);
}

static ds_status add_param(ds_weights *w, int64_t file, const char *given, const ds_tensor *t,
                           ds_error *err)
{
    char buf[NAME_SIZE];
    const char *name = ds__names_modern(given, buf, sizeof buf);
    param *p = &w->param[w->params];

    if ((name == buf || w->shared) && (name = ds__arena_printf(&w->arena, "%s", name)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for names", w->file[file]->path);
    *p = (param){ .name = name, .tensor = *t, .file = file };
    ds__names_flatten(name, &p->tensor);
    w->params++;
    return DS_OK;
}

/* A tensor of a shard must be the one that the index means. */
static ds_status check_shard(const ds_weights *w, int64_t file, const ds_shards *s, ds_error *err)
{
    const char *path = w->file[file]->path, *base = strrchr(path, '/') + 1;
    const ds_bundle *b = w->file[file]->bundle;

    for (int64_t i = 0; s->index != NULL && i < b->count; i++) {
        const char *listed = ds__shards_file_of(s, b->entry[i]->name);

        if (listed == NULL || strcmp(listed, base) != 0) {
            ds_fail(err, DS_E_FORMAT, "%s: tensor '%.120s': %s gives %.80s as its file", path,
                    b->entry[i]->name, s->index_path, listed != NULL ? listed : "nothing");
            return ds_fail_at(err, DS_E_FORMAT, b->entry[i]->name, -1);
        }
    }
    return DS_OK;
}

/* With check_shard and check_twice: the files hold exactly the tensors of the index. */
static ds_status check_index(const ds_weights *w, const ds_shards *s, ds_error *err)
{
    json_t *map = json_object_get(s->index, "weight_map"), *value;
    const char *tensor;

    json_object_foreach (map, tensor, value) {
        bool found = false;

        for (int64_t f = 0; !found && f < w->files; f++)
            found = ds_bundle_find(w->file[f]->bundle, tensor) != NULL;
        if (!found) {
            ds_fail(err, DS_E_FORMAT, "%s: tensor '%.120s' is not in %.80s", s->index_path, tensor,
                    json_string_value(value));
            return ds_fail_at(err, DS_E_FORMAT, tensor, -1);
        }
    }
    return DS_OK;
}

static ds_status check_twice(const ds_weights *w, ds_error *err)
{
    for (int64_t i = 1; i < w->params; i++) {
        const param *a = &w->param[i - 1], *b = &w->param[i];

        if (strcmp(a->name, b->name) == 0) {
            ds_fail(err, DS_E_FORMAT,
                    "%s: tensor '%.120s' is there twice (in another file, or under an old name)",
                    w->file[b->file]->path, b->name);
            return ds_fail_at(err, DS_E_FORMAT, b->name, -1);
        }
    }
    return DS_OK;
}

/* ---- by hand --------------------------------------------------------------------------------- */

ds_status ds__weights_file_new(ds_weights_file **out, const char *path, ds_bundle *takes,
                               ds_error *err)
{
    ds_weights_file *f = ds_calloc(1, sizeof *f);

    *out = NULL;
    if (f == NULL || (f->path = ds_strdup(path)) == NULL) {
        ds_free(f);
        ds_bundle_free(takes);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    }
    f->bundle = takes;
    *out = f;
    return DS_OK;
}

void ds__weights_file_free(ds_weights_file *f)
{
    if (f == NULL)
        return;
    ds_bundle_free(f->bundle);
    ds_free(f->path);
    ds_free(f);
}

ds_status ds__weights_new(ds_weights **out, ds_weights_file *file, ds_error *err)
{
    ds_weights *w = ds_calloc(1, sizeof *w);

    *out = w;
    if (w == NULL || (w->file = ds__arena_alloc(&w->arena, sizeof *w->file)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", file->path);
    w->file[0] = file;
    w->files = 1;
    w->shared = true;
    return DS_OK;
}

ds_status ds__weights_add(ds_weights *w, const char *name, const ds_tensor *t, ds_error *err)
{
    if (w->params == w->room) {
        int64_t room = w->room == 0 ? 512 : 2 * w->room;
        param *p = ds_calloc((size_t)room, sizeof *p);

        if (p == NULL)
            return ds_fail(err, DS_E_NOMEM, "%s: no memory for %lld tensors", w->file[0]->path,
                           (long long)room);
        if (w->params > 0)
            memcpy(p, w->param, (size_t)w->params * sizeof *p);
        ds_free(w->param);
        w->param = p;
        w->room = room;
    }
    return add_param(w, 0, name, t, err);
}

void *ds__weights_room(ds_weights *w, size_t bytes)
{
    return ds__arena_alloc(&w->arena, bytes);
}

ds_status ds__weights_seal(ds_weights *w, ds_error *err)
{
    if (w->params > 0)
        qsort(w->param, (size_t)w->params, sizeof *w->param, compare_params);
    return check_twice(w, err);
}

/* ---- from a folder --------------------------------------------------------------------------- */

static ds_status open_files(ds_weights *w, const ds_shards *s, ds_error *err)
{
    int64_t total = 0;
    ds_status st;

    w->file = ds__arena_alloc(&w->arena, (size_t)s->count * sizeof *w->file);
    if (w->file == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a list of files", s->path[0]);
    for (; w->files < s->count; w->files++) {
        ds_bundle *b;

        if ((st = ds__bundle_map(&b, s->path[w->files], false, err)) != DS_OK ||
            (st = ds__weights_file_new(&w->file[w->files], s->path[w->files], b, err)) != DS_OK)
            return st;
        if ((st = check_shard(w, w->files, s, err)) != DS_OK) {
            w->files++;
            return st;
        }
        total += b->count;
    }
    w->param = ds_calloc((size_t)total + 1, sizeof *w->param);
    if (w->param == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for %lld tensors", s->path[0],
                       (long long)total);
    for (int64_t f = 0; f < w->files; f++)
        for (int64_t i = 0; i < w->file[f]->bundle->count; i++) {
            const ds_bundle_entry *e = w->file[f]->bundle->entry[i];

            if ((st = add_param(w, f, e->name, &e->tensor, err)) != DS_OK)
                return st;
        }
    st = ds__weights_seal(w, err);
    return st == DS_OK ? check_index(w, s, err) : st;
}

ds_status ds__weights_open(ds_weights **out, const char *folder, const char *prefer, ds_error *err)
{
    ds_weights *w = ds_calloc(1, sizeof *w);
    ds_shards s = { 0 };
    ds_status st;

    *out = NULL;
    if (w == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", folder);
    st = ds__shards_find(&s, &w->arena, folder, prefer, err);
    if (st == DS_OK)
        st = open_files(w, &s, err);
    ds__shards_free(&s);
    if (st != DS_OK) {
        ds__weights_close(w);
        return st;
    }
    *out = w;
    return DS_OK;
}

/* ---- from memory ----------------------------------------------------------------------------- */

static ds_status borrow_all(ds_weights *w, const ds_bundle *from, const char *prefix, ds_error *err)
{
    const size_t n = strlen(prefix);
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < from->count; i++) {
        const ds_bundle_entry *e = from->entry[i];

        if (strncmp(e->name, prefix, n) == 0)
            st = ds_bundle_borrow(w->file[0]->bundle, e->name + n, &e->tensor, err);
    }
    for (int64_t i = 0; st == DS_OK && i < w->file[0]->bundle->count; i++) {
        const ds_bundle_entry *e = w->file[0]->bundle->entry[i];

        st = ds__weights_add(w, e->name, &e->tensor, err);
    }
    return st == DS_OK ? ds__weights_seal(w, err) : st;
}

ds_status ds__weights_borrow(ds_weights **out, const ds_bundle *from, const char *prefix,
                             ds_error *err)
{
    ds_weights *w = ds_calloc(1, sizeof *w);
    ds_bundle *b = NULL;
    char label[NAME_SIZE];
    ds_status st;

    *out = NULL;
    snprintf(label, sizeof label, "memory:%.*s", (int)strlen(prefix) - 1, prefix);
    if (w == NULL || (w->file = ds__arena_alloc(&w->arena, sizeof *w->file)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory", label);
    else
        st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = ds__weights_file_new(&w->file[0], label, b, err);
    if (st == DS_OK) {
        w->files = 1;
        st = borrow_all(w, from, prefix, err);
    }
    if (st == DS_OK && w->params > 0)
        *out = w;
    else
        ds__weights_close(w);
    return st;
}

void ds__weights_close(ds_weights *w)
{
    if (w == NULL)
        return;
    for (int64_t i = 0; !w->shared && i < w->files; i++)
        ds__weights_file_free(w->file[i]);
    ds_free(w->param);
    ds__arena_free(&w->arena);
    ds_free(w);
}

static param *find(const ds_weights *w, const char *name)
{
    param key = { .name = name };

    return w->params == 0 ? NULL
                          : bsearch(&key, w->param, (size_t)w->params, sizeof key, compare_params);
}

const ds_tensor *ds__weights_find(ds_weights *w, const char *name)
{
    param *p = find(w, name);

    if (p == NULL)
        return NULL;
    p->used = true;
    return &p->tensor;
}

static bool is_weight_type(ds_dtype t)
{
    return t == DS_DTYPE_F32 || t == DS_DTYPE_F16 || t == DS_DTYPE_BF16 || t == DS_DTYPE_F64 ||
           t == DS_DTYPE_F8_E4M3 || t == DS_DTYPE_F8_E5M2;
}

ds_status ds__weights_bind(ds_weights *w, const char *name, int rank, const int64_t *dim,
                           const ds_tensor **out, ds_error *err)
{
    param *p = find(w, name);
    ds_tensor want = { .rank = rank };
    char expected[160], found[160];
    bool same;

    *out = NULL;
    for (int i = 0; i < rank; i++)
        want.dim[i] = dim[i];
    ds_tensor_shape(&want, expected, sizeof expected);
    if (p == NULL) {
        ds_fail(err, DS_E_NOMATCH, "%s%s: expected a tensor '%.120s' of shape %s, found none",
                w->file[0]->path, w->files > 1 ? " and the other shards" : "", name, expected);
        return ds_fail_at(err, DS_E_NOMATCH, name, -1);
    }
    same = p->tensor.rank == rank && is_weight_type(p->tensor.dtype);
    for (int i = 0; i < rank; i++)
        same = same && (dim[i] == -1 || dim[i] == p->tensor.dim[i]);
    if (!same) {
        ds_fail(err, DS_E_SHAPE,
                "%s: tensor '%.120s': expected shape %s of F32, F16, BF16 or F8, found %s of %s",
                w->file[p->file]->path, name, expected,
                ds_tensor_shape(&p->tensor, found, sizeof found), ds_dtype_name(p->tensor.dtype));
        return ds_fail_at(err, DS_E_SHAPE, name, -1);
    }
    p->used = true;
    *out = &p->tensor;
    return DS_OK;
}

ds_status ds__weights_check_all_used(const ds_weights *w, ds_error *err)
{
    char names[400] = "";
    const param *first = NULL;
    int64_t extra = 0;

    for (int64_t i = 0; i < w->params; i++) {
        const param *p = &w->param[i];
        size_t used = strlen(names);

        if (p->used || ds__names_idle(p->name))
            continue;
        if (extra++ < SHOWN)
            snprintf(names + used, sizeof names - used, "%s%.100s", used > 0 ? ", " : "", p->name);
        first = first != NULL ? first : p;
    }
    if (extra == 0)
        return DS_OK;
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s: %lld tensors belong to no part of the network that config.json describes: %s%s",
            w->file[first->file]->path, (long long)extra, names, extra > SHOWN ? ", ..." : "");
    return ds_fail_at(err, DS_E_UNSUPPORTED, first->name, -1);
}

void ds__weights_drop_pages(const ds_weights *w, const ds_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)t->data;
    size_t bytes;

    if (ds_tensor_bytes(t, &bytes, NULL) != DS_OK)
        return;
    for (int64_t i = 0; i < w->files; i++) {
        uintptr_t map = (uintptr_t)w->file[i]->bundle->map;
        uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;

        /* a copy of misaligned data is not in the map, and would lose its values */
        if (begin >= map && begin < map + w->file[i]->bundle->map_size && first < last)
            madvise((void *)first, last - first, MADV_DONTNEED);
    }
}

int64_t ds__weights_count(const ds_weights *w)
{
    return w->params;
}

const char *ds__weights_name(const ds_weights *w, int64_t i)
{
    return w->param[i].name;
}

const ds_tensor *ds__weights_at(const ds_weights *w, int64_t i)
{
    return &w->param[i].tensor;
}

int64_t ds__weights_files(const ds_weights *w)
{
    return w->files;
}

const char *ds__weights_file_path(const ds_weights *w, int64_t i)
{
    return w->file[i]->path;
}

/* Tensors that lie in no file. */
static bool in_memory(const ds_weights_file *f)
{
    return f->bundle->map == NULL;
}

int64_t ds__weights_file_bytes(const ds_weights *w, int64_t i)
{
    const ds_bundle *b = w->file[i]->bundle;
    int64_t sum = (int64_t)b->map_size;
    size_t bytes;

    for (int64_t k = 0; in_memory(w->file[i]) && k < b->count; k++)
        sum += ds_tensor_bytes(&b->entry[k]->tensor, &bytes, NULL) == DS_OK ? (int64_t)bytes : 0;
    return sum;
}

/* SHA-256 over all tensors in the order of their names: name, type, shape, a line end, and the bytes. */
static void hash_memory(char hex[65], const ds_bundle *b)
{
    ds_sha256 all;

    ds__sha256_begin(&all);
    for (int64_t k = 0; k < b->count; k++) {
        const ds_bundle_entry *e = b->by_name[k];
        char line[NAME_SIZE + 200], shape[160];
        size_t bytes = 0;
        int n =
            snprintf(line, sizeof line, "%.250s %s %s\n", e->name, ds_dtype_name(e->tensor.dtype),
                     ds_tensor_shape(&e->tensor, shape, sizeof shape));

        ds__sha256_add(&all, line, (size_t)n);
        if (ds_tensor_bytes(&e->tensor, &bytes, NULL) == DS_OK)
            ds__sha256_add(&all, e->tensor.data, bytes);
    }
    ds__sha256_end(&all, hex);
}

ds_status ds__weights_file_hash(ds_weights *w, int64_t i, const char **hex, ds_error *err)
{
    ds_weights_file *f = w->file[i];
    ds_status st = DS_OK;

    if (f->hash[0] == '\0' && in_memory(f))
        hash_memory(f->hash, f->bundle);
    else if (f->hash[0] == '\0')
        st = ds__sha256_file(f->hash, f->path, err);
    *hex = st == DS_OK ? f->hash : NULL;
    return st;
}
