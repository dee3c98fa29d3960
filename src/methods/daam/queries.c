/* queries.c - the latent's queries of a whole run, written to a folder, so that other texts
 * can be asked for later: a text's keys are all that is missing (arXiv 2403.14291, section 3).
 *
 * One file per call that is traced, call-0000.safetensors and so on, with the queries [images,
 * pixels, width] of every layer that is kept, of the traced branch, in float32, under their sites'
 * names, and the number of the step in the header. */

#include "methods/daam/daam.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct daam_queries {
    int64_t shown; /* layers of the call under way */
    ds_bundle *b;
};

ds_status ds__daam_queries_open(ds_daam *d, ds_error *err)
{
    const char *folder = d->options.save_queries;

    if (folder == NULL)
        return DS_OK;
    d->tap.queries = ds_calloc(1, sizeof *d->tap.queries);
    if (d->tap.queries == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for queries");
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ds_fail(err, DS_E_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
    return DS_OK;
}

void ds__daam_queries_close(ds_daam *d)
{
    if (d->tap.queries == NULL)
        return;
    ds_bundle_free(d->tap.queries->b);
    ds_free(d->tap.queries);
}

static ds_status path_of(char *buf, size_t size, const char *folder, int64_t call, ds_error *err)
{
    int n = snprintf(buf, size, "%s/call-%04lld.safetensors", folder, (long long)call);

    return n > 0 && (size_t)n < size ? DS_OK
                                     : ds_fail(err, DS_E_ARG, "the path of a folder is too long");
}

static ds_status end_call(ds_daam *d, ds_error *err)
{
    struct daam_queries *x = d->tap.queries;
    char path[4096], step[24];
    ds_status st = path_of(path, sizeof path, d->options.save_queries, d->trace.calls - 1, err);

    snprintf(step, sizeof step, "%lld", (long long)d->tap.step);
    if (st == DS_OK)
        st = ds_bundle_set_meta(x->b, "step", step, err);
    if (st == DS_OK)
        st = ds_bundle_save(x->b, path, err);
    ds_bundle_free(x->b);
    x->b = NULL;
    x->shown = 0;
    return st;
}

/* q [rows of the batch, pixels, width] */
ds_status ds__daam_save_queries(ds_daam *d, int64_t layer, const ds_tensor *q, ds_error *err)
{
    struct daam_queries *x = d->tap.queries;
    const int64_t one = q->dim[1] * q->dim[2];
    ds_tensor *t;
    ds_status st = x->b == NULL ? ds_bundle_new(&x->b, err) : DS_OK;

    if (st == DS_OK)
        st = ds_bundle_add(x->b, d->trace.layer[layer].q, DS_DTYPE_F32,
                           DS_DIMS(d->trace.images, q->dim[1], q->dim[2]), &t, err);
    if (st != DS_OK)
        return st;
    memcpy(t->data, (const float *)q->data + d->tap.row * d->trace.images * one,
           (size_t)(d->trace.images * one) * sizeof(float));
    return ++x->shown == d->trace.layers ? end_call(d, err) : DS_OK;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static ds_status ask_call(ds_daam *d, const ds_bundle *b, int64_t first, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < d->trace.layers; i++) {
        const daam_layer *l = &d->trace.layer[i];
        const int64_t dim[3] = { d->trace.images, l->height * l->width,
                                 d->trace.text[first].widths[i] };
        ds_tensor *q;

        st = ds_bundle_expect(b, l->q, 3, dim, &q, err);
        if (st == DS_OK && q->dtype != DS_DTYPE_F32)
            st = ds_fail(err, DS_E_SHAPE, "%s: expected F32", l->q);
        if (st == DS_OK)
            st = ds__daam_ask(d, i, first, q, err);
    }
    return st;
}

ds_status ds__daam_ask_saved(ds_daam *d, const char *folder, int64_t first, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t c = 0; st == DS_OK && c < d->trace.calls; c++) {
        char path[4096];
        ds_bundle *b = NULL;
        const char *step;

        st = path_of(path, sizeof path, folder, c, err);
        if (st == DS_OK)
            st = ds_bundle_load(&b, path, err);
        step = st == DS_OK ? ds_bundle_meta(b, "step") : NULL;
        if (st == DS_OK && (!ds__text_int(&d->tap.step, step) || d->tap.step < 0 ||
                            d->tap.step >= d->trace.steps || !ds__daam_step_kept(d, d->tap.step)))
            st = ds_fail(err, DS_E_FORMAT, "%s: this is no step of the trace", path);
        if (st == DS_OK)
            st = ask_call(d, b, first, err);
        ds_bundle_free(b);
    }
    return st;
}
