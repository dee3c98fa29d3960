/* folder.c - a folder with pictures and captions.jsonl as a source of examples. */

#include "train/train.h"

#include <diffuscope/image.h>

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

typedef struct folder {
    ds_arena arena;
    const char *path;
    const char **file, **caption;
    int64_t count, room;
} folder;

static ds_status add_line(folder *f, const char *line, size_t size, int64_t number, ds_error *err)
{
    char what[DS_TRAIN_PATH];
    json_t *json;
    const char *file, *caption;
    ds_status st;

    snprintf(what, sizeof what, "%s/captions.jsonl line %lld", f->path, (long long)number);
    st = ds__json_parse(&json, line, size, what, err);
    if (st != DS_OK)
        return st;
    file = json_string_value(json_object_get(json, "file"));
    caption = json_string_value(json_object_get(json, "caption"));
    if (file == NULL || caption == NULL)
        st = ds_fail(err, DS_E_FORMAT, "%s: expected \"file\" and \"caption\", both text", what);
    if (st == DS_OK) {
        f->file[f->count] = ds__arena_printf(&f->arena, "%s", file);
        f->caption[f->count] = ds__arena_printf(&f->arena, "%s", caption);
        if (f->file[f->count] == NULL || f->caption[f->count] == NULL)
            st = ds_fail(err, DS_E_NOMEM, "%s: no memory", what);
        f->count++;
    }
    json_decref(json);
    return st;
}

static ds_status read_lines(folder *f, const char *text, size_t size, ds_error *err)
{
    const char *end = text + size;
    int64_t lines = 1, number = 0;
    ds_status st = DS_OK;

    for (const char *p = text; p < end; p++)
        lines += *p == '\n';
    f->file = ds_calloc((size_t)lines, sizeof *f->file);
    f->caption = ds_calloc((size_t)lines, sizeof *f->caption);
    if (f->file == NULL || f->caption == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld captions", (long long)lines);
    while (st == DS_OK && text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop != NULL ? stop : end) - text);

        number++;
        if (n > 0)
            st = add_line(f, text, n, number, err);
        text += n + 1;
    }
    if (st == DS_OK && f->count == 0)
        st = ds_fail(err, DS_E_FORMAT, "%s/captions.jsonl has no examples", f->path);
    return st;
}

static ds_status get(void *user, int64_t index, int64_t side, unsigned char *rgb, char *caption,
                     size_t room, ds_error *err)
{
    const folder *f = user;
    ds_image image = { 0 }, fitted = { 0 };
    char path[DS_TRAIN_PATH];
    ds_status st;

    snprintf(path, sizeof path, "%s/%s", f->path, f->file[index]);
    st = ds_image_load(&image, path, err);
    if (st == DS_OK)
        st = ds_image_fit(&fitted, &image, side, side, DS_FILTER_LANCZOS, err);
    if (st == DS_OK)
        memcpy(rgb, fitted.rgb, (size_t)(side * side * 3));
    snprintf(caption, room, "%s", f->caption[index]);
    ds_image_clear(&image);
    ds_image_clear(&fitted);
    return st;
}

ds_status ds_train_folder_open(ds_train_source *out, const char *path, ds_error *err)
{
    folder *f = ds_calloc(1, sizeof *f);
    char name[DS_TRAIN_PATH];
    char *text = NULL;
    size_t size;
    ds_status st;

    *out = (ds_train_source){ 0, get, f };
    if (f == NULL || (f->path = ds__arena_printf(&f->arena, "%s", path)) == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of pictures");
    } else {
        snprintf(name, sizeof name, "%s/captions.jsonl", path);
        st = ds__file_read(&text, &size, name, (size_t)1 << 31, err);
        if (st == DS_OK)
            st = read_lines(f, text, size, err);
        ds_free(text);
    }
    if (st != DS_OK)
        ds_train_folder_close(out);
    else
        out->count = f->count;
    return st;
}

void ds_train_folder_close(ds_train_source *s)
{
    folder *f = s->user;

    if (f != NULL) {
        ds_free(f->file);
        ds_free(f->caption);
        ds__arena_free(&f->arena);
        ds_free(f);
    }
    *s = (ds_train_source){ 0 };
}
