/* store_open.c - which kind of store a name means, and the parts that replace its own. */

#include "weights/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_regular(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool holds(const char *folder, const char *file)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static ds_status new_store(ds_store **out, const char *path, ds_error *err)
{
    ds_store *s = ds_calloc(1, sizeof *s);

    *out = s;
    if (s == NULL || (s->path = ds_strdup(path)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a model", path);
    return DS_OK;
}

static ds_status open_part(ds_store *s, ds_component c, const char *path, const char *variant,
                           ds_error *err)
{
    const ds_store_options o = { .variant = variant };
    ds_status st = new_store(&s->part[c], path, err);

    if (st != DS_OK)
        return st;
    if (is_regular(path))
        st = ds__store_open_file(s->part[c], &o, err);
    else if (holds(path, "config.json") && !holds(path, "model_index.json"))
        st = ds__store_open_part(s->part[c], path, c, &o, err);
    else
        st = ds__store_open_folder(s->part[c], path, &o, err);
    if (st == DS_OK && ds__store_class(s->part[c], ds__component_names[c]) == NULL)
        st = ds_fail_at(err,
                        ds_fail(err, DS_E_NOMATCH, "%s: expected a %s there, found none", path,
                                ds__component_names[c]),
                        path, -1);
    return st;
}

static ds_status take_option(ds_store *s, const char *prediction, ds_error *err)
{
    if (prediction == NULL)
        return DS_OK;
    if (strcmp(prediction, "epsilon") != 0 && strcmp(prediction, "v") != 0 &&
        strcmp(prediction, "v_prediction") != 0)
        return ds_fail(err, DS_E_ARG, "prediction type \"%.40s\": expected epsilon or v",
                       prediction);
    ds__store_decide(s, prediction[0] == 'e' ? "epsilon" : "v_prediction", "--prediction");
    return DS_OK;
}

ds_status ds__store_open(ds_store **out, const char *model, const ds_store_options *options,
                         ds_error *err)
{
    static const ds_store_options none = { 0 };
    const ds_store_options *o = options != NULL ? options : &none;
    ds_store *s;
    ds_status st = new_store(&s, model, err);

    *out = NULL;
    if (st == DS_OK)
        s->memory = o->memory;
    if (st == DS_OK)
        st = is_regular(model) ? ds__store_open_file(s, o, err)
                               : ds__store_open_folder(s, model, o, err);
    if (st == DS_OK && o->config != NULL && !s->is_file)
        st = ds_fail(err, DS_E_ARG,
                     "--config %s: only a single file lacks configurations, but %s is a folder",
                     o->config, model);
    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++)
        if (o->part[c] != NULL)
            st = open_part(s, (ds_component)c, o->part[c], o->variant, err);
    if (st == DS_OK)
        st = take_option(s, o->prediction, err);
    if (st != DS_OK) {
        ds__store_close(s);
        return st;
    }
    *out = s;
    return DS_OK;
}
