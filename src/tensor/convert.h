/* convert.h - single elements between float32 and the short floats. */

#ifndef DS_TENSOR_CONVERT_H
#define DS_TENSOR_CONVERT_H

#include <diffuscope/tensor.h>

#include <string.h>

static inline uint32_t ds__f32_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, 4);
    return u;
}

static inline float ds__bits_f32(uint32_t u)
{
    float f;

    memcpy(&f, &u, 4);
    return f;
}

static inline float ds__bf16_to_f32(uint16_t h)
{
    return ds__bits_f32((uint32_t)h << 16);
}

static inline uint16_t ds__f32_to_bf16(float f)
{
    uint32_t u = ds__f32_bits(f);

    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40); /* NaN stays NaN */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float ds__f16_to_f32(uint16_t h);
uint16_t ds__f32_to_f16(float f); /* nearest even; overflow gives infinity */

/* The index of a tensor's first element that is NaN or infinite; -1 if none is. */
int64_t ds__tensor_not_finite(const ds_tensor *t);

#endif
