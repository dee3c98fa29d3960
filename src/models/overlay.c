/* overlay.c - see overlay.h. A derived model has a table of parameters of its own, whose entries are the
 * base's but for those that are changed; so nothing below needs to know that it is derived. */

#include <diffuscope/overlay.h>

#include "models/create.h"
#include "models/model.h"

#include <string.h>

/* ---- one change ------------------------------------------------------------------------------ */

static ds_status need(const ds_change *c, const ds_tensor *t, const char *what, ds_error *err)
{
    if (t != NULL && t->data != NULL)
        return DS_OK;
    ds_fail(err, DS_E_ARG, "change of %.120s: its %s is missing", c->name, what);
    return ds_fail_at(err, DS_E_ARG, c->name, -1);
}

static ds_status wrong_shape(const ds_change *c, const char *what, const ds_tensor *found,
                             const ds_tensor *w, ds_error *err)
{
    char a[96], b[96];

    ds_fail(err, DS_E_SHAPE, "change of %.120s: %s has shape %s, the parameter %s", c->name, what,
            ds_tensor_shape(found, a, sizeof a), ds_tensor_shape(w, b, sizeof b));
    return ds_fail_at(err, DS_E_SHAPE, c->name, -1);
}

/* A tensor's numbers in the type that a sum needs; free with ds_free. */
static void *converted(const ds_tensor *t, ds_dtype to)
{
    const int64_t n = ds_tensor_count(t);
    void *x = ds_alloc((size_t)n * ds_dtype_size(to) + 1);

    if (x != NULL)
        ds_convert(x, to, t->data, t->dtype, n);
    return x;
}

static ds_status no_memory(const ds_change *c, ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a change of %s", c->name);
}

static ds_status change_dense(const ds_change *c, ds_tensor *w, ds_error *err)
{
    ds_status st = need(c, c->value, "value", err);
    float *to = w->data, *x;

    if (st == DS_OK && !ds_tensor_same_shape(c->value, w))
        st = wrong_shape(c, "its value", c->value, w, err);
    if (st != DS_OK)
        return st;
    if (c->kind == DS_CHANGE_REPLACE) {
        ds_convert(to, DS_DTYPE_F32, c->value->data, c->value->dtype, ds_tensor_count(w));
        return DS_OK;
    }
    x = converted(c->value, DS_DTYPE_F32);
    if (x == NULL)
        return no_memory(c, err);
    for (int64_t i = 0; i < ds_tensor_count(w); i++)
        to[i] = (float)(to[i] + c->scale * x[i]);
    ds_free(x);
    return DS_OK;
}

/* w [O,I..] += scale up [O,r] down [r,I..]; row: [I..], sums of one output. */
static void add_product(float *w, const float *up, const float *down, double scale, double *row,
                        int64_t outputs, int64_t rank, int64_t inputs)
{
    for (int64_t o = 0; o < outputs; o++) {
        memset(row, 0, (size_t)inputs * sizeof *row);
        for (int64_t k = 0; k < rank; k++)
            for (int64_t i = 0; i < inputs; i++)
                row[i] += (double)up[o * rank + k] * down[k * inputs + i];
        for (int64_t i = 0; i < inputs; i++)
            w[o * inputs + i] = (float)(w[o * inputs + i] + scale * row[i]);
    }
}

static ds_status change_low_rank(const ds_change *c, ds_tensor *w, ds_error *err)
{
    const int64_t outputs = w->dim[0], count = ds_tensor_count(w);
    ds_status st = need(c, c->up, "up", err);
    int64_t rank, inputs = outputs > 0 ? count / outputs : 0;
    float *up, *down;
    double *row;

    if (st == DS_OK)
        st = need(c, c->down, "down", err);
    if (st != DS_OK)
        return st;
    rank = c->down->dim[0];
    if (w->rank < 2 || c->up->rank < 2 || c->up->dim[0] != outputs || c->up->dim[1] != rank ||
        ds_tensor_count(c->up) != outputs * rank)
        return wrong_shape(c, "up", c->up, w, err);
    if (c->down->rank < 2 || rank < 1 || ds_tensor_count(c->down) != rank * inputs)
        return wrong_shape(c, "down", c->down, w, err);
    up = converted(c->up, DS_DTYPE_F32);
    down = converted(c->down, DS_DTYPE_F32);
    row = ds_calloc((size_t)inputs, sizeof *row);
    if (up != NULL && down != NULL && row != NULL)
        add_product(w->data, up, down, c->scale, row, outputs, rank, inputs);
    else
        st = no_memory(c, err);
    ds_free(up);
    ds_free(down);
    ds_free(row);
    return st;
}

static ds_status change_sparse(const ds_change *c, ds_tensor *w, ds_error *err)
{
    ds_status st = need(c, c->value, "value", err);
    const int64_t count = ds_tensor_count(w);
    float *to = w->data, *x;
    int64_t *at;

    if (st == DS_OK)
        st = need(c, c->index, "index", err);
    if (st == DS_OK && ds_tensor_count(c->value) != ds_tensor_count(c->index))
        st = wrong_shape(c, "its value (one number for each index)", c->value, c->index, err);
    if (st != DS_OK)
        return st;
    x = converted(c->value, DS_DTYPE_F32);
    at = converted(c->index, DS_DTYPE_I64);
    if (x == NULL || at == NULL)
        st = no_memory(c, err);
    for (int64_t i = 0; st == DS_OK && i < ds_tensor_count(c->index); i++)
        if (at[i] < 0 || at[i] >= count) {
            ds_fail(err, DS_E_SHAPE, "change of %.120s: index %lld, but it has %lld numbers",
                    c->name, (long long)at[i], (long long)count);
            st = ds_fail_at(err, DS_E_SHAPE, c->name, -1);
        } else {
            to[at[i]] = x[i];
        }
    ds_free(x);
    ds_free(at);
    return st;
}

static ds_status change(ds_model *m, const ds_change *c, ds_error *err)
{
    ds_tensor was;
    ds_param *q;
    ds_status st;

    if (c->name == NULL)
        return ds_fail(err, DS_E_ARG, "a change names no parameter");
    st = ds_model_parameter(m, &was, c->name, err); /* for its message */
    if (st == DS_OK)
        st = ds__params_own(m->params, &q, c->name, err);
    if (st != DS_OK)
        return st;
    switch (c->kind) {
    case DS_CHANGE_REPLACE:
    case DS_CHANGE_ADD:
        return change_dense(c, &q->value, err);
    case DS_CHANGE_LOW_RANK:
        return change_low_rank(c, &q->value, err);
    case DS_CHANGE_SPARSE:
        return change_sparse(c, &q->value, err);
    case DS_CHANGE_RANDOM:
        ds__create_draw(&q->value, c->name, c->seed);
        return DS_OK;
    }
    return ds_fail(err, DS_E_ARG, "change of %.120s: there is no kind %d", c->name, (int)c->kind);
}

/* ---- the derived model ----------------------------------------------------------------------- */

ds_status ds_model_overlay(ds_model **out, ds_model *base, const ds_overlay *o, ds_error *err)
{
    ds_model *m = ds_calloc(1, sizeof *m);
    ds_status st;

    *out = NULL;
    if (m == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a model");
    atomic_init(&m->users, 1);
    atomic_fetch_add(&base->users, 1);
    m->base = base;
    m->store = base->store;
    memcpy(m->weights, base->weights, sizeof m->weights);
    memcpy(m->clip, base->clip, sizeof m->clip);
    m->unet = base->unet;
    m->vae = base->vae;
    m->compute = base->compute;
    m->products = base->products;
    m->emphasis = base->emphasis;
    st = ds__params_derive(&m->params, base->params, err);
    for (int64_t i = 0; st == DS_OK && i < o->count; i++)
        st = change(m, &o->change[i], err);
    if (st != DS_OK) {
        ds_model_close(m);
        return st;
    }
    *out = m;
    return DS_OK;
}
