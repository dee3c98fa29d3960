/* closed.c - see closed.h. */

#include "methods/component/closed.h"

#include <math.h>
#include <string.h>

ds_status ds__closed_new(ds_closed *c, int64_t width, ds_error *err)
{
    size_t n = (size_t)(width * width);

    *c = (ds_closed){ .width = width };
    c->left = ds_calloc(n, sizeof *c->left);
    c->right = ds_calloc(n, sizeof *c->right);
    if (c->left == NULL || c->right == NULL) {
        ds__closed_free(c);
        return ds_fail(err, DS_E_NOMEM, "no memory for sums of %lld x %lld numbers",
                       (long long)width, (long long)width);
    }
    return DS_OK;
}

void ds__closed_free(ds_closed *c)
{
    ds_free(c->left);
    ds_free(c->right);
    c->left = c->right = NULL;
}

/* sum[i][j] += a sum_n u[n][i] v[n][j] */
static void add_products(double *sum, const float *u, const float *v, int64_t count, int64_t width,
                         double a)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < width; i++)
        for (int64_t n = 0; n < count; n++) {
            const double x = a * u[n * width + i];
            const float *y = v + n * width;
            double *row = sum + i * width;

            for (int64_t j = 0; j < width; j++)
                row[j] += x * y[j];
        }
}

static double lengths(const float *u, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)u[i] * u[i];
    return sum;
}

void ds__closed_target(ds_closed *c, const float *from, const float *guide, int64_t count, double a)
{
    add_products(c->left, guide, from, count, c->width, a);
    add_products(c->right, from, from, count, c->width, a);
    c->target_sum += a * lengths(from, count * c->width);
    c->targets += count;
}

void ds__closed_keep(ds_closed *c, const float *kept, int64_t count, double b)
{
    add_products(c->left, kept, kept, count, c->width, b);
    add_products(c->right, kept, kept, count, c->width, b);
    c->kept_sum += b * lengths(kept, count * c->width);
    c->kept += count;
}

/* a = l l^T in place of the lower half (Cholesky). False if a is not positive definite. */
static bool factor(double *a, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double *row = a + j * n, sum = row[j];

        for (int64_t k = 0; k < j; k++)
            sum -= row[k] * row[k];
        if (!(sum > 0.0))
            return false;
        row[j] = sqrt(sum);
#pragma omp parallel for schedule(static)
        for (int64_t i = j + 1; i < n; i++) {
            double s = a[i * n + j];

            for (int64_t k = 0; k < j; k++)
                s -= a[i * n + k] * row[k];
            a[i * n + j] = s / row[j];
        }
    }
    return true;
}

/* x (l l^T) = b for one row b, in place: with a symmetric matrix, l l^T x^T = b^T. */
static void solve_row(double *b, const double *l, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < i; k++)
            b[i] -= l[i * n + k] * b[k];
        b[i] /= l[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t k = i + 1; k < n; k++)
            b[i] -= l[k * n + i] * b[k];
        b[i] /= l[i * n + i];
    }
}

ds_status ds__closed_solve(double *transform, const ds_closed *c, double lambda, ds_error *err)
{
    const int64_t n = c->width;
    double *l = ds_alloc((size_t)(n * n) * sizeof *l);
    bool ok;

    if (l == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a matrix of %lld x %lld", (long long)n,
                       (long long)n);
    memcpy(l, c->right, (size_t)(n * n) * sizeof *l);
    memcpy(transform, c->left, (size_t)(n * n) * sizeof *l);
    for (int64_t i = 0; i < n; i++) {
        l[i * n + i] += lambda;
        transform[i * n + i] += lambda;
    }
    ok = factor(l, n);
    if (ok) {
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < n; i++)
            solve_row(transform + i * n, l, n);
    }
    ds_free(l);
    return ok ? DS_OK
              : ds_fail(
                    err, DS_E_ARG,
                    "ridge %g is too small: the texts leave directions that nothing determines; "
                    "expected more than 0",
                    lambda);
}

void ds__closed_apply(float *out, const float *w, int64_t rows, const double *transform,
                      int64_t width, const uint8_t *use)
{
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        if (use != NULL && !use[r]) {
            memcpy(out + r * width, w + r * width, (size_t)width * sizeof *out);
            continue;
        }
        for (int64_t j = 0; j < width; j++) {
            double sum = 0.0;

            for (int64_t k = 0; k < width; k++)
                sum += w[r * width + k] * transform[k * width + j];
            out[r * width + j] = (float)sum;
        }
    }
}
