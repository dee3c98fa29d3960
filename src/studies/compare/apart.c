/* apart.c - see compare.h. */

#include "studies/compare/compare.h"

#include <math.h>

double ds__rms_apart(const float *x, const float *y, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    return n > 0 ? sqrt(sum / (double)n) : 0.0;
}

double ds__relative_apart(const float *x, const float *y, int64_t n)
{
    double all = 0.0;

    for (int64_t i = 0; i < n; i++)
        all += ((double)x[i] * x[i] + (double)y[i] * y[i]) / 2.0;
    return all > 0.0 ? ds__rms_apart(x, y, n) / sqrt(all / (double)n) : 0.0;
}

static double least(const float *x, int64_t n, double *sum)
{
    double low = n > 0 ? (double)x[0] : 0.0;

    for (int64_t i = 1; i < n; i++)
        low = fmin(low, (double)x[i]);
    *sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        *sum += (double)x[i] - low;
    return low;
}

double ds__shared_mass(const float *x, const float *y, int64_t n)
{
    double of_x, of_y, shared = 0.0;
    const double low_x = least(x, n, &of_x), low_y = least(y, n, &of_y);

    if (!(of_x > 0.0 && of_y > 0.0))
        return NAN;
    for (int64_t i = 0; i < n; i++)
        shared += fmin(((double)x[i] - low_x) / of_x, ((double)y[i] - low_y) / of_y);
    return shared;
}

void ds__difference_map(float *out, const float *x, const float *y, int64_t pixels)
{
    for (int64_t i = 0; i < pixels; i++) {
        float sum = 0.0f;

        for (int c = 0; c < 3; c++)
            sum += fabsf(x[c * pixels + i] - y[c * pixels + i]);
        out[i] = sum / 3.0f;
    }
}
