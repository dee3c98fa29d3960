/* mixture.c - see mixture.h. */

#include "methods/concept/mixture.h"

#include <math.h>
#include <string.h>

#include "optim/optim.h"

int64_t ds__words_width(const ds_words *d)
{
    return d->width[0] + (d->parts > 1 ? d->width[1] : 0);
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double row_dot(const float *row, const double *g, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += row[i] * g[i];
    return sum;
}

static double row_length(const ds_words *d, int part, int64_t i)
{
    const float *row = d->row[part] + i * d->width[part];

    return sqrt(ds__sum_squares(row, d->width[part]));
}

void ds__mixture_sum(double *r, const ds_words *d, int part, const double *alpha,
                     const int64_t *only, int64_t n)
{
    const int64_t width = d->width[part], rows = only != NULL ? n : d->count;

    memset(r, 0, (size_t)width * sizeof *r);
    for (int64_t k = 0; k < rows; k++) {
        const int64_t i = only != NULL ? only[k] : k;
        const float *row = d->row[part] + i * width;

        for (int64_t x = 0; alpha[i] != 0.0 && x < width; x++)
            r[x] += alpha[i] * row[x];
    }
}

double ds__mixture_token(float *token, const ds_words *d, int part, const double *r)
{
    const int64_t width = d->width[part];
    const double length = sqrt(dot(r, r, width));

    for (int64_t x = 0; x < width; x++)
        token[x] = length > 0.0 ? (float)(d->kappa[part] * r[x] / length) : 0.0f;
    return length;
}

static int64_t widest(const ds_words *d)
{
    return d->parts > 1 && d->width[1] > d->width[0] ? d->width[1] : d->width[0];
}

ds_status ds__mixture_tokens(float *token, const ds_words *d, const double *alpha,
                             const int64_t *only, int64_t n, ds_error *err)
{
    double *r = ds_calloc((size_t)widest(d), sizeof *r);

    if (r == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a pseudo-token");
    for (int p = 0; p < d->parts; p++) {
        ds__mixture_sum(r, d, p, alpha, only, n);
        ds__mixture_token(token, d, p, r);
        token += d->width[p];
    }
    ds_free(r);
    return DS_OK;
}

void ds__mixture_pull_token(double *out, const ds_words *d, int part, const double *r,
                            const float *g)
{
    const int64_t width = d->width[part];
    const double square = dot(r, r, width), length = sqrt(square);
    const double along = row_dot(g, r, width);

    for (int64_t x = 0; x < width; x++)
        out[x] = length > 0.0 ? d->kappa[part] / length * (g[x] - along / square * r[x]) : 0.0;
}

void ds__mixture_pull_sum(double *grad, const ds_words *d, int part, const double *g, double factor,
                          const int64_t *only, int64_t n)
{
    const int64_t width = d->width[part], rows = only != NULL ? n : d->count;

    for (int64_t k = 0; k < rows; k++) {
        const int64_t i = only != NULL ? only[k] : k;

        grad[i] += factor * row_dot(d->row[part] + i * width, g, width);
    }
}

/* One part; r, top and g are room for [width] each. */
static double sparsity_of(double *grad, const ds_words *d, int part, const double *alpha,
                          const int64_t *top, int64_t n, double lambda, double *r, double *t,
                          double *g)
{
    const int64_t width = d->width[part];
    double rr, tt, rt, c;

    ds__mixture_sum(r, d, part, alpha, NULL, 0);
    ds__mixture_sum(t, d, part, alpha, top, n);
    rr = sqrt(dot(r, r, width));
    tt = sqrt(dot(t, t, width));
    rt = dot(r, t, width);
    if (rr == 0.0 || tt == 0.0)
        return 0.0;
    c = rt / (rr * tt);
    for (int64_t x = 0; x < width; x++)
        g[x] = -(t[x] / tt - c * r[x] / rr) / rr;
    ds__mixture_pull_sum(grad, d, part, g, lambda, NULL, 0);
    for (int64_t x = 0; x < width; x++)
        g[x] = -(r[x] / rr - c * t[x] / tt) / tt;
    ds__mixture_pull_sum(grad, d, part, g, lambda, top, n);
    return 1.0 - c;
}

ds_status ds__mixture_sparsity(double *value, double *grad, const ds_words *d, const double *alpha,
                               const int64_t *top, int64_t n, double lambda, ds_error *err)
{
    const int64_t width = widest(d);
    double *room = ds_calloc((size_t)(3 * width), sizeof *room);

    *value = 0.0;
    if (room == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a sparsity term");
    for (int p = 0; p < d->parts; p++)
        *value += sparsity_of(grad, d, p, alpha, top, n, lambda / d->parts, room, room + width,
                              room + 2 * width) /
                  d->parts;
    ds_free(room);
    return DS_OK;
}

static double penalty_of(double *grad, const ds_words *d, int part, const double *alpha, double rho,
                         double *r)
{
    const int64_t width = d->width[part];
    double length, way = 0.0;

    ds__mixture_sum(r, d, part, alpha, NULL, 0);
    length = sqrt(dot(r, r, width));
    if (length == 0.0)
        return 0.0;
    for (int64_t i = 0; i < d->count; i++) {
        const double norm = row_length(d, part, i);

        way += alpha[i] * norm;
        grad[i] += rho * norm / length;
    }
    ds__mixture_pull_sum(grad, d, part, r, -rho * way / (length * length * length), NULL, 0);
    return way / length;
}

ds_status ds__mixture_penalty(double *value, double *grad, const ds_words *d, const double *alpha,
                              double rho, ds_error *err)
{
    double *r = ds_calloc((size_t)widest(d), sizeof *r);

    *value = 0.0;
    if (r == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a penalty");
    for (int p = 0; p < d->parts; p++)
        *value += penalty_of(grad, d, p, alpha, rho / d->parts, r) / d->parts;
    ds_free(r);
    return DS_OK;
}

void ds__mixture_shares(double *share, const ds_words *d, const double *alpha)
{
    memset(share, 0, (size_t)d->count * sizeof *share);
    for (int p = 0; p < d->parts; p++) {
        double sum = 0.0;

        for (int64_t i = 0; i < d->count; i++)
            sum += alpha[i] * row_length(d, p, i);
        for (int64_t i = 0; sum > 0.0 && i < d->count; i++)
            share[i] += alpha[i] * row_length(d, p, i) / sum / d->parts;
    }
}

ds_status ds__largest(int64_t *index, int64_t n, const double *value, int64_t count, ds_error *err)
{
    bool *taken = ds_calloc((size_t)count + 1, sizeof *taken);

    if (taken == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a ranking");
    for (int64_t k = 0; k < n; k++) {
        int64_t best = -1;

        for (int64_t i = 0; i < count; i++)
            if (!taken[i] && (best < 0 || value[i] > value[best]))
                best = i;
        taken[best] = true;
        index[k] = best;
    }
    ds_free(taken);
    return DS_OK;
}
