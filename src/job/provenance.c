/* provenance.c - what a record says of the program, the machine and the model. */

#include <diffuscope/inspect.h>
#include <diffuscope/record.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

ds_status ds_record_surroundings(ds_record *r, ds_error *err)
{
    char text[32];
    ds_status st = ds_record_text(r, "versions.diffuscope", DS_VERSION, err);

    if (st == DS_OK)
        st = ds_record_text(r, "versions.oneDNN", ds__dnnl_version(text, sizeof text), err);
    if (st == DS_OK)
        st = ds_record_text(r, "instructions", ds__simd()->isa, err);
    return st == DS_OK ? ds_record_int(r, "threads", ds_threads(), err) : st;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "path")),
                  json_string_value(json_object_get(*(json_t *const *)b, "path")));
}

/* Components of a single file share it. */
static size_t unique(json_t **file, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_path(&file[kept - 1], &file[i]) != 0)
            file[kept++] = file[i];
    return kept;
}

/* The files of all components in one list, borrowed from the description and sorted by path. */
static ds_status list_files(json_t ***out, size_t *count, const json_t *description, ds_error *err)
{
    json_t *components = json_object_get(description, "components"), *c, *file;
    const char *name;
    size_t i;

    *count = 0;
    json_object_foreach (components, name, c)
        *count += json_array_size(json_object_get(c, "files"));
    *out = ds_calloc(*count + 1, sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "record: a list of %zu files", *count);
    *count = 0;
    json_object_foreach (components, name, c)
        json_array_foreach (json_object_get(c, "files"), i, file)
            (*out)[(*count)++] = file;
    qsort(*out, *count, sizeof **out, by_path);
    *count = unique(*out, *count);
    return DS_OK;
}

static void hash_list(char hex[65], json_t *const *file, size_t count)
{
    ds_sha256 all;

    ds__sha256_begin(&all);
    for (size_t i = 0; i < count; i++) {
        const char *path = json_string_value(json_object_get(file[i], "path"));

        ds__sha256_add(&all, json_string_value(json_object_get(file[i], "sha256")), 64);
        ds__sha256_add(&all, "  ", 2);
        ds__sha256_add(&all, path, strlen(path));
        ds__sha256_add(&all, "\n", 1);
    }
    ds__sha256_end(&all, hex);
}

static ds_status add_model(ds_record *r, const json_t *description, json_t *const *file,
                           size_t count, ds_error *err)
{
    json_t *list = json_array();
    char hex[65], *text;
    ds_status st = DS_E_NOMEM;

    for (size_t i = 0; i < count; i++)
        json_array_append(list, file[i]);
    text = json_dumps(list, 0);
    if (json_array_size(list) == count && text != NULL)
        st = ds_record_json(r, "model.files", text, err);
    else
        ds_fail(err, DS_E_NOMEM, "record: a list of %zu files", count);
    free(text);
    json_decref(list);
    if (st == DS_OK)
        st = ds_record_text(r, "model.path",
                            json_string_value(json_object_get(description, "path")), err);
    hash_list(hex, file, count);
    return st == DS_OK ? ds_record_text(r, "model.sha256", hex, err) : st;
}

/* LoRAs and the like, with their hashes and strengths. */
static ds_status add_overlays(ds_record *r, const json_t *overlays, ds_error *err)
{
    char *text = overlays != NULL ? json_dumps(overlays, JSON_REAL_PRECISION(15)) : NULL;
    ds_status st = text != NULL ? ds_record_json(r, "model.overlays", text, err) : DS_OK;

    free(text);
    return st;
}

/* How a single file's prediction type was decided belongs to the record: pictures hang on it. */
static ds_status add_prediction(ds_record *r, const json_t *description, ds_error *err)
{
    const char *type = json_string_value(json_object_get(description, "prediction_type"));
    const char *from = json_string_value(json_object_get(description, "prediction_type_from"));
    ds_status st = type != NULL ? ds_record_text(r, "model.prediction_type", type, err) : DS_OK;

    if (st == DS_OK && from != NULL)
        st = ds_record_text(r, "model.prediction_type_from", from, err);
    return st == DS_OK ? add_overlays(r, json_object_get(description, "overlays"), err) : st;
}

/* Takes over the description's text. */
static ds_status record_description(ds_record *r, char *text, ds_error *err)
{
    json_t *description = json_loads(text, 0, NULL), **file = NULL;
    size_t count = 0;
    ds_status st;

    ds_free(text);
    if (description == NULL)
        return ds_fail(err, DS_E_NOMEM, "record: the description of the model");
    st = list_files(&file, &count, description, err);
    if (st == DS_OK)
        st = add_model(r, description, file, count, err);
    if (st == DS_OK)
        st = add_prediction(r, description, err);
    ds_free(file);
    json_decref(description);
    return st;
}

ds_status ds_record_model(ds_record *r, const char *model, ds_error *err)
{
    char *text;
    ds_status st = ds_inspect_model(&text, model, true, err);

    return st == DS_OK ? record_description(r, text, err) : st;
}

ds_status ds_record_open_model(ds_record *r, ds_model *m, ds_error *err)
{
    char *text;
    ds_status st = ds_model_describe(&text, m, true, err);

    return st == DS_OK ? record_description(r, text, err) : st;
}
