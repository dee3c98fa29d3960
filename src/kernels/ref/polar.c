/* polar.c - the polar factor by polynomials, in double: the specification. */

#include "kernels/part.h"
#include "kernels/polar.h"

#include <math.h>
#include <string.h>

size_t ds__polar_work_ref(int64_t rows, int64_t cols)
{
    (void)cols;
    return (size_t)(5 * rows * rows) * sizeof(double);
}

/* c = a b, n x n, then + diagonal. */
static void product(double *c, const double *a, const double *b, double diagonal, int64_t n)
{
    memset(c, 0, (size_t)(n * n) * sizeof *c);
    for (int64_t i = 0; i < n; i++) {
        c[i * n + i] = diagonal;
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = 0; j < n; j++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
}

/* g = x x^T; returns a bound of its largest eigenvalue. */
static double gram(double *g, double *square, const float *x, int64_t n, int64_t m)
{
    double trace = 0.0, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            g[i * n + j] = 0.0;
            for (int64_t k = 0; k < m; k++)
                g[i * n + j] += (double)x[i * m + k] * x[j * m + k];
        }
    for (int64_t i = 0; i < n; i++)
        trace += g[i * n + i];
    if (!(trace > DS_POLAR_LEAST && trace < 1.0 / DS_POLAR_LEAST))
        return 0.0;
    product(square, g, g, 0.0, n);
    for (int64_t i = 0; i < n * n; i++)
        sum += square[i] * square[i];
    return DS_POLAR_MARGIN * sqrt(sqrt(sum));
}

/* q = poly(g) q, g = poly(g)^2 g, by Horner's rule. */
static void step(double *q, double *g, double *p, double *t, const double *coef, int64_t n)
{
    memset(p, 0, (size_t)(n * n) * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i * n + i] = coef[4];
    for (int k = 3; k >= 0; k--) {
        product(t, p, g, coef[k], n);
        memcpy(p, t, (size_t)(n * n) * sizeof *p);
    }
    product(t, p, q, 0.0, n);
    memcpy(q, t, (size_t)(n * n) * sizeof *q);
    product(t, p, g, 0.0, n);
    product(g, p, t, 0.0, n);
}

void ds__polar_ref(float *dst, const float *x, int64_t rows, int64_t cols, void *work)
{
    const int64_t n = rows, size = n * n;
    double *g = work, *q = g + size, *p = q + size, *t = p + size, *column = t + size;
    double bound = gram(g, q, x, n, cols);

    memset(q, 0, (size_t)size * sizeof *q);
    for (int64_t i = 0; i < n; i++)
        q[i * n + i] = bound > 0.0 ? 1.0 / sqrt(bound) : 0.0;
    for (int64_t i = 0; bound > 0.0 && i < size; i++)
        g[i] /= bound;
    for (int k = 0; bound > 0.0 && k < DS_POLAR_STEPS; k++)
        step(q, g, p, t, ds__polar_step[k], n);
    for (int64_t j = 0; j < cols; j++) {
        for (int64_t i = 0; i < n; i++) {
            column[i] = 0.0;
            for (int64_t k = 0; k < n; k++)
                column[i] += q[i * n + k] * x[k * cols + j];
        }
        for (int64_t i = 0; i < n; i++)
            dst[i * cols + j] = (float)column[i];
    }
}
