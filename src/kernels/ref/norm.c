/* norm.c - group norm, layer norm and softmax: the specification. Sums in double, one thread. */

#include "kernels/part.h"
#include "kernels/ref/put.h"

#include <math.h>

static float sigmoid(double x)
{
    return (float)(1.0 / (1.0 + exp(-x)));
}

/* y = (x + shift - mean) * rstd * gamma + beta with mean, variance over the group's channels. */
void ds__group_norm_ref(void *dst, ds_dtype type, float *stats, const float *x,
                        const ds_group_norm *p)
{
    const int64_t c = p->c, cg = c / p->groups;

    for (int64_t n = 0; n < p->n; n++)
        for (int64_t g = 0; g < p->groups; g++) {
            const float *xg = x + n * p->hw * c, *shift = p->shift ? p->shift + n * c : NULL;
            double sum = 0.0, sq = 0.0, count = (double)(p->hw * cg), mean, rstd;

            for (int64_t s = 0; s < p->hw; s++)
                for (int64_t i = g * cg; i < g * cg + cg; i++)
                    sum += xg[s * c + i] + (shift ? (double)shift[i] : 0.0);
            mean = sum / count;
            for (int64_t s = 0; s < p->hw; s++)
                for (int64_t i = g * cg; i < g * cg + cg; i++) {
                    double d = xg[s * c + i] + (shift ? (double)shift[i] : 0.0) - mean;

                    sq += d * d;
                }
            rstd = 1.0 / sqrt(sq / count + p->eps);
            if (stats != NULL) {
                stats[2 * (n * p->groups + g)] = (float)mean;
                stats[2 * (n * p->groups + g) + 1] = (float)rstd;
            }
            for (int64_t s = 0; s < p->hw; s++)
                for (int64_t i = g * cg; i < g * cg + cg; i++) {
                    double y = xg[s * c + i] + (shift ? (double)shift[i] : 0.0) - mean;

                    y = y * rstd * (p->gamma ? p->gamma[i] : 1.0) + (p->beta ? p->beta[i] : 0.0);
                    if (p->silu)
                        y /= 1.0 + exp(-y);
                    put(dst, type, (n * p->hw + s) * c + i, (float)y);
                }
        }
}

/* With xh = (x + shift - mean) rstd, u = gamma xh + beta, e = dy silu'(u) (or dy), M = hw c/groups:
 *   dbeta += e, dgamma += e xh,
 *   dx += rstd (gamma e - (sum gamma e + xh sum gamma e xh) / M), dshift += sum over hw of the
 * same. */
void ds__group_norm_adj_ref(float *dx, float *dgamma, float *dbeta, float *dshift, const float *add,
                            const float *dy, const float *x, const float *stats,
                            const ds_group_norm *p)
{
    const int64_t c = p->c, cg = c / p->groups;

    for (int64_t n = 0; n < p->n; n++)
        for (int64_t i = 0; i < c; i++) {
            const int64_t g = i / cg, first = n * p->hw * c;
            const double mean = stats[2 * (n * p->groups + g)];
            const double rstd = stats[2 * (n * p->groups + g) + 1];
            double s1 = 0.0, s2 = 0.0, gb = 0.0, gg = 0.0, gs = 0.0;

            for (int pass = 0; pass < 2; pass++)
                for (int64_t s = 0; s < p->hw; s++)
                    for (int64_t j = pass ? i : g * cg; j < (pass ? i + 1 : g * cg + cg); j++) {
                        const double gamma = p->gamma ? p->gamma[j] : 1.0;
                        const int64_t at = first + s * c + j;
                        double xh = x[at] + (p->shift ? (double)p->shift[n * c + j] : 0.0) - mean;
                        double e = dy[at], d;

                        xh *= rstd;
                        if (p->silu) {
                            const double u = xh * gamma + (p->beta ? p->beta[j] : 0.0);
                            const double sg = sigmoid(u);

                            e *= sg * (1.0 + u * (1.0 - sg));
                        }
                        if (pass == 0) {
                            s1 += gamma * e;
                            s2 += gamma * e * xh;
                            continue;
                        }
                        gb += e;
                        gg += e * xh;
                        d = rstd * (gamma * e - (s1 + xh * s2) / (double)(p->hw * cg));
                        gs += d;
                        if (dx)
                            dx[at] = (add ? add[at] : 0.0f) + (float)d;
                    }
            if (dgamma)
                dgamma[i] += (float)gg;
            if (dbeta)
                dbeta[i] += (float)gb;
            if (dshift)
                dshift[n * c + i] += (float)gs;
        }
}

void ds__layer_norm_ref(void *dst, ds_dtype type, float *stats, const float *x, const float *gamma,
                        const float *beta, int64_t rows, int64_t cols, float eps)
{
    for (int64_t r = 0; r < rows; r++, x += cols) {
        double mean = 0.0, sq = 0.0, rstd;

        for (int64_t i = 0; i < cols; i++)
            mean += x[i];
        mean /= (double)cols;
        for (int64_t i = 0; i < cols; i++)
            sq += (x[i] - mean) * (x[i] - mean);
        rstd = 1.0 / sqrt(sq / (double)cols + eps);
        if (stats != NULL) {
            stats[2 * r] = (float)mean;
            stats[2 * r + 1] = (float)rstd;
        }
        for (int64_t i = 0; i < cols; i++)
            put(dst, type, r * cols + i,
                (float)((x[i] - mean) * rstd * (gamma ? gamma[i] : 1.0) + (beta ? beta[i] : 0.0)));
    }
}

/* dx = add + rstd (gamma dy - (sum gamma dy + xh sum gamma dy xh) / cols). */
void ds__layer_norm_adj_ref(float *dx, float *dgamma, float *dbeta, const float *add,
                            const float *dy, const float *x, const float *stats, const float *gamma,
                            int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows && dx != NULL; r++) {
        const float *xr = x + r * cols, *dyr = dy + r * cols;
        const double mean = stats[2 * r], rstd = stats[2 * r + 1];
        double s1 = 0.0, s2 = 0.0;

        for (int64_t i = 0; i < cols; i++) {
            s1 += (gamma ? gamma[i] : 1.0) * dyr[i];
            s2 += (gamma ? gamma[i] : 1.0) * dyr[i] * (xr[i] - mean) * rstd;
        }
        for (int64_t i = 0; i < cols; i++)
            dx[r * cols + i] = (add ? add[r * cols + i] : 0.0f) +
                               (float)(rstd * ((gamma ? gamma[i] : 1.0) * dyr[i] -
                                               (s1 + (xr[i] - mean) * rstd * s2) / (double)cols));
    }
    for (int64_t i = 0; i < cols; i++) {
        double gb = 0.0, gg = 0.0;

        for (int64_t r = 0; r < rows; r++) {
            gb += dy[r * cols + i];
            gg += dy[r * cols + i] * ((double)x[r * cols + i] - stats[2 * r]) * stats[2 * r + 1];
        }
        if (dgamma)
            dgamma[i] += (float)gg;
        if (dbeta)
            dbeta[i] += (float)gb;
    }
}

/* y_i = exp(x_i - max x) / sum_j exp(x_j - max x). */
void ds__softmax_ref(float *dst, const float *x, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++, x += cols, dst += cols) {
        double top = -INFINITY, sum = 0.0;

        for (int64_t i = 0; i < cols; i++)
            top = x[i] > top ? x[i] : top;
        for (int64_t i = 0; i < cols; i++)
            sum += exp(x[i] - top);
        for (int64_t i = 0; i < cols; i++)
            dst[i] = (float)(exp(x[i] - top) / sum);
    }
}

/* dx_i += y_i (dy_i - sum_j y_j dy_j). Reads y only, so that x need not be kept. */
void ds__softmax_adj_ref(float *dx, const float *dy, const float *y, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++, dx += cols, dy += cols, y += cols) {
        double dot = 0.0;

        for (int64_t i = 0; i < cols; i++)
            dot += (double)y[i] * dy[i];
        for (int64_t i = 0; i < cols; i++)
            dx[i] += (float)(y[i] * (dy[i] - dot));
    }
}
