/* elementwise.c - sums, products, conversions, vectorised. */

#include "kernels/simd/vec.h"

#include <omp.h>

void DS_FN(add)(float *dst, const float *a, const float *b, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vload_n(a + i, w) + vload_n(b + i, w), w);
    }
}

void DS_FN(sub)(float *dst, const float *a, const float *b, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vload_n(a + i, w) - vload_n(b + i, w), w);
    }
}

void DS_FN(mul)(float *dst, const float *a, const float *b, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vload_n(a + i, w) * vload_n(b + i, w), w);
    }
}

void DS_FN(mul_add)(float *dst, const float *a, const float *b, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vfma(vload_n(a + i, w), vload_n(b + i, w), vload_n(dst + i, w)), w);
    }
}

void DS_FN(scale)(float *dst, const float *x, float a, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vload_n(x + i, w) * a, w);
    }
}

void DS_FN(axpy)(float *dst, const float *x, float a, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vfma(vset(a), vload_n(x + i, w), vload_n(dst + i, w)), w);
    }
}

void DS_FN(axpby)(float *dst, const float *x, float a, const float *y, float b, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vfma(vset(a), vload_n(x + i, w), vload_n(y + i, w) * b), w);
    }
}

void DS_FN(fill)(float *dst, float value, int64_t count)
{
    SWEEP(i, w, count)
    {
        vstore_n(dst + i, vset(value), w);
    }
}

void DS_FN(add_rows)(float *dst, const float *x, const float *t, int64_t n, int64_t s, int64_t c)
{
#pragma omp parallel for schedule(static) if (n * s * c > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < n * s; r++)
        for (int64_t i = 0; i < c; i += VW)
            vstore_n(dst + r * c + i,
                     vload_n(x + r * c + i, c - i) + vload_n(t + r / s * c + i, c - i), c - i);
}

/* Sums of columns, in float32 over runs of RUN rows, the runs in double. Strips of columns divide
 * the work; no sum depends on their width, which is large where few threads share, for the
 * memory. */
enum { STRIP = 512, RUN = 64, ROWS = 4 };

/* part [width] = sums of `rows` rows. */
static void run_columns(float *part, const float *y, int64_t rows, int64_t c, int64_t width)
{
    memset(part, 0, (size_t)width * sizeof *part);
    for (int64_t r = 0; r < rows; r += ROWS) {
        const int64_t m = ds__min(ROWS, rows - r);

        for (int64_t i = 0; i < width; i += VW) {
            vf sum = vload(part + i);

            for (int64_t k = 0; k < m; k++)
                sum += vload_n(y + (r + k) * c + i, width - i);
            vstore(part + i, sum);
        }
    }
}

static void strip_columns(float *dt, const float *y, int64_t rows, int64_t c, int64_t width)
{
    double total[STRIP] = { 0 };
    float part[STRIP + VW];

    for (int64_t r = 0; r < rows; r += RUN) {
        run_columns(part, y + r * c, ds__min(RUN, rows - r), c, width);
        for (int64_t i = 0; i < width; i++)
            total[i] += part[i];
    }
    for (int64_t i = 0; i < width; i++)
        dt[i] += (float)total[i];
}

void DS_FN(sum_rows)(float *dt, const float *dy, int64_t n, int64_t s, int64_t c)
{
    const int64_t shares = (omp_get_max_threads() + n - 1) / n, share = (c + shares - 1) / shares;
    const int64_t strip = ds__min(STRIP, (share + VW - 1) / VW * VW);

#pragma omp parallel for collapse(2) schedule(static) if (n * s * c > SWEEP_CHUNK)
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < c; k += strip)
            strip_columns(dt + b * c + k, dy + b * s * c + k, s, c, ds__min(strip, c - k));
}

void DS_FN(to_bf16)(void *dst, const float *x, int64_t count)
{
    SWEEP(i, w, count)
    {
        vput(dst, DS_DTYPE_BF16, i, vload_n(x + i, w), w);
    }
}

void DS_FN(from_bf16)(float *dst, const void *x, int64_t count)
{
    const uint16_t *h = x;

    SWEEP(i, w, count)
    {
        if (w >= VW) {
            vstore(dst + i, vload_bf16(h + i));
            continue;
        }
        for (int64_t k = 0; k < w; k++)
            dst[i + k] = ds__bf16_to_f32(h[i + k]);
    }
}
