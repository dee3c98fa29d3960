/* draws.c - see draws.h. */

#include "methods/component/draws.h"

#include <math.h>
#include <string.h>

#include <diffuscope/rng.h>

ds_status ds__draws_new(ds_draws *d, int64_t room, int64_t plane, int64_t units, bool eps,
                        ds_error *err)
{
    const size_t n = (size_t)room;

    *d = (ds_draws){ .room = room, .plane = plane, .units = units };
    d->z = ds_calloc(n, (size_t)plane * sizeof *d->z);
    d->t = ds_calloc(n, sizeof *d->t);
    d->eps = eps ? ds_calloc(n, (size_t)plane * sizeof *d->eps) : NULL;
    d->pair = ds_calloc(n, sizeof *d->pair);
    d->group = ds_calloc(n, sizeof *d->group);
    d->j = ds_calloc(n, sizeof *d->j);
    d->score = units > 0 ? ds_calloc(n, (size_t)units * sizeof *d->score) : NULL;
    if (d->z == NULL || d->t == NULL || d->pair == NULL || d->group == NULL || d->j == NULL ||
        (eps && d->eps == NULL) || (units > 0 && d->score == NULL)) {
        ds__draws_free(d);
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld draws of %lld components",
                       (long long)room, (long long)units);
    }
    return DS_OK;
}

void ds__draws_free(ds_draws *d)
{
    ds_free(d->z);
    ds_free(d->t);
    ds_free(d->eps);
    ds_free(d->pair);
    ds_free(d->group);
    ds_free(d->j);
    ds_free(d->score);
    ds_free(d->end);
    *d = (ds_draws){ 0 };
}

float ds__draws_time(const ds_noise *noise, int64_t i, int64_t steps)
{
    const double last = ds_noise_time(noise, -1e9);

    return (float)(round((last + 1.0) * (double)(steps - i) / (double)steps) - 1.0);
}

/* ---- paths ----------------------------------------------------------------------------------- */

typedef struct walk {
    const ds_path *p;
    const ds_noise *noise;
    ds_measure *s;
    int64_t plane;
    float *z, *guided, *x0, *eps; /* [batch,plane] */
    float *t;
    int64_t *pair, *group;
} walk;

static ds_status walk_new(walk *w, ds_measure *s, const ds_noise *noise, const ds_path *p,
                          int64_t plane, ds_error *err)
{
    const size_t n = (size_t)(p->batch * plane);

    *w = (walk){ .p = p, .noise = noise, .s = s, .plane = plane };
    w->z = ds_calloc(n, sizeof *w->z);
    w->guided = ds_calloc(n, sizeof *w->z);
    w->x0 = ds_calloc(n, sizeof *w->z);
    w->eps = ds_calloc(n, sizeof *w->z);
    w->t = ds_calloc((size_t)p->batch, sizeof *w->t);
    w->pair = ds_calloc((size_t)p->batch, sizeof *w->pair);
    w->group = ds_calloc((size_t)p->batch, sizeof *w->group);
    return w->z == NULL || w->guided == NULL || w->x0 == NULL || w->eps == NULL || w->t == NULL ||
                   w->pair == NULL || w->group == NULL
               ? ds_fail(err, DS_E_NOMEM, "no memory for %lld paths", (long long)p->batch)
               : DS_OK;
}

static void walk_free(walk *w)
{
    ds_free(w->z);
    ds_free(w->guided);
    ds_free(w->x0);
    ds_free(w->eps);
    ds_free(w->t);
    ds_free(w->pair);
    ds_free(w->group);
}

/* answer = none + g (followed - none), in the network's own parametrisation, which is linear in the
 * noise; then one step to the next level. */
static void advance(walk *w, const float *followed, const float *none, int64_t step)
{
    const int64_t n = w->p->batch * w->plane;
    const ds_noise_level at = ds_noise_at(w->noise, w->t[0]);
    const bool last = step + 1 == w->p->steps;
    const ds_noise_level to =
        ds_noise_at(w->noise, ds__draws_time(w->noise, last ? step : step + 1, w->p->steps));
    const float alpha = last ? 1.0f : (float)to.alpha, sigma = last ? 0.0f : (float)to.sigma;
    const float g = (float)w->p->guidance;

    for (int64_t i = 0; i < n; i++)
        w->guided[i] = none == NULL ? followed[i] : none[i] + g * (followed[i] - none[i]);
    ds_noise_to_x0(w->noise, w->x0, w->guided, w->z, at, n);
    ds_noise_to_eps(w->noise, w->eps, w->guided, w->z, at, n);
    for (int64_t i = 0; i < n; i++)
        w->z[i] = alpha * w->x0[i] + sigma * w->eps[i];
}

static ds_status keep(ds_draws *d, walk *w, ds_error *err)
{
    const int64_t n = w->p->batch;

    if (d->count + n > d->room)
        return ds_fail(err, DS_E_INTERNAL, "more draws than there is room for");
    memcpy(d->z + d->count * d->plane, w->z, (size_t)(n * d->plane) * sizeof *d->z);
    memcpy(d->t + d->count, w->t, (size_t)n * sizeof *d->t);
    memcpy(d->pair + d->count, w->pair, (size_t)n * sizeof *d->pair);
    memcpy(d->group + d->count, w->group, (size_t)n * sizeof *d->group);
    memcpy(d->j + d->count, ds__measure_objective(w->s), (size_t)n * sizeof *d->j);
    if (d->score == NULL && ds__measure_gradients(w->s) == 0)
        return DS_OK; /* J alone is asked for */
    return ds__measure_backward(w->s, d->score != NULL ? d->score + d->count * d->units : NULL,
                                NULL, err);
}

/* The roles of the answers: concept, base, and, where guidance needs it, none. Without it the base is
 * the absence of a prompt itself. */
static ds_status walk_step(walk *w, ds_draws *d, int64_t step, int roles, ds_error *err)
{
    const float *followed, *none;
    ds_status st;

    for (int64_t b = 0; b < w->p->batch; b++)
        w->t[b] = ds__draws_time(w->noise, step, w->p->steps);
    st = ds__measure_forward(w->s, w->z, w->t, w->pair, NULL, err);
    if (st != DS_OK)
        return st;
    followed = ds__measure_answer(w->s, w->p->noise_side ? 1 : 0);
    none = roles > 1 ? ds__measure_answer(w->s, roles - 1) : NULL;
    if (d != NULL) {
        st = keep(d, w, err);
        d->count += st == DS_OK ? w->p->batch : 0;
    }
    advance(w, followed, none, step);
    return st;
}

static ds_status keep_end(ds_draws *d, const walk *w, ds_error *err)
{
    d->end = ds_alloc((size_t)w->plane * sizeof *d->end);
    if (d->end == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a latent");
    memcpy(d->end, w->z, (size_t)w->plane * sizeof *d->end);
    return DS_OK;
}

ds_status ds__draws_path(ds_draws *d, ds_measure *s, const ds_noise *noise, const ds_path *p,
                         float *final, ds_error *err)
{
    const int64_t all = p->pairs * p->seeds;
    const int roles = ds__measure_roles(s);
    walk w;
    ds_status st = walk_new(&w, s, noise, p, ds__measure_plane(s), err);

    for (int64_t first = 0; st == DS_OK && first < all; first += p->batch) {
        for (int64_t b = 0; b < p->batch; b++) { /* seeds outermost: a batch shares them */
            ds_rng rng;

            w.pair[b] = (first + b) % p->pairs;
            w.group[b] = (first + b) / p->pairs;
            ds_rng_init(&rng, DS_RNG_TORCH_CPU, p->seed + (uint64_t)w.group[b]);
            ds_rng_normal(&rng, w.z + b * w.plane, w.plane);
        }
        for (int64_t i = 0; st == DS_OK && i < p->steps; i++) {
            st = walk_step(&w, final == NULL ? d : NULL, i, roles, err);
            if (st == DS_OK && p->progress != NULL)
                st = p->progress(p->user, (first / p->batch) * p->steps + i + 1,
                                 all / p->batch * p->steps, err);
        }
        if (st == DS_OK && final == NULL && d->end == NULL)
            st = keep_end(d, &w, err);
        if (st == DS_OK && final != NULL)
            memcpy(final + first * w.plane, w.z, (size_t)(p->batch * w.plane) * sizeof *final);
    }
    walk_free(&w);
    return st;
}

/* ---- given draws ----------------------------------------------------------------------------- */

/* The last batch repeats its last draw, which then does not count. */
ds_status ds__draws_given(ds_draws *d, ds_measure *s, int64_t batch, const ds_path *p,
                          ds_error *err)
{
    const size_t plane = (size_t)(batch * d->plane);
    float *z = ds_calloc(plane, sizeof *z), *eps = ds_calloc(plane, sizeof *eps);
    float *t = ds_calloc((size_t)batch, sizeof *t);
    float *score = ds_calloc((size_t)(batch * d->units) + 1, sizeof *score);
    int64_t *pair = ds_calloc((size_t)batch, sizeof *pair);
    uint8_t *use = ds_calloc((size_t)batch, 1);
    ds_status st =
        z == NULL || eps == NULL || t == NULL || score == NULL || pair == NULL || use == NULL
            ? ds_fail(err, DS_E_NOMEM, "no memory for %lld draws", (long long)batch)
            : DS_OK;

    for (int64_t first = 0; st == DS_OK && first < d->count; first += batch) {
        int64_t n = d->count - first < batch ? d->count - first : batch;

        for (int64_t b = 0; b < batch; b++) {
            int64_t i = first + (b < n ? b : n - 1);

            use[b] = b < n;
            memcpy(z + b * d->plane, d->z + i * d->plane, (size_t)d->plane * sizeof *z);
            if (d->eps != NULL)
                memcpy(eps + b * d->plane, d->eps + i * d->plane, (size_t)d->plane * sizeof *z);
            t[b] = d->t[i];
            pair[b] = d->pair[i];
        }
        st = ds__measure_forward(s, z, t, pair, d->eps != NULL ? eps : NULL, err);
        if (st == DS_OK)
            st = ds__measure_backward(s, d->score != NULL ? score : NULL, use, err);
        for (int64_t b = 0; st == DS_OK && b < n; b++) {
            d->j[first + b] = ds__measure_objective(s)[b];
            if (d->score != NULL)
                memcpy(d->score + (first + b) * d->units, score + b * d->units,
                       (size_t)d->units * sizeof *score);
        }
        if (st == DS_OK && p != NULL && p->progress != NULL)
            st = p->progress(p->user, first + n, d->count, err);
    }
    ds_free(z);
    ds_free(eps);
    ds_free(t);
    ds_free(score);
    ds_free(pair);
    ds_free(use);
    return st;
}

void ds__draws_noised(ds_draws *d, const ds_noise *noise, const float *clean, const int64_t *pair,
                      int64_t n, int64_t times, uint64_t seed)
{
    const double last = ds_noise_time(noise, -1e9);
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    d->count = n * times;
    for (int64_t k = 0; k < n * times; k++) {
        int64_t i = k / times, at = k % times;
        ds_noise_level l;
        float u;

        ds_rng_uniform(&rng, &u, 1);
        d->t[k] = (float)floor((last + 1.0) * ((double)at + u) / (double)times);
        d->pair[k] = pair[i];
        d->group[k] = i;
        l = ds_noise_at(noise, d->t[k]);
        ds_rng_normal(&rng, d->eps + k * d->plane, d->plane);
        for (int64_t c = 0; c < d->plane; c++)
            d->z[k * d->plane + c] =
                (float)(l.alpha * clean[i * d->plane + c] + l.sigma * d->eps[k * d->plane + c]);
    }
}

/* ---- means ----------------------------------------------------------------------------------- */

static int64_t groups_of(const ds_draws *d)
{
    int64_t most = 0;

    for (int64_t i = 0; i < d->count; i++)
        most = d->group[i] > most ? d->group[i] : most;
    return most + 1;
}

int64_t ds__draws_mean(float *mean, float *se, const ds_draws *d, int64_t first, int64_t n,
                       int half)
{
    const int64_t groups = groups_of(d);
    double *sum = ds_calloc((size_t)(groups * d->units), sizeof *sum);
    int64_t *count = ds_calloc((size_t)groups, sizeof *count), all = 0;

    for (int64_t i = 0; sum != NULL && count != NULL && i < d->count; i++) {
        int64_t g = d->group[i];

        if (d->pair[i] < first || d->pair[i] >= first + n || (half >= 0 && g % 2 != half))
            continue;
        count[g]++;
        all++;
        for (int64_t u = 0; u < d->units; u++)
            sum[g * d->units + u] += d->score[i * d->units + u];
    }
    for (int64_t u = 0; sum != NULL && count != NULL && u < d->units; u++) {
        double total = 0.0, m, square = 0.0;
        int64_t k = 0;

        for (int64_t g = 0; g < groups; g++)
            total += sum[g * d->units + u];
        m = all > 0 ? total / (double)all : 0.0;
        for (int64_t g = 0; g < groups; g++)
            if (count[g] > 0) {
                double x = sum[g * d->units + u] / (double)count[g] - m;

                square += x * x;
                k++;
            }
        mean[u] = (float)m;
        if (se != NULL)
            se[u] = k > 1 ? (float)sqrt(square / (double)(k - 1) / (double)k) : NAN;
    }
    ds_free(sum);
    ds_free(count);
    return sum != NULL && count != NULL ? all : -1;
}
