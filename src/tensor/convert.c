/* convert.c - between element types.
 *
 * float16 is IEEE binary16 (subnormals, infinities and NaN kept); bfloat16 is the upper half of a
 * float32. Shortening rounds to nearest, ties to even, as PyTorch does. */

#include "tensor/convert.h"

#include <math.h>
#include <string.h>

float ds__f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = h >> 10 & 0x1f;
    uint32_t mantissa = h & 0x3ff;
    uint32_t bits;

    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | mantissa << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    } else { /* zero or subnormal: mantissa * 2^-24, exact in float32 */
        float f = (float)mantissa * 0x1p-24f;

        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    return ds__bits_f32(bits);
}

uint16_t ds__f32_to_f16(float f)
{
    uint32_t x = ds__f32_bits(f);
    uint16_t sign = (uint16_t)(x >> 16 & 0x8000u);
    uint32_t a = x & 0x7fffffffu;

    if (a > 0x7f800000u)
        return sign | 0x7e00u; /* NaN */
    if (a >= 0x477ff000u)
        return sign | 0x7c00u; /* rounds to 2^16 or more: infinity */
    if (a < 0x38800000u) {     /* below 2^-14: let the FPU round to multiples of 2^-24 */
        float m = ds__bits_f32(a) * 0x1p24f;
        uint32_t q = (uint32_t)m;
        float rest = m - (float)q;

        q += rest > 0.5f || (rest == 0.5f && (q & 1));
        return sign | (uint16_t)q;
    }
    a += 0xfff + (a >> 13 & 1);
    return sign | (uint16_t)((a - 0x38000000u) >> 13);
}

/* E4M3: sign, 4 bits of exponent with bias 7, 3 of mantissa; all ones is NaN (arXiv 2209.05433,
 * section 3.1). Every value is a float32. */
static float e4m3_to_f32(uint8_t v)
{
    int e = v >> 3 & 15, m = v & 7;
    float f =
        e == 0 ? (float)m * 0x1p-9f : ds__bits_f32((uint32_t)(e + 120) << 23 | (uint32_t)m << 20);

    if (e == 15 && m == 7)
        f = NAN;
    return v & 0x80 ? -f : f;
}

/* To nearest even by adding 2^k, whose last place is the step of the numbers near f. */
static uint8_t f32_to_e4m3(float f)
{
    uint8_t sign = ds__f32_bits(f) >> 31 ? 0x80 : 0;
    float a = fabsf(f), step;
    int e;

    if (!(a <= 464.0f)) /* halfway to the number that 448's successor would be; NaN */
        return sign | 0x7f;
    frexpf(a, &e); /* a < 2^e */
    e = e < -5 ? -5 : e;
    step = ldexpf(1.0f, e - 4);
    a = rintf(a / step) * step;
    if (a > 448.0f)
        a = 448.0f; /* 464 itself ties to even, which is 448 */
    if (a < 0x1p-6f)
        return sign | (uint8_t)(a * 0x1p9f);
    return sign | (uint8_t)((ds__f32_bits(a) >> 20) - (120 << 3));
}

/* Twice rounded numbers would not be to nearest: the float32 goes to 8 bits in one step. */
static uint8_t f32_to_e5m2(float f)
{
    uint32_t u = ds__f32_bits(f), sign = u >> 24 & 0x80;
    float a = fabsf(f), step;
    int e;

    if (isnan(f))
        return (uint8_t)(sign | 0x7f);
    if (a >= 61440.0f) /* halfway from 57344 to 65536 */
        return (uint8_t)(sign | 0x7c);
    frexpf(a, &e);
    e = e < -13 ? -13 : e;
    step = ldexpf(1.0f, e - 3);
    return (uint8_t)(sign | ds__f32_to_f16(rintf(a / step) * step) >> 8);
}

static double load(const void *src, ds_dtype t, int64_t i)
{
    switch (t) {
    case DS_DTYPE_F32:
        return ((const float *)src)[i];
    case DS_DTYPE_F16:
        return ds__f16_to_f32(((const uint16_t *)src)[i]);
    case DS_DTYPE_BF16:
        return ds__bf16_to_f32(((const uint16_t *)src)[i]);
    case DS_DTYPE_I64:
        return (double)((const int64_t *)src)[i];
    case DS_DTYPE_I32:
        return ((const int32_t *)src)[i];
    case DS_DTYPE_F64:
        return ((const double *)src)[i];
    case DS_DTYPE_U8:
    case DS_DTYPE_BOOL:
        return ((const uint8_t *)src)[i];
    case DS_DTYPE_F8_E4M3:
        return e4m3_to_f32(((const uint8_t *)src)[i]);
    case DS_DTYPE_F8_E5M2:
        return ds__f16_to_f32((uint16_t)(((const uint8_t *)src)[i] << 8));
    }
    return 0.0;
}

static void store(void *dst, ds_dtype t, int64_t i, double v)
{
    switch (t) {
    case DS_DTYPE_F32:
        ((float *)dst)[i] = (float)v;
        break;
    case DS_DTYPE_F16:
        ((uint16_t *)dst)[i] = ds__f32_to_f16((float)v);
        break;
    case DS_DTYPE_BF16:
        ((uint16_t *)dst)[i] = ds__f32_to_bf16((float)v);
        break;
    case DS_DTYPE_I64:
        ((int64_t *)dst)[i] = (int64_t)v;
        break;
    case DS_DTYPE_I32:
        ((int32_t *)dst)[i] = (int32_t)v;
        break;
    case DS_DTYPE_F64:
        ((double *)dst)[i] = v;
        break;
    case DS_DTYPE_U8:
        ((uint8_t *)dst)[i] = (uint8_t)v;
        break;
    case DS_DTYPE_BOOL:
        ((uint8_t *)dst)[i] = v != 0.0;
        break;
    case DS_DTYPE_F8_E4M3:
        ((uint8_t *)dst)[i] = f32_to_e4m3((float)v);
        break;
    case DS_DTYPE_F8_E5M2:
        ((uint8_t *)dst)[i] = f32_to_e5m2((float)v);
        break;
    }
}

/* Without branches, so that it vectorises: exponent and mantissa moved to float32's places give a
 * number 2^112 too small, subnormal or not; 2^16 and above stands for infinity and NaN. */
static void f16_to_f32(float *dst, const uint16_t *src, int64_t n)
{
#pragma omp parallel for simd if (parallel : n > 65536) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        uint32_t magnitude = (uint32_t)(src[i] & 0x7fff) << 13;
        float f = ds__bits_f32(magnitude) * 0x1p112f;
        uint32_t special = f >= 65536.0f ? 0x7f800000u : 0;

        dst[i] = ds__bits_f32(ds__f32_bits(f) | special | (uint32_t)(src[i] & 0x8000) << 16);
    }
}

static void bf16_to_f32(float *dst, const uint16_t *src, int64_t n)
{
#pragma omp parallel for if (n > 65536) schedule(static)
    for (int64_t i = 0; i < n; i++)
        dst[i] = ds__bf16_to_f32(src[i]);
}

static void f32_to_f16(uint16_t *dst, const float *src, int64_t n)
{
#pragma omp parallel for if (n > 65536) schedule(static)
    for (int64_t i = 0; i < n; i++)
        dst[i] = ds__f32_to_f16(src[i]);
}

static void f32_to_bf16(uint16_t *dst, const float *src, int64_t n)
{
#pragma omp parallel for if (n > 65536) schedule(static)
    for (int64_t i = 0; i < n; i++)
        dst[i] = ds__f32_to_bf16(src[i]);
}

static void f8_to_f32(float *dst, const uint8_t *src, ds_dtype from, int64_t n)
{
    float table[256];

    for (int i = 0; i < 256; i++)
        table[i] =
            from == DS_DTYPE_F8_E4M3 ? e4m3_to_f32((uint8_t)i) : ds__f16_to_f32((uint16_t)(i << 8));
#pragma omp parallel for if (n > 65536) schedule(static)
    for (int64_t i = 0; i < n; i++)
        dst[i] = table[src[i]];
}

void ds_convert(void *dst, ds_dtype to, const void *src, ds_dtype from, int64_t n)
{
    if (to == from)
        memcpy(dst, src, (size_t)n * ds_dtype_size(to));
    else if (from == DS_DTYPE_F16 && to == DS_DTYPE_F32)
        f16_to_f32(dst, src, n);
    else if (from == DS_DTYPE_BF16 && to == DS_DTYPE_F32)
        bf16_to_f32(dst, src, n);
    else if ((from == DS_DTYPE_F8_E4M3 || from == DS_DTYPE_F8_E5M2) && to == DS_DTYPE_F32)
        f8_to_f32(dst, src, from, n);
    else if (from == DS_DTYPE_F32 && to == DS_DTYPE_BF16)
        f32_to_bf16(dst, src, n);
    else if (from == DS_DTYPE_F32 && to == DS_DTYPE_F16)
        f32_to_f16(dst, src, n);
    else
        for (int64_t i = 0; i < n; i++)
            store(dst, to, i, load(src, from, i));
}

int64_t ds__tensor_not_finite(const ds_tensor *t)
{
    const int64_t count = ds_tensor_count(t), block = 1024;
    const size_t size = ds_dtype_size(t->dtype);
    double values[1024];

    for (int64_t first = 0; first < count; first += block) {
        const int64_t n = count - first < block ? count - first : block;

        ds_convert(values, DS_DTYPE_F64, (const char *)t->data + (size_t)first * size, t->dtype, n);
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(values[i]))
                return first + i;
    }
    return -1;
}
