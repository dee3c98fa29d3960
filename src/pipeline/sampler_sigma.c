/* sampler_sigma.c - samplers written in noise levels sigma (T. Karras et al., "Elucidating the
 * design space of diffusion-based generative models", arXiv:2206.00364, and K. Crowson's
 * k-diffusion): euler, euler_a, heun, lms, dpm2, dpm2_a.
 *
 * x = clean + sigma noise. The network sees x / sqrt(sigma^2 + 1). The probability flow is
 * dx/dsigma = (x - x0) / sigma. Scalars are float32 as in diffusers. */

#include "pipeline/sampler_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* sigma[0 .. steps] and time[0 .. steps-1], from noisy to clean, the last sigma being 0. */
static ds_status levels(ds_sampler *s, float *sigma, float *time, ds_error *err)
{
    int n = ds__timesteps(time, &s->config, s->steps, false);
    double *level = ds_calloc((size_t)n, sizeof *level);

    if (level == NULL)
        return ds_fail(err, DS_E_NOMEM, "sampler: %d levels", n);
    for (int i = 0; i < n; i++)
        level[i] = ds__sigma_at(&s->schedule, time[i]);
    if (s->config.karras || s->config.exponential) {
        (s->config.karras ? ds__karras : ds__exponential)(level, n, level[0], level[n - 1]);
        for (int i = 0; i < n; i++) {
            double t = ds__time_of(&s->schedule, level[i]);

            time[i] = (float)(s->config.karras && s->class->calls_per_step == 2 &&
                                      s->class->kind != DS_HEUN
                                  ? rint(t)
                                  : t);
        }
    }
    for (int i = 0; i < n; i++)
        sigma[i] = (float)level[i];
    sigma[n] = s->config.final_zero ? 0.0f : s->schedule.sigma[0];
    s->steps = n;
    s->init_sigma = sigma[0];
    if (s->config.spacing == DS_LEADING)
        s->init_sigma = sqrtf(sigma[0] * sigma[0] + 1.0f);
    ds_free(level);
    return DS_OK;
}

ds_status ds__plan_sigma(ds_sampler *s, ds_error *err)
{
    ds_status st = ds__sampler_arrays(s, s->steps, s->steps + 1, err);

    if (st == DS_OK)
        st = levels(s, s->sigma, s->timestep, err);
    s->count = s->steps;
    s->sigma_count = s->steps + 1;
    return st;
}

/* Two calls per step, the second at the end of the step; none after the last, which ends at 0.
 *   time   t0 t1 t1 t2 t2 ...     sigma  s0 s1 s1 s2 s2 ... 0 */
ds_status ds__plan_heun(ds_sampler *s, ds_error *err)
{
    ds_status st = ds__sampler_arrays(s, 2 * s->steps - 1, 2 * s->steps, err);

    if (st == DS_OK)
        st = levels(s, s->sigma, s->timestep, err);
    if (st != DS_OK)
        return st;
    s->count = 2 * s->steps - 1;
    s->sigma_count = 2 * s->steps;
    s->sigma[2 * s->steps - 1] = 0.0f;
    for (int i = s->steps - 1; i > 0; i--) {
        s->sigma[2 * i] = s->sigma[2 * i - 1] = s->sigma[i];
        s->timestep[2 * i] = s->timestep[2 * i - 1] = s->timestep[i];
    }
    return DS_OK;
}

/* time_of in float32, as KDPM2 does it in PyTorch. */
static float time_of_float(const ds_schedule *g, float sigma)
{
    float log_sigma = logf(sigma), w;
    int low = 0;

    for (int i = 0; i < g->count; i++)
        if (log_sigma >= g->log_sigma[i])
            low = i;
    if (low > g->count - 2)
        low = g->count - 2;
    w = (g->log_sigma[low] - log_sigma) / (g->log_sigma[low] - g->log_sigma[low + 1]);
    w = fminf(fmaxf(w, 0.0f), 1.0f);
    return (1.0f - w) * (float)low + w * (float)(low + 1);
}

/* Where an ancestral step from sigma to `to` goes before noise of level *up brings it back. */
static float ancestral(float sigma, float to, float *up)
{
    *up = sqrtf(to * to * (sigma * sigma - to * to) / (sigma * sigma));
    return sqrtf(to * to - *up * *up);
}

/* Two calls per step, the second at the geometric mean m of the step's ends; for dpm2_a, of its
 * beginning and of where it goes before it draws.
 *   time   t0 t(m1) t1 t(m2) t2 ...     sigma  s0 s1 s1 s2 s2 ... 0 0 0     level  s0 m1 s1 m2 s2
 * The surplus zeros are diffusers'. */
ds_status ds__plan_dpm2(ds_sampler *s, ds_error *err)
{
    int steps = s->steps;
    ds_status st = ds__sampler_arrays(s, 2 * steps - 1, 2 * steps + 2, err);
    float *level;

    if (st == DS_OK)
        st = levels(s, s->sigma, s->timestep, err);
    if (st != DS_OK)
        return st;
    steps = s->steps;
    s->count = 2 * steps - 1;
    s->level = level = s->sigma + s->sigma_count;
    s->sigma_count = 2 * steps + 2;
    for (int i = 2 * steps - 1; i < s->sigma_count; i++)
        s->sigma[i] = 0.0f;
    for (int i = steps - 1; i > 0; i--) {
        float end = s->sigma[i], up;
        float below, above = logf(s->sigma[i - 1]), middle;

        if (s->class->kind == DS_DPM2_A)
            end = ancestral(s->sigma[i - 1], end, &up);
        below = logf(end);
        middle = ds__torch_exp(above - (above - below) * 0.5f);
        level[2 * i] = s->sigma[i];
        level[2 * i - 1] = middle;
        s->timestep[2 * i] = s->timestep[i];
        s->timestep[2 * i - 1] = time_of_float(&s->schedule, middle);
    }
    level[0] = s->sigma[0];
    for (int i = steps - 1; i > 0; i--)
        s->sigma[2 * i] = s->sigma[2 * i - 1] = s->sigma[i];
    return DS_OK;
}

/* heun, dpm2 and dpm2_a go the whole step (or half of it and half) along the slope (x - x0) / m that they find at
 * a lower level m. If x0 is another one there, by about 1 / m while nearly all is noise and at most by the data's
 * deviation of 1, the step is off by
 *   length / m min(1, 1/m)
 * which for a first level of 20,000 (a cosine schedule) is far above the level where the step ends. */
void ds__check_first_step(ds_sampler *s)
{
    const double limit = 0.25; /* of the level at the end; 0.27 and more was seen in the picture */
    double from, end, m, length, off;

    if (s->class->calls_per_step != 2 || s->first > 0 || s->count < 3)
        return;
    from = (double)s->sigma[0];
    end = (double)s->sigma[1];
    m = (double)s->level[1];
    length = from - end;
    if (s->class->kind == DS_DPM2_A) {
        float up;

        length = from - (double)ancestral(s->sigma[0], s->sigma[1], &up);
    }
    if (s->class->kind == DS_HEUN)
        length /= 2;
    off = length / m * fmin(1, 1 / m);
    if (off > limit * end)
        snprintf(s->remark, sizeof s->remark,
                 "sampler %s is unstable here: its first step, from noise %.4g to %.4g, is too "
                 "long for a "
                 "method of second order; euler, ddim, dpm++2m and unipc are not",
                 s->class->name, from, end);
}

/* Fills x0 for a latent of level sigma.
 *   epsilon:  x0 = x - sigma out
 *   v:        x0 = x / (sigma^2 + 1) - out sigma / sqrt(sigma^2 + 1)
 *   sample:   x0 = out */
static void predict(ds_sampler *s, const float *out, float sigma)
{
    float square = sigma * sigma + 1.0f, range = (float)s->config.clip_range;
    float of_out = -sigma / sqrtf(square);

    for (int64_t i = 0; i < s->n; i++) {
        s->x0[i] = s->config.prediction == DS_PREDICT_V        ? out[i] * of_out + s->x[i] / square
                   : s->config.prediction == DS_PREDICT_SAMPLE ? out[i]
                                                               : s->x[i] - sigma * out[i];
        if (s->config.clip)
            s->x0[i] = fminf(fmaxf(s->x0[i], -range), range);
    }
}

/* x moves along the slope (x - x0) / sigma to the level `to`. */
static void step_to(ds_sampler *s, float sigma, float to)
{
    float dt = to - sigma;

    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = s->x[i] + (s->x[i] - s->x0[i]) / sigma * dt;
}

/* arXiv:2206.00364, algorithm 2 with S_churn = 0 and first order. */
void ds__euler(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    (void)rng;
    predict(s, output, s->sigma[call]);
    step_to(s, s->sigma[call], s->sigma[call + 1]);
}

/* Goes below the next level and comes back with fresh noise (k-diffusion, sample_euler_ancestral).
 */
void ds__euler_a(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    float sigma = s->sigma[call], to = s->sigma[call + 1];
    float up, down = ancestral(sigma, to, &up);

    predict(s, output, sigma);
    step_to(s, sigma, down);
    ds_rng_normal(rng, s->noise, s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] += s->noise[i] * up;
}

/* arXiv:2206.00364, algorithm 1: the mean of the slopes at both ends of the step. */
void ds__heun(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    float *slope = s->past[0];
    size_t bytes = (size_t)s->n * sizeof *s->x;

    (void)rng;
    if (call % 2 == 0) {
        float sigma = s->sigma[call];

        predict(s, output, sigma);
        memcpy(s->saved, s->x, bytes);
        for (int64_t i = 0; i < s->n; i++)
            slope[i] = (s->x[i] - s->x0[i]) / sigma;
        step_to(s, sigma, s->sigma[call + 1]);
    } else {
        float to = s->sigma[call], dt = to - s->sigma[call - 1];

        predict(s, output, to);
        for (int64_t i = 0; i < s->n; i++) {
            float end = (s->x[i] - s->x0[i]) / to;

            s->x[i] = s->saved[i] + (slope[i] + end) / 2.0f * dt;
        }
    }
}

/* Integral over the step of the Lagrange polynomial that is 1 at the j-th last level. Degree 3 at
 * most: two Gauss points are exact. */
static double lms_weight(const float *sigma, int call, int order, int j)
{
    double from = (double)sigma[call], to = (double)sigma[call + 1];
    double sum = 0;

    for (int side = -1; side <= 1; side += 2) {
        double tau = (from + to) / 2 + side * (to - from) / 2 / sqrt(3.0), product = 1;

        for (int k = 0; k < order; k++)
            if (k != j)
                product *= (tau - (double)sigma[call - k]) /
                           ((double)sigma[call - j] - (double)sigma[call - k]);
        sum += product;
    }
    return sum * (to - from) / 2;
}

/* Linear multistep of order 4 over uneven levels (K. Crowson, k-diffusion, sample_lms). A run that
 * starts later has the weights of its place in the schedule from its first call on, without the
 * slopes to go with them: that is diffusers' behaviour. */
void ds__lms(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int order = call + 1 < DS_SAMPLER_PAST ? call + 1 : DS_SAMPLER_PAST;
    float weight[DS_SAMPLER_PAST];
    float *slope = ds__sampler_remember(s);

    (void)rng;
    predict(s, output, s->sigma[call]);
    for (int64_t i = 0; i < s->n; i++)
        slope[i] = (s->x[i] - s->x0[i]) / s->sigma[call];
    for (int j = 0; j < order; j++)
        weight[j] = (float)lms_weight(s->sigma, call, order, j);
    for (int64_t i = 0; i < s->n; i++) {
        float sum = 0.0f;

        for (int j = 0; j < order && j < s->kept; j++)
            sum += weight[j] * s->past[j][i];
        s->x[i] += sum;
    }
}

/* DPM-Solver-2 in sigma (k-diffusion, sample_dpm_2): the slope in the middle serves the whole step.
 */
void ds__dpm2(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    size_t bytes = (size_t)s->n * sizeof *s->x;

    (void)rng;
    predict(s, output, s->level[call]);
    if (call % 2 == 0) {
        bool last = call == s->count - 1;

        memcpy(s->saved, s->x, bytes);
        step_to(s, s->level[call], last ? 0.0f : s->level[call + 1]);
    } else {
        float middle = s->level[call], dt = s->sigma[call] - s->sigma[call - 1];

        for (int64_t i = 0; i < s->n; i++)
            s->x[i] = s->saved[i] + (s->x[i] - s->x0[i]) / middle * dt;
    }
}

/* The same, going below the next level and back with fresh noise (k-diffusion,
 * sample_dpm_2_ancestral). The last step is a plain one to no noise. */
void ds__dpm2_a(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    float sigma = s->sigma[call - call % 2], up, down;

    if (call % 2 == 0) {
        ds__dpm2(s, call, output, rng);
        return;
    }
    down = ancestral(sigma, s->sigma[call], &up);
    predict(s, output, s->level[call]);
    ds_rng_normal(rng, s->noise, s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] =
            s->saved[i] + (s->x[i] - s->x0[i]) / s->level[call] * (down - sigma) + s->noise[i] * up;
}
