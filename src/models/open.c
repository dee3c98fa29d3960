/* open.c - opening a model: configurations are read, then every network is built once without being
 * planned, which asks for each parameter with the shape that the configuration implies. */

#include "models/model.h"

#include "base/options.h"
#include "models/net.h"

#include <string.h>

static const struct {
    const char *class_name;
    ds_component component;
    bool projected;
} classes[] = {
    { "CLIPTextModel", DS_TEXT_ENCODER, false },
    { "CLIPTextModelWithProjection", DS_TEXT_ENCODER, true },
    { "CLIPTextModel", DS_TEXT_ENCODER_2, false },
    { "CLIPTextModelWithProjection", DS_TEXT_ENCODER_2, true },
    { "UNet2DConditionModel", DS_UNET, false },
    { "AutoencoderKL", DS_VAE, false },
};

/* ---- parameters ----------------------------------------------------------------------------- */

/* Splits "unet.conv_in.weight" into a component and the name in its files. */
static const char *split(const char *name, ds_component *c)
{
    for (int i = DS_COMPONENTS - 1; i >= 0; i--) {
        size_t n = strlen(ds__component_names[i]);

        if (strncmp(name, ds__component_names[i], n) == 0 && name[n] == '.') {
            *c = (ds_component)i;
            return name + n + 1;
        }
    }
    return NULL;
}

static ds_status source(void *user, const char *name, int rank, const int64_t *dim,
                        ds_tensor *value, ds_error *err)
{
    ds_model *m = user;
    const ds_tensor *t;
    ds_component c;
    const char *rest = split(name, &c);
    ds_status st;

    if (rest == NULL || m->weights[c] == NULL)
        return ds_fail(err, DS_E_INTERNAL, "parameter %s belongs to no component", name);
    st = ds__weights_bind(m->weights[c], rest, rank, dim, &t, err);
    if (st == DS_OK)
        *value = *t;
    return st;
}

static void drop(void *user, const char *name, const ds_tensor *value)
{
    ds_model *m = user;
    ds_component c;

    if (split(name, &c) != NULL)
        ds__weights_drop_pages(m->weights[c], value);
}

/* ---- opening -------------------------------------------------------------------------------- */

static ds_status read_config(ds_model *m, ds_component c, bool projected, ds_error *err)
{
    const char *name = ds__component_names[c];
    char what[64];
    json_t *json;
    ds_status st = ds__store_config(m->store, name, &json, err);

    if (st != DS_OK)
        return st;
    snprintf(what, sizeof what,
             ds__store_is_file(m->store) ? "configuration of the %s" : "%s/config.json", name);
    switch (c) {
    case DS_TEXT_ENCODER:
    case DS_TEXT_ENCODER_2:
        st = ds__clip_config_read(&m->clip[c - DS_TEXT_ENCODER], json, what, projected, err);
        break;
    case DS_UNET:
        st = ds__unet_config_read(&m->unet, json, what, err);
        break;
    default:
        st = ds__vae_config_read(&m->vae, json, what, err);
    }
    json_decref(json);
    return st;
}

static ds_status open_component(ds_model *m, ds_component c, ds_error *err)
{
    const char *class_name = ds__store_class(m->store, ds__component_names[c]);
    size_t i = 0;
    ds_status st;

    if (class_name == NULL)
        return DS_OK;
    while (i < DS_COUNT(classes) &&
           (classes[i].component != c || strcmp(classes[i].class_name, class_name) != 0))
        i++;
    if (i == DS_COUNT(classes))
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "%s is a %s: only Stable Diffusion 1.x, 2.x and XL are implemented",
                       ds__component_names[c], class_name);
    st = read_config(m, c, classes[i].projected, err);
    return st == DS_OK ? ds__store_weights(m->store, ds__component_names[c], &m->weights[c], err)
                       : st;
}

/* Builds every network once on a small shape: parameters are found or missed. */
static ds_status check_parameters(ds_model *m, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < DS_MODULES; i++)
        if (ds__module_available(m, (ds_module)i))
            st = ds__net_list(m, (ds_module)i, &(ds_net_shape){ 1, 1, 256, 256 }, NULL, err);
    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++)
        if (m->weights[c] != NULL)
            st = ds__weights_check_all_used(m->weights[c], err);
    return st;
}

static ds_status check_compute(ds_dtype compute, ds_error *err)
{
    if (compute != DS_DTYPE_F32 && compute != DS_DTYPE_BF16)
        return ds_fail(err, DS_E_ARG, "compute type %s: expected F32 or BF16",
                       ds_dtype_name(compute));
    if (compute == DS_DTYPE_BF16 && !ds__kernel_has_bf16())
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "this CPU has no products of bfloat16 (AVX-512 is needed): use f32");
    return DS_OK;
}

ds_status ds_model_open(ds_model **out, const char *path, const ds_model_options *given,
                        ds_error *err)
{
    const ds_model_options defaults = DS_MODEL_OPTIONS_INIT;
    ds_store_options where;
    ds_model_options taken;
    const ds_model_options *options = &taken;
    ds_model *m;
    ds_status st = ds__options_take(&taken, sizeof taken, &defaults, given, "model options",
                                    "DS_MODEL_OPTIONS_INIT", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    m = ds_calloc(1, sizeof *m);
    if (m == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a model");
    atomic_init(&m->users, 1);
    m->compute = options->compute;
    m->products = options->products;
    m->emphasis = options->emphasis;
    st = check_compute(m->compute, err);
    if (st == DS_OK)
        st = ds__store_open(&m->store, path, ds__model_where(&where, options), err);
    if (st == DS_OK)
        st = ds__params_new(&m->params, source, drop, m, err);
    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++)
        st = open_component(m, (ds_component)c, err);
    if (st == DS_OK)
        st = check_parameters(m, err);
    if (st != DS_OK) {
        ds_model_close(m);
        return st;
    }
    *out = m;
    return DS_OK;
}
