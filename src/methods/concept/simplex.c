/* simplex.c - see simplex.h. */

#include "methods/concept/simplex.h"

#include <math.h>
#include <string.h>

void ds__eg_step(ds_eg *e, double *a, const double *g, int64_t n)
{
    double most = 0.0, least = INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        if (a[i] == 0.0)
            continue; /* words that are out stay out, and set no scale */
        most = fmax(most, fabs(g[i]));
        least = fmin(least, g[i]);
    }
    e->scale = e->scale == 0.0 ? most : 0.9 * e->scale + 0.1 * most;
    if (e->scale == 0.0)
        return; /* a gradient of zeros, from the first step on */
    for (int64_t i = 0; i < n; i++) {
        /* A common factor cancels in the sum: from the least on, exp never overflows. */
        a[i] *= exp(-e->eta * (g[i] - least) / e->scale);
        sum += a[i];
    }
    for (int64_t i = 0; i < n; i++)
        a[i] /= sum;
}

/* ---- least squares ---------------------------------------------------------------------------- */

typedef struct fit {
    const double *gram, *right;
    int64_t n, active;
    int64_t *set;   /* [n]: columns that take part, in the order in which they came */
    bool *in;       /* [n] */
    double *factor; /* [n,n]: Cholesky factor of the active block */
    double *x, *y;  /* [n]: solutions over the active set */
    bool sum_to_one;
    double penalty, ridge;
} fit;

/* Adds a row to the Cholesky factor for set[k]; false if the column depends on the others. */
static bool factor_row(fit *f, int64_t k)
{
    const int64_t n = f->n, c = f->set[k];
    double *l = f->factor + k * n, sum;

    for (int64_t i = 0; i < k; i++) {
        const double *o = f->factor + i * n;

        sum = f->gram[c * n + f->set[i]];
        for (int64_t j = 0; j < i; j++)
            sum -= l[j] * o[j];
        l[i] = sum / o[i];
    }
    sum = f->gram[c * n + c] + f->ridge;
    for (int64_t j = 0; j < k; j++)
        sum -= l[j] * l[j];
    l[k] = sqrt(sum);
    return sum > 0.1 * f->ridge;
}

static void solve(const fit *f, double *x)
{
    const int64_t n = f->n;

    for (int64_t i = 0; i < f->active; i++) {
        for (int64_t j = 0; j < i; j++)
            x[i] -= f->factor[i * n + j] * x[j];
        x[i] /= f->factor[i * n + i];
    }
    for (int64_t i = f->active; i-- > 0;) {
        for (int64_t j = i + 1; j < f->active; j++)
            x[i] -= f->factor[j * n + i] * x[j];
        x[i] /= f->factor[i * n + i];
    }
}

/* f->x: the best coefficients over the active set, their signs left free. Returns the multiplier of
 * the sum: at the best point every active column's gradient equals its negative. */
static double best(fit *f)
{
    double sx = 0.0, sy = 0.0, nu;

    for (int64_t k = 0; k < f->active; k++)
        f->x[k] = f->right[f->set[k]] - f->penalty;
    solve(f, f->x);
    if (!f->sum_to_one)
        return 0.0;
    for (int64_t k = 0; k < f->active; k++)
        f->y[k] = 1.0;
    solve(f, f->y);
    for (int64_t k = 0; k < f->active; k++) {
        sx += f->x[k];
        sy += f->y[k];
    }
    nu = (1.0 - sx) / sy;
    for (int64_t k = 0; k < f->active; k++)
        f->x[k] += nu * f->y[k];
    return nu;
}

static void drop(fit *f, double *b, int64_t k)
{
    b[f->set[k]] = 0.0;
    f->in[f->set[k]] = false;
    memmove(f->set + k, f->set + k + 1, (size_t)(f->active - k - 1) * sizeof *f->set);
    f->active--;
    for (int64_t i = k; i < f->active; i++)
        factor_row(f, i);
}

/* Moves b to the best point of the active set, or as far as no coefficient turns negative, and drops
 * those that reach 0, until none does. */
static double settle(fit *f, double *b)
{
    for (;;) {
        double nu = best(f), step = 1.0;
        int64_t first = -1;

        for (int64_t k = 0; k < f->active; k++) {
            const double from = b[f->set[k]];

            if (f->x[k] <= 0.0 && from / (from - f->x[k]) <= step) {
                step = from == 0.0 ? 0.0 : from / (from - f->x[k]);
                first = k;
            }
        }
        for (int64_t k = 0; k < f->active; k++)
            b[f->set[k]] += step * (f->x[k] - b[f->set[k]]);
        if (first < 0)
            return nu;
        drop(f, b, first);
    }
}

/* The column whose entry lowers the loss most steeply, or -1. */
static int64_t next_column(const fit *f, const double *b, double nu, double tolerance)
{
    double steepest = -tolerance;
    int64_t found = -1;

    for (int64_t i = 0; i < f->n; i++) {
        double g = f->penalty - f->right[i] - nu;

        if (f->in[i])
            continue;
        for (int64_t k = 0; k < f->active; k++)
            g += f->gram[i * f->n + f->set[k]] * b[f->set[k]];
        if (g < steepest) {
            steepest = g;
            found = i;
        }
    }
    return found;
}

static bool add(fit *f, int64_t column)
{
    f->set[f->active] = column;
    if (!factor_row(f, f->active))
        return false;
    f->in[column] = true;
    f->active++;
    return true;
}

static ds_status iterate(fit *f, double *b, ds_error *err)
{
    double largest = 0.0, nu = 0.0, near = INFINITY;
    int64_t nearest = 0;

    for (int64_t i = 0; i < f->n; i++) {
        const double half = 0.5 * f->gram[i * f->n + i] - f->right[i];

        largest = fmax(largest, f->gram[i * f->n + i]);
        nearest = half < near ? i : nearest;
        near = fmin(near, half);
    }
    f->ridge = 1e-10 * largest;
    memset(b, 0, (size_t)f->n * sizeof *b);
    if (f->sum_to_one) { /* the corner that fits best */
        if (!add(f, nearest))
            return ds_fail(err, DS_E_INTERNAL, "least squares: a Gram matrix of zeros");
        b[nearest] = 1.0;
        nu = settle(f, b);
    }
    for (int64_t turn = 0; turn < 10 * f->n + 10; turn++) {
        const int64_t column = next_column(f, b, nu, 1e-9 * largest);

        if (column < 0 || !add(f, column))
            return DS_OK;
        nu = settle(f, b);
        if (!f->in[column])
            return DS_OK; /* what is left to gain is rounding */
    }
    return ds_fail(err, DS_E_INTERNAL, "least squares: %lld active sets did not settle",
                   (long long)(10 * f->n + 10));
}

ds_status ds__simplex_fit(double *b, const double *gram, const double *right, int64_t n,
                          bool sum_to_one, double penalty, ds_error *err)
{
    fit f = { .gram = gram,
              .right = right,
              .n = n,
              .sum_to_one = sum_to_one,
              .penalty = sum_to_one ? 0.0 : penalty };
    ds_status st = DS_OK;

    f.set = ds_calloc((size_t)n + 1, sizeof *f.set);
    f.in = ds_calloc((size_t)n + 1, sizeof *f.in);
    f.factor = ds_calloc((size_t)(n * n) + 1, sizeof *f.factor);
    f.x = ds_calloc((size_t)n + 1, sizeof *f.x);
    f.y = ds_calloc((size_t)n + 1, sizeof *f.y);
    if (f.set == NULL || f.in == NULL || f.factor == NULL || f.x == NULL || f.y == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for least squares of %lld columns", (long long)n);
    if (st == DS_OK && n > 0)
        st = iterate(&f, b, err);
    ds_free(f.set);
    ds_free(f.in);
    ds_free(f.factor);
    ds_free(f.x);
    ds_free(f.y);
    return st;
}
