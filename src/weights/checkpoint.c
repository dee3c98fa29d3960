/* checkpoint.c - PyTorch's files. See checkpoint.h.
 *
 * Meaning is given to a few names of code alone, PyTorch's own rule for weights_only:
 *
 *   torch._utils._rebuild_tensor(storage, offset, size, stride)        counted in elements
 *   torch._utils._rebuild_tensor_v2(the same, requires_grad, hooks)
 *   torch._utils._rebuild_tensor_v3(the same, dtype)                   bytes of an UntypedStorage
 *   torch._utils._rebuild_parameter(tensor, ..)                        the tensor
 *   ('storage', torch.FloatStorage, key, device, count) as a reference
 *
 * Zip: ROOT/data.pkl, and ROOT/data/KEY for each storage. Legacy: five pickles (magic, protocol, system,
 * object, list of keys), then each storage in the order of the keys behind an int64 count. */

#include "weights/checkpoint.h"

#include <jansson.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "weights/alien.h"
#include "weights/pickle.h"
#include "weights/zip.h"

#define MAX_PICKLE ((size_t)512 << 20)
#define DEPTH      6 /* of dicts in dicts */
#define MAX_VALUES                                                                                 \
    ((int64_t)4 << 20) /* that are looked at: a dict may hold another one many times */
#define MAX_TEXTS 1000 /* that are kept as metadata */
#define NAME_SIZE 512

static const unsigned char legacy_magic[] = { 0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                              0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e };

typedef struct storage {
    const char *key;
    const unsigned char *data;
    uint64_t bytes;
} storage;

typedef struct reader {
    ds_bundle *b;
    const unsigned char *image;
    size_t size;
    ds_zip zip;        /* of the zip form */
    char root[256];    /* "archive/" */
    storage *storages; /* of the legacy form, sorted by key */
    int64_t count;
    int64_t values, texts; /* seen so far */
    uint64_t copied;       /* bytes of tensors that do not lie as they should */
    const char *path;
    ds_error *err;
} reader;

static ds_status bad(const reader *r, const char *what, const char *why)
{
    ds_fail(r->err, DS_E_FORMAT, "%s: '%.120s': %s", r->path, what, why);
    return ds_fail_at(r->err, DS_E_FORMAT, what, -1);
}

/* ---- types ----------------------------------------------------------------------------------- */

static const struct {
    const char *storage, *dtype;
    int size;
    int type; /* -1: not one of ours */
} types[] = {
    { "torch.FloatStorage", "torch.float32", 4, DS_DTYPE_F32 },
    { "torch.HalfStorage", "torch.float16", 2, DS_DTYPE_F16 },
    { "torch.BFloat16Storage", "torch.bfloat16", 2, DS_DTYPE_BF16 },
    { "torch.DoubleStorage", "torch.float64", 8, DS_DTYPE_F64 },
    { "torch.LongStorage", "torch.int64", 8, DS_DTYPE_I64 },
    { "torch.IntStorage", "torch.int32", 4, DS_DTYPE_I32 },
    { "torch.ByteStorage", "torch.uint8", 1, DS_DTYPE_U8 },
    { "torch.BoolStorage", "torch.bool", 1, DS_DTYPE_BOOL },
    { "torch.Float8_e4m3fnStorage", "torch.float8_e4m3fn", 1, DS_DTYPE_F8_E4M3 },
    { "torch.Float8_e5m2Storage", "torch.float8_e5m2", 1, DS_DTYPE_F8_E5M2 },
    { "torch.ShortStorage", "torch.int16", 2, -1 },
    { "torch.CharStorage", "torch.int8", 1, -1 },
    { "torch.UntypedStorage", "", 1, -1 },
    { "torch.storage.UntypedStorage", "", 1, -1 },
    { "torch.ComplexFloatStorage", "torch.complex64", 8, -1 },
    { "torch.ComplexDoubleStorage", "torch.complex128", 16, -1 },
};

static int find_type(const ds_py *v, bool dtype)
{
    for (int i = 0; i < (int)DS_COUNT(types); i++)
        if (ds__py_is(v, dtype ? types[i].dtype : types[i].storage))
            return i;
    return -1;
}

/* ---- storages -------------------------------------------------------------------------------- */

typedef struct storage_ref {
    int type;
    const char *key;
    int64_t count;
} storage_ref;

/* ('storage', type, key, device, count) */
static bool read_reference(storage_ref *s, const ds_py *v)
{
    const ds_py *t = v != NULL && v->kind == DS_PY_REFERENCE ? v->argument : NULL;

    if (t == NULL || t->kind != DS_PY_LIST || t->count < 5 || t->item[0]->kind != DS_PY_TEXT ||
        strcmp(t->item[0]->text, "storage") != 0 || t->item[2]->kind != DS_PY_TEXT ||
        t->item[4]->kind != DS_PY_INT)
        return false;
    s->type = find_type(t->item[1], false);
    s->key = t->item[2]->text;
    s->count = t->item[4]->number;
    return s->type >= 0 && s->count >= 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const storage *)a)->key, ((const storage *)b)->key);
}

static ds_status find_storage(const reader *r, const storage_ref *s, storage *out)
{
    const storage key = { .key = s->key };
    const storage *found;
    char name[NAME_SIZE];
    const ds_zip_entry *e;

    if (r->count > 0) {
        found = bsearch(&key, r->storages, (size_t)r->count, sizeof key, by_key);
        if (found == NULL)
            return bad(r, s->key, "expected a storage of that key, found none");
        *out = *found;
        return DS_OK;
    }
    snprintf(name, sizeof name, "%sdata/%s", r->root, s->key);
    e = ds__zip_find(&r->zip, name);
    if (e == NULL)
        return bad(r, name, "expected a storage under that name, found none");
    if (!e->stored)
        return bad(r, name, "the storage is compressed or encrypted; PyTorch stores it plainly");
    *out = (storage){ s->key, r->image + e->at, e->bytes };
    return DS_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static bool read_sizes(int64_t *out, const ds_py *list, int64_t n)
{
    if (list->kind != DS_PY_LIST || list->count != n || n > DS_MAX_RANK)
        return false;
    for (int64_t i = 0; i < n; i++) {
        if (list->item[i]->kind != DS_PY_INT || list->item[i]->number < 0)
            return false;
        out[i] = list->item[i]->number;
    }
    return true;
}

/* Copies what does not lie row by row, or not aligned. */
static ds_status gather(reader *r, ds_bundle_entry *e, const unsigned char *from,
                        const int64_t *stride)
{
    ds_tensor *t = &e->tensor;
    size_t size = ds_dtype_size(t->dtype), bytes;
    int64_t index[DS_MAX_RANK] = { 0 }, n = ds_tensor_count(t);
    unsigned char *to;
    ds_status st = ds_tensor_bytes(t, &bytes, r->err);

    if (st != DS_OK)
        return st;
    r->copied += bytes;
    if (r->copied / 16 > r->size)
        return bad(r, e->name, "its tensors repeat their storages more often than any model does");
    e->owned = to = ds_alloc(bytes);
    if (to == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: '%.120s': no memory for %zu bytes", r->path,
                       e->name, bytes);
    for (int64_t i = 0; i < n; i++, to += size) {
        int64_t at = 0;

        for (int d = 0; d < t->rank; d++)
            at += index[d] * stride[d];
        memcpy(to, from + (size_t)at * size, size);
        for (int d = t->rank - 1; d >= 0 && ++index[d] == t->dim[d]; d--)
            index[d] = 0;
    }
    t->data = e->owned;
    return DS_OK;
}

/* The last element that the strides reach lies in the storage, and a copy is no larger than 16 times
 * it (expanded tensors have strides of 0). *rows: it lies row by row. */
static bool check_strides(const ds_tensor *t, const int64_t *stride, uint64_t offset,
                          uint64_t elements, bool *rows)
{
    uint64_t last = offset, all = 1;
    size_t next = 1;

    *rows = true;
    for (int d = t->rank - 1; d >= 0; d--) {
        uint64_t n = (uint64_t)t->dim[d];

        *rows = *rows && (n == 1 || (uint64_t)stride[d] == next);
        if (n == 0)
            return offset <= elements;
        if (!ds_mul_size(next, n, &next) || n > elements * 16 + 16 || all > elements * 16 + 16 ||
            (n > 1 && (uint64_t)stride[d] > elements))
            return false;
        all *= n;
        last += (n - 1) * (uint64_t)stride[d];
        if (last >= elements)
            return false;
    }
    return last < elements && all <= elements * 16 + 16;
}

static ds_status add_tensor(reader *r, const char *name, const ds_py *args, int type,
                            const storage *s)
{
    ds_tensor t = { .dtype = (ds_dtype)types[type].type };
    uint64_t size = (uint64_t)types[type].size;
    const unsigned char *data;
    int64_t stride[DS_MAX_RANK];
    ds_bundle_entry *e;
    bool rows;
    ds_status st;

    if (args->item[1]->kind != DS_PY_INT || args->item[1]->number < 0 ||
        args->item[2]->kind != DS_PY_LIST || args->item[2]->count > DS_MAX_RANK ||
        !read_sizes(t.dim, args->item[2], args->item[2]->count) ||
        !read_sizes(stride, args->item[3], args->item[2]->count))
        return bad(r, name, "its offset, sizes or strides are not numbers from 0 on");
    t.rank = (int)args->item[2]->count;
    if (!check_strides(&t, stride, (uint64_t)args->item[1]->number, s->bytes / size, &rows))
        return bad(r, name, "its sizes and strides reach outside of its storage");
    st = ds__bundle_reserve(r->b, 1, r->err);
    if (st != DS_OK)
        return st;
    e = ds__bundle_append(r->b, name);
    if (e == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: no memory for its tensors", r->path);
    e->tensor = t;
    data = s->data + (uint64_t)args->item[1]->number * size;
    if (!rows || (uintptr_t)data % size != 0)
        return gather(r, e, data, stride);
    e->tensor.data = (void *)data; /* read-only, as the map */
    return DS_OK;
}

/* The arguments of a rebuilt tensor and its type, or NULL: something else. */
static const ds_py *tensor_of(const ds_py *v, int *type, storage_ref *s)
{
    static const char rebuild[] = "torch._utils._rebuild_tensor";
    const ds_py *args = v->argument;

    if (v->kind != DS_PY_CALL || v->callee->kind != DS_PY_GLOBAL || args == NULL ||
        args->kind != DS_PY_LIST || args->count < 1)
        return NULL;
    if (ds__py_is(v->callee, "torch._utils._rebuild_parameter") ||
        ds__py_is(v->callee, "torch.nn.parameter.Parameter"))
        return args->item[0] != v && args->item[0]->kind == DS_PY_CALL &&
                       !ds__py_is(args->item[0]->callee, "torch._utils._rebuild_parameter") &&
                       !ds__py_is(args->item[0]->callee, "torch.nn.parameter.Parameter")
                   ? tensor_of(args->item[0], type, s)
                   : NULL;
    if (strncmp(v->callee->text, rebuild, sizeof rebuild - 1) != 0 || args->count < 4 ||
        !read_reference(s, args->item[0]))
        return NULL;
    *type = s->type;
    if (ds__py_is(v->callee, "torch._utils._rebuild_tensor_v3"))
        *type = args->count > 6 ? find_type(args->item[6], true) : -1;
    else if (strcmp(v->callee->text + sizeof rebuild - 1, "") != 0 &&
             strcmp(v->callee->text + sizeof rebuild - 1, "_v2") != 0)
        return NULL;
    return args;
}

static ds_status add_value(reader *r, const char *name, const ds_py *v, int depth);

static ds_status add_dict(reader *r, const char *prefix, const ds_py *d, int depth)
{
    char name[NAME_SIZE];
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i + 1 < d->count; i += 2) {
        const ds_py *key = d->item[i];
        int n = 0;

        if (r->values++ >= MAX_VALUES)
            return bad(r, prefix, "dicts in dicts hold more values than the limit of 4,194,304");
        if (key->kind == DS_PY_TEXT)
            n = snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                         key->text);
        else if (key->kind == DS_PY_INT)
            n = snprintf(name, sizeof name, "%s%s%lld", prefix, prefix[0] != '\0' ? "." : "",
                         (long long)key->number);
        if (n > 0 && (size_t)n < sizeof name)
            st = add_value(r, name, d->item[i + 1], depth);
    }
    return st;
}

static ds_status add_value(reader *r, const char *name, const ds_py *v, int depth)
{
    storage_ref ref;
    storage s = { 0 };
    const ds_py *args;
    int type;
    ds_status st;

    if (v->kind == DS_PY_DICT)
        return depth > 0 ? add_dict(r, name, v, depth - 1) : DS_OK;
    if (v->kind == DS_PY_TEXT && strncmp(name, "pickle.", 7) != 0)
        return strlen(v->text) < 1000 && r->texts++ < MAX_TEXTS &&
                       ds_bundle_meta(r->b, name) == NULL
                   ? ds__bundle_append_meta(r->b, name, v->text, r->err)
                   : DS_OK;
    args = tensor_of(v, &type, &ref);
    if (args == NULL || type < 0 || types[type].type < 0)
        return DS_OK;
    st = find_storage(r, &ref, &s);
    if (st == DS_OK && r->count == 0 &&
        s.bytes != (uint64_t)ref.count * (uint64_t)types[ref.type].size)
        st = bad(r, ref.key, "its entry has another size than the pickle says");
    return st == DS_OK ? add_tensor(r, name, args, type, &s) : st;
}

static ds_status add_globals(const reader *r, const ds_pickle *p)
{
    json_t *list = json_array();
    char *text;
    ds_status st;

    for (int64_t i = 0; i < p->globals; i++)
        json_array_append_new(list, json_string(p->global[i]));
    text = json_dumps(list, 0);
    json_decref(list);
    st = text != NULL ? ds__bundle_append_meta(r->b, DS_PICKLE_GLOBALS, text, r->err)
                      : ds_fail(r->err, DS_E_NOMEM, "%s: no memory for names", r->path);
    free(text);
    return st;
}

static ds_status check_twice(const reader *r)
{
    ds__bundle_sort(r->b);
    for (int64_t i = 1; i < r->b->count; i++)
        if (strcmp(r->b->by_name[i]->name, r->b->by_name[i - 1]->name) == 0)
            return bad(r, r->b->by_name[i]->name, "the tensor is there twice");
    return DS_OK;
}

static ds_status add_all(reader *r, const ds_pickle *p)
{
    const ds_py *state = ds__py_get(p->root, "state_dict");
    ds_status st = add_globals(r, p);

    if (st == DS_OK && p->root->kind != DS_PY_DICT)
        st = ds_fail(r->err, DS_E_UNSUPPORTED,
                     "%s: expected a dict of tensors, found another object", r->path);
    if (st == DS_OK)
        st = add_dict(r, "", state != NULL && state->kind == DS_PY_DICT ? state : p->root, DEPTH);
    return st == DS_OK ? check_twice(r) : st;
}

/* ---- the two forms --------------------------------------------------------------------------- */

static ds_status find_root(reader *r, const ds_zip_entry **pickle)
{
    const ds_zip_entry *order;
    char name[NAME_SIZE];

    *pickle = NULL;
    for (int64_t i = 0; i < r->zip.count; i++)
        if (ds__ends_with(r->zip.entry[i].name, "/data.pkl")) {
            if (*pickle != NULL)
                return bad(r, r->zip.entry[i].name, "a second data.pkl");
            *pickle = &r->zip.entry[i];
        }
    if (*pickle == NULL)
        return bad(r, "data.pkl", "expected this entry of a PyTorch file; it is another archive");
    if (strlen((*pickle)->name) >= sizeof r->root)
        return bad(r, (*pickle)->name, "a folder with too long a name");
    snprintf(r->root, sizeof r->root, "%s", (*pickle)->name);
    r->root[strlen(r->root) - strlen("data.pkl")] = '\0';
    if (!(*pickle)->stored)
        return bad(r, (*pickle)->name, "it is compressed or encrypted; PyTorch stores it plainly");
    snprintf(name, sizeof name, "%sbyteorder", r->root);
    order = ds__zip_find(&r->zip, name);
    if (order != NULL &&
        (!order->stored || order->bytes != 6 || memcmp(r->image + order->at, "little", 6) != 0))
        return bad(r, name, "expected numbers stored little end first");
    return DS_OK;
}

static ds_status parse_zip(reader *r)
{
    const ds_zip_entry *e;
    ds_pickle p = { 0 };
    size_t used;
    ds_status st = ds__zip_read(&r->zip, r->image, r->size, r->path, r->err);

    if (st == DS_OK)
        st = find_root(r, &e);
    if (st == DS_OK && e->bytes > MAX_PICKLE)
        st = bad(r, e->name, "larger than the limit of 512 MiB");
    if (st == DS_OK)
        st = ds__pickle_read(&p, r->image + e->at, e->bytes, &used, r->path, r->err);
    if (st == DS_OK)
        st = add_all(r, &p);
    ds__pickle_clear(&p);
    return st;
}

/* Keys of the storages that the object mentions, sorted, each with the size of an element. */
static ds_status list_sizes(const reader *r, storage **out, int64_t *count, const ds_pickle *p)
{
    storage *s = *out = ds_calloc((size_t)p->references + 1, sizeof *s);

    *count = 0;
    if (s == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: no memory for its storages", r->path);
    for (int64_t i = 0; i < p->references; i++) {
        storage_ref ref;

        if (read_reference(&ref, p->reference[i]))
            s[(*count)++] = (storage){ ref.key, NULL, (uint64_t)types[ref.type].size };
    }
    if (*count > 0)
        qsort(s, (size_t)*count, sizeof *s, by_key);
    return DS_OK;
}

/* Storages of which the object says no type cannot be measured: they must come last. */
static ds_status place_storages(reader *r, const ds_py *keys, const storage *sizes, int64_t n,
                                size_t at)
{
    if (keys->kind != DS_PY_LIST)
        return bad(r, "storages", "expected a list of keys behind the object");
    r->storages = ds_calloc((size_t)keys->count + 1, sizeof *r->storages);
    if (r->storages == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: no memory for its storages", r->path);
    for (int64_t i = 0; i < keys->count; i++) {
        const storage key = { .key = keys->item[i]->text };
        const storage *known;
        uint64_t count, bytes;

        if (keys->item[i]->kind != DS_PY_TEXT)
            return bad(r, "storages", "a key that is not text");
        known = n > 0 ? bsearch(&key, sizes, (size_t)n, sizeof key, by_key) : NULL;
        if (known == NULL)
            break;
        if (r->size - at < 8)
            return bad(r, key.key, "the file ends before this storage");
        memcpy(&count, r->image + at, 8);
        at += 8;
        if (!ds_mul_size(count, known->bytes, &bytes) || bytes > r->size - at)
            return bad(r, key.key, "the file ends inside this storage");
        r->storages[r->count++] = (storage){ key.key, r->image + at, bytes };
        at += bytes;
    }
    if (r->count > 0)
        qsort(r->storages, (size_t)r->count, sizeof *r->storages, by_key);
    return r->count > 0 ? DS_OK : bad(r, "storages", "the file holds no tensors");
}

static ds_status parse_legacy(reader *r)
{
    ds_pickle p[5] = { 0 };
    storage *sizes = NULL;
    int64_t count = 0;
    size_t at = 0, used;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < 5; i++) {
        st = ds__pickle_read(&p[i], r->image + at, r->size - at, &used, r->path, r->err);
        at += used;
    }
    if (st == DS_OK)
        st = list_sizes(r, &sizes, &count, &p[3]);
    if (st == DS_OK)
        st = place_storages(r, p[4].root, sizes, count, at);
    if (st == DS_OK)
        st = add_all(r, &p[3]);
    ds_free(sizes);
    ds_free(r->storages);
    for (int i = 0; i < 5; i++)
        ds__pickle_clear(&p[i]);
    return st;
}

static bool is_zip(const unsigned char *image, size_t size)
{
    return size >= 4 && memcmp(image, "PK\3\4", 4) == 0;
}

static bool is_legacy(const unsigned char *image, size_t size)
{
    return size >= sizeof legacy_magic && memcmp(image, legacy_magic, sizeof legacy_magic) == 0;
}

const char *ds__tensors_format(const unsigned char *image, size_t size)
{
    return is_zip(image, size)      ? "PyTorch zip"
           : is_legacy(image, size) ? "PyTorch legacy"
                                    : "safetensors";
}

ds_status ds__checkpoint_parse(ds_bundle *b, const unsigned char *image, size_t size,
                               const char *path, ds_error *err)
{
    reader r = { .b = b, .image = image, .size = size, .path = path, .err = err };
    ds_status st = is_zip(image, size) ? parse_zip(&r) : parse_legacy(&r);

    ds__zip_clear(&r.zip);
    return st;
}

ds_status ds__tensors_map(ds_bundle **out, const char *path, ds_error *err)
{
    unsigned char head[16] = { 0 };
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(head, 1, sizeof head, f) : 0;
    ds_bundle *b;
    ds_status st;

    *out = NULL;
    if (f != NULL)
        fclose(f);
    if (!is_zip(head, n) && !is_legacy(head, n)) {
        st = ds__alien_refuse(path, err);
        return st == DS_OK ? ds__bundle_map(out, path, false, err) : st;
    }
    st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = ds__bundle_map_bytes(b, path, false, err);
    if (st == DS_OK)
        st = ds__checkpoint_parse(b, b->map, b->map_size, path, err);
    if (st != DS_OK) {
        ds_bundle_free(b);
        return st;
    }
    *out = b;
    return DS_OK;
}
