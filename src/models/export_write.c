/* export_write.c - a list of tensors as a safetensors file, chunk by chunk. See export.h. */

#include "models/export.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

#define CHUNK ((int64_t)1 << 20) /* elements in memory at a time */

ds_status ds__export_begin(ds_export_list *l, ds_error *err)
{
    *l = (ds_export_list){ .bundle = NULL };
    return ds_bundle_new(&l->bundle, err);
}

void ds__export_end(ds_export_list *l)
{
    ds_bundle_free(l->bundle);
    ds__arena_free(&l->arena);
}

/* The type of a parameter's file, below all overlays. */
static ds_status stored_type(ds_dtype *out, const ds_model *m, const char *name, ds_error *err)
{
    ds_tensor t;
    ds_status st;

    while (m->base != NULL)
        m = m->base;
    st = ds_model_parameter(m, &t, name, err);
    *out = t.dtype;
    return st;
}

ds_status ds__export_add(ds_export_list *l, const ds_model *m, const ds_export_options *o,
                         const char *name, const char *const *param, int params, bool transposed,
                         const ds_tensor *shape, ds_error *err)
{
    ds_export_item *item = ds__arena_alloc(&l->arena, sizeof *item);
    ds_tensor *t = ds__arena_alloc(&l->arena, 3 * sizeof *t);
    ds_bundle_entry *e;
    ds_dtype type = o->dtype;
    ds_status st = ds__bundle_reserve(l->bundle, 1, err);

    if (item == NULL || t == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of tensors");
    for (int i = 0; st == DS_OK && i < params; i++) {
        st = ds_model_parameter(m, &t[i], param[i], err);
        item->part[i] = &t[i];
    }
    if (st == DS_OK && !o->convert)
        st = stored_type(&type, m, param[0], err);
    if (st != DS_OK)
        return st;
    e = ds__bundle_append(l->bundle, name);
    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of tensors");
    item->transposed = transposed;
    e->tensor = shape != NULL ? *shape : t[0];
    e->tensor.dtype = type;
    e->tensor.data = item;
    return DS_OK;
}

static ds_status write_part(ds_out_file *f, const ds_tensor *t, ds_dtype type, char *room,
                            const ds_export_options *o, ds_error *err)
{
    const int64_t count = ds_tensor_count(t);
    const size_t size = ds_dtype_size(t->dtype);
    ds_status st = DS_OK;

    for (int64_t at = 0; st == DS_OK && at < count; at += CHUNK) {
        int64_t n = count - at < CHUNK ? count - at : CHUNK;
        const char *from = (const char *)t->data + (size_t)at * size;

        if (ds_cancel_requested(o->cancel))
            return ds_fail(err, DS_E_CANCELLED, "interrupted while weights were written");
        if (t->dtype == type)
            st = ds__out_write(f, from, (size_t)n * size, err);
        else {
            ds_convert(room, type, from, t->dtype, n);
            st = ds__out_write(f, room, (size_t)n * ds_dtype_size(type), err);
        }
    }
    return st;
}

static ds_status write_transposed(ds_out_file *f, const ds_tensor *t, ds_dtype type,
                                  const ds_export_options *o, char *room, ds_error *err)
{
    const int64_t rows = t->dim[0], columns = t->dim[1];
    const size_t size = ds_dtype_size(t->dtype);
    ds_tensor turned = *t;
    char *data = ds_alloc((size_t)ds_tensor_count(t) * size);
    ds_status st;

    if (data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a transposed matrix");
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            memcpy(data + (size_t)(c * rows + r) * size,
                   (const char *)t->data + (size_t)(r * columns + c) * size, size);
    turned.data = data;
    st = write_part(f, &turned, type, room, o, err);
    ds_free(data);
    return st;
}

static ds_status write_all(ds_out_file *f, const ds_safetensors_layout *layout, int64_t count,
                           const ds_export_options *o, ds_error *err)
{
    char *room = ds_alloc((size_t)CHUNK * 8);
    ds_status st = room != NULL ? ds__out_write(f, layout->head, layout->head_size, err)
                                : ds_fail(err, DS_E_NOMEM, "no memory for a chunk of weights");

    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        const ds_tensor *t = &layout->entry[i]->tensor;
        const ds_export_item *item = t->data;

        if (item->transposed)
            st = write_transposed(f, item->part[0], t->dtype, o, room, err);
        for (int p = 0; st == DS_OK && !item->transposed && p < 3 && item->part[p] != NULL; p++)
            st = write_part(f, item->part[p], t->dtype, room, o, err);
    }
    ds_free(room);
    return st;
}

ds_status ds__export_write(const ds_export_list *l, const char *path, const ds_export_options *o,
                           ds_error *err)
{
    ds_arena a = { NULL };
    ds_safetensors_layout layout = { 0 };
    ds_out_file f = { .fd = -1 };
    ds_status st = ds__safetensors_lay_out(&layout, l->bundle, &a, err);

    if (st == DS_OK)
        st = ds__out_open(&f, path, err);
    if (st == DS_OK)
        st = write_all(&f, &layout, ds_bundle_count(l->bundle), o, err);
    if (st == DS_OK)
        st = ds__out_commit(&f, err);
    else
        ds__out_abandon(&f);
    ds__arena_free(&a);
    return st;
}
