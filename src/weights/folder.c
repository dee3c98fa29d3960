/* folder.c - the diffusers folder and its model_index.json:
 *
 *   { "_class_name": pipeline, component: [library, class], absent component: [null, null],
 *     flag: value, ... } */

#include "weights/folder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "weights/alien.h"
#include "weights/hub.h"

typedef struct component {
    const char *name, *class_name; /* borrowed from the index */
} component;

struct ds_folder {
    ds_arena arena;
    const char *path;
    json_t *index;
    component *component;
    int64_t components;
};

/* Component names become folder names. */
static bool is_component_name(const char *text)
{
    return text[0] != '\0' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               strlen(text);
}

static ds_status read_component(ds_folder *f, const char *name, const json_t *pair, ds_error *err)
{
    const json_t *class_name = json_array_get(pair, 1);

    if (!json_is_array(pair) || json_is_null(class_name))
        return DS_OK;
    if (json_array_size(pair) != 2 || !json_is_string(class_name) || !is_component_name(name)) {
        ds_fail(err, DS_E_FORMAT,
                "%s/model_index.json: '%.80s': expected a component name with [library, class]",
                f->path, name);
        return ds_fail_at(err, DS_E_FORMAT, name, -1);
    }
    f->component[f->components++] = (component){ name, json_string_value(class_name) };
    return DS_OK;
}

/* Says what the folder is instead, where that can be seen. */
static ds_status no_index(const ds_folder *f, ds_error *err)
{
    char weights[256], *run = ds__folder_file(f, "run.json", NULL);
    const bool ran = run != NULL && access(run, F_OK) == 0;

    ds_free(run);
    if (ran)
        ds_fail(err, DS_E_IO, "%s: no model_index.json: it is the folder of a run, not of a model",
                f->path);
    else if (ds__alien_weights_in(weights, f->path))
        ds_fail(err, DS_E_IO,
                "%s: no model_index.json, which a diffusers folder has; if %s in it is the model, "
                "name that "
                "file",
                f->path, weights);
    else
        ds_fail(err, DS_E_IO, "%s: no model_index.json, which a diffusers folder has", f->path);
    return ds_fail_at(err, DS_E_IO, f->path, -1);
}

static ds_status read_index(ds_folder *f, ds_error *err)
{
    char *path = ds__folder_file(f, "model_index.json", NULL);
    const char *name;
    json_t *value;
    ds_status st;

    if (path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", f->path);
    if (access(path, F_OK) != 0) {
        ds_free(path);
        return no_index(f, err);
    }
    st = ds__json_load(&f->index, path, err);
    ds_free(path);
    if (st != DS_OK)
        return st;
    f->component =
        ds__arena_alloc(&f->arena, (json_object_size(f->index) + 1) * sizeof *f->component);
    if (f->component == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", f->path);
    json_object_foreach (f->index, name, value)
        if (name[0] != '_' && (st = read_component(f, name, value, err)) != DS_OK)
            return st;
    return DS_OK;
}

static ds_status find_path(ds_folder *f, const char *model, ds_error *err)
{
    struct stat s;

    if (stat(model, &s) == 0 && S_ISDIR(s.st_mode)) {
        f->path = ds__arena_printf(&f->arena, "%s", model);
        return f->path != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "%s: no memory", model);
    }
    if (stat(model, &s) == 0) {
        ds_fail(err, DS_E_UNSUPPORTED,
                "%s: expected a diffusers folder (with model_index.json), found a file", model);
        return ds_fail_at(err, DS_E_UNSUPPORTED, model, -1);
    }
    if (ds__hub_is_name(model))
        return ds__hub_find(&f->path, &f->arena, model, err);
    ds_fail(err, DS_E_IO,
            "%s: no such folder or file; expected a file of weights, a diffusers folder, or "
            "owner/name of a "
            "model in the hub cache",
            model);
    return ds_fail_at(err, DS_E_IO, model, -1);
}

ds_status ds__folder_open(ds_folder **out, const char *model, ds_error *err)
{
    ds_folder *f = ds_calloc(1, sizeof *f);
    ds_status st;

    *out = NULL;
    if (f == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", model);
    st = find_path(f, model, err);
    if (st == DS_OK)
        st = read_index(f, err);
    if (st != DS_OK) {
        ds__folder_close(f);
        return st;
    }
    *out = f;
    return DS_OK;
}

void ds__folder_close(ds_folder *f)
{
    if (f == NULL)
        return;
    json_decref(f->index);
    ds__arena_free(&f->arena);
    ds_free(f);
}

const char *ds__folder_path(const ds_folder *f)
{
    return f->path;
}

const char *ds__folder_pipeline(const ds_folder *f)
{
    const char *name = json_string_value(json_object_get(f->index, "_class_name"));

    return name != NULL ? name : "";
}

const json_t *ds__folder_index(const ds_folder *f)
{
    return f->index;
}

int64_t ds__folder_components(const ds_folder *f)
{
    return f->components;
}

const char *ds__folder_component(const ds_folder *f, int64_t i)
{
    return f->component[i].name;
}

const char *ds__folder_class(const ds_folder *f, const char *name)
{
    for (int64_t i = 0; i < f->components; i++)
        if (strcmp(f->component[i].name, name) == 0)
            return f->component[i].class_name;
    return NULL;
}

char *ds__folder_file(const ds_folder *f, const char *name, const char *file)
{
    size_t a = strlen(f->path), b = strlen(name), c = file != NULL ? strlen(file) : 0;
    char *path = ds_alloc(a + b + c + 3);

    if (path == NULL)
        return NULL;
    memcpy(path, f->path, a);
    path[a] = '/';
    memcpy(path + a + 1, name, b + 1);
    if (file != NULL) {
        path[a + 1 + b] = '/';
        memcpy(path + a + b + 2, file, c + 1);
    }
    return path;
}

ds_status ds__folder_config(const ds_folder *f, const char *name, json_t **out, ds_error *err)
{
    bool scheduler = strcmp(name, "scheduler") == 0;
    char *path = ds__folder_file(f, name, scheduler ? "scheduler_config.json" : "config.json");
    ds_status st;

    *out = NULL;
    if (path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", f->path);
    st = scheduler ? ds__json_load_python(out, path, err) : ds__json_load(out, path, err);
    ds_free(path);
    return st;
}
