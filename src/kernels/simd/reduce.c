/* reduce.c - sums and losses, vectorised.
 *
 * A sum is taken in float32 over runs of RUN elements, and the runs' sums are added in double, in
 * order: the number of partial sums depends on the length alone. */

#include "kernels/simd/vec.h"

enum { RUN = 64 * VW, PARTS = 64 };

typedef enum kind { SUM, DOT, SQ_DIFF, ABS_DIFF } kind;

INLINE vf term(kind k, vf a, vf b, vf sum)
{
    switch (k) {
    case SUM:
        return sum + a;
    case DOT:
        return vfma(a, b, sum);
    case SQ_DIFF:
        return vfma(a - b, a - b, sum);
    default:
        return sum + vabs(a - b);
    }
}

INLINE double run_sum(kind k, const float *a, const float *b, int64_t count)
{
    vf s[2] = { { 0 }, { 0 } };
    int64_t i = 0;

    for (; i + 2 * VW <= count; i += 2 * VW) {
        s[0] = term(k, vload(a + i), vload(b + i), s[0]);
        s[1] = term(k, vload(a + i + VW), vload(b + i + VW), s[1]);
    }
    for (; i < count; i += VW)
        s[0] = term(k, vload_n(a + i, count - i), vload_n(b + i, count - i), s[0]);
    return vsum(s[0] + s[1]);
}

INLINE double total(kind k, const float *a, const float *b, int64_t count)
{
    const int64_t runs = (count + RUN - 1) / RUN, per = (runs + PARTS - 1) / PARTS;
    double part[PARTS] = { 0 }, sum = 0.0;

#pragma omp parallel for schedule(static) if (count > 2 * SWEEP_CHUNK)
    for (int64_t p = 0; p < PARTS; p++)
        for (int64_t r = p * per; r < ds__min((p + 1) * per, runs); r++)
            part[p] += run_sum(k, a + r * RUN, b + r * RUN, ds__min(RUN, count - r * RUN));
    for (int64_t p = 0; p < PARTS; p++)
        sum += part[p];
    return sum;
}

double DS_FN(sum)(const float *x, int64_t count)
{
    return total(SUM, x, x, count);
}

double DS_FN(dot)(const float *a, const float *b, int64_t count)
{
    return total(DOT, a, b, count);
}

double DS_FN(sum_sq_diff)(const float *a, const float *b, int64_t count)
{
    return total(SQ_DIFF, a, b, count);
}

double DS_FN(sum_abs_diff)(const float *a, const float *b, int64_t count)
{
    return total(ABS_DIFF, a, b, count);
}

void DS_FN(sq_diff_adj)(float *da, const float *a, const float *b, float g, int64_t count)
{
    SWEEP(i, w, count)
    {
        vf d = vload_n(a + i, w) - vload_n(b + i, w);

        vstore_n(da + i, vfma(d, vset(2.0f * g), vload_n(da + i, w)), w);
    }
}

void DS_FN(abs_diff_adj)(float *da, const float *a, const float *b, float g, int64_t count)
{
    SWEEP(i, w, count)
    {
        vf x = vload_n(a + i, w), y = vload_n(b + i, w), s = vset(g);

        s = vsel(x > y, s, vsel(x < y, -s, vset(0.0f)));
        vstore_n(da + i, vload_n(da + i, w) + s, w);
    }
}
