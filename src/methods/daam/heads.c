/* heads.c - the probabilities of a whole generation, written to a folder, and put in the place
 * of another generation's: a second prompt then keeps the first one's layout.
 *
 * One file per call of the network, call-0000.safetensors and so on, with the probabilities
 * [N,heads,S,T] of every layer that reads the text under its site's name, in float32, both halves
 * under guidance. Writing takes the same two-step attention as reading, so that the same prompt
 * read back gives the same bits. */

#include "methods/daam/daam.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct daam_heads {
    const char *folder;
    bool load;
    int64_t call, sites, shown; /* of the call under way */
    ds_bundle *b;
};

ds_status ds__daam_heads_open(ds_daam *d, ds_error *err)
{
    const ds_daam_options *o = &d->options;
    struct daam_heads *h;

    if (o->save_heads == NULL && o->load_heads == NULL)
        return DS_OK;
    if (o->save_heads != NULL && o->load_heads != NULL)
        return ds_fail(err, DS_E_ARG, "heads are either saved or loaded in a run, not both");
    h = d->tap.heads = ds_calloc(1, sizeof *h);
    if (h == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for heads");
    h->load = o->load_heads != NULL;
    h->folder = h->load ? o->load_heads : o->save_heads;
    h->sites = d->trace.layers;
    for (int64_t i = 0; d->tap.other[i] != NULL; i++)
        h->sites++;
    if (!h->load && mkdir(h->folder, 0777) != 0 && errno != EEXIST)
        return ds_fail(err, DS_E_IO, "%s: cannot make this folder: %s", h->folder, strerror(errno));
    return DS_OK;
}

void ds__daam_heads_close(ds_daam *d)
{
    if (d->tap.heads == NULL)
        return;
    ds_bundle_free(d->tap.heads->b);
    ds_free(d->tap.heads);
}

static ds_status path_of(char *buf, size_t size, const struct daam_heads *h, ds_error *err)
{
    int n = snprintf(buf, size, "%s/call-%04lld.safetensors", h->folder, (long long)h->call);

    return n > 0 && (size_t)n < size ? DS_OK
                                     : ds_fail(err, DS_E_ARG, "the path of a folder is too long");
}

static ds_status begin_call(ds_daam *d, ds_error *err)
{
    struct daam_heads *h = d->tap.heads;
    const int64_t calls = ds_run_describe(d->tap.run).calls;
    int64_t made;
    char path[4096];
    const char *meta;
    ds_status st = path_of(path, sizeof path, h, err);

    if (st == DS_OK && !h->load)
        return ds_bundle_new(&h->b, err);
    if (st == DS_OK)
        st = ds_bundle_load(&h->b, path, err);
    meta = st == DS_OK ? ds_bundle_meta(h->b, "calls") : NULL;
    if (st == DS_OK && (!ds__text_int(&made, meta) || made != calls))
        return ds_fail(err, DS_E_SHAPE,
                       "the heads in %s are of %s calls of the network, this run makes %lld: "
                       "sampler and steps must be the same",
                       h->folder, meta != NULL ? meta : "?", (long long)calls);
    return st;
}

static ds_status end_call(ds_daam *d, ds_error *err)
{
    struct daam_heads *h = d->tap.heads;
    char path[4096], calls[24];
    ds_status st = path_of(path, sizeof path, h, err);

    snprintf(calls, sizeof calls, "%lld", (long long)ds_run_describe(d->tap.run).calls);
    if (st == DS_OK && !h->load)
        st = ds_bundle_set_meta(h->b, "calls", calls, err);
    if (st == DS_OK && !h->load)
        st = ds_bundle_save(h->b, path, err);
    ds_bundle_free(h->b);
    h->b = NULL;
    h->shown = 0;
    h->call++;
    return st;
}

ds_status ds__daam_heads_show(ds_daam *d, const char *site, ds_tensor *value, ds_error *err)
{
    struct daam_heads *h = d->tap.heads;
    const size_t bytes = (size_t)ds_tensor_count(value) * sizeof(float);
    ds_tensor *t = NULL;
    ds_status st = h->shown == 0 ? begin_call(d, err) : DS_OK;

    if (st == DS_OK && h->load)
        st = ds_bundle_expect(h->b, site, value->rank, value->dim, &t, err);
    else if (st == DS_OK)
        st = ds_bundle_add(h->b, site, DS_DTYPE_F32, value->rank, value->dim, &t, err);
    if (st == DS_OK && t->dtype != DS_DTYPE_F32)
        st = ds_fail(err, DS_E_SHAPE, "%s: expected F32", site);
    if (st != DS_OK)
        return st;
    if (h->load)
        memcpy(value->data, t->data, bytes);
    else
        memcpy(t->data, value->data, bytes);
    return ++h->shown == h->sites ? end_call(d, err) : DS_OK;
}
