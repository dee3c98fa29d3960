/* elementwise.c - sums, products, conversions, vectorised. */

#include "kernels/simd/vec.h"

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

/* A thread owns a strip of columns and adds its rows in order: in float32 over runs of 64 rows, the
 * runs in double. */
void DS_FN(sum_rows)(float *dt, const float *dy, int64_t n, int64_t s, int64_t c)
{
    enum { STRIP = 64, RUN = 64 };
    const int64_t strips = (c + STRIP - 1) / STRIP;

#pragma omp parallel for collapse(2) schedule(static) if (n * s * c > SWEEP_CHUNK)
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < strips; k++) {
            const int64_t first = k * STRIP, width = ds_min(STRIP, c - first);
            double total[STRIP] = { 0 };
            float part[STRIP + VW];

            for (int64_t r = 0; r < s; r += RUN) {
                const float *y = dy + (b * s + r) * c + first;

                memset(part, 0, sizeof part);
                for (int64_t j = 0; j < ds_min(RUN, s - r); j++)
                    for (int64_t i = 0; i < width; i += VW)
                        vstore(part + i, vload(part + i) + vload_n(y + j * c + i, width - i));
                for (int64_t i = 0; i < width; i++)
                    total[i] += part[i];
            }
            for (int64_t i = 0; i < width; i++)
                dt[b * c + first + i] += (float)total[i];
        }
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
