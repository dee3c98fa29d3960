/* export.c - writes scenes into a folder, and reads its captions again.
 *
 * Thread rule: a folder is written by one thread. */

#include "world/export.h"

#include "base/file.h"
#include "world/record.h"
#include "world/select.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct exporter {
    const ds_world *w;
    ds_out_folder folder; /* it appears when all of it is there */
    const char *out;      /* its name until then */
    FILE *lines;
    ds_scene *scene;
} exporter;

/* One picture and its line. */
static ds_status export_scene(exporter *e, ds_split split, int64_t index, ds_error *err)
{
    char path[1200], file[64];
    ds_status st = ds_world_scene(e->w, split, index, e->scene, err);

    snprintf(file, sizeof file, "images/%s-%07lld.png", ds_split_name(split), (long long)index);
    snprintf(path, sizeof path, "%s/%s", e->out, file);
    if (st == DS_OK)
        st = ds_world_write_png(path, e->scene->rgb, DS_WORLD_SIDE, DS_WORLD_SIDE, err);
    if (st == DS_OK)
        st = ds_world_write_record(ds_world_record(e->w, e->scene, file), e->lines,
                                   "captions.jsonl", JSON_COMPACT, err);
    return st;
}

static ds_status write_tables(const exporter *e, ds_error *err)
{
    char path[1200];
    ds_out_text f;
    ds_status st = ds__out_text_open(&f, err);

    snprintf(path, sizeof path, "%s/world.json", e->out);
    if (st == DS_OK)
        st = ds_world_write_record(ds_world_table_record(e->w), f.to, path, JSON_INDENT(1), err);
    return ds__out_text_close(&f, path, st, err);
}

static ds_status begin(exporter *e, const ds_world *w, const char *out, ds_error *err)
{
    char path[1200];
    ds_status st;

    *e = (exporter){ .w = w, .folder.fd = -1 };
    if (strlen(out) > 1000)
        return ds_fail(err, DS_E_ARG, "the path of the folder is too long");
    e->scene = ds_alloc(sizeof *e->scene);
    if (e->scene == NULL)
        return ds_fail(err, DS_E_NOMEM, "a scene: %zu bytes", sizeof *e->scene);
    st = ds__out_folder_open(&e->folder, out, err);
    e->out = e->folder.temp;
    if (st != DS_OK)
        return st;
    snprintf(path, sizeof path, "%s/images", e->out);
    st = ds_folder_make(path, err);
    if (st != DS_OK)
        return st;
    snprintf(path, sizeof path, "%s/captions.jsonl", e->out);
    e->lines = fopen(path, "w");
    return e->lines != NULL ? DS_OK : ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
}

static ds_status end(exporter *e, ds_status st, ds_error *err)
{
    if (e->lines != NULL && fclose(e->lines) != 0 && st == DS_OK)
        st = ds_fail(err, DS_E_IO, "%s/captions.jsonl: %s", e->out, strerror(errno));
    ds_free(e->scene);
    if (st == DS_OK)
        st = write_tables(e, err);
    if (st == DS_OK)
        return ds__out_folder_commit(&e->folder, "world.json", err);
    ds__out_folder_abandon(&e->folder);
    return st;
}

ds_status ds_world_export(const ds_world *w, ds_split split, int64_t first, int64_t count,
                          const char *out, ds_error *err)
{
    exporter e;
    ds_status st = begin(&e, w, out, err);

    for (int64_t i = first; st == DS_OK && i < first + count; i++)
        st = export_scene(&e, split, i, err);
    return end(&e, st, err);
}

ds_status ds_world_export_set(const ds_world *w, const char *set, int64_t count, const char *out,
                              ds_error *err)
{
    exporter e;
    ds_selection *s = NULL;
    ds_split split;
    int64_t index;
    ds_status st = ds_selection_open(&s, w, set, count, err);

    if (st != DS_OK)
        return st;
    st = begin(&e, w, out, err);
    while (st == DS_OK && ds_selection_next(s, &split, &index))
        st = export_scene(&e, split, index, err);
    ds_selection_close(s);
    return end(&e, st, err);
}

ds_status ds_world_read_lines(const char *folder, ds_world_line *each, void *user, ds_error *err)
{
    char path[1200];
    json_error_t why;
    long long count = 0;
    ds_status st = DS_OK;
    json_t *line;
    FILE *f;

    snprintf(path, sizeof path, "%s/captions.jsonl", folder);
    f = fopen(path, "r");
    if (f == NULL)
        return ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno)), path, -1);
    while (st == DS_OK && (line = json_loadf(f, JSON_DISABLE_EOF_CHECK, &why)) != NULL) {
        st = each(user, line, err);
        count++;
        json_decref(line);
    }
    if (st == DS_OK && !feof(f) && fgetc(f) != EOF)
        st = ds_fail(err, DS_E_FORMAT, "%s: %s after %lld captions", path, why.text, count);
    fclose(f);
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}
