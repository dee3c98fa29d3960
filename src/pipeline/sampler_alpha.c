/* sampler_alpha.c - samplers that look up alpha_bar at whole time steps: ddim, ddim-inverse, ddpm,
 * pndm. a stands for alpha_bar (the papers' alpha_t or product of alphas), b for 1 - a.
 *
 * Scalars are float32 in diffusers' order of operations, so that rounding agrees over many steps.
 */

#include "pipeline/sampler_impl.h"

#include <math.h>

/* The levels that ds_sampler_sigmas shows. */
static void show_sigmas(ds_sampler *s, float beyond)
{
    for (int i = 0; i < s->count; i++) {
        float a = ds__sampler_alpha(s, (int)s->timestep[i], beyond);

        s->sigma[i] = sqrtf((1.0f - a) / a);
    }
    s->init_sigma = 1.0f;
}

static ds_status check_range(const ds_sampler *s, int furthest, ds_error *err)
{
    if (furthest < s->config.train_steps)
        return DS_OK;
    return ds_fail(err, DS_E_ARG,
                   "sampler %s: %d steps with steps_offset %d ask for time step %d, the schedule "
                   "ends at %d; take fewer steps or another timestep spacing",
                   s->class->name, s->steps, s->config.steps_offset, furthest,
                   s->config.train_steps - 1);
}

/* Training steps between two visited ones. */
static int stride(const ds_sampler *s)
{
    return s->config.train_steps / s->steps;
}

static float clean_end(const ds_sampler *s)
{
    return s->config.alpha_to_one ? 1.0f : s->schedule.alpha_bar[0];
}

ds_status ds__plan_alpha(ds_sampler *s, ds_error *err)
{
    ds_status st = ds__sampler_arrays(s, s->steps, s->steps, err);

    if (st == DS_OK) {
        s->count = s->sigma_count = ds__timesteps(s->timestep, &s->config, s->steps, true);
        st = check_range(s, (int)s->timestep[0], err);
    }
    if (st == DS_OK)
        show_sigmas(s, clean_end(s));
    return st;
}

/* The second step is visited twice: 901 801 801 701 ... 1. */
ds_status ds__plan_pndm(ds_sampler *s, ds_error *err)
{
    int calls = s->steps > 1 ? s->steps + 1 : 1;
    ds_status st = ds__sampler_arrays(s, calls, calls, err);

    if (st != DS_OK)
        return st;
    s->count = ds__timesteps(s->timestep, &s->config, s->steps, true);
    st = check_range(s, (int)s->timestep[0], err);
    if (st != DS_OK)
        return st;
    if (s->count > 1) {
        for (int i = s->count; i > 1; i--)
            s->timestep[i] = s->timestep[i - 1];
        s->count++;
    }
    s->sigma_count = s->count;
    show_sigmas(s, clean_end(s));
    return DS_OK;
}

/* From clean to noisy: each call starts one stride below the step that it reaches. */
ds_status ds__plan_inverse(ds_sampler *s, ds_error *err)
{
    ds_status st;
    double ratio = (double)s->config.train_steps / s->steps;
    int n, last;

    if (s->config.spacing == DS_LINSPACE)
        return ds_fail(
            err, DS_E_ARG,
            "sampler ddim-inverse: timestep spacing linspace is not supported; supported "
            "are leading, trailing");
    st = ds__sampler_arrays(s, s->steps, s->steps, err);
    if (st != DS_OK)
        return st;
    n = s->count = s->sigma_count = ds__timesteps(s->timestep, &s->config, s->steps, true);
    for (int i = 0; i < n / 2; i++) {
        float t = s->timestep[i];

        s->timestep[i] = s->timestep[n - 1 - i];
        s->timestep[n - 1 - i] = t;
    }
    if (s->config.spacing == DS_LEADING)
        ratio = stride(s);
    for (int i = n - 1; i > 0; i--)
        s->timestep[i] = s->timestep[i - 1];
    s->timestep[0] = (float)(int)((double)s->timestep[0] - ratio);
    last = (int)s->timestep[n - 1] + stride(s);
    st = check_range(s, last, err);
    if (st == DS_OK)
        show_sigmas(s, clean_end(s));
    return st;
}

/* Fills x0, clipped if the configuration says so, and optionally the noise that x consists of:
 *   epsilon:  x0 = (x - sqrt(b) out) / sqrt(a)      eps = out
 *   v:        x0 = sqrt(a) x - sqrt(b) out          eps = sqrt(a) out + sqrt(b) x */
static void split(ds_sampler *s, const float *out, float a, float *eps)
{
    float ra = sqrtf(a), rb = sqrtf(1.0f - a), range = (float)s->config.clip_range;

    for (int64_t i = 0; i < s->n; i++) {
        if (s->config.prediction == DS_PREDICT_V) {
            s->x0[i] = ra * s->x[i] - rb * out[i];
            if (eps != NULL)
                eps[i] = ra * out[i] + rb * s->x[i];
        } else {
            s->x0[i] = (s->x[i] - rb * out[i]) / ra;
            if (eps != NULL)
                eps[i] = out[i];
        }
        if (s->config.clip)
            s->x0[i] = fminf(fmaxf(s->x0[i], -range), range);
    }
}

/* J. Song et al., "Denoising diffusion implicit models", arXiv:2010.02502, eq. 12 and 16. */
void ds__ddim(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int t = (int)s->timestep[call];
    float a = ds__sampler_alpha(s, t, clean_end(s));
    float next = ds__sampler_alpha(s, t - stride(s), clean_end(s));
    float variance = ((1.0f - next) / (1.0f - a)) * (1.0f - a / next);
    float std = s->eta * sqrtf(variance);
    float keep = sqrtf(next), add = sqrtf(1.0f - next - std * std);

    split(s, output, a, s->work);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = keep * s->x0[i] + add * s->work[i];
    if (s->eta > 0) {
        ds_rng_normal(rng, s->noise, s->n);
        for (int64_t i = 0; i < s->n; i++)
            s->x[i] += std * s->noise[i];
    }
}

/* The same equation, read from clean to noisy. */
void ds__ddim_inverse(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int t = (int)s->timestep[call];
    float a = ds__sampler_alpha(s, t, clean_end(s));
    float next = ds__sampler_alpha(s, t + stride(s), clean_end(s));
    float keep = sqrtf(next), add = sqrtf(1.0f - next);

    (void)rng;
    split(s, output, a, s->work);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = keep * s->x0[i] + add * s->work[i];
}

/* J. Ho et al., "Denoising diffusion probabilistic models", arXiv:2006.11239, eq. 6 and 7. */
void ds__ddpm(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int t = (int)s->timestep[call];
    float a = ds__sampler_alpha(s, t, 1.0f), b = 1.0f - a;
    float next = ds__sampler_alpha(s, t - stride(s), 1.0f), next_b = 1.0f - next;
    float alpha = a / next, beta = 1.0f - alpha;
    float of_x0 = (sqrtf(next) * beta) / b, of_x = sqrtf(alpha) * next_b / b;

    split(s, output, a, NULL);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = of_x0 * s->x0[i] + of_x * s->x[i];
    if (t > 0) {
        float variance = s->config.large_noise ? beta : fmaxf(next_b / b * beta, 1e-20f);
        float std = sqrtf(variance);

        ds_rng_normal(rng, s->noise, s->n);
        for (int64_t i = 0; i < s->n; i++)
            s->x[i] += std * s->noise[i];
    }
}

/* Combines the outputs of the last calls into s->work (Adams-Bashforth of rising order). */
static void multistep(ds_sampler *s, const float *output, int taken)
{
    const float *e0 = s->past[0], *e1 = s->past[1], *e2 = s->past[2], *e3 = s->past[3];
    float *w = s->work;

    for (int64_t i = 0; i < s->n; i++) {
        if (taken == 0)
            w[i] = output[i];
        else if (taken == 1)
            w[i] = (output[i] + e0[i]) / 2.0f;
        else if (s->kept == 2)
            w[i] = (3.0f * e0[i] - e1[i]) / 2.0f;
        else if (s->kept == 3)
            w[i] = (23.0f * e0[i] - 16.0f * e1[i] + 5.0f * e2[i]) / 12.0f;
        else
            w[i] =
                (float)(1.0 / 24) * (55.0f * e0[i] - 59.0f * e1[i] + 37.0f * e2[i] - 9.0f * e3[i]);
    }
}

/* L. Liu et al., "Pseudo numerical methods for diffusion models on manifolds", arXiv:2202.09778,
 * eq. 9 and 12, without the Runge-Kutta start: the second call repeats the first step with the mean
 * of both outputs. A run that starts later counts its calls from there, as diffusers does. */
void ds__pndm(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int taken = call - s->first;
    int t = (int)s->timestep[call], to = t - stride(s);
    float a, b, next, ratio, denominator;

    (void)rng;
    if (taken == 1) {
        to = t;
        t += stride(s);
        if (t > s->config.train_steps - 1)
            t = s->config.train_steps - 1;
    } else {
        float *newest = ds__sampler_remember(s);

        for (int64_t i = 0; i < s->n; i++)
            newest[i] = output[i];
    }
    multistep(s, output, taken);
    for (int64_t i = 0; i < s->n && taken < 2; i++) {
        if (taken == 0)
            s->saved[i] = s->x[i];
        else
            s->x[i] = s->saved[i];
    }

    a = ds__sampler_alpha(s, t, clean_end(s));
    b = 1.0f - a;
    next = ds__sampler_alpha(s, to, clean_end(s));
    ratio = sqrtf(next / a);
    denominator = a * sqrtf(1.0f - next) + sqrtf(a * b * next);
    for (int64_t i = 0; i < s->n; i++) {
        float eps = s->work[i];

        if (s->config.prediction == DS_PREDICT_V)
            eps = sqrtf(a) * eps + sqrtf(b) * s->x[i];
        s->x0[i] = (s->x[i] - sqrtf(b) * eps) / sqrtf(a);
        s->x[i] = ratio * s->x[i] - (next - a) * eps / denominator;
    }
}
