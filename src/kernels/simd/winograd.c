/* winograd.c - tiles of Winograd's convolution to and from products, vectorised over channels. */

#include "kernels/simd/vec.h"
#include "kernels/winograd.h"

INLINE vf vget(const void *x, ds_dtype type, int64_t i, int64_t n)
{
    uint16_t t[VW] = { 0 };

    if (type != DS_DTYPE_BF16)
        return vload_n((const float *)x + i, n);
    if (n >= VW)
        return vload_bf16((const uint16_t *)x + i);
    memcpy(t, (const uint16_t *)x + i, (size_t)n * 2);
    return vload_bf16(t);
}

/* B^T d for one axis, in place; elements lie `step` apart. */
INLINE void input_axis(vf *d, int step)
{
    const vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
             d5 = d[5 * step];
    const vf a2 = vset(WINO_A2), b2 = vset(WINO_B2), sum = vset(-(WINO_A2 + WINO_B2)),
             product = vset(WINO_A2 * WINO_B2);
    const vf even_a = vfma(-b2, d2, d4), odd_a = vfma(-b2, d1, d3) * WINO_A;
    const vf even_b = vfma(-a2, d2, d4), odd_b = vfma(-a2, d1, d3) * WINO_B;

    d[0] = vfma(product, d0, vfma(sum, d2, d4));
    d[step] = even_a + odd_a;
    d[2 * step] = even_a - odd_a;
    d[3 * step] = even_b + odd_b;
    d[4 * step] = even_b - odd_b;
    d[5 * step] = vfma(product, d1, vfma(sum, d3, d5));
}

/* A^T m for one axis, in place: the first four elements are the results. */
INLINE void output_axis(vf *m, int step)
{
    const vf even_a = m[step] + m[2 * step], odd_a = (m[step] - m[2 * step]) * WINO_A;
    const vf even_b = m[3 * step] + m[4 * step], odd_b = (m[3 * step] - m[4 * step]) * WINO_B;
    const vf a2 = vset(WINO_A2), b2 = vset(WINO_B2);

    m[0] = m[0] + even_a + even_b;
    m[step] = odd_a + odd_b;
    m[2 * step] = vfma(a2, even_a, b2 * even_b);
    m[3 * step] = vfma(a2, odd_a, vfma(b2, odd_b, m[5 * step]));
}

enum { FILTERS = 16 }; /* at a time */

/* G g for one axis of some filters; taps lie `step` apart. */
INLINE void filter_axis(double (*out)[FILTERS], int out_step, double (*g)[FILTERS], int step)
{
    const double a = WINO_A, b = WINO_B, a2 = a * a, b2 = b * b;
    const double at_0 = 1 / (a2 * b2), at_a = 0.5 / (a2 * (a2 - b2)), at_b = 0.5 / (b2 * (b2 - a2));

#pragma omp simd
    for (int k = 0; k < FILTERS; k++) {
        const double even = g[0][k], odd = g[step][k], top = g[2 * step][k];

        out[0][k] = even * at_0;
        out[out_step][k] = (even + a * odd + a2 * top) * at_a;
        out[2 * out_step][k] = (even - a * odd + a2 * top) * at_a;
        out[3 * out_step][k] = (even + b * odd + b2 * top) * at_b;
        out[4 * out_step][k] = (even - b * odd + b2 * top) * at_b;
        out[5 * out_step][k] = top;
    }
}

void DS_FN(winograd_filter)(float *u, int64_t step, const float *taps, int64_t count)
{
    for (int64_t j = 0; j < count; j += FILTERS) {
        const int64_t n = ds__min(FILTERS, count - j);
        double g[9][FILTERS] = { { 0 } }, half[18][FILTERS], cell[WINO_CELL][FILTERS];

        for (int t = 0; t < 9; t++)
            for (int64_t k = 0; k < n; k++)
                g[t][k] = taps[t * count + j + k];
        for (int v = 0; v < 3; v++)
            filter_axis(half + v, 3, g + v, 3);
        for (int i = 0; i < WINO_IN; i++)
            filter_axis(cell + i * WINO_IN, 1, half + 3 * i, 1);
        for (int e = 0; e < WINO_CELL; e++)
            for (int64_t k = 0; k < n; k++)
                u[e * step + j + k] = (float)cell[e][k];
    }
}

/* G^T u for one axis; elements lie `step` apart, the three taps `out_step`. */
INLINE void filter_axis_adj(double (*out)[FILTERS], int out_step, double (*u)[FILTERS], int step)
{
    const double a = WINO_A, b = WINO_B, a2 = a * a, b2 = b * b;
    const double at_0 = 1 / (a2 * b2), at_a = 0.5 / (a2 * (a2 - b2)), at_b = 0.5 / (b2 * (b2 - a2));

#pragma omp simd
    for (int k = 0; k < FILTERS; k++) {
        const double even_a = (u[step][k] + u[2 * step][k]) * at_a;
        const double odd_a = (u[step][k] - u[2 * step][k]) * at_a;
        const double even_b = (u[3 * step][k] + u[4 * step][k]) * at_b;
        const double odd_b = (u[3 * step][k] - u[4 * step][k]) * at_b;

        out[0][k] = u[0][k] * at_0 + even_a + even_b;
        out[out_step][k] = a * odd_a + b * odd_b;
        out[2 * out_step][k] = a2 * even_a + b2 * even_b + u[5 * step][k];
    }
}

void DS_FN(winograd_filter_adj)(float *taps, const float *u, int64_t step, int64_t count)
{
    for (int64_t j = 0; j < count; j += FILTERS) {
        const int64_t n = ds__min(FILTERS, count - j);
        double cell[WINO_CELL][FILTERS] = { { 0 } }, half[18][FILTERS], g[9][FILTERS];

        for (int e = 0; e < WINO_CELL; e++)
            for (int64_t k = 0; k < n; k++)
                cell[e][k] = u[e * step + j + k];
        for (int i = 0; i < WINO_IN; i++)
            filter_axis_adj(half + 3 * i, 1, cell + i * WINO_IN, 1);
        for (int v = 0; v < 3; v++)
            filter_axis_adj(g + v, 3, half + v, 3);
        for (int t = 0; t < 9; t++)
            for (int64_t k = 0; k < n; k++)
                taps[t * count + j + k] = (float)g[t][k];
    }
}

/* Where tile t begins among the results: image and first row and column. */
INLINE void place_of(const ds_tiles *g, int64_t t, int64_t *n, int64_t *y, int64_t *x)
{
    const int64_t across = (g->ow + WINO_OUT - 1) / WINO_OUT;
    const int64_t down = (g->oh + WINO_OUT - 1) / WINO_OUT;

    *n = t / across / down;
    *y = t / across % down * WINO_OUT;
    *x = t % across * WINO_OUT;
}

void DS_FN(winograd_in)(float *v, const void *x, ds_dtype type, const ds_tiles *g, int64_t c,
                        int64_t rows, int64_t first, int64_t count)
{
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        int64_t n, y0, x0;

        place_of(g, first + t, &n, &y0, &x0);
        y0 -= g->pad_top, x0 -= g->pad_left;
        for (int64_t k = 0; k < c; k += VW) {
            vf d[WINO_CELL];

            for (int i = 0; i < WINO_IN; i++)
                for (int j = 0; j < WINO_IN; j++) {
                    const int64_t yy = y0 + i, xx = x0 + j;
                    const bool inside = yy >= 0 && yy < g->h && xx >= 0 && xx < g->w;

                    d[i * WINO_IN + j] =
                        inside ? vget(x, type, ((n * g->h + yy) * g->w + xx) * c + k, c - k)
                               : vset(0.0f);
                }
            for (int j = 0; j < WINO_IN; j++)
                input_axis(d + j, WINO_IN);
            for (int i = 0; i < WINO_IN; i++)
                input_axis(d + i * WINO_IN, 1);
            for (int e = 0; e < WINO_CELL; e++)
                vstore_n(v + (e * rows + t) * c + k, d[e], c - k);
        }
    }
}

void DS_FN(winograd_out)(void *dst, ds_dtype type, const float *m, const float *bias,
                         const float *add, const ds_tiles *g, int64_t c, int64_t rows,
                         int64_t first, int64_t count)
{
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        int64_t n, y0, x0;

        place_of(g, first + t, &n, &y0, &x0);
        for (int64_t k = 0; k < c; k += VW) {
            const vf shift = bias != NULL ? vload_n(bias + k, c - k) : vset(0.0f);
            vf d[WINO_CELL];

            for (int e = 0; e < WINO_CELL; e++)
                d[e] = vload_n(m + (e * rows + t) * c + k, c - k);
            for (int j = 0; j < WINO_IN; j++)
                output_axis(d + j, WINO_IN);
            for (int i = 0; i < WINO_OUT; i++)
                output_axis(d + i * WINO_IN, 1);
            for (int i = 0; i < WINO_OUT && y0 + i < g->oh; i++)
                for (int j = 0; j < WINO_OUT && x0 + j < g->ow; j++) {
                    const int64_t at = ((n * g->oh + y0 + i) * g->ow + x0 + j) * c + k;
                    vf r = d[i * WINO_IN + j] + shift;

                    if (add != NULL)
                        r += vload_n(add + at, c - k);
                    vput(dst, type, at, r, c - k);
                }
        }
    }
}

/* A y for one axis, in place: the first four elements become six. */
INLINE void output_axis_adj(vf *y, int step)
{
    const vf y0 = y[0], y3 = y[3 * step];
    const vf even_a = vfma(vset(WINO_A2), y[2 * step], y0);
    const vf odd_a = vfma(vset(WINO_A2), y3, y[step]) * WINO_A;
    const vf even_b = vfma(vset(WINO_B2), y[2 * step], y0);
    const vf odd_b = vfma(vset(WINO_B2), y3, y[step]) * WINO_B;

    y[step] = even_a + odd_a;
    y[2 * step] = even_a - odd_a;
    y[3 * step] = even_b + odd_b;
    y[4 * step] = even_b - odd_b;
    y[5 * step] = y3;
}

void DS_FN(winograd_out_adj)(float *m, const void *dy, ds_dtype type, const ds_tiles *g, int64_t c,
                             int64_t rows, int64_t first, int64_t count)
{
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        int64_t n, y0, x0;

        place_of(g, first + t, &n, &y0, &x0);
        for (int64_t k = 0; k < c; k += VW) {
            vf d[WINO_CELL];

            for (int i = 0; i < WINO_OUT; i++)
                for (int j = 0; j < WINO_OUT; j++) {
                    const bool inside = y0 + i < g->oh && x0 + j < g->ow;
                    const int64_t at = ((n * g->oh + y0 + i) * g->ow + x0 + j) * c + k;

                    d[i * WINO_IN + j] = inside ? vget(dy, type, at, c - k) : vset(0.0f);
                }
            for (int j = 0; j < WINO_OUT; j++)
                output_axis_adj(d + j, WINO_IN);
            for (int i = 0; i < WINO_IN; i++)
                output_axis_adj(d + i * WINO_IN, 1);
            for (int e = 0; e < WINO_CELL; e++)
                vstore_n(m + (e * rows + t) * c + k, d[e], c - k);
        }
    }
}
