/* act.c - activations: the specification. */

#include "kernels/part.h"
#include "kernels/ref/put.h"

#include <math.h>

/* Value and derivative:
 *   silu        x s,  s (1 + x (1 - s))                    with s = 1 / (1 + exp(-x))
 *   quick_gelu  x s,  s (1 + k x (1 - s))                  with s = 1 / (1 + exp(-k x)), k = 1.702
 *   gelu        x P,  P + x exp(-x^2 / 2) / sqrt(2 pi)     with P = (1 + erf(x / sqrt 2)) / 2 */
static double value(ds_act kind, double x, double *derivative)
{
    const double k = kind == DS_ACT_QUICK_GELU ? 1.702 : 1.0;
    double s;

    if (kind == DS_ACT_GELU) {
        s = 0.5 * erfc(-x * M_SQRT1_2);
        *derivative = s + x * exp(-0.5 * x * x) * (0.5 * M_SQRT1_2 * M_2_SQRTPI);
        return x * s;
    }
    s = 1.0 / (1.0 + exp(-k * x));
    *derivative = s * (1.0 + k * x * (1.0 - s));
    return x * s;
}

void ds__act_ref(ds_act kind, void *dst, ds_dtype type, const float *x, int64_t count)
{
    double d;

    for (int64_t i = 0; i < count; i++)
        put(dst, type, i, (float)value(kind, x[i], &d));
}

void ds__act_adj_ref(ds_act kind, float *dx, const float *add, const float *dy, const float *x,
                     int64_t count)
{
    double d;

    for (int64_t i = 0; i < count; i++) {
        value(kind, x[i], &d);
        dx[i] = (add ? add[i] : 0.0f) + (float)(d * dy[i]);
    }
}

void ds__geglu_ref(void *dst, ds_dtype type, const float *x, int64_t rows, int64_t c)
{
    double d;

    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < c; i++)
            put(dst, type, r * c + i,
                (float)(x[2 * r * c + i] * value(DS_ACT_GELU, x[(2 * r + 1) * c + i], &d)));
}

void ds__geglu_adj_ref(float *dx, const float *add, const float *dy, const float *x, int64_t rows,
                       int64_t c)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < c; i++) {
            const int64_t h = 2 * r * c + i, g = h + c;
            double d, y = value(DS_ACT_GELU, x[g], &d);

            dx[h] = (add ? add[h] : 0.0f) + (float)(dy[r * c + i] * y);
            dx[g] = (add ? add[g] : 0.0f) + (float)(dy[r * c + i] * x[h] * d);
        }
}
