/* optim.c - see optim.h. */

#include "ops/optim.h"

#include "kernels/simd.h"

#include <math.h>

/* The factors are rounded to float32 once, as PyTorch does with Python's numbers.                    */
void ds__adamw_step(float *param, float *m, float *v, const float *grad, int64_t count,
                    const ds_adamw *o, int64_t step, float factor)
{
    double correction1 = 1.0 - pow(o->beta1, (double)step);
    double correction2 = 1.0 - pow(o->beta2, (double)step);
    const float keep = (float)(1.0 - o->rate * o->decay), eps = (float)o->eps;
    const float b1 = (float)o->beta1, c1 = (float)(1.0 - o->beta1);
    const float b2 = (float)o->beta2, c2 = (float)(1.0 - o->beta2);
    const float root = (float)sqrt(correction2), size = (float)(o->rate / correction1);

#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < count; i++) {
        float g = factor * grad[i];

        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        param[i] = keep * param[i] - size * (m[i] / (sqrtf(v[i]) / root + eps));
    }
}

double ds__sum_squares(const float *x, int64_t count)
{
    return ds__simd()->dot(x, x, count);
}

float ds__clip_factor(double norm, double most)
{
    double factor = most / (norm + 1e-6);

    return most > 0.0 && factor < 1.0 ? (float)factor : 1.0f;
}

void ds__ema_step(float *average, const float *param, int64_t count, double decay)
{
    const float rest = (float)(1.0 - decay);

#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < count; i++)
        average[i] += rest * (param[i] - average[i]);
}

double ds__cosine_rate(int64_t step, int64_t warmup, int64_t total, double floor)
{
    const double pi = 3.14159265358979323846;
    double done;

    if (step < warmup)
        return (double)step / (double)warmup;
    done = total > warmup ? (double)(step - warmup) / (double)(total - warmup) : 1.0;
    return floor + (1.0 - floor) * 0.5 * (1.0 + cos(pi * fmin(done, 1.0)));
}
