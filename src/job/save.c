/* save.c - a result as a run folder. Each file appears whole, run.json last. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "job/files.h"
#include "job/folder.h"
#include "job/result.h"

#define PATH_SIZE 4096

/* ---- files ------------------------------------------------------------------------------------- */

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

/* ---- which files ------------------------------------------------------------------------------ */

/* Notes a file of the result in ROOT's list, as PART/NAME if it belongs to a part. */
static ds_status note(ds_result *of, const char *root, const char *part, const char *name,
                      ds_error *err)
{
    char path[PATH_SIZE];

    if (part == NULL)
        return ds__files_note(of, root, name, err);
    snprintf(path, sizeof path, "%s/%s", part, name);
    return ds__files_note(of, root, path, err);
}

ds_status ds__result_note(ds_result *of, const char *root, const ds_result *r, ds_error *err)
{
    ds_status st = r->name == NULL ? note(of, root, NULL, "result.json", err) : DS_OK;

    if (st == DS_OK && r->tensors != NULL)
        st = note(of, root, r->name, "tensors.safetensors", err);
    for (int i = 0; st == DS_OK && i < r->files; i++)
        st = note(of, root, r->name, r->file[i].name, err);
    for (int i = 0; st == DS_OK && i < r->figures; i++) {
        char name[300];

        snprintf(name, sizeof name, "%s.png", r->figure[i].name);
        st = note(of, root, r->name, name, err);
    }
    return st == DS_OK && r->page != NULL ? note(of, root, r->name, "report.html", err) : st;
}

/* ---- saving ------------------------------------------------------------------------------------ */

/* Where the run was started, seen from its folder: "../..". Relative paths of options begin there. */
static ds_status add_start(ds_record *r, const char *folder, ds_error *err)
{
    char real[PATH_SIZE], here[PATH_SIZE];
    ds_buffer to = { 0 };
    char *text = NULL;
    size_t n = 0, same = 0;
    ds_status st;

    if (realpath(folder, real) == NULL || getcwd(here, sizeof here) == NULL)
        return ds_record_null(r, "start", err);
    for (; real[n] != '\0' && real[n] == here[n]; n++)
        same = real[n] == '/' ? n : same;
    if ((real[n] == '\0' || real[n] == '/') && (here[n] == '\0' || here[n] == '/'))
        same = n;
    for (const char *p = real + same; (p = strchr(p, '/')) != NULL && p[1] != '\0'; p++)
        ds__buffer_text(&to, to.bytes > 0 ? "/.." : "..");
    if (here[same] == '/' && here[same + 1] != '\0')
        ds__buffer_text(&to, to.bytes > 0 ? here + same : here + same + 1);
    if (to.bytes == 0)
        ds__buffer_text(&to, ".");
    st = ds__buffer_take(&to, &text, NULL, "a path", err);
    if (st == DS_OK)
        st = ds_record_text(r, "start", text, NULL) == DS_OK ? DS_OK
                                                             : ds_record_null(r, "start", err);
    ds_free(text);
    return st;
}

static ds_status save_record(const ds_result *r, const char *folder, ds_error *err)
{
    char path[PATH_SIZE], *files = NULL;
    ds_status st = ds__files_list(&files, r, folder, err);

    if (st == DS_OK)
        st = ds_record_json(r->record, "files", files, err);
    ds_free(files);
    if (st == DS_OK)
        st = add_start(r->record, folder, err);
    if (st == DS_OK)
        st = ds__run_file(path, sizeof path, folder, "run.json", err);
    if (st == DS_OK)
        st = ds_record_save(r->record, path, err);
    if (st == DS_OK)
        ds__files_end(folder);
    return st;
}

ds_status ds_result_save(const ds_result *r, const char *folder, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds_folder_make(folder, err);

    if (st == DS_OK && r->name == NULL)
        st = ds__result_note((ds_result *)r, folder, r, err);
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
    return st == DS_OK && r->name == NULL ? save_record(r, folder, err) : st;
}
