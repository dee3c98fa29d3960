/* measure.c - see measure.h. */

#include "methods/component/measure.h"

#include <stdio.h>
#include <string.h>

#include "methods/component/impl.h"

/* A gate of the denoiser, which may serve two entries of the list: channels of a convolution, and the
 * layer that ends with it. */
typedef struct gated {
    int64_t channels_of, whole_of; /* sites, or -1 */
    int64_t parts, places;         /* places: 1 unless a map is made */
    char name[260];
} gated;

struct ds_measure {
    ds_measure_options o;
    const ds_component_sites *sites;
    const ds_noise *noise;
    ds_denoiser *d;
    int64_t roles; /* of rows: concept [, base] [, none] */
    int64_t channels, plane, units;
    int64_t *offset; /* [sites] */
    gated *gate;
    int64_t gates;
    double **map;     /* [sites] */
    float *answer;    /* [roles,batch,plane] */
    float *other;     /* [batch,plane]: target of the amplify objective */
    float *cotangent; /* [roles,batch,plane] */
    float *time;
    double *j;
    int64_t *which;
    float **gradient[2]; /* [weights] of each half */
    const char **weight; /* [weights]; names are the denoiser's */
    int64_t weights;
    int turn;
    ds_measure_cost cost;
};

int64_t ds__measure_offset(const ds_component_sites *sites, int64_t site)
{
    int64_t n = 0;

    for (int64_t i = 0; i < site; i++)
        n += sites->site[i].parts;
    return n;
}

int64_t ds__measure_units(const ds_component_sites *sites)
{
    return ds__measure_offset(sites, sites->count);
}

/* ---- making ---------------------------------------------------------------------------------- */

static gated *gate_at(ds_measure *s, const char *site)
{
    for (int64_t i = 0; i < s->gates; i++)
        if (strcmp(s->gate[i].name + 5, site) == 0)
            return &s->gate[i];
    snprintf(s->gate[s->gates].name, sizeof s->gate->name, "gate.%s", site);
    s->gate[s->gates].channels_of = s->gate[s->gates].whole_of = -1;
    s->gate[s->gates].parts = s->gate[s->gates].places = 1;
    return &s->gate[s->gates++];
}

static ds_status list_gates(ds_measure *s, ds_error *err)
{
    const ds_component_sites *l = s->sites;

    s->gate = ds_calloc((size_t)l->count + 1, sizeof *s->gate);
    s->map = ds_calloc((size_t)l->count + 1, sizeof *s->map);
    s->offset = ds_calloc((size_t)l->count + 1, sizeof *s->offset);
    if (s->gate == NULL || s->map == NULL || s->offset == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gates");
    for (int64_t i = 0; i < l->count; i++) {
        const ds_component_site *c = &l->site[i];
        gated *g = gate_at(s, c->site);

        s->offset[i] = s->units;
        s->units += c->parts;
        if (c->kind == DS_UNIT_LAYER || c->kind == DS_UNIT_BLOCK) {
            g->whole_of = i;
            g->places = c->height * c->width;
            s->map[i] = ds_calloc((size_t)g->places, sizeof **s->map);
            if (s->map[i] == NULL)
                return ds_fail(err, DS_E_NOMEM, "no memory for maps");
        } else {
            g->channels_of = i;
            g->parts = c->parts;
        }
    }
    return DS_OK;
}

static ds_status plan(ds_measure *s, ds_model *m, ds_error *err)
{
    const int n = (int)(s->o.components ? s->gates : 0), wanted = n + s->o.n_weights;
    ds_gate *gates = ds_calloc((size_t)n + 1, sizeof *gates);
    const char **wrt = ds_calloc((size_t)wanted + 1, sizeof *wrt);
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_status st;

    if (gates == NULL || wrt == NULL) {
        ds_free(gates);
        ds_free(wrt);
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gates");
    }
    for (int i = 0; i < n; i++) {
        gates[i] = (ds_gate){ .site = s->gate[i].name + 5,
                              .parts = s->gate[i].parts,
                              .per_row = true,
                              .places = s->gate[i].places > 1 ? s->gate[i].places : 0 };
        wrt[i] = s->gate[i].name;
    }
    for (int i = 0; i < s->o.n_weights; i++)
        wrt[n + i] = s->o.weights[i];
    o.images = s->o.batch;
    o.conditions = s->roles;
    o.tokens = ds_conditions_hidden(s->o.texts).dim[1];
    o.height = s->o.height;
    o.width = s->o.width;
    o.gates = gates;
    o.n_gates = n;
    o.wrt = wrt;
    o.n_wrt = wanted;
    o.recompute = s->o.recompute;
    o.watcher = s->o.watcher;
    o.cancel = s->o.cancel;
    st = ds_denoiser_new(&s->d, m, &o, err);
    ds_free(gates);
    ds_free(wrt);
    return st;
}

static ds_status make_room(ds_measure *s, ds_error *err)
{
    const size_t rows = (size_t)(s->roles * s->o.batch), n = (size_t)s->o.batch;
    const size_t plane = (size_t)s->plane;

    s->answer = ds_calloc(rows * plane, sizeof *s->answer);
    s->other = ds_calloc(n * plane, sizeof *s->other);
    s->cotangent = ds_calloc(rows * plane, sizeof *s->cotangent);
    s->time = ds_calloc(n, sizeof *s->time);
    s->j = ds_calloc(n, sizeof *s->j);
    s->which = ds_calloc(rows, sizeof *s->which);
    if (s->answer == NULL || s->other == NULL || s->cotangent == NULL || s->time == NULL ||
        s->j == NULL || s->which == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld draws", (long long)s->o.batch);
    return DS_OK;
}

/* Gradients of parameters are found by their names: gates begin with "gate.". */
static ds_status list_weights(ds_measure *s, ds_error *err)
{
    int64_t all = 0;
    const char *name;

    while (ds_denoiser_gradient_name(s->d, (int)all) != NULL)
        all++;
    s->weight = ds_calloc((size_t)all + 1, sizeof *s->weight);
    for (int h = 0; h < 2; h++)
        s->gradient[h] = ds_calloc((size_t)all + 1, sizeof **s->gradient);
    if (s->weight == NULL || s->gradient[0] == NULL || s->gradient[1] == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gradients");
    for (int i = 0; i < all; i++) {
        name = ds_denoiser_gradient_name(s->d, i);
        if (strncmp(name, "gate.", 5) != 0)
            s->weight[s->weights++] = name;
    }
    return DS_OK;
}

ds_status ds__measure_new(ds_measure **out, ds_model *m, const ds_component_sites *sites,
                          const ds_noise *noise, const ds_measure_options *o, ds_error *err)
{
    ds_measure *s = ds_calloc(1, sizeof *s);
    ds_denoiser_info info;
    ds_status st;

    *out = NULL;
    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a measurement");
    s->o = *o;
    s->sites = sites;
    s->noise = noise;
    s->roles = (o->objective.goal == DS_GOAL_ERASE ? 2 : 1) + o->guidance;
    st = ds_denoiser_describe(&info, m, err);
    s->channels = st == DS_OK ? info.channels : 0;
    s->plane = s->channels * o->height * o->width;
    if (st == DS_OK)
        st = list_gates(s, err);
    if (st == DS_OK)
        st = plan(s, m, err);
    if (st == DS_OK)
        st = make_room(s, err);
    if (st == DS_OK)
        st = list_weights(s, err);
    if (st != DS_OK) {
        ds__measure_free(s);
        return st;
    }
    *out = s;
    return DS_OK;
}

void ds__measure_free(ds_measure *s)
{
    if (s == NULL)
        return;
    for (int64_t i = 0; s->map != NULL && i < s->sites->count; i++)
        ds_free(s->map[i]);
    for (int h = 0; h < 2; h++) {
        for (int64_t i = 0; s->gradient[h] != NULL && i < s->weights; i++)
            ds_free(s->gradient[h][i]);
        ds_free(s->gradient[h]);
    }
    ds_denoiser_free(s->d);
    ds_free(s->weight);
    ds_free(s->gate);
    ds_free(s->map);
    ds_free(s->offset);
    ds_free(s->answer);
    ds_free(s->other);
    ds_free(s->cotangent);
    ds_free(s->time);
    ds_free(s->j);
    ds_free(s->which);
    ds_free(s);
}

int ds__measure_roles(const ds_measure *s)
{
    return (int)s->roles;
}

int64_t ds__measure_plane(const ds_measure *s)
{
    return s->plane;
}

/* ---- forward --------------------------------------------------------------------------------- */

static const float *compared_with(const ds_measure *s)
{
    return s->o.objective.goal == DS_GOAL_ERASE ? s->answer + s->o.batch * s->plane : s->other;
}

ds_status ds__measure_forward(ds_measure *s, const float *z, const float *t, const int64_t *pair,
                              const float *eps, ds_error *err)
{
    const int64_t n = s->o.batch, last = s->roles - 1;
    ds_status st;

    for (int64_t r = 0; r < s->roles; r++)
        for (int64_t b = 0; b < n; b++)
            s->which[r * n + b] = s->o.guidance && r == last ? 2 * s->o.pairs : 2 * pair[b] + r;
    memcpy(s->time, t, (size_t)n * sizeof *t);
    st = ds_denoiser_condition_rows(s->d, s->o.texts, s->which, err);
    if (st == DS_OK)
        st = ds_denoise(s->d, s->answer, z, t, err);
    if (st != DS_OK)
        return st;
    for (int64_t b = 0; eps != NULL && b < n; b++)
        ds__target(s->other + b * s->plane, s->noise, z + b * s->plane, eps + b * s->plane, t[b],
                   s->plane);
    ds__objective(s->j, &s->o.objective, s->noise, s->answer, compared_with(s), t, n, s->channels,
                  s->o.height * s->o.width);
    s->cost.forward += n * s->roles;
    return DS_OK;
}

const double *ds__measure_objective(const ds_measure *s)
{
    return s->j;
}

const float *ds__measure_answer(const ds_measure *s, int role)
{
    return s->answer + role * s->o.batch * s->plane;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* 1, or 1 / mean J of the batch's draws at the same time step. */
static double weight_of(const ds_measure *s, int64_t b)
{
    double sum = 0.0;
    int64_t n = 0;

    if (!s->o.objective.normalise)
        return 1.0;
    for (int64_t i = 0; i < s->o.batch; i++)
        if (s->time[i] == s->time[b]) {
            sum += s->j[i];
            n++;
        }
    return sum > 0.0 ? (double)n / sum : 0.0;
}

static void set_cotangents(ds_measure *s, const uint8_t *use)
{
    const int64_t n = s->o.batch, places = s->o.height * s->o.width;
    const float *other = compared_with(s);
    const bool both = s->o.objective.goal == DS_GOAL_ERASE && s->o.objective.rows == DS_ROWS_BOTH;

    memset(s->cotangent, 0, (size_t)(s->roles * n * s->plane) * sizeof *s->cotangent);
    for (int64_t b = 0; b < n; b++) {
        float *to = s->cotangent + b * s->plane, *base = to + n * s->plane;

        if (use != NULL && !use[b])
            continue;
        ds__objective_cotangent(to, &s->o.objective, s->noise, s->answer + b * s->plane,
                                other + b * s->plane, s->time[b], weight_of(s, b), s->channels,
                                places);
        for (int64_t i = 0; both && i < s->plane; i++)
            base[i] = -to[i];
    }
}

/* Draw b's rows of a gate's gradient [rows,places,parts], summed over its roles. */
static void add_gate(ds_measure *s, const gated *g, const float *grad, float *scores)
{
    const int64_t n = s->o.batch, size = g->places * g->parts;

    for (int64_t r = 0; r < s->roles * n; r++) {
        float *of = scores != NULL ? scores + r % n * s->units : NULL;
        const float *v = grad + r * size;

        for (int64_t p = 0; p < g->places; p++) {
            double sum = 0.0;

            for (int64_t k = 0; k < g->parts; k++) {
                sum += v[p * g->parts + k];
                if (of != NULL && g->channels_of >= 0)
                    of[s->offset[g->channels_of] + k] += v[p * g->parts + k];
            }
            if (g->whole_of < 0)
                continue;
            s->map[g->whole_of][p] += sum;
            if (of != NULL)
                of[s->offset[g->whole_of]] += (float)sum;
        }
    }
}

static ds_status add_weight(ds_measure *s, int64_t i, const ds_tensor *t, ds_error *err)
{
    const int64_t n = ds_tensor_count(t);
    float **sum = &s->gradient[s->turn][i];
    const float *v = t->data;

    if (*sum == NULL) {
        *sum = ds_calloc((size_t)n, sizeof **sum);
        s->cost.gradient_bytes += (size_t)n * sizeof **sum;
    }
    if (*sum == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a gradient of %lld numbers", (long long)n);
    for (int64_t k = 0; k < n; k++)
        (*sum)[k] += v[k];
    return DS_OK;
}

ds_status ds__measure_backward(ds_measure *s, float *scores, const uint8_t *use, ds_error *err)
{
    ds_tensor t;
    ds_status st;

    set_cotangents(s, use);
    if (scores != NULL)
        memset(scores, 0, (size_t)(s->o.batch * s->units) * sizeof *scores);
    st = ds_denoiser_pull(s->d, s->cotangent, err);
    for (int64_t i = 0; st == DS_OK && s->o.components && i < s->gates; i++) {
        st = ds_denoiser_gradient(s->d, &t, s->gate[i].name, err);
        if (st == DS_OK)
            add_gate(s, &s->gate[i], t.data, scores);
    }
    for (int64_t i = 0; st == DS_OK && i < s->weights; i++) {
        st = ds_denoiser_gradient(s->d, &t, s->weight[i], err);
        if (st == DS_OK)
            st = add_weight(s, i, &t, err);
    }
    s->turn = 1 - s->turn;
    s->cost.backward += s->o.batch * s->roles;
    return st;
}

static bool gates_kind(const ds_measure *s, const gated *g, ds_component_kind kind)
{
    return (g->channels_of >= 0 && s->sites->site[g->channels_of].kind == kind) ||
           (g->whole_of >= 0 && s->sites->site[g->whole_of].kind == kind);
}

ds_status ds__measure_scale(ds_measure *s, ds_component_kind kind, float value, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->gates; i++) {
        const gated *g = &s->gate[i];
        const int64_t rows = s->roles * s->o.batch, n = rows * g->places * g->parts;
        const bool map = g->places > 1;
        ds_tensor t = {
            DS_DTYPE_F32, map ? 3 : 2, { rows, map ? g->places : g->parts, g->parts }, NULL
        };
        float *v = ds_calloc((size_t)n, sizeof *v);

        if (v == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for gates");
        for (int64_t k = 0; k < n; k++)
            v[k] = gates_kind(s, g, kind) ? value : 1.0f;
        t.data = v;
        st = ds_denoiser_set(s->d, g->name, &t, err);
        ds_free(v);
    }
    return st;
}

/* ---- what was summed ------------------------------------------------------------------------- */

const double *ds__measure_map(const ds_measure *s, int64_t site)
{
    return s->map[site];
}

int64_t ds__measure_gradients(const ds_measure *s)
{
    return s->weights;
}

const char *ds__measure_gradient(const ds_measure *s, int64_t i, int half, const float **sum,
                                 ds_tensor *shape)
{
    *sum = s->gradient[half][i];
    if (ds_denoiser_gradient(s->d, shape, s->weight[i], NULL) != DS_OK)
        *shape = (ds_tensor){ .rank = 0 };
    shape->data = NULL;
    return s->weight[i];
}

ds_measure_cost ds__measure_cost(const ds_measure *s)
{
    return s->cost;
}
