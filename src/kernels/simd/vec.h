/* vec.h - vectors of VW floats: the widest that the instruction set of this compilation has.
 *
 * GCC's vector types carry + - * / and comparisons; what they lack is wrapped here, once per set.
 * exp: at most 2 ulp, subnormal results flushed to 0 below v4; erfc: relative error 4e-7. */

#ifndef DS_KERNELS_SIMD_VEC_H
#define DS_KERNELS_SIMD_VEC_H

#include "kernels/part.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define VEC512 1
#define VW     16
#elif defined(__AVX2__) && defined(__FMA__)
#define VEC256 1
#define VW     8
#else
#define VW 4
#if defined(__SSE4_1__)
#define VEC128 1
#endif
#endif

#define INLINE static inline __attribute__((always_inline, unused))

/* For the largest bodies: with sanitizers they are functions, or compiling takes minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INLINE_HOT static __attribute__((noinline, unused))
#else
#define INLINE_HOT INLINE
#endif

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef float vf_any __attribute__((vector_size(4 * VW), aligned(4), may_alias));

INLINE vf vset(float x)
{
    return x - (vf){ 0 };
}

INLINE vf vload(const float *p)
{
    return *(const vf_any *)p;
}

INLINE void vstore(float *p, vf v)
{
    *(vf_any *)p = v;
}

#if VEC256
INLINE __m256i first_lanes(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

/* The first n (1 .. VW) elements; the others read as 0. n above VW is VW. */
INLINE vf vload_n(const float *p, int64_t n)
{
    if (__builtin_expect(n >= VW, 1))
        return vload(p);
#if VEC512
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif VEC256
    return (vf)_mm256_maskload_ps(p, first_lanes(n));
#else
    vf v = { 0 };

    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
#endif
}

/* The same, or zeros where there is no array. */
INLINE vf vload_if(const float *p, int64_t at, int64_t n)
{
    return p != NULL ? vload_n(p + at, n) : (vf){ 0 };
}

INLINE void vstore_n(float *p, vf v, int64_t n)
{
    if (__builtin_expect(n >= VW, 1)) {
        vstore(p, v);
        return;
    }
#if VEC512
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif VEC256
    _mm256_maskstore_ps(p, first_lanes(n), (__m256)v);
#else
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
#endif
}

/* a * b + c, with one rounding where the instruction set has it. */
INLINE vf vfma(vf a, vf b, vf c)
{
#if VEC512
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VEC256
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* yes where the mask is -1, no where it is 0. */
INLINE vf vsel(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

/* A NaN in b comes out, one in a does not. */
INLINE vf vmax(vf a, vf b)
{
#if VEC512
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif VEC256
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif VEC128
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vsel(a > b, a, b);
#endif
}

INLINE vf vmin(vf a, vf b)
{
#if VEC512
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif VEC256
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif VEC128
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vsel(a < b, a, b);
#endif
}

INLINE vf vabs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}

INLINE float vsum(vf v)
{
    float t[VW], sum;

    vstore(t, v);
    for (int w = VW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            t[i] += t[i + w];
    sum = t[0];
    return sum;
}

INLINE float vtop(vf v)
{
    float t[VW];

    vstore(t, v);
    for (int w = VW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            t[i] = t[i] > t[i + w] ? t[i] : t[i + w];
    return t[0];
}

/* Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
#define VEC_ROUND 12582912.0f

/* 2^x = 2^n 2^r, n the nearest integer; the polynomial is a minimax fit of 2^r on [-1/2, 1/2],
 * relative error 1e-7. For finite x <= 0 and NaN: the exponents of a softmax. */
INLINE vf vexp2_neg(vf x)
{
#if VEC512
    vf n = (vf)_mm512_roundscale_ps((__m512)x, 8), r = x - n;
#else
    vf c = vmax(vset(-126.0f), x);
    vf shifted = c + VEC_ROUND, r = c - (shifted - VEC_ROUND);
#endif
    vf p = vfma(vset(1.3264723e-3f), r, vset(9.6715183e-3f));

    p = vfma(p, r, vset(5.5507338e-2f));
    p = vfma(p, r, vset(2.4022242e-1f));
    p = vfma(p, r, vset(6.9314698e-1f));
    p = vfma(p, r, vset(1.0f));
#if VEC512
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return vsel(x < -126.0f, vset(0.0f), (vf)((vi)p + ((vi)shifted << 23)));
#endif
}

/* e^x: log2(e) x is split in the integer part and a remainder that keeps x's own accuracy. */
INLINE vf vexp(vf x)
{
#if VEC512
    vf c = vmin(vset(200.0f), vmax(vset(-200.0f), x));
    vf n = (vf)_mm512_roundscale_ps((__m512)(c * 1.44269504f), 8), shifted = n;
#else
    vf c = vmin(vset(88.722835f), vmax(vset(-87.33654f), x));
    vf shifted = vfma(c, vset(1.44269504f), vset(VEC_ROUND)), n = shifted - VEC_ROUND;
#endif
    vf r = vfma(n, vset(-0.693359375f), c);
    vf p = vset(1.3814544e-3f);
    vf y;

    r = vfma(n, vset(2.12194440e-4f), r);
    p = vfma(p, r, vset(8.3687077e-3f));
    p = vfma(p, r, vset(4.1668388e-2f));
    p = vfma(p, r, vset(1.6666521e-1f));
    p = vfma(p, r, vset(4.9999993e-1f));
    p = vfma(p * r, r, r) + 1.0f;
#if VEC512
    y = (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
    (void)shifted;
    return y;
#else
    y = (vf)((vi)p + ((vi)shifted << 23));
    y = vsel(x < -87.33654f, vset(0.0f), y);
    return vsel(x > 88.722835f, vset(INFINITY), y);
#endif
}

INLINE vf vsigmoid(vf x)
{
    return 1.0f / (1.0f + vexp(-x));
}

/* erfc(|u|) = exp(-u^2) f(1 / (1 + |u| / 2)), f a polynomial fitted on 0 <= u <= 10. `gauss` is
 * exp(-u^2), which the caller may need too. */
INLINE vf verfc_abs(vf u, vf gauss)
{
    vf t = 1.0f / vfma(vset(0.5f), vabs(u), vset(1.0f));
    vf p = vset(-0.0590676439f);

    p = vfma(p, t, vset(0.284569347f));
    p = vfma(p, t, vset(-0.487189888f));
    p = vfma(p, t, vset(0.27805747f));
    p = vfma(p, t, vset(-0.0266201227f));
    p = vfma(p, t, vset(0.202684959f));
    p = vfma(p, t, vset(0.243104148f));
    p = vfma(p, t, vset(0.282375267f));
    p = vfma(p, t, vset(0.28208642f));
    return p * t * gauss;
}

/* (1 + erf(x / sqrt 2)) / 2, and exp(-x^2 / 2). */
INLINE vf vnormal_cdf(vf x, vf *gauss)
{
    vf half;

    *gauss = vexp(x * x * -0.5f);
    half = 0.5f * verfc_abs(x * 0.70710678f, *gauss);
    return vsel(x < 0.0f, half, 1.0f - half);
}

/* ---- bf16 ------------------------------------------------------------------------------------ */

INLINE vf vload_bf16(const uint16_t *p)
{
#if VEC512
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16);
#elif VEC256
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16);
#else
    vi v;

    for (int i = 0; i < VW; i++)
        v[i] = (int32_t)((uint32_t)p[i] << 16);
    return (vf)v;
#endif
}

/* The bits of bf16(v), nearest even, in the upper halves; NaN stays NaN. */
INLINE vi vround_bf16(vf v)
{
    vi u = (vi)v, odd = (u >> 16) & 1, nan = v != v;

    return ((u + 0x7fff + odd) & ~nan) | ((u | 0x400000) & nan);
}

INLINE void vstore_bf16(uint16_t *p, vf v)
{
    vi u = vround_bf16(v);
#if VEC512
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)u, 16)));
#elif VEC256
    __m256i h = _mm256_srli_epi32((__m256i)u, 16);

    h = _mm256_permute4x64_epi64(_mm256_packus_epi32(h, h), 0x08);
    _mm_storeu_si128((void *)p, _mm256_castsi256_si128(h));
#else
    for (int i = 0; i < VW; i++)
        p[i] = (uint16_t)((uint32_t)u[i] >> 16);
#endif
}

/* Writes n (<= VW counts) elements of v at dst[i] as F32 or BF16. */
INLINE void vput(void *dst, ds_dtype type, int64_t i, vf v, int64_t n)
{
    if (type != DS_DTYPE_BF16) {
        vstore_n((float *)dst + i, v, n);
    } else if (n >= VW) {
        vstore_bf16((uint16_t *)dst + i, v);
    } else {
        uint16_t t[VW];

        vstore_bf16(t, v);
        memcpy((uint16_t *)dst + i, t, (size_t)n * 2);
    }
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* for (i = 0; i < count; i += VW), w = count - i elements being left at least up to VW; in parallel
 * over chunks of fixed size. The body must only touch elements i .. i + VW - 1. */
enum { SWEEP_CHUNK = 16384 };

#define SWEEP_(x) _Pragma(#x)
#define SWEEP(i, w, count)                                                                         \
    SWEEP_(omp parallel for schedule(static) if (count > 2 * SWEEP_CHUNK))                         \
    for (int64_t i##_base = 0; i##_base < count; i##_base += SWEEP_CHUNK)                          \
        for (int64_t i = i##_base,                                                                 \
                     i##_end = i##_base + SWEEP_CHUNK < count ? i##_base + SWEEP_CHUNK : count, w; \
             w = i##_end - i, i < i##_end; i += VW)

INLINE int64_t ds__min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
