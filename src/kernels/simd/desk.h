/* desk.h - what attention and its adjoint share: a thread's arrays, and queries put into lanes. */

#ifndef DS_KERNELS_SIMD_DESK_H
#define DS_KERNELS_SIMD_DESK_H

#include "kernels/simd/gemm.h"
#include "kernels/simd/transpose.h"
#include "kernels/simd/vec.h"

INLINE int64_t round_up(int64_t x, int64_t to)
{
    return (x + to - 1) / to * to;
}

/* The next `count` floats of a desk; base NULL only counts. */
INLINE float *take(float *base, int64_t *used, int64_t count)
{
    const int64_t at = *used;

    *used += round_up(count, 16);
    return base ? base + at : NULL;
}

/* dst [cols][QB] = transpose of src [rows][lds], rows <= QB; the missing ones are zeros. */
static __attribute__((unused)) void transpose_in(float *dst, const float *src, int64_t lds,
                                                 int64_t rows, int64_t cols)
{
    for (int64_t q = 0; q < rows; q += VW)
        for (int64_t x = 0; x < cols; x += VW) {
            vf r[VW];

            vload_transposed(r, src + q * lds + x, lds, rows - q, cols - x);
            for (int i = 0; i < VW && i < cols - x; i++)
                vstore(dst + (x + i) * QB + q, r[i]);
        }
}

#endif
