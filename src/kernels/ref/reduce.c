/* reduce.c - sums and losses: the specification. */

#include "kernels/part.h"

#include <math.h>

double ds__sum_ref(const float *x, int64_t count)
{
    double sum = 0.0;

    for (int64_t i = 0; i < count; i++)
        sum += x[i];
    return sum;
}

double ds__dot_ref(const float *a, const float *b, int64_t count)
{
    double sum = 0.0;

    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

double ds__sum_sq_diff_ref(const float *a, const float *b, int64_t count)
{
    double sum = 0.0;

    for (int64_t i = 0; i < count; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

double ds__sum_abs_diff_ref(const float *a, const float *b, int64_t count)
{
    double sum = 0.0;

    for (int64_t i = 0; i < count; i++)
        sum += fabs((double)a[i] - b[i]);
    return sum;
}

void ds__sq_diff_adj_ref(float *da, const float *a, const float *b, float g, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        da[i] += (float)(2.0 * g * ((double)a[i] - b[i]));
}

void ds__abs_diff_adj_ref(float *da, const float *a, const float *b, float g, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        da[i] += a[i] > b[i] ? g : a[i] < b[i] ? -g : 0.0f;
}
