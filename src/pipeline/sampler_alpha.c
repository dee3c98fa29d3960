/* sampler_alpha.c - samplers that look up alpha_bar at whole time steps: ddim, ddim-inverse, ddpm.
 * a stands for alpha_bar (the papers' alpha_t or product of alphas), b for 1 - a.
 *
 * Scalars are float32 in diffusers' order of operations, so that rounding agrees over many steps.
 */

#include "pipeline/sampler_impl.h"

#include <math.h>

/* The levels that ds_sampler_sigmas shows. */
void ds__show_sigmas(ds_sampler *s, float beyond)
{
    for (int i = 0; i < s->count; i++) {
        float a = ds__sampler_alpha(s, (int)s->timestep[i], beyond);

        s->sigma[i] = sqrtf((1.0f - a) / a);
    }
    s->init_sigma = 1.0f;
}

ds_status ds__check_range(const ds_sampler *s, int furthest, ds_error *err)
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
int ds__stride(const ds_sampler *s)
{
    return s->config.train_steps / s->steps;
}

float ds__clean_end(const ds_sampler *s)
{
    return s->config.alpha_to_one ? 1.0f : s->schedule.alpha_bar[0];
}

ds_status ds__plan_alpha(ds_sampler *s, ds_error *err)
{
    ds_status st = ds__sampler_arrays(s, s->steps, s->steps, err);

    if (st == DS_OK) {
        s->count = s->sigma_count = ds__timesteps(s->timestep, &s->config, s->steps, true);
        st = ds__check_range(s, (int)s->timestep[0], err);
    }
    if (st == DS_OK)
        ds__show_sigmas(s, ds__clean_end(s));
    return st;
}

/* From clean to noisy. The network is asked at the step that a call reaches; up to diffusers 0.21 at
 * the one where it starts, one stride below. */
ds_status ds__plan_inverse(ds_sampler *s, ds_error *err)
{
    ds_status st;
    double ratio = (double)s->config.train_steps / s->steps;
    int n;

    if (s->config.spacing == DS_LINSPACE)
        return ds_fail(
            err, DS_E_ARG,
            "sampler ddim-inverse: timestep spacing linspace is not supported; supported "
            "are leading, trailing");
    st = ds__sampler_arrays(s, s->steps, s->steps, err);
    if (st != DS_OK)
        return st;
    n = s->count = s->sigma_count = ds__timesteps(s->timestep, &s->config, s->steps, true);
    st = ds__check_range(s, (int)s->timestep[0], err);
    if (st != DS_OK)
        return st;
    for (int i = 0; i < n / 2; i++) {
        float t = s->timestep[i];

        s->timestep[i] = s->timestep[n - 1 - i];
        s->timestep[n - 1 - i] = t;
    }
    if (s->config.spacing == DS_LEADING)
        ratio = ds__stride(s);
    for (int i = n - 1; i > 0 && s->config.old; i--)
        s->timestep[i] = s->timestep[i - 1];
    if (s->config.old)
        s->timestep[0] = (float)(int)((double)s->timestep[0] - ratio);
    ds__show_sigmas(s, ds__clean_end(s));
    return DS_OK;
}

/* Fills x0, clipped if the configuration says so, and optionally the noise that x consists of:
 *   epsilon:  x0 = (x - sqrt(b) out) / sqrt(a)      eps = out
 *   v:        x0 = sqrt(a) x - sqrt(b) out          eps = sqrt(a) out + sqrt(b) x
 *   sample:   x0 = out                              eps = (x - sqrt(a) x0) / sqrt(b) */
void ds__split(ds_sampler *s, const float *out, float a, float *eps)
{
    float ra = sqrtf(a), rb = sqrtf(1.0f - a), range = (float)s->config.clip_range;

    for (int64_t i = 0; i < s->n; i++) {
        if (s->config.prediction == DS_PREDICT_V) {
            s->x0[i] = ra * s->x[i] - rb * out[i];
            if (eps != NULL)
                eps[i] = ra * out[i] + rb * s->x[i];
        } else if (s->config.prediction == DS_PREDICT_SAMPLE) {
            s->x0[i] = out[i];
            if (eps != NULL)
                eps[i] = (s->x[i] - ra * out[i]) / rb;
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
    float a = ds__sampler_alpha(s, t, ds__clean_end(s));
    float next = ds__sampler_alpha(s, t - ds__stride(s), ds__clean_end(s));
    float variance = ((1.0f - next) / (1.0f - a)) * (1.0f - a / next);
    float std = s->eta * sqrtf(variance);
    float keep = sqrtf(next), add = sqrtf(1.0f - next - std * std);

    ds__split(s, output, a, s->work);
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
    int to = (int)s->timestep[call] + (s->config.old ? ds__stride(s) : 0);
    float a = ds__sampler_alpha(s, to - ds__stride(s), ds__clean_end(s));
    float next = ds__sampler_alpha(s, to, ds__clean_end(s));
    float keep = sqrtf(next), add = sqrtf(1.0f - next);

    (void)rng;
    ds__split(s, output, a, s->work);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = keep * s->x0[i] + add * s->work[i];
}

/* Where ddpm's call goes: to the next time step. Up to diffusers 0.21 one stride down, which with
 * other spacings than leading is beside it. */
static int ddpm_next(const ds_sampler *s, int call)
{
    if (s->config.old)
        return (int)s->timestep[call] - ds__stride(s);
    return call + 1 < s->count ? (int)s->timestep[call + 1] : -1;
}

/* J. Ho et al., "Denoising diffusion probabilistic models", arXiv:2006.11239, eq. 6 and 7. */
void ds__ddpm(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int t = (int)s->timestep[call];
    float a = ds__sampler_alpha(s, t, 1.0f), b = 1.0f - a;
    float next = ds__sampler_alpha(s, ddpm_next(s, call), 1.0f), next_b = 1.0f - next;
    float alpha = a / next, beta = 1.0f - alpha;
    float of_x0 = (sqrtf(next) * beta) / b, of_x = sqrtf(alpha) * next_b / b;

    ds__split(s, output, a, NULL);
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
