/* resample.c - nearest upsampling, channel slices, layouts, vectorised: all bound by memory. */

#include "kernels/simd/transpose.h"
#include "kernels/simd/vec.h"

INLINE void copy_row(void *dst, ds_dtype type, int64_t at, const float *x, int64_t c)
{
    if (type != DS_DTYPE_BF16) {
        memcpy((float *)dst + at, x, (size_t)c * sizeof *x);
        return;
    }
    for (int64_t i = 0; i < c; i += VW)
        vput(dst, type, at + i, vload_n(x + i, c - i), c - i);
}

INLINE void add_row(float *dst, const float *x, int64_t c)
{
    for (int64_t i = 0; i < c; i += VW)
        vstore_n(dst + i, vload_n(dst + i, c - i) + vload_n(x + i, c - i), c - i);
}

/* The source of pixel i, computed in float32 as PyTorch does. */
static int64_t source(int64_t i, int64_t in, int64_t out)
{
    return ds__min((int64_t)((float)i * ((float)in / (float)out)), in - 1);
}

void DS_FN(upsample)(void *dst, ds_dtype type, const float *x, int64_t n, int64_t h, int64_t w,
                     int64_t c, int64_t ho, int64_t wo)
{
#pragma omp parallel for schedule(static) if (n * ho * wo * c > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < n * ho; r++) {
        const float *from = x + (r / ho * h + source(r % ho, h, ho)) * w * c;

        for (int64_t j = 0; j < wo; j++)
            copy_row(dst, type, (r * wo + j) * c, from + source(j, w, wo) * c, c);
    }
}

/* A source pixel gathers from the output pixels that took it, in their order. */
void DS_FN(upsample_adj)(float *dx, const float *dy, int64_t n, int64_t h, int64_t w, int64_t c,
                         int64_t ho, int64_t wo)
{
#pragma omp parallel for schedule(static) if (n * ho * wo * c > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < n * h; r++)
        for (int64_t i = 0; i < ho; i++) {
            const float *from = dy + (r / h * ho + i) * wo * c;

            if (source(i, h, ho) != r % h)
                continue;
            for (int64_t j = 0; j < wo; j++)
                add_row(dx + (r * w + source(j, w, wo)) * c, from + j * c, c);
        }
}

void DS_FN(concat)(void *dst, ds_dtype type, const float *a, int64_t ca, const float *b, int64_t cb,
                   int64_t rows)
{
#pragma omp parallel for schedule(static) if (rows * (ca + cb) > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++) {
        copy_row(dst, type, r * (ca + cb), a + r * ca, ca);
        copy_row(dst, type, r * (ca + cb) + ca, b + r * cb, cb);
    }
}

void DS_FN(concat_adj)(float *da, int64_t ca, float *db, int64_t cb, const float *dy, int64_t rows)
{
    if (da != NULL)
        DS_FN(add_slice)(da, ca, dy, ca + cb, rows, ca);
    if (db != NULL)
        DS_FN(add_slice)(db, cb, dy + ca, ca + cb, rows, cb);
}

void DS_FN(copy_slice)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                       int64_t cols)
{
#pragma omp parallel for schedule(static) if (rows * cols > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++)
        memcpy(dst + r * ldd, x + r * ldx, (size_t)cols * sizeof *dst);
}

void DS_FN(add_slice)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                      int64_t cols)
{
#pragma omp parallel for schedule(static) if (rows * cols > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++)
        add_row(dst + r * ldd, x + r * ldx, cols);
}

/* dst [cols, rows] = transpose of x [rows, cols], for each of n matrices. A tile of VW x VW goes
 * through registers; bands of VW columns of x make whole rows of dst. */
static void transpose(float *dst, const float *x, int64_t n, int64_t rows, int64_t cols)
{
    const int64_t bands = (cols + VW - 1) / VW;

#pragma omp parallel for schedule(static) if (n * rows * cols > 2 * SWEEP_CHUNK)
    for (int64_t k = 0; k < n * bands; k++) {
        const float *from = x + k / bands * rows * cols;
        float *to = dst + k / bands * rows * cols;
        const int64_t j = k % bands * VW;

        for (int64_t i = 0; i < rows; i += VW)
            vtranspose_n(to + j * rows + i, rows, from + i * cols + j, cols, ds__min(VW, rows - i),
                         ds__min(VW, cols - j));
    }
}

void DS_FN(nchw_to_nhwc)(float *dst, const float *x, int64_t n, int64_t c, int64_t hw)
{
    transpose(dst, x, n, c, hw);
}

void DS_FN(nhwc_to_nchw)(float *dst, const float *x, int64_t n, int64_t c, int64_t hw)
{
    transpose(dst, x, n, hw, c);
}
