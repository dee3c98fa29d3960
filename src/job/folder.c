/* folder.c - a result as a run folder. Each file appears whole, run.json last. */

#include "job/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "job/result.h"

#define PATH_SIZE 4096

ds_status ds__run_file(char *buf, size_t size, const char *folder, const char *name, ds_error *err)
{
    int n = snprintf(buf, size, "%s/%s", folder, name);

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "expected a path of at most %zu bytes, found %d", size - 1,
                       n);
    return DS_OK;
}

ds_status ds__json_dump(char **out, const json_t *root, ds_error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2));
    size_t n = text != NULL ? strlen(text) : 0;

    *out = text != NULL ? ds_alloc(n + 2) : NULL;
    if (*out != NULL)
        snprintf(*out, n + 2, "%s\n", text);
    free(text);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a JSON text");
}

ds_status ds__json_save(const json_t *root, const char *path, ds_error *err)
{
    char *text;
    ds_status st = ds__json_dump(&text, root, err);

    if (st == DS_OK)
        st = ds__file_write(path, text, strlen(text), err);
    ds_free(text);
    return st;
}

static ds_status save_figures(const ds_result *r, const char *folder, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; i < r->figures && st == DS_OK; i++) {
        const result_figure *f = &r->figure[i];
        char path[PATH_SIZE], name[300];

        snprintf(name, sizeof name, "%s.png", f->name);
        st = ds__run_file(path, sizeof path, folder, name, err);
        if (st == DS_OK)
            st = ds_image_save_png(&f->image, path, f->text, f->texts, err);
    }
    return st;
}

static ds_status save_files(const ds_result *r, const char *folder, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; i < r->files && st == DS_OK; i++) {
        char path[PATH_SIZE];

        st = ds__run_file(path, sizeof path, folder, r->file[i].name, err);
        if (st == DS_OK)
            st = ds__file_write(path, r->file[i].data, r->file[i].bytes, err);
    }
    return st;
}

static ds_status save_tensors(const ds_result *r, const char *folder, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds__run_file(path, sizeof path, folder, "tensors.safetensors", err);

    return st == DS_OK && r->tensors != NULL ? ds_bundle_save(r->tensors, path, err) : st;
}

static ds_status save_page(const ds_result *r, const char *folder, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds__run_file(path, sizeof path, folder, "report.html", err);

    return st == DS_OK && r->page != NULL ? ds_page_save(r->page, path, err) : st;
}

ds_status ds_result_save(const ds_result *r, const char *folder, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds_folder_make(folder, err);

    if (st == DS_OK && r->name == NULL)
        st = ds__run_file(path, sizeof path, folder, "result.json", err);
    if (st == DS_OK && r->name == NULL)
        st = ds__json_save(r->root, path, err);
    if (st == DS_OK)
        st = save_tensors(r, folder, err);
    if (st == DS_OK)
        st = save_files(r, folder, err);
    if (st == DS_OK)
        st = save_figures(r, folder, err);
    if (st == DS_OK)
        st = save_page(r, folder, err);
    if (st != DS_OK || r->name != NULL)
        return st;
    st = ds__run_file(path, sizeof path, folder, "run.json", err);
    return st == DS_OK ? ds_record_save(r->record, path, err) : st;
}
