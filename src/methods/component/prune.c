/* prune.c - see prune.h. */

#include "methods/component/prune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/component/select.h"

enum { ROLES = 2 }; /* the concept's text, the base's */

ds_status ds__prune_mark(uint8_t *chosen, const float *w, int64_t rows, int64_t columns,
                         const double *concept_, const double *base, double ratio, ds_error *err)
{
    const int64_t k = (int64_t)floor(ratio * (double)columns);
    float *score = ds_calloc((size_t)columns + 1, sizeof *score);
    int64_t *top = ds_calloc((size_t)columns + 1, sizeof *top);
    bool good = score != NULL && top != NULL;

    for (int64_t r = 0; good && r < rows; r++) {
        for (int64_t j = 0; j < columns; j++)
            score[j] = (float)(fabs((double)w[r * columns + j]) * concept_[j]);
        good = ds__top(top, score, columns, k) >= 0;
        for (int64_t i = 0; good && i < k && i < columns; i++)
            if (concept_[top[i]] > base[top[i]] && w[r * columns + top[i]] != 0.0f)
                chosen[r * columns + top[i]] = 1;
    }
    ds_free(score);
    ds_free(top);
    return good ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory to rank a row's weights");
}

/* ---- norms ----------------------------------------------------------------------------------- */

/* Sums of squares of all hidden units, side by side, for each role. */
typedef struct norms {
    const ds_component_sites *l;
    int64_t batch, used; /* draws of a pass, and how many of them count */
    int64_t units;
    double *square; /* [ROLES,units] */
} norms;

static bool is_hidden(const ds_component_site *s)
{
    return s->kind == DS_UNIT_HIDDEN;
}

/* Where a site's units begin; -1: it has none. */
static int64_t place_of(const norms *n, const char *site)
{
    int64_t at = 0;

    for (int64_t i = 0; i < n->l->count; i++) {
        if (!is_hidden(&n->l->site[i]))
            continue;
        if (strcmp(n->l->site[i].site, site) == 0)
            return at;
        at += n->l->site[i].parts;
    }
    return -1;
}

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    (void)shape;
    return place_of(user, site) >= 0 ? DS_LOOK : DS_IGNORE;
}

/* value [ROLES batch, places, units]. */
static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    norms *n = user;
    const int64_t at = place_of(n, site), units = value->dim[value->rank - 1];
    const int64_t places = ds_tensor_count(value) / value->dim[0] / units;
    const float *x = value->data;

    if (value->dim[0] != ROLES * n->batch)
        return ds_fail(err, DS_E_INTERNAL, "%s: %lld rows, expected %lld", site,
                       (long long)value->dim[0], (long long)(ROLES * n->batch));
    for (int64_t r = 0; r < value->dim[0]; r++) {
        double *to = n->square + r / n->batch * n->units + at;

        for (int64_t p = 0; r % n->batch < n->used && p < places; p++)
            for (int64_t j = 0; j < units; j++) {
                const double v = x[(r * places + p) * units + j];

                to[j] += v * v;
            }
    }
    return DS_OK;
}

typedef struct pass {
    norms n;
    ds_denoiser *d;
    float *z, *t, *answer;
    int64_t *which;
} pass;

static void pass_free(pass *p)
{
    ds_denoiser_free(p->d);
    ds_free(p->z);
    ds_free(p->t);
    ds_free(p->answer);
    ds_free(p->which);
    ds_free(p->n.square);
}

static ds_status pass_new(pass *p, component_work *w, const ds_watcher *watcher, ds_error *err)
{
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    const size_t batch = (size_t)w->o.batch;

    p->n.l = w->sites;
    p->n.batch = w->o.batch;
    for (int64_t i = 0; i < w->sites->count; i++)
        p->n.units += is_hidden(&w->sites->site[i]) ? w->sites->site[i].parts : 0;
    p->n.square = ds_calloc((size_t)(ROLES * p->n.units) + 1, sizeof *p->n.square);
    p->z = ds_calloc(batch, (size_t)w->plane * sizeof *p->z);
    p->answer = ds_calloc(ROLES * batch, (size_t)w->plane * sizeof *p->answer);
    p->t = ds_calloc(batch, sizeof *p->t);
    p->which = ds_calloc(ROLES * batch, sizeof *p->which);
    if (p->n.square == NULL || p->z == NULL || p->answer == NULL || p->t == NULL ||
        p->which == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu draws", batch);
    o.images = w->o.batch;
    o.conditions = ROLES;
    o.tokens = ds_conditions_hidden(w->o.texts).dim[1];
    o.height = w->height;
    o.width = w->width;
    o.cancel = w->o.cancel;
    o.watcher = watcher;
    return ds_denoiser_new(&p->d, w->model, &o, err);
}

/* |x_j| of both roles at one time step. */
static ds_status measure(pass *p, const component_work *w, float t, ds_error *err)
{
    const ds_draws *d = &w->draws;
    const int64_t batch = w->o.batch;
    ds_status st = DS_OK;

    memset(p->n.square, 0, (size_t)(ROLES * p->n.units) * sizeof *p->n.square);
    for (int64_t i = 0; st == DS_OK && i < d->count;) {
        p->n.used = 0;
        for (; i < d->count && p->n.used < batch; i++) {
            if (d->t[i] != t)
                continue;
            memcpy(p->z + p->n.used * w->plane, d->z + i * w->plane,
                   (size_t)w->plane * sizeof *p->z);
            for (int r = 0; r < ROLES; r++)
                p->which[r * batch + p->n.used] = 2 * d->pair[i] + r;
            p->n.used++;
        }
        if (p->n.used == 0)
            break;
        for (int64_t b = 0; b < batch; b++)
            p->t[b] = t;
        for (int64_t b = p->n.used; b < batch; b++) /* the rest of a batch does not count */
            for (int r = 0; r < ROLES; r++)
                p->which[r * batch + b] = p->which[r * batch];
        st = ds_denoiser_condition_rows(p->d, w->o.texts, p->which, err);
        if (st == DS_OK)
            st = ds_denoise(p->d, p->answer, p->z, p->t, err);
    }
    for (int64_t u = 0; u < ROLES * p->n.units; u++)
        p->n.square[u] = sqrt(p->n.square[u]);
    return st;
}

/* ---- the edit -------------------------------------------------------------------------------- */

/* The different time steps of the draws, noisiest first: how many, at most `most`. */
static int64_t list_steps(float *t, const ds_draws *d, int64_t most)
{
    int64_t n = 0;

    for (;;) {
        float next = -1.0f;

        for (int64_t i = 0; i < d->count; i++)
            if (d->t[i] > next && (n == 0 || d->t[i] < t[n - 1]))
                next = d->t[i];
        if (next < 0.0f || n == most)
            return n;
        t[n++] = next;
    }
}

typedef struct matrix {
    float *w;
    uint8_t *chosen;
    int64_t rows, columns;
} matrix;

static ds_status load_matrices(matrix *m, component_work *w, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < w->sites->count; i++) {
        if (!is_hidden(&w->sites->site[i]))
            continue;
        st = ds__parameter_values(w->model, w->sites->site[i].weight, &m[i].w, &m[i].rows,
                                  &m[i].columns, err);
        if (st != DS_OK)
            break;
        m[i].chosen = ds_calloc((size_t)(m[i].rows * m[i].columns) + 1, 1);
        if (m[i].chosen == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for %s", w->sites->site[i].weight);
    }
    return st;
}

static ds_status mark_step(matrix *m, const pass *p, const component_work *w, double ratio,
                           ds_error *err)
{
    int64_t at = 0;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < w->sites->count; i++)
        if (is_hidden(&w->sites->site[i])) {
            st = ds__prune_mark(m[i].chosen, m[i].w, m[i].rows, m[i].columns, p->n.square + at,
                                p->n.square + p->n.units + at, ratio, err);
            at += m[i].columns;
        }
    return st;
}

static ds_status keep(ds_edit *e, int64_t *count, const matrix *m, component_work *w,
                      ds_bundle *masks, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < w->sites->count; i++) {
        const char *name = w->sites->site[i].weight;
        const ds_tensor shape =
            m[i].w != NULL ? ds__parameter_shape(w->model, name) : (ds_tensor){ 0 };
        ds_tensor *t;
        char full[300];

        if (m[i].w == NULL)
            continue;
        for (int64_t k = 0; k < m[i].rows * m[i].columns; k++)
            *count += m[i].chosen[k];
        st = ds__remove_weights(e, w->model, name, &shape, m[i].chosen, err);
        snprintf(full, sizeof full, "zeroed.%s", name);
        if (st == DS_OK && masks != NULL)
            st = ds_bundle_add(masks, full, DS_DTYPE_U8, shape.rank, shape.dim, &t, err);
        if (st == DS_OK && masks != NULL)
            memcpy(t->data, m[i].chosen, (size_t)(m[i].rows * m[i].columns));
    }
    return st;
}

ds_status ds__prune(ds_edit *e, int64_t *count, component_work *w, double ratio, int64_t steps,
                    ds_bundle *masks, ds_error *err)
{
    const int64_t n = w->sites->count;
    matrix *m = ds_calloc((size_t)n + 1, sizeof *m);
    float *t = ds_calloc((size_t)w->draws.count + 1, sizeof *t);
    pass p = { 0 };
    const ds_watcher watcher = { .wants = wants, .show = show, .user = &p.n };
    ds_status st = m == NULL || t == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for an edit")
                                          : load_matrices(m, w, err);

    *count = 0;
    if (st == DS_OK)
        st = pass_new(&p, w, &watcher, err);
    if (st == DS_OK)
        steps = list_steps(t, &w->draws, steps > 0 ? steps : w->draws.count);
    for (int64_t i = 0; st == DS_OK && i < steps; i++) {
        st = measure(&p, w, t[i], err);
        if (st == DS_OK)
            st = mark_step(m, &p, w, ratio, err);
    }
    if (st == DS_OK)
        st = keep(e, count, m, w, masks, err);
    pass_free(&p);
    for (int64_t i = 0; m != NULL && i < n; i++) {
        ds_free(m[i].w);
        ds_free(m[i].chosen);
    }
    ds_free(m);
    ds_free(t);
    return st;
}
