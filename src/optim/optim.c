/* optim.c - see optim.h. */

#include "optim/optim.h"

#include "kernels/simd.h"

#include <math.h>

/* The factors are rounded to float32 once, as PyTorch does with Python's numbers. */
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

/* Room for `count` floats, such that what follows is aligned. */
static size_t bytes_of(int64_t count)
{
    return ((size_t)count * sizeof(float) + 63) & ~(size_t)63;
}

/* u, its transpose if it is tall, and what the kernel needs. */
size_t ds__muon_work(int64_t rows, int64_t cols)
{
    const bool tall = rows > cols;

    return bytes_of(rows * cols) * (tall ? 2 : 1) +
           ds__simd()->polar_work(tall ? cols : rows, tall ? rows : cols);
}

void ds__muon_step(float *param, float *m, const float *grad, int64_t rows, int64_t cols,
                   const ds_muon *o, float factor, void *work)
{
    const int64_t count = rows * cols;
    const float keep = (float)(1.0 - o->rate * o->decay);
    const float size = (float)(o->rate * o->scale * sqrt((double)(rows > cols ? rows : cols)));
    const float b = (float)o->momentum, c = (float)(1.0 - o->momentum);
    const ds_simd *simd = ds__simd();
    float *u = work, *wide = (float *)((char *)work + bytes_of(count));
    void *rest = (char *)work + bytes_of(count) * (rows > cols ? 2 : 1);

#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float g = factor * grad[i];

        m[i] = b * m[i] + c * g;
        u[i] = b * m[i] + c * g;
    }
    if (rows > cols) {
        simd->nchw_to_nhwc(wide, u, 1, rows, cols);
        simd->polar(wide, wide, cols, rows, rest);
        simd->nchw_to_nhwc(u, wide, 1, cols, rows);
    } else {
        simd->polar(u, u, rows, cols, rest);
    }
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        param[i] = keep * param[i] - size * u[i];
}

double ds__sum_squares(const float *x, int64_t count)
{
    return ds__simd()->dot(x, x, count);
}

double ds__dot(const float *a, const float *b, int64_t count)
{
    return ds__simd()->dot(a, b, count);
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
