/* choose.c - see choose.h. */

#include "methods/component/choose.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/rng.h>

/* ---- scores ---------------------------------------------------------------------------------- */

ds_status ds__scores_load(float **out, const ds_component_sites *l, const ds_bundle *b,
                          ds_error *err)
{
    float *s = ds_calloc((size_t)ds__measure_units(l) + 1, sizeof *s);

    *out = s;
    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for scores");
    for (int64_t i = 0; i < l->count; i++) {
        const ds_component_site *c = &l->site[i];
        const ds_tensor *t;
        char name[400];

        snprintf(name, sizeof name, "%s.%s", c->parts > 1 ? "score" : "layer", c->site);
        t = ds_bundle_find(b, name);
        if (t == NULL || t->dtype != DS_DTYPE_F32 || ds_tensor_count(t) != c->parts) {
            ds_fail(
                err, DS_E_NOMATCH,
                "the scores hold no %s of %lld numbers: expected the result of `component score` "
                "for this model",
                name, (long long)c->parts);
            return ds_fail_at(err, DS_E_NOMATCH, name, -1);
        }
        memcpy(s + ds__measure_offset(l, i), t->data, (size_t)c->parts * sizeof *s);
    }
    return DS_OK;
}

/* ---- controls -------------------------------------------------------------------------------- */

static void shuffle(float *score, int64_t n, uint64_t seed)
{
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    ds_rng_uniform(&rng, score, n);
    for (int64_t i = 0; i < n; i++)
        score[i] += 1e-6f; /* above zero: all of them are candidates */
}

/* Root of the sum of squares of the weights that a component's removal sets to zero. */
static ds_status size_of(float *out, const ds_piece *p, ds_model *m, const ds_component_sites *l,
                         ds_error *err)
{
    const ds_component_site *s = &l->site[p->site];
    int64_t rows, columns;
    double sum = 0.0;
    float *w;
    ds_status st = ds__parameter_values(m, s->weight, &w, &rows, &columns, err);

    for (int64_t i = 0; st == DS_OK && i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            int64_t part = s->parts == 1 ? 0 : s->kind == DS_UNIT_CONV ? i : k;

            if (s->parts == 1 || (part >= p->first && part < p->first + p->count))
                sum += (double)w[i * columns + k] * w[i * columns + k];
        }
    *out = (float)sqrt(sum);
    ds_free(w);
    return st;
}

/* ---- components ------------------------------------------------------------------------------ */

static ds_status choose_pieces(ds_edit *e, double *predicted, int64_t *count, ds_model *m,
                               const ds_component_sites *l, const component_values *v,
                               const component_choice *c, ds_error *err)
{
    const int64_t n = ds__components_of(NULL, 0, l, c->g);
    ds_piece *piece = ds_calloc((size_t)n + 1, sizeof *piece), *chosen;
    float *score = ds_calloc((size_t)n + 1, sizeof *score);
    uint8_t *mark = ds_calloc((size_t)n + 1, 1);
    ds_scored one = { 1, n, score, mark };
    ds_selection how = c->how;
    ds_status st = piece == NULL || score == NULL || mark == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a list of components")
                       : DS_OK;

    how.pick = DS_PICK_GLOBAL;
    if (st == DS_OK)
        ds__components_of(piece, n, l, c->g);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        if (c->control == DS_CONTROL_MAGNITUDE)
            st = size_of(&score[i], &piece[i], m, l, err);
        else
            score[i] = ds__component_score(&piece[i], l, v->units);
    if (st == DS_OK && c->control == DS_CONTROL_RANDOM)
        shuffle(score, n, c->seed);
    if (c->control != DS_CONTROL_NONE)
        how.sign = DS_KEEP_POSITIVE;
    if (st == DS_OK)
        st = ds__select(&one, 1, &how, count, err);
    chosen = piece;
    for (int64_t i = 0, at = 0; st == DS_OK && i < n; i++)
        if (mark[i]) {
            *predicted += ds__component_score(&piece[i], l, v->units);
            chosen[at++] = piece[i];
        }
    if (st == DS_OK)
        st = ds__remove_components(e, m, l, chosen, *count, err);
    ds_free(piece);
    ds_free(score);
    ds_free(mark);
    return st;
}

/* ---- weights --------------------------------------------------------------------------------- */

typedef struct weights {
    int64_t count;
    ds_scored *scored;
    float **score; /* what ranks: freed */
    double **effect;
    const char **name;
    ds_tensor *shape;
} weights;

static void weights_free(weights *w)
{
    for (int64_t i = 0; i < w->count; i++) {
        ds_free(w->score[i]);
        ds_free(w->effect[i]);
        ds_free(w->scored[i].chosen);
    }
    ds_free(w->scored);
    ds_free(w->score);
    ds_free(w->effect);
    ds_free(w->name);
    ds_free(w->shape);
}

/* Matrices of the feed-forward layers that have a gradient: what CAD edits. */
static ds_status one_matrix(weights *w, ds_model *m, const ds_tensor *g, const char *name,
                            const component_choice *c, ds_error *err)
{
    int64_t rows, columns, i = w->count;
    const float *grad = g->data;
    float *v;
    ds_status st = ds__parameter_values(m, name, &v, &rows, &columns, err);

    if (st != DS_OK)
        return st;
    w->score[i] = v;
    w->name[i] = name;
    w->shape[i] = *g;
    w->effect[i] = ds_calloc((size_t)(rows * columns), sizeof **w->effect);
    w->scored[i] = (ds_scored){ rows, columns, v, ds_calloc((size_t)(rows * columns), 1) };
    w->count++;
    if (w->effect[i] == NULL || w->scored[i].chosen == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the scores of %s", name);
    if (g->dtype != DS_DTYPE_F32 || ds_tensor_count(g) != rows * columns)
        return ds_fail(err, DS_E_SHAPE, "gradient.%s is of another shape than the parameter", name);
    for (int64_t k = 0; k < rows * columns; k++) {
        w->effect[i][k] = (double)v[k] * grad[k];
        v[k] = c->control == DS_CONTROL_MAGNITUDE ? fabsf(v[k]) : (float)w->effect[i][k];
    }
    if (c->control == DS_CONTROL_RANDOM)
        shuffle(v, rows * columns, c->seed + (uint64_t)i);
    return DS_OK;
}

static ds_status list_matrices(weights *w, ds_model *m, const ds_component_sites *l,
                               const component_values *v, const component_choice *c, ds_error *err)
{
    const size_t n = 2 * (size_t)l->count + 1;
    ds_status st = DS_OK;

    *w = (weights){ 0 };
    w->scored = ds_calloc(n, sizeof *w->scored);
    w->score = ds_calloc(n, sizeof *w->score);
    w->effect = ds_calloc(n, sizeof *w->effect);
    w->name = ds_calloc(n, sizeof *w->name);
    w->shape = ds_calloc(n, sizeof *w->shape);
    if (w->scored == NULL || w->score == NULL || w->effect == NULL || w->name == NULL ||
        w->shape == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of matrices");
    for (int64_t i = 0; st == DS_OK && i < l->count; i++)
        for (int k = 0; st == DS_OK && l->site[i].kind == DS_UNIT_HIDDEN && k < 2; k++) {
            const char *name = k == 0 ? l->site[i].before : l->site[i].weight;
            const ds_tensor *g;
            char full[300];

            snprintf(full, sizeof full, "gradient.%s", name);
            g = v->gradients != NULL ? ds_bundle_find(v->gradients, full) : NULL;
            if (g != NULL)
                st = one_matrix(w, m, g, name, c, err);
        }
    if (st == DS_OK && w->count == 0)
        st = ds_fail(err, DS_E_NOMATCH,
                     "the scores hold no gradients of feed-forward matrices: run `component score` "
                     "with --weights or --save gradients");
    return st;
}

static ds_status choose_weights(ds_edit *e, double *predicted, int64_t *count, ds_model *m,
                                const ds_component_sites *l, const component_values *v,
                                const component_choice *c, ds_bundle *masks, ds_error *err)
{
    ds_selection how = c->how;
    weights w;
    ds_status st = list_matrices(&w, m, l, v, c, err);

    if (c->control != DS_CONTROL_NONE)
        how.sign = DS_KEEP_POSITIVE;
    if (st == DS_OK)
        st = ds__select(w.scored, w.count, &how, count, err);
    for (int64_t i = 0; st == DS_OK && i < w.count; i++) {
        const int64_t n = w.scored[i].rows * w.scored[i].columns;
        ds_tensor *t = NULL;
        char full[300];

        for (int64_t k = 0; k < n; k++)
            *predicted += w.scored[i].chosen[k] ? w.effect[i][k] : 0.0;
        st = ds__remove_weights(e, m, w.name[i], &w.shape[i], w.scored[i].chosen, err);
        snprintf(full, sizeof full, "zeroed.%s", w.name[i]);
        if (st == DS_OK && masks != NULL)
            st = ds_bundle_add(masks, full, DS_DTYPE_U8, w.shape[i].rank, w.shape[i].dim, &t, err);
        if (st == DS_OK && t != NULL)
            memcpy(t->data, w.scored[i].chosen, (size_t)n);
    }
    weights_free(&w);
    return st;
}

ds_status ds__choose(ds_edit *e, double *predicted, int64_t *count, ds_model *m,
                     const ds_component_sites *l, const component_values *v,
                     const component_choice *c, ds_bundle *masks, ds_error *err)
{
    *predicted = 0.0;
    *count = 0;
    return c->g == DS_WEIGHTS ? choose_weights(e, predicted, count, m, l, v, c, masks, err)
                              : choose_pieces(e, predicted, count, m, l, v, c, err);
}

/* ---- predicted against true ------------------------------------------------------------------ */

static ds_status check_pieces(double *x, double *y, int64_t sets, int64_t count, component_work *w,
                              ds_job *j, const component_values *v, ds_granularity g, int64_t draws,
                              uint64_t seed, ds_error *err)
{
    const int64_t n = ds__components_of(NULL, 0, w->sites, g);
    ds_piece *piece = ds_calloc((size_t)n + 1, sizeof *piece);
    float *order = ds_calloc((size_t)n + 1, sizeof *order);
    int64_t *top = ds_calloc((size_t)n + 1, sizeof *top);
    ds_measure_options o = w->o;
    ds_ablation *a = NULL;
    double whole = 0.0, without;
    ds_status st = piece == NULL || order == NULL || top == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for random sets")
                       : DS_OK;

    o.batch = draws < w->q.batch ? draws : w->q.batch;
    if (st == DS_OK)
        st = ds__ablation_new(&a, w->model, w->sites, w->noise, &o, err);
    if (st == DS_OK)
        st = ds__ablation_run(a, &whole, &w->draws, 0, w->pairs, draws, err);
    if (st == DS_OK)
        ds__components_of(piece, n, w->sites, g);
    for (int64_t s = 0; st == DS_OK && s < sets; s++) {
        shuffle(order, n, seed + (uint64_t)s);
        ds__top(top, order, n, count < n ? count : n);
        ds__ablation_open(a);
        x[s] = 0.0;
        for (int64_t k = 0; k < count && k < n; k++) {
            const ds_piece *p = &piece[top[k]];

            x[s] += ds__component_score(p, w->sites, v->units);
            ds__ablation_close(a, p->site, p->first, p->count);
        }
        st = ds__ablation_run(a, &without, &w->draws, 0, w->pairs, draws, err);
        y[s] = whole - without;
        if (st == DS_OK)
            st = ds__job_progress(j, "checking", s + 1, sets, err);
    }
    ds__ablation_free(a);
    ds_free(piece);
    ds_free(order);
    ds_free(top);
    return st;
}

static ds_status check_weights(double *x, double *y, int64_t sets, int64_t count, component_work *w,
                               ds_job *j, const component_values *v, int64_t draws, uint64_t seed,
                               ds_error *err)
{
    ds_measure_options o = w->o;
    double whole = 0.0, without = 0.0;
    ds_status st;

    o.batch = draws < w->q.batch ? draws : w->q.batch;
    st = ds__objective_of(&whole, w->model, w->noise, &o, &w->draws, 0, w->pairs, draws, err);
    for (int64_t s = 0; st == DS_OK && s < sets; s++) {
        const component_choice c = { DS_WEIGHTS,
                                     { DS_PICK_GLOBAL, DS_KEEP_POSITIVE, 0.0, count },
                                     DS_CONTROL_RANDOM,
                                     seed + (uint64_t)(1000 * s) };
        ds_edit e = { 0 };
        ds_model *m = NULL;
        int64_t chosen;

        st = ds__choose(&e, &x[s], &chosen, w->model, w->sites, v, &c, NULL, err);
        x[s] /= (double)w->draws.count;
        if (st == DS_OK)
            st = ds__edit_overlay(&m, w->model, &e, err);
        if (st == DS_OK)
            st = ds__objective_of(&without, m, w->noise, &o, &w->draws, 0, w->pairs, draws, err);
        y[s] = whole - without;
        ds_model_close(m);
        ds__edit_clear(&e);
        if (st == DS_OK)
            st = ds__job_progress(j, "checking", s + 1, sets, err);
    }
    return st;
}

ds_status ds__check_sets(double *x, double *y, int64_t sets, int64_t count, component_work *w,
                         ds_job *j, const component_values *v, ds_granularity g, int64_t draws,
                         uint64_t seed, ds_error *err)
{
    return g == DS_WEIGHTS ? check_weights(x, y, sets, count, w, j, v, draws, seed, err)
                           : check_pieces(x, y, sets, count, w, j, v, g, draws, seed, err);
}
