/* put.h - reads and writes one element of F32 or BF16. */

#ifndef DS_KERNELS_REF_PUT_H
#define DS_KERNELS_REF_PUT_H

#include "tensor/convert.h"

static inline void put(void *dst, ds_dtype type, int64_t i, float v)
{
    if (type == DS_DTYPE_BF16)
        ((uint16_t *)dst)[i] = ds__f32_to_bf16(v);
    else
        ((float *)dst)[i] = v;
}

static inline float get(const void *src, ds_dtype type, int64_t i)
{
    if (type == DS_DTYPE_BF16)
        return ds__bf16_to_f32(((const uint16_t *)src)[i]);
    return ((const float *)src)[i];
}

#endif
