/* act.c - activations, vectorised; the formulas stand in ref/act.c. */

#include "kernels/simd/vec.h"

#define QUICK 1.702f

INLINE vf gelu(vf x)
{
    vf gauss;

    return x * vnormal_cdf(x, &gauss);
}

/* P + x exp(-x^2 / 2) / sqrt(2 pi), and P itself. */
INLINE vf gelu_slope(vf x, vf *cdf)
{
    vf gauss;

    *cdf = vnormal_cdf(x, &gauss);
    return vfma(x * 0.39894228f, gauss, *cdf);
}

INLINE vf sigmoid_slope(vf x, vf k)
{
    vf s = vsigmoid(k * x);

    return s * vfma(k * x, 1.0f - s, vset(1.0f));
}

void DS_FN(act)(ds_act kind, void *dst, ds_dtype type, const float *x, int64_t count)
{
    switch (kind) {
    case DS_ACT_SILU:
        SWEEP(i, w, count)
        {
            vf v = vload_n(x + i, w);

            vput(dst, type, i, v * vsigmoid(v), w);
        }
        break;
    case DS_ACT_GELU:
        SWEEP(i, w, count)
        {
            vput(dst, type, i, gelu(vload_n(x + i, w)), w);
        }
        break;
    case DS_ACT_QUICK_GELU:
        SWEEP(i, w, count)
        {
            vf v = vload_n(x + i, w);

            vput(dst, type, i, v * vsigmoid(v * QUICK), w);
        }
        break;
    }
}

void DS_FN(act_adj)(ds_act kind, float *dx, const float *add, const float *dy, const float *x,
                    int64_t count)
{
    SWEEP(i, w, count)
    {
        vf v = vload_n(x + i, w), slope, cdf;

        if (kind == DS_ACT_GELU)
            slope = gelu_slope(v, &cdf);
        else
            slope = sigmoid_slope(v, vset(kind == DS_ACT_SILU ? 1.0f : QUICK));
        vstore_n(dx + i, vfma(slope, vload_n(dy + i, w), vload_if(add, i, w)), w);
    }
}

void DS_FN(geglu)(void *dst, ds_dtype type, const float *x, int64_t rows, int64_t c)
{
#pragma omp parallel for schedule(static) if (rows * c > SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < c; i += VW) {
            const float *h = x + 2 * r * c + i;

            vput(dst, type, r * c + i, vload_n(h, c - i) * gelu(vload_n(h + c, c - i)), c - i);
        }
}

void DS_FN(geglu_adj)(float *dx, const float *add, const float *dy, const float *x, int64_t rows,
                      int64_t c)
{
#pragma omp parallel for schedule(static) if (rows * c > SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < c; i += VW) {
            const int64_t at = 2 * r * c + i, w = c - i;
            const float *h = x + at;
            vf g = vload_n(h + c, w), d = vload_n(dy + r * c + i, w), cdf;
            vf slope = gelu_slope(g, &cdf);

            vstore_n(dx + at, vfma(d, g * cdf, vload_if(add, at, w)), w);
            vstore_n(dx + at + c, vfma(d * vload_n(h, w), slope, vload_if(add, at + c, w)), w);
        }
}
