/* store_folder.c - stores that are folders: a whole model, or the folder of one component. */

#include "weights/store.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "weights/folder.h"

typedef struct folder_store {
    ds_folder *folder;
    char *variant;
    /* of one component alone: folder is NULL */
    char *path, *class_name;
    const char *only;
    json_t *config;
} folder_store;

static void close_folder(void *self)
{
    folder_store *f = self;

    if (f == NULL)
        return;
    ds__folder_close(f->folder);
    json_decref(f->config);
    ds_free(f->variant);
    ds_free(f->path);
    ds_free(f->class_name);
    ds_free(f);
}

static ds_status new_folder(folder_store **out, ds_store *s, const ds_store_kind *kind,
                            const char *variant, ds_error *err)
{
    folder_store *f = ds_calloc(1, sizeof *f);

    *out = f;
    s->self = f;
    s->kind = kind;
    if (f == NULL || (variant != NULL && (f->variant = ds_strdup(variant)) == NULL))
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a model", s->path);
    return DS_OK;
}

/* ---- a whole model --------------------------------------------------------------------------- */

static const char *pipeline(const void *self)
{
    return ds__folder_pipeline(((const folder_store *)self)->folder);
}

static int64_t components(const void *self)
{
    return ds__folder_components(((const folder_store *)self)->folder);
}

static const char *component(const void *self, int64_t i)
{
    return ds__folder_component(((const folder_store *)self)->folder, i);
}

static const char *class_of(const void *self, const char *name)
{
    return ds__folder_class(((const folder_store *)self)->folder, name);
}

static ds_status config(const void *self, const char *name, json_t **out, ds_error *err)
{
    return ds__folder_config(((const folder_store *)self)->folder, name, out, err);
}

static ds_status weights(const void *self, const char *name, ds_weights **out, ds_error *err)
{
    const folder_store *f = self;
    char *path = ds__folder_file(f->folder, name, NULL);
    ds_status st;

    if (path == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a path");
    st = ds__weights_open(out, path, f->variant, err);
    ds_free(path);
    return st;
}

static ds_status tokenizer(const void *self, int number, char **folder, int64_t *pad, ds_error *err)
{
    const folder_store *f = self;
    const char *name = number == 2 ? "tokenizer_2" : "tokenizer";

    (void)pad;
    *folder = NULL;
    if (ds__folder_class(f->folder, name) == NULL)
        return ds_fail(err, DS_E_NOMATCH, "the model has no component %s", name);
    *folder = ds__folder_file(f->folder, name, NULL);
    return *folder != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a path");
}

static bool flag(const void *self, const char *name, bool absent)
{
    const json_t *v = json_object_get(ds__folder_index(((const folder_store *)self)->folder), name);

    return json_is_boolean(v) ? json_is_true(v) : absent;
}

static const ds_store_kind folder_kind = {
    .close = close_folder,
    .pipeline = pipeline,
    .components = components,
    .component = component,
    .class_of = class_of,
    .config = config,
    .weights = weights,
    .tokenizer = tokenizer,
    .flag = flag,
};

/* What scheduler_config.json says; a broken file is reported by those who need it. */
static ds_status read_prediction(ds_store *s, const ds_folder *f, ds_error *err)
{
    json_t *j = NULL;
    const char *type;
    ds_status st = ds__folder_class(f, "scheduler") != NULL
                       ? ds__folder_config(f, "scheduler", &j, NULL)
                       : DS_E_NOMATCH;

    if (st == DS_E_NOMEM)
        return ds_fail(err, st, "%s: no memory for its scheduler", s->path);
    if (st != DS_OK)
        return DS_OK;
    type = json_string_value(json_object_get(j, "prediction_type"));
    if (type == NULL || strcmp(type, "epsilon") == 0)
        ds__store_decide(s, "epsilon",
                         type != NULL ? "scheduler/scheduler_config.json"
                                      : "default of scheduler/scheduler_config.json");
    else if (strcmp(type, "v_prediction") == 0)
        ds__store_decide(s, "v_prediction", "scheduler/scheduler_config.json");
    json_decref(j);
    return DS_OK;
}

ds_status ds__store_open_folder(ds_store *s, const char *model, const ds_store_options *o,
                                ds_error *err)
{
    folder_store *f;
    char *path;
    ds_status st = new_folder(&f, s, &folder_kind, o->variant, err);

    if (st == DS_OK)
        st = ds__folder_open(&f->folder, model, err);
    if (st != DS_OK)
        return st;
    path = ds_strdup(ds__folder_path(f->folder)); /* of a name in the cache: its snapshot */
    if (path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a path", model);
    ds_free(s->path);
    s->path = path;
    return read_prediction(s, f->folder, err);
}

/* ---- one component --------------------------------------------------------------------------- */

static const char *part_pipeline(const void *self)
{
    (void)self;
    return "";
}

static int64_t part_components(const void *self)
{
    (void)self;
    return 1;
}

static const char *part_component(const void *self, int64_t i)
{
    return i == 0 ? ((const folder_store *)self)->only : NULL;
}

static const char *part_class(const void *self, const char *name)
{
    const folder_store *f = self;

    return strcmp(name, f->only) == 0 ? f->class_name : NULL;
}

static ds_status part_config(const void *self, const char *name, json_t **out, ds_error *err)
{
    (void)name;
    *out = json_deep_copy(((const folder_store *)self)->config);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a configuration");
}

static ds_status part_weights(const void *self, const char *name, ds_weights **out, ds_error *err)
{
    const folder_store *f = self;

    (void)name;
    return ds__weights_open(out, f->path, f->variant, err);
}

static ds_status part_tokenizer(const void *self, int number, char **folder, int64_t *pad,
                                ds_error *err)
{
    (void)self;
    (void)number;
    (void)pad;
    *folder = NULL;
    return ds_fail(err, DS_E_NOMATCH, "a component has no tokenizer");
}

static bool part_flag(const void *self, const char *name, bool absent)
{
    (void)self;
    (void)name;
    return absent;
}

static const ds_store_kind part_kind = {
    .close = close_folder,
    .pipeline = part_pipeline,
    .components = part_components,
    .component = part_component,
    .class_of = part_class,
    .config = part_config,
    .weights = part_weights,
    .tokenizer = part_tokenizer,
    .flag = part_flag,
};

ds_status ds__store_open_part(ds_store *s, const char *path, ds_component c,
                              const ds_store_options *o, ds_error *err)
{
    folder_store *f;
    ds_arena a = { NULL };
    const char *file, *name;
    ds_status st = new_folder(&f, s, &part_kind, o->variant, err);

    if (st != DS_OK)
        return st;
    f->only = ds__component_names[c];
    f->path = ds_strdup(path);
    file = ds__arena_printf(&a, "%s/config.json", path);
    if (f->path == NULL || file == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory for a path", path);
    else
        st = ds__json_load(&f->config, file, err);
    ds__arena_free(&a);
    if (st != DS_OK)
        return st;
    name = json_string_value(json_object_get(f->config, "_class_name"));
    if (name == NULL)
        name = json_string_value(json_array_get(json_object_get(f->config, "architectures"), 0));
    if (name == NULL)
        return ds_fail(err, DS_E_FORMAT,
                       "%s/config.json: expected \"_class_name\" or \"architectures\"", path);
    f->class_name = ds_strdup(name);
    return f->class_name != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
}
