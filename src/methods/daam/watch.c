/* watch.c - what DAAM does while the network runs. Probabilities of cross-attention come in
 * parts from the fused attention, so nothing is kept but the sums. */

#include "methods/daam/daam.h"

#include <string.h>

/* Which layer's queries are these? -1: none. */
static int64_t layer_of_queries(const ds_daam *d, const char *site)
{
    for (int64_t i = 0; i < d->trace.layers; i++)
        if (strcmp(d->trace.layer[i].q, site) == 0)
            return i;
    return -1;
}

static bool is_other(const ds_daam *d, const char *site)
{
    for (int64_t i = 0; d->tap.other[i] != NULL; i++)
        if (strcmp(d->tap.other[i], site) == 0)
            return true;
    return false;
}

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    const ds_daam *d = user;

    (void)shape;
    if (strcmp(site, ds__run_sites[DS_SITE_X]) == 0)
        return DS_LOOK;
    if (ds__daam_layer_of(d, site) >= 0)
        return d->tap.heads != NULL ? DS_EDIT : DS_PARTS;
    if (d->tap.heads != NULL && is_other(d, site))
        return DS_EDIT;
    if ((d->options.n_ask > 0 || d->tap.queries != NULL) && layer_of_queries(d, site) >= 0)
        return DS_LOOK;
    return d->trace.self.layers > 0 && ds__daam_self_site(d, site) ? DS_PARTS : DS_IGNORE;
}

static bool wants_image(void *user, const char *site, int64_t image)
{
    const ds_daam *d = user;

    (void)site;
    return d->tap.tracing && image / d->trace.images == d->tap.row;
}

static ds_status show_part(void *user, const ds_part *p, ds_error *err)
{
    ds_daam *d = user;
    const int64_t layer = ds__daam_layer_of(d, p->site), image = p->image % d->trace.images;

    (void)err;
    if (layer < 0)
        ds__daam_add_self(d, p);
    else
        ds__daam_add(d, layer, ds__daam_text_of(d, 0, image), image, p->first, p->rows, p->values);
    return DS_OK;
}

/* Whole probabilities, after they were written or replaced. */
static void add_whole(ds_daam *d, int64_t layer, const ds_tensor *v)
{
    const int64_t size = v->dim[1] * v->dim[2] * v->dim[3];

    for (int64_t b = 0; d->tap.tracing && b < d->trace.images; b++)
        ds__daam_add(d, layer, ds__daam_text_of(d, 0, b), b, 0, v->dim[2],
                     (const float *)v->data + (d->tap.row * d->trace.images + b) * size);
}

/* value [rows of the batch, pixels, width] */
static ds_status take_queries(ds_daam *d, int64_t layer, const ds_tensor *value, ds_error *err)
{
    ds_tensor traced = *value;
    ds_status st = DS_OK;

    traced.data =
        (float *)value->data + d->tap.row * d->trace.images * value->dim[1] * value->dim[2];
    if (d->tap.queries != NULL)
        st = ds__daam_save_queries(d, layer, value, err);
    if (st == DS_OK && d->trace.texts > d->trace.prompts)
        st = ds__daam_ask(d, layer, d->trace.prompts, &traced, err);
    return st;
}

static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    ds_daam *d = user;
    int64_t layer;
    ds_status st = DS_OK;

    if (strcmp(site, ds__run_sites[DS_SITE_X]) == 0) {
        ds__daam_next_call(d, ds_run_step_index(d->tap.run));
        return DS_OK;
    }
    layer = layer_of_queries(d, site);
    if (layer >= 0)
        return d->tap.tracing ? take_queries(d, layer, value, err) : DS_OK;
    if (d->tap.heads != NULL)
        st = ds__daam_heads_show(d, site, value, err);
    layer = ds__daam_layer_of(d, site);
    if (st == DS_OK && layer >= 0)
        add_whole(d, layer, value);
    return st;
}

void ds__daam_next_call(ds_daam *d, int64_t step)
{
    d->tap.step = step;
    d->tap.tracing = ds__daam_step_kept(d, step);
    d->trace.calls += d->tap.tracing;
}

ds_watcher ds__daam_watcher(ds_daam *d)
{
    return (ds_watcher){ wants, show, d, show_part, wants_image };
}
