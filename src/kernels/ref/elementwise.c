/* elementwise.c - sums, products, conversions: the specification. */

#include "kernels/part.h"
#include "kernels/ref/put.h"

#define EACH for (int64_t i = 0; i < count; i++)

void ds__add_ref(float *dst, const float *a, const float *b, int64_t count)
{
    EACH dst[i] = a[i] + b[i];
}

void ds__sub_ref(float *dst, const float *a, const float *b, int64_t count)
{
    EACH dst[i] = a[i] - b[i];
}

void ds__mul_ref(float *dst, const float *a, const float *b, int64_t count)
{
    EACH dst[i] = a[i] * b[i];
}

void ds__mul_add_ref(float *dst, const float *a, const float *b, int64_t count)
{
    EACH dst[i] = (float)(dst[i] + (double)a[i] * b[i]);
}

void ds__scale_ref(float *dst, const float *x, float a, int64_t count)
{
    EACH dst[i] = a * x[i];
}

void ds__axpy_ref(float *dst, const float *x, float a, int64_t count)
{
    EACH dst[i] = (float)(dst[i] + (double)a * x[i]);
}

void ds__axpby_ref(float *dst, const float *x, float a, const float *y, float b, int64_t count)
{
    EACH dst[i] = (float)((double)a * x[i] + (double)b * y[i]);
}

void ds__fill_ref(float *dst, float value, int64_t count)
{
    EACH dst[i] = value;
}

void ds__add_rows_ref(float *dst, const float *x, const float *t, int64_t n, int64_t s, int64_t c)
{
    for (int64_t r = 0; r < n * s; r++)
        for (int64_t i = 0; i < c; i++)
            dst[r * c + i] = x[r * c + i] + t[r / s * c + i];
}

void ds__sum_rows_ref(float *dt, const float *dy, int64_t n, int64_t s, int64_t c)
{
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < c; i++) {
            double sum = 0.0;

            for (int64_t r = 0; r < s; r++)
                sum += dy[(b * s + r) * c + i];
            dt[b * c + i] += (float)sum;
        }
}

void ds__to_bf16_ref(void *dst, const float *x, int64_t count)
{
    EACH put(dst, DS_DTYPE_BF16, i, x[i]);
}

void ds__from_bf16_ref(float *dst, const void *x, int64_t count)
{
    EACH dst[i] = get(x, DS_DTYPE_BF16, i);
}
