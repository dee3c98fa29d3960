/* resample.c - nearest upsampling, channel slices, layouts: the specification. */

#include "kernels/part.h"
#include "kernels/ref/put.h"

/* The source of pixel i, computed in float32 as PyTorch does. */
static int64_t source(int64_t i, int64_t in, int64_t out)
{
    const int64_t s = (int64_t)((float)i * ((float)in / (float)out));

    return s < in ? s : in - 1;
}

void ds__upsample_ref(void *dst, ds_dtype type, const float *x, int64_t n, int64_t h, int64_t w,
                      int64_t c, int64_t ho, int64_t wo)
{
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < ho * wo; i++) {
            const int64_t from = (b * h + source(i / wo, h, ho)) * w + source(i % wo, w, wo);

            for (int64_t k = 0; k < c; k++)
                put(dst, type, (b * ho * wo + i) * c + k, x[from * c + k]);
        }
}

void ds__upsample_adj_ref(float *dx, const float *dy, int64_t n, int64_t h, int64_t w, int64_t c,
                          int64_t ho, int64_t wo)
{
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < ho * wo; i++) {
            const int64_t from = (b * h + source(i / wo, h, ho)) * w + source(i % wo, w, wo);

            for (int64_t k = 0; k < c; k++)
                dx[from * c + k] += dy[(b * ho * wo + i) * c + k];
        }
}

void ds__concat_ref(void *dst, ds_dtype type, const float *a, int64_t ca, const float *b,
                    int64_t cb, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < ca + cb; i++)
            put(dst, type, r * (ca + cb) + i, i < ca ? a[r * ca + i] : b[r * cb + i - ca]);
}

void ds__concat_adj_ref(float *da, int64_t ca, float *db, int64_t cb, const float *dy, int64_t rows)
{
    if (da != NULL)
        ds__add_slice_ref(da, ca, dy, ca + cb, rows, ca);
    if (db != NULL)
        ds__add_slice_ref(db, cb, dy + ca, ca + cb, rows, cb);
}

void ds__copy_slice_ref(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                        int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < cols; i++)
            dst[r * ldd + i] = x[r * ldx + i];
}

void ds__add_slice_ref(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                       int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < cols; i++)
            dst[r * ldd + i] += x[r * ldx + i];
}

void ds__nchw_to_nhwc_ref(float *dst, const float *x, int64_t n, int64_t c, int64_t hw)
{
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t s = 0; s < hw; s++)
                dst[(b * hw + s) * c + k] = x[(b * c + k) * hw + s];
}

void ds__nhwc_to_nchw_ref(float *dst, const float *x, int64_t n, int64_t c, int64_t hw)
{
    for (int64_t b = 0; b < n; b++)
        ds__nchw_to_nhwc_ref(dst + b * c * hw, x + b * c * hw, 1, hw, c);
}
