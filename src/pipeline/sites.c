/* sites.c - see sites.h. */

#include "pipeline/sites.h"

#include "base/near.h"

#include "pipeline/run.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

const char *const ds__run_sites[DS_RUN_SITES] = {
    [DS_SITE_X] = "sampler.x",
    [DS_SITE_EPS] = "sampler.eps",
    [DS_SITE_X0] = "sampler.x0",
};

bool ds__site_matches(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}

ds_net_shape ds__sites_shape(const ds_model *m, ds_module module)
{
    int64_t side;

    switch (module) {
    case DS_MODULE_TEXT_ENCODER:
    case DS_MODULE_TEXT_ENCODER_2:
        return (ds_net_shape){ 1, m->clip[module - DS_MODULE_TEXT_ENCODER].positions, 1, 1 };
    case DS_MODULE_UNET:
        side = m->unet.sample_size;
        return (ds_net_shape){ 1, 77, side, side };
    case DS_MODULE_VAE_ENCODE:
        side = m->vae.sample_size;
        return (ds_net_shape){ 1, 0, side, side };
    default:
        side = m->vae.sample_size >> (m->vae.levels - 1);
        return (ds_net_shape){ 1, 0, side > 0 ? side : 1, side > 0 ? side : 1 };
    }
}

/* ---- listing -------------------------------------------------------------------------------- */

typedef struct collector {
    ds_site_list *list;
    int64_t room;
    const char *pattern;
    bool failed; /* out of memory */
} collector;

static bool append(collector *c, const char *name, const ds_tensor *shape)
{
    ds_site_list *l = c->list;

    if (l->count == c->room) {
        int64_t room = c->room == 0 ? 256 : 2 * c->room;
        ds_site *site = ds_calloc((size_t)room, sizeof *site);

        if (site == NULL)
            return false;
        if (l->count > 0)
            memcpy(site, l->site, (size_t)l->count * sizeof *site);
        ds_free(l->site);
        l->site = site;
        c->room = room;
    }
    l->site[l->count].name = ds_strdup(name);
    l->site[l->count].shape = *shape;
    return l->site[l->count++].name != NULL;
}

static ds_interest collect(void *user, const char *site, const ds_tensor *shape)
{
    collector *c = user;

    if (!c->failed && (c->pattern == NULL || ds__site_matches(c->pattern, site)))
        c->failed = !append(c, site, shape);
    return DS_IGNORE;
}

/* Values of the sampling loop, on a picture of the model's own size. */
static void list_loop(const ds_model *m, collector *c)
{
    int64_t side = m->unet.sample_size;
    const ds_tensor shape = { DS_DTYPE_F32, 4, { 1, m->unet.in_channels, side, side }, NULL };

    for (int i = 0; i < DS_RUN_SITES && ds__module_available(m, DS_MODULE_UNET); i++)
        collect(c, ds__run_sites[i], &shape);
}

static ds_status list_module(ds_model *m, ds_module module, collector *c, ds_error *err)
{
    const ds_watcher w = { .wants = collect, .user = c };
    ds_net_shape shape = ds__sites_shape(m, module);

    return ds__net_list(m, module, &shape, &w, err);
}

static ds_status list_all(ds_model *m, collector *c, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < DS_MODULES; i++)
        if (ds__module_available(m, (ds_module)i))
            st = list_module(m, (ds_module)i, c, err);
    if (st == DS_OK)
        list_loop(m, c);
    return st;
}

/* Of one module, or (NULL) of the whole model. */
static ds_status list_sites(ds_model *m, const ds_module *module, const char *pattern,
                            ds_site_list **out, ds_error *err)
{
    collector c = { .list = ds_calloc(1, sizeof *c.list), .pattern = pattern };
    ds_status st;

    *out = NULL;
    if (c.list == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of sites");
    st = module != NULL ? list_module(m, *module, &c, err) : list_all(m, &c, err);
    if (st == DS_OK && c.failed)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of sites");
    if (st != DS_OK)
        ds_site_list_free(c.list);
    else
        *out = c.list;
    return st;
}

void ds_site_list_free(ds_site_list *l)
{
    if (l == NULL)
        return;
    for (int64_t i = 0; i < l->count; i++)
        ds_free((void *)l->site[i].name);
    ds_free(l->site);
    ds_free(l);
}

ds_status ds__module_sites(ds_model *m, ds_module module, ds_site_list **out, ds_error *err)
{
    return list_sites(m, &module, NULL, out, err);
}

ds_status ds_model_sites(ds_model *m, const char *pattern, ds_site_list **out, ds_error *err)
{
    ds_status st = list_sites(m, NULL, pattern, out, err);
    ds_site_list *all = NULL;

    if (st != DS_OK || (*out)->count > 0)
        return st;
    ds_site_list_free(*out);
    *out = NULL;
    st = list_sites(m, NULL, NULL, &all, err);
    if (st == DS_OK)
        st = ds__site_no_match(all, pattern, err);
    ds_site_list_free(all);
    return st;
}

/* ---- near matches --------------------------------------------------------------------------- */

static const char *site_name(const void *user, int64_t i)
{
    return ((const ds_site_list *)user)->site[i].name;
}

ds_status ds__site_no_match(const ds_site_list *l, const char *pattern, ds_error *err)
{
    return ds__no_match("site", pattern, site_name, l, l->count, err);
}

/* ---- capture -------------------------------------------------------------------------------- */

static ds_interest capture_wants(void *user, const char *site, const ds_tensor *shape)
{
    const ds_capture *c = user;

    (void)shape;
    for (int i = 0; i < c->count; i++)
        if (ds__site_matches(c->pattern[i], site))
            return DS_LOOK;
    return DS_IGNORE;
}

static ds_status capture_show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    ds_capture *c = user;
    ds_tensor *copy = ds_bundle_find(c->into, site);
    ds_status st = DS_OK;

    if (copy == NULL)
        st = ds_bundle_add(c->into, site, DS_DTYPE_F32, value->rank, value->dim, &copy, err);
    if (st == DS_OK)
        memcpy(copy->data, value->data, (size_t)ds_tensor_count(value) * sizeof(float));
    return st;
}

ds_watcher ds__capture_watcher(ds_capture *c)
{
    return (ds_watcher){ .wants = capture_wants, .show = capture_show, .user = c };
}
