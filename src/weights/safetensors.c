/* safetensors.c - reads the safetensors format, whose content may be hostile.
 *
 *   u64 little-endian: size of the header; the header, a JSON object; the data
 *   { "__metadata__": { text: text }, name: { "dtype": "F32", "shape": [..],
 *     "data_offsets": [begin, end] } }       offsets count from the first byte behind the header
 *
 * The data must be covered without gap or overlap, as the reference implementation demands. What
 * two readers could take differently is refused: repeated names, unknown keys, signs on numbers.
 *
 * A file that another process shortens while it is mapped ends this process (SIGBUS); replace files
 * by renaming. */

#include "weights/bundle.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

#define LENGTH_FIELD 8
#define MAX_HEADER   100000000 /* the reference's limit */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "data are used in place, which needs a little-endian machine"
#endif

/* What the parser's functions share. */
typedef struct reader {
    ds_bundle *b;
    unsigned char *image;
    size_t head, size; /* offset of the data, and of the end of the file */
    const char *path;
    ds_error *err;
} reader;

/* One tensor's range in the file, for the check of coverage. */
typedef struct range {
    const ds_bundle_entry *entry;
    uint64_t begin, end;
} range;

/* Where the header mentions a tensor: found by its name, hence 8 for a name with escapes. */
static int64_t header_offset(const reader *r, const char *name)
{
    size_t n = strlen(name);
    const unsigned char *at = r->image + LENGTH_FIELD, *end = r->image + r->head;

    while (n > 0 && (at = memmem(at, (size_t)(end - at), name, n)) != NULL) {
        if (at[-1] == '"' && at + n < end && at[n] == '"')
            return at - r->image;
        at++;
    }
    return LENGTH_FIELD;
}

/* "FILE: header: ..." at a byte offset of the file. */
#define FAIL_FILE(r, offset, ...)                                                                  \
    (ds_fail((r)->err, DS_E_FORMAT, __VA_ARGS__),                                                  \
     ds_fail_at((r)->err, DS_E_FORMAT, (r)->path, (offset)))

#define FAIL_TENSOR(r, code, name, ...)                                                            \
    (ds_fail((r)->err, (code), __VA_ARGS__),                                                       \
     ds_fail_at((r)->err, (code), (name), header_offset((r), (name))))

/* jansson refuses numbers above 2^63 and tells integers from reals, but takes "-0" for 0 and lets a
 * NUL end a number; the format has neither. */
static ds_status refuse_oddities(const reader *r)
{
    bool in_string = false;

    for (size_t i = LENGTH_FIELD; i < r->head; i++) {
        unsigned char c = r->image[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (c == '\0' || (!in_string && c == '-'))
            return FAIL_FILE(r, (int64_t)i, "%s: header, byte %zu: expected %s", r->path, i,
                             c == '-' ? "numbers without a sign, found '-'" : "text, found NUL");
    }
    return DS_OK;
}

static ds_status read_head(reader *r, json_t **out)
{
    uint64_t n;
    json_error_t je;

    if (r->size < LENGTH_FIELD)
        return FAIL_FILE(r, 0, "%s: expected a safetensors file of at least 8 bytes, found %zu",
                         r->path, r->size);
    memcpy(&n, r->image, LENGTH_FIELD);
    if (n > MAX_HEADER)
        return FAIL_FILE(
            r, 0,
            "%s: the first 8 bytes give a header of %llu bytes, above the limit of %d; "
            "this is not a safetensors file or it is damaged",
            r->path, (unsigned long long)n, MAX_HEADER);
    if (n > r->size - LENGTH_FIELD)
        return FAIL_FILE(r, 0,
                         "%s: expected a header of %llu bytes, but the file ends after %zu; it is "
                         "truncated",
                         r->path, (unsigned long long)n, r->size - LENGTH_FIELD);
    r->head = LENGTH_FIELD + (size_t)n;
    if (n < 2 || r->image[LENGTH_FIELD] != '{')
        return FAIL_FILE(r, LENGTH_FIELD, "%s: expected the header to start with '{' at byte 8",
                         r->path);
    *out =
        json_loadb((const char *)r->image + LENGTH_FIELD, (size_t)n, JSON_REJECT_DUPLICATES, &je);
    if (*out == NULL)
        return FAIL_FILE(r, LENGTH_FIELD + je.position, "%s: header, byte %d: %s", r->path,
                         LENGTH_FIELD + je.position, je.text);
    return refuse_oddities(r);
}

static ds_status read_meta(const reader *r, const json_t *meta)
{
    const char *key;
    json_t *value;

    if (!json_is_object(meta))
        return FAIL_TENSOR(r, DS_E_FORMAT, "__metadata__",
                           "%s: expected __metadata__ to be an object of strings", r->path);
    json_object_foreach ((json_t *)meta, key, value) {
        ds_status st;

        if (!json_is_string(value))
            return FAIL_TENSOR(r, DS_E_FORMAT, "__metadata__",
                               "%s: __metadata__: expected '%.80s' to be a string", r->path, key);
        st = ds__bundle_append_meta(r->b, key, json_string_value(value), r->err);
        if (st != DS_OK)
            return st;
    }
    return DS_OK;
}

static ds_status read_dtype(const reader *r, ds_bundle_entry *e, const json_t *j)
{
    const char *text = json_string_value(j);

    if (text == NULL)
        return FAIL_TENSOR(r, DS_E_FORMAT, e->name,
                           "%s: tensor '%.120s': expected \"dtype\" to be a string", r->path,
                           e->name);
    for (int t = 0; t < DS_DTYPES; t++)
        if (strcmp(text, ds_dtype_name((ds_dtype)t)) == 0) {
            e->tensor.dtype = (ds_dtype)t;
            return DS_OK;
        }
    return FAIL_TENSOR(r, DS_E_UNSUPPORTED, e->name,
                       "%s: tensor '%.120s': dtype '%.40s' is not supported; expected one of F64, "
                       "F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, U8, BOOL",
                       r->path, e->name, text);
}

static ds_status read_shape(const reader *r, ds_bundle_entry *e, const json_t *j)
{
    ds_tensor *t = &e->tensor;
    size_t rank = json_array_size(j);

    if (!json_is_array(j))
        return FAIL_TENSOR(r, DS_E_FORMAT, e->name,
                           "%s: tensor '%.120s': expected \"shape\" to be an array", r->path,
                           e->name);
    if (rank > DS_MAX_RANK)
        return FAIL_TENSOR(r, DS_E_UNSUPPORTED, e->name,
                           "%s: tensor '%.120s': expected at most %d dimensions, found %zu",
                           r->path, e->name, DS_MAX_RANK, rank);
    for (size_t i = 0; i < rank; i++) {
        const json_t *d = json_array_get(j, i);

        if (!json_is_integer(d))
            return FAIL_TENSOR(r, DS_E_FORMAT, e->name,
                               "%s: tensor '%.120s': expected dimension %zu to be a whole number",
                               r->path, e->name, i);
        t->dim[i] = json_integer_value(d);
    }
    t->rank = (int)rank;
    return DS_OK;
}

static ds_status read_offsets(const reader *r, range *g, const json_t *j)
{
    const char *name = g->entry->name;
    const json_t *begin = json_array_get(j, 0), *end = json_array_get(j, 1);
    uint64_t data = r->size - r->head;
    ds_error shape = { 0 };
    char text[160];
    size_t bytes;

    if (json_array_size(j) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return FAIL_TENSOR(r, DS_E_FORMAT, name,
                           "%s: tensor '%.120s': expected \"data_offsets\" to be two whole numbers",
                           r->path, name);
    g->begin = (uint64_t)json_integer_value(begin);
    g->end = (uint64_t)json_integer_value(end);
    if (g->begin > g->end || g->end > data)
        return FAIL_TENSOR(r, DS_E_FORMAT, name,
                           "%s: tensor '%.120s': data_offsets [%llu, %llu] do not lie in the %llu "
                           "bytes of data behind the header; the file is truncated or damaged",
                           r->path, name, (unsigned long long)g->begin, (unsigned long long)g->end,
                           (unsigned long long)data);
    if (ds_tensor_bytes(&g->entry->tensor, &bytes, &shape) != DS_OK)
        return FAIL_TENSOR(r, DS_E_FORMAT, name, "%s: tensor '%.120s': %.200s", r->path, name,
                           shape.text);
    if (bytes != g->end - g->begin)
        return FAIL_TENSOR(r, DS_E_FORMAT, name,
                           "%s: tensor '%.120s': shape %s of %s needs %zu bytes, but data_offsets "
                           "[%llu, %llu] give %llu",
                           r->path, name, ds_tensor_shape(&g->entry->tensor, text, sizeof text),
                           ds_dtype_name(g->entry->tensor.dtype), bytes,
                           (unsigned long long)g->begin, (unsigned long long)g->end,
                           (unsigned long long)(g->end - g->begin));
    return DS_OK;
}

/* Points the tensor into the image, or to a copy where its elements would not be aligned. */
static ds_status place(const reader *r, ds_bundle_entry *e, const range *g)
{
    unsigned char *data = r->image + r->head + g->begin;
    size_t bytes = (size_t)(g->end - g->begin);

    if ((uintptr_t)data % ds_dtype_size(e->tensor.dtype) != 0) {
        e->owned = ds_alloc(bytes);
        if (e->owned == NULL)
            return ds_fail(r->err, DS_E_NOMEM, "%s: tensor '%.120s': no memory for %zu bytes",
                           r->path, e->name, bytes);
        data = memcpy(e->owned, data, bytes);
    }
    e->tensor.data = data;
    return DS_OK;
}

static ds_status read_tensor(const reader *r, range *g, const char *name, const json_t *j)
{
    const json_t *dtype = json_object_get(j, "dtype"), *shape = json_object_get(j, "shape");
    const json_t *offsets = json_object_get(j, "data_offsets");
    ds_bundle_entry *e;
    ds_status st;

    if (dtype == NULL || shape == NULL || offsets == NULL || json_object_size(j) != 3)
        return FAIL_TENSOR(r, DS_E_FORMAT, name,
                           "%s: tensor '%.120s': expected an object of \"dtype\", \"shape\", "
                           "\"data_offsets\" and nothing else",
                           r->path, name);
    e = ds__bundle_append(r->b, name);
    if (e == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: no memory for tensor '%.120s'", r->path, name);
    g->entry = e;
    if ((st = read_dtype(r, e, dtype)) == DS_OK && (st = read_shape(r, e, shape)) == DS_OK &&
        (st = read_offsets(r, g, offsets)) == DS_OK)
        st = place(r, e, g);
    return st;
}

static int compare_ranges(const void *x, const void *y)
{
    const range *a = x, *b = y;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end;
}

/* Every byte behind the header belongs to exactly one tensor. */
static ds_status check_coverage(const reader *r, range *g, int64_t n)
{
    uint64_t at = 0, data = r->size - r->head;

    if (n > 0)
        qsort(g, (size_t)n, sizeof *g, compare_ranges);
    for (int64_t i = 0; i < n; at = g[i++].end)
        if (g[i].begin != at)
            return FAIL_TENSOR(r, DS_E_FORMAT, g[i].entry->name,
                               "%s: tensor '%.120s' starts at %llu of the data, expected %llu: the "
                               "tensors %s",
                               r->path, g[i].entry->name, (unsigned long long)g[i].begin,
                               (unsigned long long)at, g[i].begin < at ? "overlap" : "leave a gap");
    if (at != data)
        return FAIL_FILE(r, (int64_t)(r->head + at),
                         "%s: the tensors end at byte %llu, expected the file's end at %zu",
                         r->path, (unsigned long long)(r->head + at), r->size);
    return DS_OK;
}

static ds_status read_tensors(const reader *r, const json_t *head)
{
    int64_t n = 0, most = (int64_t)json_object_size(head);
    range *g = ds_calloc((size_t)most + 1, sizeof *g);
    ds_status st = DS_OK;
    const char *name;
    json_t *j;

    if (g == NULL)
        return ds_fail(r->err, DS_E_NOMEM, "%s: no memory for %lld tensors", r->path,
                       (long long)most);
    st = ds__bundle_reserve(r->b, most, r->err);
    json_object_foreach ((json_t *)head, name, j) {
        if (st != DS_OK)
            break;
        if (strcmp(name, "__metadata__") == 0)
            st = read_meta(r, j);
        else
            st = read_tensor(r, &g[n++], name, j);
    }
    if (st == DS_OK)
        st = check_coverage(r, g, n);
    ds_free(g);
    ds__bundle_sort(r->b);
    return st;
}

ds_status ds__safetensors_parse(ds_bundle *b, unsigned char *image, size_t size, const char *path,
                                ds_error *err)
{
    reader r = { .b = b, .image = image, .size = size, .path = path, .err = err };
    json_t *head = NULL;
    ds_status st = read_head(&r, &head);

    if (st == DS_OK)
        st = read_tensors(&r, head);
    json_decref(head);
    return st;
}

ds_status ds__bundle_map_bytes(ds_bundle *b, const char *path, bool writable, ds_error *err)
{
    int fd;
    int64_t size;
    ds_status st = ds__file_open(&fd, &size, path, err);

    if (st != DS_OK)
        return st;
    b->map_size = (size_t)size;
    if (size > 0) {
        b->map = mmap(NULL, b->map_size, PROT_READ | (writable ? PROT_WRITE : 0),
                      MAP_PRIVATE | MAP_NORESERVE, fd, 0);
        if (b->map == MAP_FAILED) {
            b->map = NULL;
            st = ds_fail(err, DS_E_IO, "%s: cannot map %lld bytes: %m", path, (long long)size);
        }
    }
    close(fd);
    return st;
}

ds_status ds__bundle_map(ds_bundle **out, const char *path, bool writable, ds_error *err)
{
    ds_bundle *b;
    ds_status st = ds_bundle_new(&b, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__bundle_map_bytes(b, path, writable, err);
    if (st == DS_OK)
        st = ds__safetensors_parse(b, b->map, b->map_size, path, err);
    if (st != DS_OK) {
        ds_bundle_free(b);
        return st;
    }
    *out = b;
    return DS_OK;
}

ds_status ds_bundle_load(ds_bundle **out, const char *path, ds_error *err)
{
    return ds__bundle_map(out, path, true, err);
}
