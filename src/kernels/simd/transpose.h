/* transpose.h - VW x VW floats transposed in registers. */

#ifndef DS_KERNELS_SIMD_TRANSPOSE_H
#define DS_KERNELS_SIMD_TRANSPOSE_H

#include "kernels/simd/vec.h"

#ifdef __clang__
#define VEC_MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define VEC_MIX(a, b, ...) __builtin_shuffle(a, b, (vi){ __VA_ARGS__ })
#endif

/* Step s swaps the off-diagonal blocks of size s in each 2s x 2s block: rows i and i + s become
 * (even blocks of both, odd blocks of both). */
#if VW == 16
#define MIX_LO(s)                                                                                  \
    (s == 1   ? VEC_MIX(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)           \
     : s == 2 ? VEC_MIX(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)            \
     : s == 4 ? VEC_MIX(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)            \
              : VEC_MIX(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
#define MIX_HI(s)                                                                                  \
    (s == 1   ? VEC_MIX(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)           \
     : s == 2 ? VEC_MIX(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)          \
     : s == 4 ? VEC_MIX(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)          \
              : VEC_MIX(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#elif VW == 8
#define MIX_LO(s)                                                                                  \
    (s == 1   ? VEC_MIX(a, b, 0, 8, 2, 10, 4, 12, 6, 14)                                           \
     : s == 2 ? VEC_MIX(a, b, 0, 1, 8, 9, 4, 5, 12, 13)                                            \
              : VEC_MIX(a, b, 0, 1, 2, 3, 8, 9, 10, 11))
#define MIX_HI(s)                                                                                  \
    (s == 1   ? VEC_MIX(a, b, 1, 9, 3, 11, 5, 13, 7, 15)                                           \
     : s == 2 ? VEC_MIX(a, b, 2, 3, 10, 11, 6, 7, 14, 15)                                          \
              : VEC_MIX(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#else
#define MIX_LO(s) (s == 1 ? VEC_MIX(a, b, 0, 4, 2, 6) : VEC_MIX(a, b, 0, 1, 4, 5))
#define MIX_HI(s) (s == 1 ? VEC_MIX(a, b, 1, 5, 3, 7) : VEC_MIX(a, b, 2, 3, 6, 7))
#endif

#define VEC_STEP(s)                                                                                \
    if (s < VW) {                                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < VW; i++) if ((i & s) == 0)                    \
        {                                                                                          \
            vf a = r[i], b = r[i | (s % VW)];                                                      \
            r[i] = MIX_LO(s);                                                                      \
            r[i | (s % VW)] = MIX_HI(s);                                                           \
        }                                                                                          \
    }

INLINE_HOT void vtranspose(vf r[VW]){ VEC_STEP(1) VEC_STEP(2) VEC_STEP(4) VEC_STEP(8) }

/* The transpose of src [rows, lds] (rows, cols <= VW), zeros standing for what is missing. */
INLINE_HOT
    void vload_transposed(vf r[VW], const float *src, int64_t lds, int64_t rows, int64_t cols)
{
    if (rows >= VW && cols >= VW)
        for (int i = 0; i < VW; i++)
            r[i] = vload(src + i * lds);
    else
        for (int i = 0; i < VW; i++)
            r[i] = i < rows ? vload_n(src + i * lds, cols) : (vf){ 0 };
    vtranspose(r);
}

/* dst [cols, rows] = transpose of src [rows, cols]; rows, cols <= VW. */
INLINE void vtranspose_n(float *dst, int64_t ldd, const float *src, int64_t lds, int64_t rows,
                         int64_t cols)
{
    vf r[VW];

    vload_transposed(r, src, lds, rows, cols);
    if (rows >= VW && cols >= VW)
        for (int i = 0; i < VW; i++)
            vstore(dst + i * ldd, r[i]);
    else
        for (int i = 0; i < VW && i < cols; i++)
            vstore_n(dst + i * ldd, r[i], rows);
}

#endif
