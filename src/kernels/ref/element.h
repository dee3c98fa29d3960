/* element.h - one element of an operand, for the plain C kernels. */

#ifndef DS_KERNELS_REF_ELEMENT_H
#define DS_KERNELS_REF_ELEMENT_H

#include "tensor/convert.h"

static inline double ds__ref_get(const void *p, ds_dtype t, int64_t i)
{
    return t == DS_DTYPE_F32 ? ((const float *)p)[i] : ds__bf16_to_f32(((const uint16_t *)p)[i]);
}

/* dst[i] = v (+ add[i]); the sum is rounded once. */
static inline void ds__ref_put(void *p, ds_dtype t, int64_t i, double v, const float *add)
{
    if (add != NULL)
        v += add[i];
    if (t == DS_DTYPE_F32)
        ((float *)p)[i] = (float)v;
    else
        ((uint16_t *)p)[i] = ds__f32_to_bf16((float)v);
}

#endif
