/* inputs.c - the files that options name, with their hashes: a run is repeated with the same bytes, or
 * not at all. */

#include "job/inputs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

/* Texts of these options are paths too. */
static bool holds_paths(const ds_option *o)
{
    static const char *const lists[] = { "merge", "edits", "image", "images" };

    if (o->kind == DS_OPTION_FILE)
        return true;
    for (size_t i = 0; i < DS_COUNT(lists); i++)
        if ((o->kind == DS_OPTION_TEXTS || o->kind == DS_OPTION_WORDS) &&
            strcmp(o->name, lists[i]) == 0)
            return true;
    return false;
}

/* One file; one that cannot be read is the method's to complain about. */
static ds_status add_file(json_t *list, const char *option, const char *path, ds_error *err)
{
    char hex[65];
    const ds_status st = ds__sha256_file(hex, path, NULL);

    if (st == DS_E_NOMEM)
        return ds_fail(err, st, "no memory to read %s", path);
    if (st == DS_OK)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "option", option, "path", path, "sha256", hex));
    return DS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_data(const struct dirent *e)
{
    static const char *const ends[] = { ".json", ".jsonl", ".csv", ".tsv", ".txt", ".safetensors" };

    for (size_t i = 0; i < DS_COUNT(ends); i++)
        if (ds__ends_with(e->d_name, ends[i]))
            return 1;
    return 0;
}

/* Of a folder what instruments read in it: tables, records and tensors, not the pictures they name. */
static ds_status add_folder(json_t *list, const char *option, const char *path, ds_error *err)
{
    struct dirent **e = NULL;
    int n = scandir(path, &e, is_data, NULL);
    char **name = n > 0 ? ds_calloc((size_t)n, sizeof *name) : NULL;
    ds_status st =
        n > 0 && name == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a list of files") : DS_OK;

    for (int i = 0; name != NULL && i < n; i++)
        name[i] = e[i]->d_name;
    if (name != NULL)
        qsort(name, (size_t)n, sizeof *name, by_name);
    for (int i = 0; st == DS_OK && i < n; i++) {
        char file[4096];

        if (snprintf(file, sizeof file, "%s/%s", path, name[i]) < (int)sizeof file)
            st = add_file(list, option, file, err);
    }
    ds_free(name);
    for (int i = 0; i < n; i++)
        free(e[i]);
    free(e);
    return st;
}

static ds_status add_path(json_t *list, const char *option, const char *path, ds_error *err)
{
    struct stat s;

    if (path == NULL || strcmp(path, "-") == 0 || stat(path, &s) != 0)
        return DS_OK;
    if (S_ISREG(s.st_mode))
        return add_file(list, option, path, err);
    return S_ISDIR(s.st_mode) ? add_folder(list, option, path, err) : DS_OK;
}

ds_status ds__record_inputs(ds_job *j, ds_error *err)
{
    json_t *list;
    char *text;
    ds_status st = DS_OK;

    if ((j->method->parts & (DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED)) == 0)
        return DS_OK;
    list = json_array();
    for (int i = 0; st == DS_OK && i < j->rows; i++) {
        const ds_option *o = ds_option_at(j->set, i);
        const ds_texts many = ds_option_texts(j->set, i);

        if (!holds_paths(o))
            continue;
        if (o->kind == DS_OPTION_FILE)
            st = add_path(list, o->name, ds_option_value(j->set, i), err);
        for (int64_t k = 0; st == DS_OK && o->kind != DS_OPTION_FILE && k < many.count; k++)
            st = add_path(list, o->name, many.text[k], err);
    }
    text = st == DS_OK && list != NULL ? json_dumps(list, 0) : NULL;
    if (st == DS_OK)
        st = text != NULL ? ds_record_json(j->record, "inputs", text, err)
                          : ds_fail(err, DS_E_NOMEM, "no memory for a list of files");
    free(text);
    json_decref(list);
    return st;
}

/* ---- before a run is repeated ------------------------------------------------------------------ */

static ds_status check_input(const json_t *input, const char *start, ds_error *err)
{
    const char *path = json_string_value(json_object_get(input, "path"));
    const char *was = json_string_value(json_object_get(input, "sha256"));
    char full[4096], is[65];
    struct stat s;

    if (path == NULL || was == NULL)
        return ds_fail(err, DS_E_FORMAT, "expected path and sha256 of each of the record's inputs");
    if (snprintf(full, sizeof full, "%s%s%s", path[0] == '/' ? "" : start,
                 path[0] == '/' ? "" : "/", path) >= (int)sizeof full)
        return ds_fail(err, DS_E_ARG, "the path of an input is too long");
    if (stat(full, &s) != 0 || !S_ISREG(s.st_mode))
        return ds_fail(err, DS_E_IO,
                       "the record's input %s is not there (relative paths begin where the run was "
                       "started: %s)",
                       path, start);
    if (ds__sha256_file(is, full, err) != DS_OK)
        return DS_E_IO;
    return strcmp(was, is) == 0 ? DS_OK
                                : ds_fail(err, DS_E_FORMAT,
                                          "%s is not the file of the record: SHA-256 %.16s..., now "
                                          "%.16s...",
                                          full, was, is);
}

ds_status ds_record_check_inputs(const char *record, const char *start, ds_error *err)
{
    json_t *root = NULL, *input;
    ds_status st = ds__json_parse(&root, record, strlen(record), "the record", err);
    size_t i;

    json_array_foreach (json_object_get(root, "inputs"), i, input)
        if (st == DS_OK)
            st = check_input(input, start, err);
    json_decref(root);
    return st;
}
