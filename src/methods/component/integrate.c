/* integrate.c - integrated gradients (Sundararajan et al., arXiv 1703.01365) along a path on which all
 * components of a kind fade together. See score.h. */

#include <string.h>

#include "methods/component/score.h"

typedef struct integral {
    component_scores *s; /* [concepts] */
    int64_t concepts, points;
    const component_work *w;
    ds_job *job;
    ds_measure *m;
    ds_draws d;  /* those of w, with objectives and scores of their own */
    float *mean; /* [units] */
} integral;

static bool is_of(const ds_component_site *c, ds_component_kind kind)
{
    return c->kind == kind;
}

/* Adds dJ/dg at one point of a kind's path, as its share of the mean over points. */
static ds_status add_point(integral *x, ds_component_kind kind, float g, ds_error *err)
{
    const component_work *w = x->w;
    ds_status st = ds__measure_scale(x->m, kind, g, err);

    if (st == DS_OK)
        st = ds__draws_given(&x->d, x->m, w->o.batch, NULL, err);
    for (int64_t k = 0; st == DS_OK && k < x->concepts; k++) {
        const int64_t first = w->first[k], pairs = w->first[k + 1] - first;

        if (ds__draws_mean(x->mean, NULL, &x->d, first, pairs, -1) < 0)
            return ds_fail(err, DS_E_NOMEM, "no memory for means of scores");
        for (int64_t i = 0; i < w->sites->count; i++)
            for (int64_t p = 0; is_of(&w->sites->site[i], kind) && p < w->sites->site[i].parts;
                 p++) {
                const int64_t u = ds__measure_offset(w->sites, i) + p;

                x->s[k].integrated[u] += x->mean[u] / (float)x->points;
            }
    }
    return st;
}

static ds_status make(integral *x, ds_error *err)
{
    const component_work *w = x->w;
    const size_t n = (size_t)w->draws.count, units = (size_t)w->draws.units;
    ds_measure_options o = w->o;

    o.components = true;
    o.n_weights = 0;
    x->d = w->draws;
    x->d.j = ds_calloc(n + 1, sizeof *x->d.j);
    x->d.score = ds_calloc(n + 1, units * sizeof *x->d.score);
    x->mean = ds_calloc(units + 1, sizeof *x->mean);
    if (x->d.j == NULL || x->d.score == NULL || x->mean == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for integrated gradients");
    for (int64_t k = 0; k < x->concepts; k++) {
        x->s[k].integrated = ds_calloc(units + 1, sizeof *x->s[k].integrated);
        if (x->s[k].integrated == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for integrated gradients");
    }
    return ds__measure_new(&x->m, w->model, w->sites, w->noise, &o, err);
}

ds_status ds__scores_integrate(component_scores *s, int64_t concepts, component_work *w, ds_job *j,
                               int64_t points, ds_error *err)
{
    static const ds_component_kind kinds[] = { DS_UNIT_HIDDEN, DS_UNIT_ATTENTION, DS_UNIT_CONV,
                                               DS_UNIT_LAYER, DS_UNIT_BLOCK };
    integral x = { .s = s, .concepts = concepts, .points = points, .w = w, .job = j };
    ds_status st = make(&x, err);

    for (size_t k = 0; st == DS_OK && k < DS_COUNT(kinds); k++)
        for (int64_t i = 0; st == DS_OK && i < points; i++) {
            st = add_point(&x, kinds[k], (float)(((double)i + 0.5) / (double)points), err);
            if (st == DS_OK)
                st = ds__job_progress(j, "integrating", (int64_t)k * points + i + 1,
                                      (int64_t)DS_COUNT(kinds) * points, err);
        }
    if (x.m != NULL) {
        const ds_measure_cost c = ds__measure_cost(x.m);

        w->cost.forward += c.forward;
        w->cost.backward += c.backward;
    }
    ds__measure_free(x.m);
    ds_free(x.d.j);
    ds_free(x.d.score);
    ds_free(x.mean);
    return st;
}
