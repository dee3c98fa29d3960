/* coefficients.c - see coefficients.h. */

#include "methods/concept/coefficients.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ds_status make_network(ds_coefficients *c, ds_error *err)
{
    const ds_words *d = c->words;
    const int64_t width = ds__words_width(d);
    ds_status st = ds__mlp_new(&c->mlp, width, DS_MLP_HIDDEN, d->count, err);

    c->table = ds_calloc((size_t)(d->count * width), sizeof *c->table);
    if (st != DS_OK || c->table == NULL)
        return st != DS_OK ? st : ds_fail(err, DS_E_NOMEM, "no memory for a table of words");
    for (int64_t i = 0; i < d->count; i++) {
        float *to = c->table + i * width;

        for (int p = 0; p < d->parts; p++) {
            memcpy(to, d->row[p] + i * d->width[p], (size_t)d->width[p] * sizeof *to);
            to += d->width[p];
        }
    }
    return DS_OK;
}

ds_status ds__coefficients_new(ds_coefficients **out, ds_solver solver, const ds_words *words,
                               const bool *allowed, int64_t n_top, ds_error *err)
{
    ds_coefficients *c = *out = ds_calloc(1, sizeof *c);
    const size_t n = (size_t)words->count;
    ds_status st = DS_OK;

    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for coefficients");
    c->solver = solver;
    c->words = words;
    c->n_top = n_top < words->count ? n_top : words->count;
    c->eg.eta = 1.2;
    c->allowed = ds_calloc(n, sizeof *c->allowed);
    c->alpha = ds_calloc(n, sizeof *c->alpha);
    c->grad = ds_calloc(n, sizeof *c->grad);
    c->top = ds_calloc((size_t)c->n_top + 1, sizeof *c->top);
    c->room = ds_calloc((size_t)ds__words_width(words), 2 * sizeof *c->room);
    if (c->allowed == NULL || c->alpha == NULL || c->grad == NULL || c->top == NULL ||
        c->room == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for %zu coefficients", n);
    for (size_t i = 0; st == DS_OK && i < n; i++)
        c->allowed[i] = allowed == NULL || allowed[i];
    if (st == DS_OK && solver == DS_SOLVER_PAPER)
        st = make_network(c, err);
    if (st != DS_OK) {
        ds__coefficients_free(c);
        *out = NULL;
    }
    return st;
}

void ds__coefficients_free(ds_coefficients *c)
{
    if (c == NULL)
        return;
    ds__mlp_free(c->mlp);
    ds_free(c->table);
    ds_free(c->allowed);
    ds_free(c->alpha);
    ds_free(c->grad);
    ds_free(c->top);
    ds_free(c->room);
    ds_free(c);
}

void ds__coefficients_draw(ds_coefficients *c, double jitter, ds_rng *rng)
{
    double sum = 0.0;

    if (c->solver == DS_SOLVER_PAPER) {
        ds__mlp_draw(c->mlp, rng);
        return;
    }
    for (int64_t i = 0; i < c->words->count; i++) {
        float x[16]; /* draws below 16 numbers take another path: one number each, of 16 */

        ds_rng_normal(rng, x, 16);
        c->alpha[i] = c->allowed[i] ? exp(jitter * x[0]) : 0.0;
        sum += c->alpha[i];
    }
    for (int64_t i = 0; i < c->words->count; i++)
        c->alpha[i] /= sum;
}

ds_status ds__coefficients_token(ds_coefficients *c, float *token, ds_error *err)
{
    ds_status st;

    if (c->solver == DS_SOLVER_PAPER) {
        ds__mlp_forward(c->mlp, c->alpha, c->table);
        for (int64_t i = 0; i < c->words->count; i++)
            if (!c->allowed[i])
                c->alpha[i] = 0.0;
    }
    st = ds__largest(c->top, c->n_top, c->alpha, c->words->count, err);
    return st == DS_OK ? ds__mixture_tokens(token, c->words, c->alpha, NULL, 0, err) : st;
}

ds_status ds__coefficients_pull(ds_coefficients *c, double *term, const float *token_gradient,
                                double weight, ds_error *err)
{
    const ds_words *d = c->words;
    ds_status st;

    memset(c->grad, 0, (size_t)d->count * sizeof *c->grad);
    for (int p = 0; p < d->parts; p++) {
        double *r = c->room, *g = c->room + d->width[p];

        ds__mixture_sum(r, d, p, c->alpha, NULL, 0);
        ds__mixture_pull_token(g, d, p, r, token_gradient);
        ds__mixture_pull_sum(c->grad, d, p, g, 1.0, NULL, 0);
        token_gradient += d->width[p];
    }
    if (c->solver == DS_SOLVER_PAPER)
        st = ds__mixture_sparsity(term, c->grad, d, c->alpha, c->top, c->n_top, weight, err);
    else
        st = ds__mixture_penalty(term, c->grad, d, c->alpha, weight, err);
    for (int64_t i = 0; i < d->count; i++)
        if (!c->allowed[i])
            c->grad[i] = 0.0;
    return st;
}

void ds__coefficients_back(ds_coefficients *c)
{
    if (c->solver == DS_SOLVER_PAPER)
        ds__mlp_backward(c->mlp, c->grad, c->table);
}

void ds__coefficients_update(ds_coefficients *c)
{
    if (c->solver == DS_SOLVER_PAPER)
        ds__mlp_update(c->mlp);
    else
        ds__eg_step(&c->eg, c->alpha, c->grad, c->words->count);
}

/* ---- files ------------------------------------------------------------------------------------- */

typedef struct item {
    const char *name;
    ds_dtype dtype;
    int64_t count;
    void *data;
} item;

/* What has to be kept; returns how many. meta: [step, eg.scale]. */
static int items(const ds_coefficients *c, item *out, double *meta)
{
    int n = 0;

    out[n++] = (item){ "alpha", DS_DTYPE_F64, c->words->count, c->alpha };
    out[n++] = (item){ "meta", DS_DTYPE_F64, 2, meta };
    if (c->mlp != NULL) {
        out[n++] = (item){ "parameters", DS_DTYPE_F32, c->mlp->count, c->mlp->w1 };
        out[n++] = (item){ "m", DS_DTYPE_F32, c->mlp->count, c->mlp->m };
        out[n++] = (item){ "v", DS_DTYPE_F32, c->mlp->count, c->mlp->v };
    }
    return n;
}

ds_status ds__coefficients_save(const ds_coefficients *c, ds_bundle *to, const char *prefix,
                                ds_error *err)
{
    double meta[2] = { c->mlp != NULL ? (double)c->mlp->step : 0.0, c->eg.scale };
    item list[5];
    const int n = items(c, list, meta);
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < n; i++) {
        char name[200];
        ds_tensor *t;

        snprintf(name, sizeof name, "%s.%s", prefix, list[i].name);
        st = ds_bundle_add(to, name, list[i].dtype, 1, &list[i].count, &t, err);
        if (st == DS_OK)
            memcpy(t->data, list[i].data, (size_t)list[i].count * ds_dtype_size(list[i].dtype));
    }
    return st;
}

ds_status ds__coefficients_load(ds_coefficients *c, const ds_bundle *from, const char *prefix,
                                ds_error *err)
{
    double meta[2] = { 0.0, 0.0 };
    item list[5];
    const int n = items(c, list, meta);
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < n; i++) {
        char name[200];
        ds_tensor *t;

        snprintf(name, sizeof name, "%s.%s", prefix, list[i].name);
        st = ds_bundle_expect(from, name, 1, &list[i].count, &t, err);
        if (st == DS_OK)
            ds_convert(list[i].data, list[i].dtype, t->data, t->dtype, list[i].count);
    }
    if (st == DS_OK && c->mlp != NULL)
        c->mlp->step = (int64_t)meta[0];
    c->eg.scale = meta[1];
    return st;
}
