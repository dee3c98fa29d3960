/* ablate.c - see ablate.h. */

#include "methods/component/ablate.h"

#include <stdio.h>
#include <string.h>

struct ds_ablation {
    ds_measure_options o;
    const ds_component_sites *sites; /* NULL: no gates */
    const ds_noise *noise;
    ds_denoiser *d;
    int64_t roles, channels, plane, rows;
    int64_t *gate_of; /* [sites]: the first site with the same name */
    float **gate;     /* [sites], those of the first ones */
    bool *moved;      /* [sites]: to be set before the next pass */
    float *z, *t, *eps, *answer, *other;
    double *j;
    int64_t *which;
};

/* ---- making ---------------------------------------------------------------------------------- */

static int64_t parts_at(const ds_component_sites *l, int64_t first)
{
    int64_t parts = 1;

    for (int64_t i = first; i < l->count; i++)
        if (strcmp(l->site[i].site, l->site[first].site) == 0 && l->site[i].parts > parts)
            parts = l->site[i].parts;
    return parts;
}

static ds_status list_gates(ds_ablation *a, ds_error *err)
{
    const ds_component_sites *l = a->sites;
    const size_t n = (size_t)(l == NULL ? 0 : l->count) + 1;

    a->gate_of = ds_calloc(n, sizeof *a->gate_of);
    a->gate = ds_calloc(n, sizeof *a->gate);
    a->moved = ds_calloc(n, sizeof *a->moved);
    if (a->gate_of == NULL || a->gate == NULL || a->moved == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gates");
    for (int64_t i = 0; l != NULL && i < l->count; i++) {
        int64_t first = 0;

        while (strcmp(l->site[first].site, l->site[i].site) != 0)
            first++;
        a->gate_of[i] = first;
        if (first == i &&
            (a->gate[i] = ds_calloc((size_t)parts_at(l, i), sizeof **a->gate)) == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for gates");
    }
    return DS_OK;
}

static ds_status plan(ds_ablation *a, ds_model *m, ds_error *err)
{
    const ds_component_sites *l = a->sites;
    ds_gate *gates = ds_calloc((size_t)(l == NULL ? 0 : l->count) + 1, sizeof *gates);
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_status st;

    if (gates == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gates");
    for (int64_t i = 0; l != NULL && i < l->count; i++)
        if (a->gate[i] != NULL)
            gates[o.n_gates++] = (ds_gate){ .site = l->site[i].site, .parts = parts_at(l, i) };
    o.gates = gates;
    o.images = a->o.batch;
    o.conditions = a->roles;
    o.tokens = ds_conditions_hidden(a->o.texts).dim[1];
    o.height = a->o.height;
    o.width = a->o.width;
    o.cancel = a->o.cancel;
    st = ds_denoiser_new(&a->d, m, &o, err);
    ds_free(gates);
    return st;
}

static ds_status make_room(ds_ablation *a, ds_error *err)
{
    const size_t n = (size_t)a->o.batch, plane = (size_t)a->plane;

    a->z = ds_calloc(n * plane, sizeof *a->z);
    a->eps = ds_calloc(n * plane, sizeof *a->eps);
    a->other = ds_calloc(n * plane, sizeof *a->other);
    a->answer = ds_calloc((size_t)a->roles * n * plane, sizeof *a->answer);
    a->t = ds_calloc(n, sizeof *a->t);
    a->j = ds_calloc(n, sizeof *a->j);
    a->which = ds_calloc((size_t)a->roles * n, sizeof *a->which);
    return a->z == NULL || a->eps == NULL || a->other == NULL || a->answer == NULL ||
                   a->t == NULL || a->j == NULL || a->which == NULL
               ? ds_fail(err, DS_E_NOMEM, "no memory for %lld draws", (long long)a->o.batch)
               : DS_OK;
}

ds_status ds__ablation_new(ds_ablation **out, ds_model *m, const ds_component_sites *sites,
                           const ds_noise *noise, const ds_measure_options *o, ds_error *err)
{
    ds_ablation *a = ds_calloc(1, sizeof *a);
    ds_denoiser_info info;
    ds_status st;

    *out = NULL;
    if (a == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for an ablation");
    a->o = *o;
    a->sites = sites;
    a->noise = noise;
    a->roles = o->objective.goal == DS_GOAL_ERASE ? 2 : 1;
    st = ds_denoiser_describe(&info, m, err);
    a->channels = st == DS_OK ? info.channels : 0;
    a->plane = a->channels * o->height * o->width;
    if (st == DS_OK)
        st = list_gates(a, err);
    if (st == DS_OK)
        st = plan(a, m, err);
    if (st == DS_OK)
        st = make_room(a, err);
    if (st != DS_OK) {
        ds__ablation_free(a);
        return st;
    }
    ds__ablation_open(a);
    *out = a;
    return DS_OK;
}

void ds__ablation_free(ds_ablation *a)
{
    if (a == NULL)
        return;
    for (int64_t i = 0; a->sites != NULL && a->gate != NULL && i < a->sites->count; i++)
        ds_free(a->gate[i]);
    ds_denoiser_free(a->d);
    ds_free(a->gate_of);
    ds_free(a->gate);
    ds_free(a->moved);
    ds_free(a->z);
    ds_free(a->eps);
    ds_free(a->other);
    ds_free(a->answer);
    ds_free(a->t);
    ds_free(a->j);
    ds_free(a->which);
    ds_free(a);
}

/* ---- gates ----------------------------------------------------------------------------------- */

/* A layer is removed by closing all channels of its last product. */
void ds__ablation_close(ds_ablation *a, int64_t site, int64_t first, int64_t count)
{
    const int64_t g = a->gate_of[site], parts = parts_at(a->sites, g);

    if (a->sites->site[site].parts == 1) {
        first = 0;
        count = parts;
    }
    for (int64_t k = first; k < first + count && k < parts; k++)
        a->gate[g][k] = 0.0f;
    a->moved[g] = true;
}

void ds__ablation_open(ds_ablation *a)
{
    for (int64_t i = 0; a->sites != NULL && i < a->sites->count; i++) {
        int64_t parts = a->gate[i] != NULL ? parts_at(a->sites, i) : 0;

        for (int64_t k = 0; k < parts; k++) {
            a->moved[i] = a->moved[i] || a->gate[i][k] != 1.0f;
            a->gate[i][k] = 1.0f;
        }
    }
}

static ds_status set_gates(ds_ablation *a, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && a->sites != NULL && i < a->sites->count; i++) {
        ds_tensor t = { DS_DTYPE_F32, 1, { 0 }, a->gate[i] };
        char name[300];

        if (!a->moved[i])
            continue;
        t.dim[0] = parts_at(a->sites, i);
        snprintf(name, sizeof name, "gate.%s", a->sites->site[i].site);
        st = ds_denoiser_set(a->d, name, &t, err);
        a->moved[i] = false;
    }
    return st;
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* One pass over the n draws `pick`; the rest of the batch repeats the last. */
static ds_status pass(ds_ablation *a, double *sum, const ds_draws *d, const int64_t *pick,
                      int64_t n, ds_error *err)
{
    const int64_t batch = a->o.batch;
    const float *other = a->answer + batch * a->plane;
    ds_status st;

    for (int64_t b = 0; b < batch; b++) {
        const int64_t i = pick[b < n ? b : n - 1];
        float *eps = a->other + b * a->plane;

        memcpy(a->z + b * a->plane, d->z + i * a->plane, (size_t)a->plane * sizeof *a->z);
        a->t[b] = d->t[i];
        for (int64_t r = 0; r < a->roles; r++)
            a->which[r * batch + b] = 2 * d->pair[i] + r;
        if (a->roles == 1)
            ds__target(eps, a->noise, d->z + i * a->plane, d->eps + i * a->plane, d->t[i],
                       a->plane);
    }
    st = ds_denoiser_condition_rows(a->d, a->o.texts, a->which, err);
    if (st == DS_OK)
        st = ds_denoise(a->d, a->answer, a->z, a->t, err);
    if (st != DS_OK)
        return st;
    ds__objective(a->j, &a->o.objective, a->noise, a->answer, a->roles == 1 ? a->other : other,
                  a->t, n, a->channels, a->o.height * a->o.width);
    for (int64_t b = 0; b < n; b++)
        *sum += a->j[b];
    a->rows += batch * a->roles;
    return DS_OK;
}

ds_status ds__ablation_run(ds_ablation *a, double *j, const ds_draws *d, int64_t pair,
                           int64_t pairs, int64_t most, ds_error *err)
{
    int64_t *pick = ds_calloc((size_t)d->count + 1, sizeof *pick), n = 0;
    ds_status st = pick == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a list of draws")
                                : set_gates(a, err);
    double sum = 0.0;

    for (int64_t i = 0; st == DS_OK && i < d->count; i++)
        if (d->pair[i] >= pair && d->pair[i] < pair + pairs)
            pick[n++] = i;
    if (st == DS_OK && most > 0 && most < n) {
        for (int64_t k = 0; k < most; k++)
            pick[k] = pick[(2 * k + 1) * n / (2 * most)];
        n = most;
    }
    for (int64_t first = 0; st == DS_OK && first < n; first += a->o.batch)
        st = pass(a, &sum, d, pick + first, n - first < a->o.batch ? n - first : a->o.batch, err);
    *j = n > 0 ? sum / (double)n : 0.0;
    ds_free(pick);
    return st;
}

int64_t ds__ablation_rows(const ds_ablation *a)
{
    return a->rows;
}

ds_status ds__objective_of(double *j, ds_model *m, const ds_noise *noise,
                           const ds_measure_options *o, const ds_draws *d, int64_t pair,
                           int64_t pairs, int64_t most, ds_error *err)
{
    ds_ablation *a;
    ds_status st = ds__ablation_new(&a, m, NULL, noise, o, err);

    if (st == DS_OK)
        st = ds__ablation_run(a, j, d, pair, pairs, most, err);
    ds__ablation_free(a);
    return st;
}
