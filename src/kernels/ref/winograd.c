/* winograd.c - tiles of Winograd's convolution to and from products: the specification.
 *
 * B^T, G and A^T are written out as matrices here, from the points a and b. */

#include "kernels/part.h"
#include "kernels/ref/put.h"
#include "kernels/winograd.h"

#define A  ((double)WINO_A)
#define B  ((double)WINO_B)
#define P  (A * A * B * B)
#define S  (A * A + B * B)
#define NA (2 * A * A * (A * A - B * B))
#define NB (2 * B * B * (B * B - A * A))

static const double input_matrix[WINO_IN][WINO_IN] = {
    { P, 0, -S, 0, 1, 0 },           { 0, -A *B *B, -B *B, A, 1, 0 },
    { 0, A *B *B, -B *B, -A, 1, 0 }, { 0, -B *A *A, -A *A, B, 1, 0 },
    { 0, B *A *A, -A *A, -B, 1, 0 }, { 0, P, 0, -S, 0, 1 },
};

static const double filter_matrix[WINO_IN][3] = {
    { 1 / P, 0, 0 },
    { 1 / NA, A / NA, A *A / NA },
    { 1 / NA, -A / NA, A *A / NA },
    { 1 / NB, B / NB, B *B / NB },
    { 1 / NB, -B / NB, B *B / NB },
    { 0, 0, 1 },
};

static const double output_matrix[WINO_OUT][WINO_IN] = {
    { 1, 1, 1, 1, 1, 0 },
    { 0, A, -A, B, -B, 0 },
    { 0, A *A, A *A, B *B, B *B, 0 },
    { 0, A *A *A, -A *A *A, B *B *B, -B *B *B, 1 },
};

/* Tile t's first result: image, row, column. */
static void place_of(const ds_tiles *g, int64_t t, int64_t *n, int64_t *y, int64_t *x)
{
    const int64_t across = (g->ow + WINO_OUT - 1) / WINO_OUT;
    const int64_t down = (g->oh + WINO_OUT - 1) / WINO_OUT;

    *n = t / (across * down);
    *y = t / across % down * WINO_OUT;
    *x = t % across * WINO_OUT;
}

/* out [rows][rows] = m [rows][6] d [6][6] m^T */
static void both_axes(double *out, const double (*m)[WINO_IN], int rows, const double *d)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            double sum = 0.0;

            for (int u = 0; u < WINO_IN; u++)
                for (int v = 0; v < WINO_IN; v++)
                    sum += m[i][u] * d[u * WINO_IN + v] * m[j][v];
            out[i * rows + j] = sum;
        }
}

void ds__winograd_filter_ref(float *u, int64_t step, const float *taps, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        for (int e = 0; e < WINO_CELL; e++) {
            double sum = 0.0;

            for (int t = 0; t < 9; t++)
                sum += filter_matrix[e / WINO_IN][t / 3] * taps[t * count + j] *
                       filter_matrix[e % WINO_IN][t % 3];
            u[e * step + j] = (float)sum;
        }
}

void ds__winograd_in_ref(float *v, const void *x, ds_dtype type, const ds_tiles *g, int64_t c,
                         int64_t rows, int64_t first, int64_t count)
{
    for (int64_t t = 0; t < count; t++)
        for (int64_t k = 0; k < c; k++) {
            double d[WINO_CELL], out[WINO_CELL];
            int64_t n, y0, x0;

            place_of(g, first + t, &n, &y0, &x0);
            for (int e = 0; e < WINO_CELL; e++) {
                int64_t yy = y0 + e / WINO_IN - g->pad_top, xx = x0 + e % WINO_IN - g->pad_left;
                bool inside = yy >= 0 && yy < g->h && xx >= 0 && xx < g->w;

                d[e] = inside ? get(x, type, ((n * g->h + yy) * g->w + xx) * c + k) : 0.0;
            }
            both_axes(out, input_matrix, WINO_IN, d);
            for (int e = 0; e < WINO_CELL; e++)
                v[(e * rows + t) * c + k] = (float)out[e];
        }
}

void ds__winograd_out_ref(void *dst, ds_dtype type, const float *m, const float *bias,
                          const float *add, const ds_tiles *g, int64_t c, int64_t rows,
                          int64_t first, int64_t count)
{
    for (int64_t t = 0; t < count; t++)
        for (int64_t k = 0; k < c; k++) {
            double d[WINO_CELL], out[WINO_OUT * WINO_OUT];
            int64_t n, y0, x0;

            place_of(g, first + t, &n, &y0, &x0);
            for (int e = 0; e < WINO_CELL; e++)
                d[e] = m[(e * rows + t) * c + k];
            both_axes(out, output_matrix, WINO_OUT, d);
            for (int e = 0; e < WINO_OUT * WINO_OUT; e++) {
                int64_t yy = y0 + e / WINO_OUT, xx = x0 + e % WINO_OUT;
                int64_t at = ((n * g->oh + yy) * g->ow + xx) * c + k;

                if (yy < g->oh && xx < g->ow)
                    put(dst, type, at,
                        (float)(out[e] + (bias != NULL ? bias[k] : 0.0) +
                                (add != NULL ? add[at] : 0.0)));
            }
        }
}

void ds__winograd_filter_adj_ref(float *taps, const float *u, int64_t step, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        for (int t = 0; t < 9; t++) {
            double sum = 0.0;

            for (int e = 0; e < WINO_CELL; e++)
                sum += filter_matrix[e / WINO_IN][t / 3] * u[e * step + j] *
                       filter_matrix[e % WINO_IN][t % 3];
            taps[t * count + j] = (float)sum;
        }
}

void ds__winograd_out_adj_ref(float *m, const void *dy, ds_dtype type, const ds_tiles *g, int64_t c,
                              int64_t rows, int64_t first, int64_t count)
{
    for (int64_t t = 0; t < count; t++)
        for (int64_t k = 0; k < c; k++)
            for (int e = 0; e < WINO_CELL; e++) {
                int64_t n, y0, x0;
                double sum = 0.0;

                place_of(g, first + t, &n, &y0, &x0);
                for (int64_t i = 0; i < WINO_OUT && y0 + i < g->oh; i++)
                    for (int64_t j = 0; j < WINO_OUT && x0 + j < g->ow; j++)
                        sum += output_matrix[i][e / WINO_IN] * output_matrix[j][e % WINO_IN] *
                               get(dy, type, ((n * g->oh + y0 + i) * g->ow + x0 + j) * c + k);
                m[(e * rows + t) * c + k] = (float)sum;
            }
}
