/* topology.c - configurations of new models (weights/known.c), and the list of parameters that a
 * configuration implies: the networks' own code is run with a source that grants every wish. */

#include "models/topology.h"

#include "base/json.h"
#include "weights/original.h"

#include <string.h>
#include <sys/stat.h>

static ds_status check(const json_t *t, const char *what, ds_error *err)
{
    static const char *const must[] = { "unet", "vae", "text_encoder", "scheduler" };
    const char *key;
    json_t *v;

    for (size_t i = 0; i < DS_COUNT(must); i++)
        if (!json_is_object(json_object_get(t, must[i])))
            return ds_fail(err, DS_E_FORMAT, "%s: expected an object \"%s\" with a configuration",
                           what, must[i]);
    json_object_foreach ((json_t *)t, key, v) {
        bool ok = strcmp(key, "text_encoder_2") == 0;

        for (size_t i = 0; i < DS_COUNT(must); i++)
            ok |= strcmp(key, must[i]) == 0;
        if (!ok || !json_is_object(v))
            return ds_fail(err, DS_E_UNSUPPORTED,
                           "%s: \"%.60s\": expected the objects unet, vae, text_encoder, "
                           "text_encoder_2 and scheduler only",
                           what, key);
    }
    return DS_OK;
}

ds_status ds__topology_load(json_t **out, const char *like, ds_error *err)
{
    const char *text = ds__known_topology(like);
    struct stat s;
    ds_status st;

    *out = NULL;
    if (text == NULL && stat(like, &s) != 0)
        return ds_fail(err, DS_E_NOMATCH,
                       "no topology %.200s: expected sd15, sd21, sdxl or a JSON file", like);
    st = text != NULL ? ds__json_parse(out, text, strlen(text), like, err)
                      : ds__json_load(out, like, err);
    if (st == DS_OK)
        st = check(*out, like, err);
    if (st != DS_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

const char *ds__topology_class(const json_t *topology, ds_component c)
{
    const json_t *config = json_object_get(topology, ds__component_names[c]);
    const char *name;

    switch (c) {
    case DS_UNET:
        return "UNet2DConditionModel";
    case DS_VAE:
        return "AutoencoderKL";
    default:
        name = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
        return name != NULL ? name : "CLIPTextModel";
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

static ds_status grant(void *user, const char *name, int rank, const int64_t *dim, ds_tensor *value,
                       ds_error *err)
{
    (void)user;
    (void)name;
    (void)err;
    value->rank = rank;
    memcpy(value->dim, dim, (size_t)rank * sizeof *dim);
    return DS_OK;
}

static ds_status build_text(ds_graph *g, const json_t *config, const char *what, bool projected,
                            ds_error *err)
{
    ds_clip_outputs outputs;
    ds_clip_config c;
    ds_var *ids, *end;
    ds_status st = ds__clip_config_read(&c, config, what, projected, err);

    if (st != DS_OK)
        return st;
    ids = ds__graph_input(g, DS_DTYPE_I32, DS_DIMS(1, c.positions));
    end = ds__graph_input(g, DS_DTYPE_I32, DS_DIMS(1));
    ds__clip_build(g, &c, &(ds_clip_inputs){ .ids = ids, .end = end }, &outputs);
    return ds__graph_status(g, err);
}

static ds_status build_unet(ds_graph *g, const json_t *config, const char *what, ds_error *err)
{
    ds_unet_config c;
    ds_unet_inputs in = { 0 };
    ds_status st = ds__unet_config_read(&c, config, what, err);
    int64_t side;

    if (st != DS_OK)
        return st;
    side = (int64_t)1 << (c.levels - 1);
    in.sample = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, side, side, c.in_channels));
    in.timestep = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1));
    in.context = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, 1, c.context_dim));
    if (c.text_time) {
        in.text_embeds = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, c.pooled_dim));
        in.time_ids = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, 6));
    }
    if (c.cond_dim > 0)
        in.cond = ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, c.cond_dim));
    ds__unet_build(g, &c, &in);
    return ds__graph_status(g, err);
}

static ds_status build_vae(ds_graph *g, const json_t *config, const char *what, ds_error *err)
{
    ds_vae_config c;
    ds_status st = ds__vae_config_read(&c, config, what, err);
    int64_t side;

    if (st != DS_OK)
        return st;
    side = (int64_t)1 << c.levels;
    ds__vae_encode_build(g, &c,
                         ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, side, side, c.in_channels)));
    ds__vae_decode_build(g, &c,
                         ds__graph_input(g, DS_DTYPE_F32, DS_DIMS(1, 2, 2, c.latent_channels)));
    return ds__graph_status(g, err);
}

ds_status ds__topology_params(ds_params **out, const json_t *topology, ds_component c,
                              ds_error *err)
{
    const char *what = ds__component_names[c];
    const json_t *config = json_object_get(topology, what);
    ds_graph_options o = { .compute = DS_DTYPE_F32 };
    ds_graph *g = NULL;
    ds_params *p = NULL;
    ds_status st;

    *out = NULL;
    if (config == NULL)
        return ds_fail(err, DS_E_NOMATCH, "this topology has no %s", what);
    st = ds__params_new(&p, grant, NULL, NULL, err);
    o.params = p;
    if (st == DS_OK)
        st = ds__graph_new(&g, &o, err);
    if (st == DS_OK && c == DS_UNET)
        st = build_unet(g, config, what, err);
    else if (st == DS_OK && c == DS_VAE)
        st = build_vae(g, config, what, err);
    else if (st == DS_OK)
        st = build_text(g, config, what,
                        strcmp(ds__topology_class(topology, c), "CLIPTextModelWithProjection") == 0,
                        err);
    ds__graph_free(g);
    if (st == DS_OK)
        *out = p;
    else
        ds__params_free(p);
    return st;
}
