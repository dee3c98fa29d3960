/* gemm.h - products of small matrices that lie in the caches: the inner loops of attention.
 *
 *   C [rows, QB] (+)= A [rows, steps] B [steps, QB],   QB = NV vectors
 *
 * A is read one element at a time (broadcast), with any strides; B and C by vectors. NR x NV sums
 * stay in registers. With `pairs`, an element of A and B is a pair of bf16 and a product is that of
 * two pairs (AVX512-BF16). */

#ifndef DS_KERNELS_SIMD_GEMM_H
#define DS_KERNELS_SIMD_GEMM_H

#include "kernels/simd/vec.h"

#if VEC512
#define NV 4
#else
#define NV 2
#endif
#define NR 6
#define QB (NV * VW)

#if defined(__AVX512BF16__)
#define HAVE_PAIRS 1
#else
#define HAVE_PAIRS 0
#endif

INLINE vf multiply_add(vf a, vf b, vf c, const bool pairs)
{
#if HAVE_PAIRS
    if (pairs)
        return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#endif
    (void)pairs;
    return vfma(a, b, c);
}

typedef struct matrix {
    const float *at;
    int64_t row, step; /* strides of A */
} matrix;

INLINE_HOT void tile(float *c, int64_t ldc, const matrix a, const float *b, int64_t ldb,
                     int64_t steps, const bool add, const bool pairs, const int nr, const int nv)
{
    vf sum[NR][NV];

#pragma GCC unroll 8
    for (int r = 0; r < nr; r++)
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++)
            sum[r][v] = add ? vload(c + r * ldc + v * VW) : (vf){ 0 };
    for (int64_t s = 0; s < steps; s++) {
        vf x[NV];

#pragma GCC unroll 8
        for (int v = 0; v < nv; v++)
            x[v] = vload(b + s * ldb + v * VW);
#pragma GCC unroll 8
        for (int r = 0; r < nr; r++) {
            vf y = vset(a.at[r * a.row + s * a.step]);

#pragma GCC unroll 8
            for (int v = 0; v < nv; v++)
                sum[r][v] = multiply_add(y, x[v], sum[r][v], pairs);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < nr; r++)
#pragma GCC unroll 8
        for (int v = 0; v < nv; v++)
            vstore(c + r * ldc + v * VW, sum[r][v]);
}

#define TILE_ROWS(r, v)                                                                            \
    case r:                                                                                        \
        tile(c, ldc, a, b, ldb, steps, add, pairs, r, v);                                          \
        break;

/* Rows in tiles of at most NR, as even as they come; steps in runs whose part of B fits L1. */
INLINE void panel(float *c, int64_t ldc, matrix a, const float *b, int64_t ldb, int64_t rows,
                  int64_t steps, bool add, const bool pairs, const int nv)
{
    enum { RUN = 128 };
    const int64_t tiles = (rows + NR - 1) / NR, small = rows / tiles, large = rows % tiles;
    const float *a0 = a.at;
    float *c0 = c;

    for (int64_t s0 = 0; s0 < steps; s0 += RUN, add = true) {
        const int64_t rest = steps;

        steps = ds__min(RUN, rest - s0);
        a.at = a0 + s0 * a.step;
        c = c0;
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t nr = small + (t < large);

            switch (nr) {
                TILE_ROWS(6, nv)
                TILE_ROWS(5, nv)
                TILE_ROWS(4, nv)
                TILE_ROWS(3, nv)
                TILE_ROWS(2, nv)
                TILE_ROWS(1, nv)
            }
            a.at += nr * a.row;
            c += nr * ldc;
        }
        b += steps * ldb;
        steps = rest;
    }
}

/* nv: vectors of the columns in use, 1 .. NV. */
INLINE void gemm_(float *c, int64_t ldc, matrix a, const float *b, int64_t ldb, int64_t rows,
                  int64_t steps, int64_t nv, bool add, const bool pairs)
{
    if (rows <= 0)
        return;
    switch (nv) {
    case 1:
        panel(c, ldc, a, b, ldb, rows, steps, add, pairs, 1);
        break;
    case 2:
        panel(c, ldc, a, b, ldb, rows, steps, add, pairs, 2);
        break;
#if NV > 2
    case 3:
        panel(c, ldc, a, b, ldb, rows, steps, add, pairs, 3);
        break;
    case 4:
        panel(c, ldc, a, b, ldb, rows, steps, add, pairs, 4);
        break;
#endif
    }
}

static __attribute__((unused)) void gemm(float *c, int64_t ldc, matrix a, const float *b,
                                         int64_t ldb, int64_t rows, int64_t steps, int64_t nv,
                                         bool add)
{
    gemm_(c, ldc, a, b, ldb, rows, steps, nv, add, false);
}

#if HAVE_PAIRS
static __attribute__((unused)) void gemm_pairs(float *c, int64_t ldc, matrix a, const float *b,
                                               int64_t ldb, int64_t rows, int64_t steps, int64_t nv,
                                               bool add)
{
    gemm_(c, ldc, a, b, ldb, rows, steps, nv, add, true);
}
#endif

#endif
