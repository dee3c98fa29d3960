/* safetensors_write.c - writes the safetensors format byte for byte as the reference does: data in
 * falling order of element type and rising order of name, header padded with spaces to 8 bytes, so
 * that every tensor is aligned for its type. See safetensors.c for the format. */

#include "weights/bundle.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define LENGTH_FIELD 8

/* The reference's order of types, by falling alignment. */
static int dtype_place(ds_dtype t)
{
    static const unsigned char place[] = {
        [DS_DTYPE_I64] = 0,     [DS_DTYPE_F64] = 1,     [DS_DTYPE_F32] = 2, [DS_DTYPE_I32] = 3,
        [DS_DTYPE_BF16] = 4,    [DS_DTYPE_F16] = 5,     [DS_DTYPE_U8] = 8,  [DS_DTYPE_BOOL] = 9,
        [DS_DTYPE_F8_E4M3] = 6, [DS_DTYPE_F8_E5M2] = 7,
    };

    return place[t];
}

static int compare_entries(const void *x, const void *y)
{
    const ds_bundle_entry *a = *(ds_bundle_entry *const *)x, *b = *(ds_bundle_entry *const *)y;
    int by_type = dtype_place(a->tensor.dtype) - dtype_place(b->tensor.dtype);

    return by_type != 0 ? by_type : strcmp(a->name, b->name);
}

static json_t *meta_json(const ds_bundle *b)
{
    json_t *j = json_object();

    for (const ds_bundle_pair *m = b->meta; j != NULL && m != NULL; m = m->next)
        if (json_object_set_new(j, m->key, json_string(m->value)) != 0) {
            json_decref(j);
            j = NULL;
        }
    return j;
}

static json_t *tensor_json(const ds_tensor *t, size_t begin, size_t end)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", ds_dtype_name(t->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

static ds_status header_json(json_t *head, const ds_bundle *b, const ds_safetensors_layout *l,
                             ds_error *err)
{
    size_t at = 0;

    if (b->meta != NULL && json_object_set_new(head, "__metadata__", meta_json(b)) != 0)
        return ds_fail(err, DS_E_ARG, "metadata that is not valid UTF-8 cannot be saved");
    for (int64_t i = 0; i < b->count; i++) {
        const ds_bundle_entry *e = l->entry[i];
        size_t bytes, end;
        ds_status st = ds_tensor_bytes(&e->tensor, &bytes, err);

        if (st != DS_OK)
            return st;
        if (!ds_add_size(at, bytes, &end) || end > INT64_MAX)
            return ds_fail(err, DS_E_ARG, "the tensors exceed 2^63 bytes");
        if (json_object_set_new(head, e->name, tensor_json(&e->tensor, at, end)) != 0)
            return ds_fail(err, DS_E_NOMEM, "no memory for the header");
        at = end;
    }
    return DS_OK;
}

ds_status ds__safetensors_lay_out(ds_safetensors_layout *out, const ds_bundle *b, ds_arena *a,
                                  ds_error *err)
{
    json_t *head = json_object();
    char *text = NULL;
    ds_status st;

    out->entry = ds__arena_alloc(a, ((size_t)b->count + 1) * sizeof *out->entry);
    if (out->entry == NULL || head == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "no memory for the header");
        goto done;
    }
    if (b->count > 0) {
        memcpy(out->entry, b->entry, (size_t)b->count * sizeof *out->entry);
        qsort(out->entry, (size_t)b->count, sizeof *out->entry, compare_entries);
    }
    if ((st = header_json(head, b, out, err)) != DS_OK)
        goto done;
    text = json_dumps(head, JSON_COMPACT);
    if (text != NULL) {
        uint64_t n = strlen(text), padded = (n + 7) / 8 * 8;

        out->head_size = LENGTH_FIELD + padded;
        out->head = ds__arena_alloc(a, out->head_size);
        if (out->head != NULL) {
            memcpy(out->head, &padded, LENGTH_FIELD);
            memcpy(out->head + LENGTH_FIELD, text, n);
            memset(out->head + LENGTH_FIELD + n, ' ', padded - n);
        }
    }
    if (text == NULL || out->head == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the header");
done:
    free(text);
    json_decref(head);
    return st;
}

ds_status ds_bundle_save(const ds_bundle *b, const char *path, ds_error *err)
{
    ds_arena a = { 0 };
    ds_safetensors_layout l = { 0 };
    ds_out_file f = { .fd = -1 };
    ds_status st = ds__safetensors_lay_out(&l, b, &a, err);

    if (st == DS_OK)
        st = ds__out_open(&f, path, err);
    if (st == DS_OK)
        st = ds__out_write(&f, l.head, l.head_size, err);
    for (int64_t i = 0; st == DS_OK && i < b->count; i++) {
        size_t bytes;

        st = ds_tensor_bytes(&l.entry[i]->tensor, &bytes, err);
        if (st == DS_OK)
            st = ds__out_write(&f, l.entry[i]->tensor.data, bytes, err);
    }
    if (st == DS_OK)
        st = ds__out_commit(&f, err);
    else
        ds__out_abandon(&f);
    ds__arena_free(&a);
    return st;
}
