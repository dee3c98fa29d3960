/* store.c - what all kinds of stores share: replaced parts and the prediction type. */

#include "weights/store.h"

#include <stdio.h>
#include <string.h>

static int part_number(const char *component)
{
    for (int c = 0; c < DS_COMPONENTS; c++)
        if (strcmp(component, ds__component_names[c]) == 0)
            return c;
    return DS_COMPONENTS;
}

/* The store that a component is taken from. */
static const ds_store *source(const ds_store *s, const char *component)
{
    int c = part_number(component);

    return c < DS_COMPONENTS && s->part[c] != NULL ? s->part[c] : s;
}

void ds__store_close(ds_store *s)
{
    if (s == NULL)
        return;
    for (int c = 0; c < DS_COMPONENTS; c++)
        ds__store_close(s->part[c]);
    if (s->kind != NULL)
        s->kind->close(s->self);
    json_decref(s->notes);
    ds_free(s->path);
    ds_free(s);
}

/* ---- questions ------------------------------------------------------------------------------- */

const char *ds__store_path(const ds_store *s)
{
    return s->path;
}

bool ds__store_is_file(const ds_store *s)
{
    return s->is_file;
}

const char *ds__store_pipeline(const ds_store *s)
{
    return s->kind->pipeline(s->self);
}

/* Replaced parts that the store itself lacks come last. */
int64_t ds__store_components(const ds_store *s)
{
    int64_t n = s->kind->components(s->self);

    for (int c = 0; c < DS_COMPONENTS; c++)
        n += s->part[c] != NULL && s->kind->class_of(s->self, ds__component_names[c]) == NULL;
    return n;
}

const char *ds__store_component(const ds_store *s, int64_t i)
{
    int64_t n = s->kind->components(s->self);

    if (i < n)
        return s->kind->component(s->self, i);
    for (int c = 0; c < DS_COMPONENTS; c++)
        if (s->part[c] != NULL && s->kind->class_of(s->self, ds__component_names[c]) == NULL &&
            i-- == n)
            return ds__component_names[c];
    return NULL;
}

const char *ds__store_class(const ds_store *s, const char *component)
{
    const ds_store *from = source(s, component);

    return from->kind->class_of(from->self, component);
}

/* An autoencoder in a file of its own does not tell for which family it is: SD 1.x and 2.x, or XL
 * scale latents differently. */
static void fit_vae(const ds_store *s, const ds_store *from, json_t *config)
{
    if (from == s || !from->is_file || ds__store_class(from, "unet") != NULL ||
        strstr(ds__store_pipeline(s), "XL") == NULL)
        return;
    json_object_set_new(config, "scaling_factor", json_real(0.13025));
    json_object_set_new(config, "sample_size", json_integer(1024));
}

ds_status ds__store_config(const ds_store *s, const char *component, json_t **out, ds_error *err)
{
    const ds_store *from = source(s, component);
    ds_status st = from->kind->config(from->self, component, out, err);

    if (st != DS_OK)
        return st;
    if (strcmp(component, "vae") == 0)
        fit_vae(s, from, *out);
    if (strcmp(component, "scheduler") == 0 && s->prediction.type != NULL)
        json_object_set_new(*out, "prediction_type", json_string(s->prediction.type));
    return DS_OK;
}

ds_status ds__store_weights(const ds_store *s, const char *component, ds_weights **out,
                            ds_error *err)
{
    const ds_store *from = source(s, component);
    char prefix[64];
    ds_status st = DS_OK;

    *out = NULL;
    snprintf(prefix, sizeof prefix, "%s.", component);
    if (s->memory != NULL)
        st = ds__weights_borrow(out, s->memory, prefix, err);
    if (st != DS_OK || *out != NULL)
        return st;
    return from->kind->weights(from->self, component, out, err);
}

ds_status ds__store_tokenizer(const ds_store *s, int number, char **folder, int64_t *pad,
                              ds_error *err)
{
    return s->kind->tokenizer(s->self, number, folder, pad, err);
}

bool ds__store_flag(const ds_store *s, const char *name, bool absent)
{
    return s->kind->flag(s->self, name, absent);
}

const ds_prediction_note *ds__store_prediction(const ds_store *s)
{
    return &s->prediction;
}

void ds__store_decide(ds_store *s, const char *type, const char *from)
{
    s->prediction.type = type;
    snprintf(s->prediction.from, sizeof s->prediction.from, "%s", from);
}

bool ds__store_is_sd2(const ds_store *s)
{
    return s->is_sd2;
}

const char *ds__store_remark(const ds_store *s)
{
    return s->remark[0] != '\0' ? s->remark : NULL;
}

const json_t *ds__store_notes(const ds_store *s)
{
    return s->notes;
}

const char *ds__store_hint(const ds_store *s, ds_component c)
{
    static const char *const hints[DS_COMPONENTS] = {
        [DS_TEXT_ENCODER] = ": the file is pruned; --text-encoder FILE or FOLDER brings it",
        [DS_TEXT_ENCODER_2] = ": the file is pruned; --text-encoder-2 FILE or FOLDER brings it",
        [DS_UNET] = "",
        [DS_VAE] = ": the file is pruned; --vae FILE or FOLDER brings it",
    };

    return s->is_file ? hints[c] : "";
}
