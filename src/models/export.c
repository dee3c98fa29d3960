/* export.c - a model as one file with the published names. See diffuscope/export.h. */

#include "models/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"
#include "models/prediction.h"
#include "weights/original.h"

#define NAME_SIZE 512

/* Where a part lies in the file, by family; `open`: in OpenCLIP's spelling. */
static const struct {
    const char *prefix[DS_COMPONENTS];
    bool open[2];
    const char *architecture;
} families[DS_FAMILIES] = {
    [DS_FAMILY_SD1] = { { "cond_stage_model.transformer.", NULL, "model.diffusion_model.",
                          "first_stage_model." },
                        { false, false },
                        "stable-diffusion-v1" },
    [DS_FAMILY_SD2] = { { "cond_stage_model.model.", NULL, "model.diffusion_model.",
                          "first_stage_model." },
                        { true, false },
                        "stable-diffusion-v2" },
    [DS_FAMILY_XL] = { { "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model.",
                         "model.diffusion_model.", "first_stage_model." },
                       { false, true },
                       "stable-diffusion-xl-v1-base" },
};

typedef struct exporter {
    const ds_model *m;
    const ds_export_options *o;
    ds_family family;
    ds_name_map map[DS_COMPONENTS];
    ds_export_list list;
} exporter;

static ds_family family_of(const ds_model *m)
{
    if (m->unet.text_time || m->weights[DS_TEXT_ENCODER_2] != NULL)
        return DS_FAMILY_XL;
    return m->weights[DS_TEXT_ENCODER] != NULL && m->clip[0].act == DS_ACT_GELU ? DS_FAMILY_SD2
                                                                                : DS_FAMILY_SD1;
}

static ds_status make_maps(exporter *x, ds_error *err)
{
    const ds_model *m = x->m;
    ds_unet_blocks b = { .levels = m->unet.levels };
    ds_status st = DS_OK;

    for (int l = 0; l < m->unet.levels; l++) {
        b.layers[l] = (int)m->unet.layers[l];
        b.down_attention[l] = m->unet.down_attention[l];
        b.up_attention[l] = m->unet.up_attention[l];
    }
    if (m->weights[DS_UNET] != NULL)
        st = ds__name_map_unet(&x->map[DS_UNET], &b, err);
    if (st == DS_OK && m->weights[DS_VAE] != NULL)
        st = ds__name_map_vae(&x->map[DS_VAE], m->vae.levels, (int)m->vae.layers, err);
    for (int t = 0; st == DS_OK && t < 2; t++)
        if (m->weights[t] != NULL && families[x->family].open[t])
            st = ds__name_map_openclip(&x->map[t], (int)m->clip[t].layers, err);
    return st;
}

/* q stands for all three, which the file holds as one. */
static ds_status add_fused(exporter *x, const char *full, const char *ours, const char *prefix,
                           bool *done, ds_error *err)
{
    static const char *const own[] = { "q_proj", "k_proj", "v_proj" };
    char param[3][NAME_SIZE], name[NAME_SIZE], end[16];
    const char *const list[] = { param[0], param[1], param[2] };
    const char *at = strstr(full, ".self_attn.");
    int layer = 0, used = 0;
    ds_tensor shape;
    ds_status st;

    *done = at != NULL && strstr(at, "_proj.") != NULL && strstr(at, "out_proj") == NULL;
    if (!*done || strstr(at, ".q_proj.") == NULL)
        return DS_OK;
    if (sscanf(ours, "text_model.encoder.layers.%d.self_attn.q_proj.%8[a-z]%n", &layer, end,
               &used) != 2 ||
        ours[used] != '\0')
        return ds_fail(err, DS_E_INTERNAL, "%s has no published name", full);
    for (int i = 0; i < 3; i++)
        snprintf(param[i], NAME_SIZE, "%.*s.self_attn.%s.%s", (int)(at - full), full, own[i], end);
    st = ds_model_parameter(x->m, &shape, param[0], err);
    if (st != DS_OK)
        return st;
    shape.dim[0] *= 3;
    snprintf(name, sizeof name, "%stransformer.resblocks.%d.attn.in_proj_%s", prefix, layer, end);
    return ds__export_add(&x->list, x->m, x->o, name, list, 3, false, &shape, err);
}

/* Attention of the autoencoder is made of 1x1 convolutions there. */
static bool is_flat_convolution(ds_component c, const char *theirs, const ds_tensor *t)
{
    return c == DS_VAE && t->rank == 2 && strstr(theirs, ".attn_1.") != NULL;
}

static ds_status add_param(exporter *x, ds_component c, const char *full, const char *ours,
                           ds_error *err)
{
    const char *prefix = families[x->family].prefix[c];
    bool open = c <= DS_TEXT_ENCODER_2 && families[x->family].open[c], done = false;
    char theirs[NAME_SIZE], name[2 * NAME_SIZE];
    const char *const one[] = { full };
    ds_tensor t;
    ds_status st = ds_model_parameter(x->m, &t, full, err);

    if (st == DS_OK && open)
        st = add_fused(x, full, ours, prefix, &done, err);
    if (st != DS_OK || done)
        return st;
    if (c <= DS_TEXT_ENCODER_2 && !open)
        snprintf(theirs, sizeof theirs, "%s", ours);
    else if (!ds__name_to_theirs(&x->map[c], ours, theirs, sizeof theirs))
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "%s has no name in the published files; write a folder instead", full);
    if (is_flat_convolution(c, theirs, &t)) {
        t.rank = 4;
        t.dim[2] = t.dim[3] = 1;
    }
    snprintf(name, sizeof name, "%s%s", prefix, theirs);
    if (open && strcmp(ours, "text_projection.weight") == 0) {
        int64_t rows = t.dim[0];

        t.dim[0] = t.dim[1];
        t.dim[1] = rows;
        return ds__export_add(&x->list, x->m, x->o, name, one, 1, true, &t, err);
    }
    return ds__export_add(&x->list, x->m, x->o, name, one, 1, false, &t, err);
}

static ds_status add_all(exporter *x, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < ds_model_parameters(x->m); i++) {
        const char *full = ds_model_parameter_name(x->m, i);
        const char *dot = strchr(full, '.');
        ds_component c = DS_TEXT_ENCODER;

        while (c < DS_COMPONENTS &&
               (strncmp(full, ds__component_names[c], (size_t)(dot - full)) != 0 ||
                ds__component_names[c][dot - full] != '\0'))
            c++;
        if (c == DS_COMPONENTS || families[x->family].prefix[c] == NULL)
            return ds_fail(err, DS_E_UNSUPPORTED, "%s has no place in a file of %s", full,
                           ds__family_name(x->family));
        st = add_param(x, c, full, dot + 1, err);
    }
    return st;
}

/* As the model's own signs: readers that look for them draw what the model draws. */
static ds_status add_metadata(exporter *x, ds_error *err)
{
    const char *type = ds__store_prediction(x->m->store)->type;
    bool v = type != NULL && strcmp(type, "v_prediction") == 0;
    ds_status st = ds_bundle_set_meta(x->list.bundle, "format", "pt", err);

    if (st == DS_OK)
        st = ds_bundle_set_meta(x->list.bundle, "modelspec.architecture",
                                families[x->family].architecture, err);
    if (st == DS_OK)
        st = ds_bundle_set_meta(x->list.bundle, "modelspec.prediction_type", v ? "v" : "epsilon",
                                err);
    return st;
}

static ds_status export_file(ds_model *m, const char *path, const ds_export_options *o,
                             ds_error *err)
{
    exporter x = { .m = m, .o = o, .family = family_of(m) };
    ds_status st = make_maps(&x, err);

    if (st == DS_OK)
        st = ds__export_begin(&x.list, err);
    if (st == DS_OK)
        st = add_metadata(&x, err);
    if (st == DS_OK)
        st = add_all(&x, err);
    if (st == DS_OK)
        st = ds__export_write(&x.list, path, o, err);
    ds__export_end(&x.list);
    for (int c = 0; c < DS_COMPONENTS; c++)
        ds__name_map_free(&x.map[c]);
    return st;
}

ds_status ds_model_export(ds_model *m, const char *path, const ds_export_options *options,
                          ds_error *err)
{
    const ds_export_options defaults = DS_EXPORT_OPTIONS_INIT;
    ds_export_options taken;
    const ds_export_options *o = &taken;
    ds_status st = ds__options_take(&taken, sizeof taken, &defaults, options, "export options",
                                    "DS_EXPORT_OPTIONS_INIT", err);

    if (st != DS_OK)
        return st;
    if (o->convert && o->dtype != DS_DTYPE_F32 && o->dtype != DS_DTYPE_F16 &&
        o->dtype != DS_DTYPE_BF16)
        return ds_fail(err, DS_E_ARG, "element type %s: expected F32, F16 or BF16",
                       ds_dtype_name(o->dtype));
    for (const ds_model *x = m; x != NULL; x = x->base)
        if (x->learned != NULL)
            return ds_fail(
                err, DS_E_UNSUPPORTED,
                "a model with learned words cannot be written: they belong into files of "
                "their own, as they came");
    st = ds__model_settle(m, err);
    if (st != DS_OK)
        return st;
    return ds__ends_with(path, ".safetensors") ? export_file(m, path, o, err)
                                               : ds__export_folder(m, path, o, err);
}
