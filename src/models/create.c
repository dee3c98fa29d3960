/* create.c - a diffusers folder for a topology (ds_model_create). One thread; drawing uses all. */

#include "models/create.h"

#include "base/options.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

/* FOLDER/NAME, made, with its configuration. */
static ds_status write_config(const ds_create *c, const char *folder, const char *name,
                              const char *file, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    st = ds_folder_make(path, err);
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    return st == DS_OK ? ds__create_json(path, json_object_get(c->topology, name), err) : st;
}

static ds_status write_component(ds_create *c, const char *folder, ds_component part,
                                 const ds_params *params, ds_error *err)
{
    const char *name = ds__component_names[part];
    bool text = part == DS_TEXT_ENCODER || part == DS_TEXT_ENCODER_2;
    char path[PATH_SIZE];
    ds_status st = write_config(c, folder, name, "config.json", err);

    snprintf(path, sizeof path, "%s/%s/%s", folder, name,
             text ? "model.safetensors" : "diffusion_pytorch_model.safetensors");
    if (st == DS_OK)
        st = ds__create_weights(c, path, name, params, err);
    if (st != DS_OK || !text)
        return st;
    snprintf(path, sizeof path, "%s/tokenizer%s", folder, part == DS_TEXT_ENCODER_2 ? "_2" : "");
    st = ds_folder_make(path, err);
    return st == DS_OK ? ds__create_tokenizer(c, path, json_object_get(c->topology, name), err)
                       : st;
}

static json_t *index_json(const ds_create *c)
{
    const json_t *scheduler = json_object_get(c->topology, "scheduler");
    const char *scheduler_class = json_string_value(json_object_get(scheduler, "_class_name"));
    bool xl = json_object_get(c->topology, ds__component_names[DS_TEXT_ENCODER_2]) != NULL;
    json_t *j = json_pack("{s:s, s:s, s:[s, s]}", "_class_name",
                          xl ? "StableDiffusionXLPipeline" : "StableDiffusionPipeline",
                          "_diffusers_version", "0.21.2", "scheduler", "diffusers",
                          scheduler_class != NULL ? scheduler_class : "PNDMScheduler");

    for (int i = 0; i < DS_COMPONENTS; i++) {
        const char *name = ds__component_names[i];
        bool text = i == DS_TEXT_ENCODER || i == DS_TEXT_ENCODER_2;

        if (json_object_get(c->topology, name) == NULL)
            continue;
        json_object_set_new(j, name,
                            json_pack("[s, s]", text ? "transformers" : "diffusers",
                                      ds__topology_class(c->topology, (ds_component)i)));
        if (text)
            json_object_set_new(j, i == DS_TEXT_ENCODER ? "tokenizer" : "tokenizer_2",
                                json_pack("[s, s]", "transformers", "CLIPTokenizer"));
    }
    if (xl) {
        json_object_set_new(j, "force_zeros_for_empty_prompt", json_true());
    } else {
        json_object_set_new(j, "feature_extractor", json_pack("[n, n]"));
        json_object_set_new(j, "safety_checker", json_pack("[n, n]"));
        json_object_set_new(j, "requires_safety_checker", json_false());
    }
    return j;
}

static ds_status write_parts(ds_create *c, const char *folder, ds_params *const params[],
                             ds_error *err)
{
    char path[PATH_SIZE];
    json_t *index;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < DS_COMPONENTS; i++)
        if (params[i] != NULL)
            st = write_component(c, folder, (ds_component)i, params[i], err);
    if (st == DS_OK)
        st = write_config(c, folder, "scheduler", "scheduler_config.json", err);
    if (st != DS_OK)
        return st;
    index = index_json(c);
    snprintf(path, sizeof path, "%s/model_index.json", folder);
    st = ds__create_json(path, index, err);
    json_decref(index);
    return st;
}

/* Whole or not at all: half a model opens, and gives numbers. */
static ds_status write_folder(ds_create *c, const char *folder, ds_params *const params[],
                              ds_error *err)
{
    ds_out_folder f;
    ds_status st = ds__out_folder_open(&f, folder, err);

    if (st == DS_OK)
        st = write_parts(c, f.temp, params, err);
    if (st == DS_OK)
        return ds__out_folder_commit(&f, "model_index.json", err);
    ds__out_folder_abandon(&f);
    return st;
}

static ds_status check_options(const char *folder, const ds_create_options *o, ds_error *err)
{
    if (o == NULL || o->like == NULL)
        return ds_fail(err, DS_E_ARG, "a new model needs a topology: sd15, sd21, sdxl or a file");
    if (o->dtype != DS_DTYPE_F16 && o->dtype != DS_DTYPE_BF16 && o->dtype != DS_DTYPE_F32)
        return ds_fail(err, DS_E_ARG, "element type %s: expected F16, BF16 or F32",
                       ds_dtype_name(o->dtype));
    if (strlen(folder) > PATH_SIZE - 128)
        return ds_fail(err, DS_E_ARG, "the path of the folder is longer than %d bytes",
                       PATH_SIZE - 128);
    return DS_OK;
}

ds_status ds_model_create(const char *folder, const ds_create_options *given, int64_t *total,
                          ds_error *err)
{
    const ds_create_options defaults = DS_CREATE_OPTIONS_INIT;
    ds_params *params[DS_COMPONENTS] = { NULL };
    json_t *topology = NULL;
    ds_create_options o;
    ds_create c = { .options = &o };
    ds_status st = ds__options_take(&o, sizeof o, &defaults, given, "options of a new model",
                                    "DS_CREATE_OPTIONS_INIT", err);

    if (st == DS_OK)
        st = check_options(folder, &o, err);
    if (st == DS_OK)
        st = ds__topology_load(&topology, o.like, err);
    c.topology = topology;
    for (int i = 0; st == DS_OK && i < DS_COMPONENTS; i++)
        if (json_object_get(topology, ds__component_names[i]) != NULL)
            st = ds__topology_params(&params[i], topology, (ds_component)i, err);
    for (int i = 0; st == DS_OK && i < DS_COMPONENTS; i++)
        for (int64_t k = 0; params[i] != NULL && k < ds__params_count(params[i]); k++)
            c.total += ds_tensor_count(&ds__params_at(params[i], k)->value);
    if (st == DS_OK)
        st = write_folder(&c, folder, params, err);
    for (int i = 0; i < DS_COMPONENTS; i++)
        ds__params_free(params[i]);
    json_decref(topology);
    if (total != NULL)
        *total = c.total;
    return st;
}
