/* export.c - a copy of a diffusers folder with an edit in its weights. See edits.h. */

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "methods/component/edits.h"
#include "methods/component/work.h"

enum { DEEPEST = 6 };

/* The edit's part that a tensor of component folder `name` is, or NULL: "conv_in.weight" of "unet". */
static const ds_edit_part *part_of(const ds_edit *e, const char *component, const char *tensor)
{
    char full[520];

    snprintf(full, sizeof full, "%s.%s", component, tensor);
    return ds__edit_find(e, full);
}

/* A weights file of a component: its tensors are mapped copy-on-write, changed and written anew. */
static ds_status copy_weights(const char *to, const char *from, const char *component,
                              const ds_edit *e, int64_t *found, ds_error *err)
{
    ds_bundle *b;
    ds_status st = ds_bundle_load(&b, from, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const ds_edit_part *p = part_of(e, component, ds_bundle_name(b, i));
        ds_tensor *t = ds_bundle_at(b, i);
        const size_t size = ds_dtype_size(t->dtype);

        if (p == NULL)
            continue;
        for (int64_t k = 0; k < p->count; k++)
            ds_convert((char *)t->data + (size_t)p->index[k] * size, t->dtype, &p->after[k],
                       DS_DTYPE_F32, 1);
        *found += 1;
    }
    st = ds_bundle_save(b, to, err);
    ds_bundle_free(b);
    return st;
}

static ds_status copy_file(const char *to, const char *from, ds_error *err)
{
    char *data;
    size_t bytes;
    ds_status st = ds__file_read(&data, &bytes, from, (size_t)1 << 40, err);

    if (st == DS_OK)
        st = ds__file_write(to, data, bytes, err);
    if (st == DS_OK)
        ds_free(data);
    return st;
}

static bool is_weights(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && strcmp(dot, ".safetensors") == 0;
}

static ds_status copy_folder(const char *to, const char *from, const char *component,
                             const ds_edit *e, int64_t *found, int depth, ds_error *err)
{
    DIR *d = opendir(from);
    struct dirent *entry;
    ds_status st =
        d == NULL ? ds_fail(err, DS_E_IO, "%s cannot be read", from) : ds_folder_make(to, err);

    while (st == DS_OK && (entry = readdir(d)) != NULL) {
        char *source = ds__component_path(from, entry->d_name);
        char *target = ds__component_path(to, entry->d_name);
        struct stat s;

        if (entry->d_name[0] == '.') {
            /* the folder itself, and hidden files */
        } else if (source == NULL || target == NULL) {
            st = ds_fail(err, DS_E_NOMEM, "no memory for a path");
        } else if (stat(source, &s) != 0) {
            st = ds_fail(err, DS_E_IO, "%s cannot be read", source);
        } else if (S_ISDIR(s.st_mode)) {
            if (depth < DEEPEST)
                st = copy_folder(target, source, entry->d_name, e, found, depth + 1, err);
        } else if (is_weights(entry->d_name)) {
            st = copy_weights(target, source, component, e, found, err);
        } else {
            st = copy_file(target, source, err);
        }
        ds_free(source);
        ds_free(target);
    }
    if (d != NULL)
        closedir(d);
    return st;
}

ds_status ds__edit_export(const char *to, const char *from, const ds_edit *e, ds_error *err)
{
    int64_t found = 0;
    ds_status st = copy_folder(to, from, "", e, &found, 0, err);

    if (st == DS_OK && found < e->parts)
        st = ds_fail(
            err, DS_E_NOMATCH,
            "%s: %lld of the edit's %lld parameters are in no weights file under these names", from,
            (long long)(e->parts - found), (long long)e->parts);
    return st;
}
