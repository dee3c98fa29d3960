/* sampler_few.c - for models distilled to a few steps: lcm and tcd. a stands for alpha_bar at a call's
 * time step, a' at the next one's. Both visit steps of the teacher that they were distilled from. */

#include "pipeline/sampler_impl.h"

#include <math.h>

/* With k = train_steps / original_steps the teacher's steps are k j - 1, j = original_steps .. 1; of
 * these `steps` are taken, evenly from the noisy end. */
ds_status ds__plan_few(ds_sampler *s, ds_error *err)
{
    const ds_schedule_config *c = &s->config;
    int k = c->train_steps / c->original_steps;
    ds_status st;

    if (k < 1 || s->steps > c->original_steps)
        return ds_fail(
            err, DS_E_ARG,
            "sampler %s: steps: expected 1 to original_inference_steps, which is %d and at "
            "most the %d of training, found %d",
            s->class->name, c->original_steps, c->train_steps, s->steps);
    st = ds__sampler_arrays(s, s->steps, s->steps, err);
    if (st != DS_OK)
        return st;
    for (int i = 0; i < s->steps; i++) {
        int j = (int)floor(i * ((double)c->original_steps / s->steps));

        s->timestep[i] = (float)((c->original_steps - j) * k - 1);
    }
    ds__show_sigmas(s, 1.0f);
    return DS_OK;
}

/* S. Luo et al., "Latent consistency models", arXiv:2310.04378, algorithm 2, with the boundary
 * scalings of Y. Song et al., arXiv:2303.01469, eq. 5, at tau = time_scaling t and sigma_data = .5:
 *   x^ = c_out x0 + c_skip x,   c_skip = .25 / (tau^2 + .25),   c_out = tau / sqrt(tau^2 + .25)
 *   x' = sqrt(a') x^ + sqrt(1 - a') noise, but x^ after the last call */
void ds__lcm(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    bool last = call == s->count - 1;
    int t = (int)s->timestep[call];
    float tau = (float)t * (float)s->config.time_scaling;
    float skip = 0.25f / (tau * tau + 0.25f), of_x0 = tau / sqrtf(tau * tau + 0.25f);
    float next = ds__sampler_alpha(s, last ? t : (int)s->timestep[call + 1], 1.0f);
    float keep = sqrtf(next), add = sqrtf(1.0f - next);

    ds__split(s, output, ds__sampler_alpha(s, t, 1.0f), s->work);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = of_x0 * s->x0[i] + skip * s->x[i];
    if (last)
        return;
    ds_rng_normal(rng, s->noise, s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = keep * s->x[i] + add * s->noise[i];
}

/* J. Zheng et al., "Trajectory consistency distillation", arXiv:2402.19159, algorithm 4, gamma = eta:
 *   s = floor((1 - gamma) t'),   x_s = sqrt(a_s) x0 + sqrt(1 - a_s) eps
 *   x' = sqrt(a'/a_s) x_s + sqrt(1 - a'/a_s) noise, but x_s for gamma 0 and after the last call */
void ds__tcd(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    bool last = call == s->count - 1;
    int t = (int)s->timestep[call], to = last ? 0 : (int)s->timestep[call + 1];
    float between = ds__sampler_alpha(s, (int)floorf(s->keep_share * (float)to), 1.0f);
    float next = ds__sampler_alpha(s, to, 1.0f);
    float of_x0 = sqrtf(between), of_eps = sqrtf(1.0f - between);
    float keep = sqrtf(next / between), add = sqrtf(1.0f - next / between);

    ds__split(s, output, ds__sampler_alpha(s, t, 1.0f), s->work);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = of_x0 * s->x0[i] + of_eps * s->work[i];
    if (last || s->eta <= 0)
        return;
    ds_rng_normal(rng, s->noise, s->n);
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = keep * s->x[i] + add * s->noise[i];
}
