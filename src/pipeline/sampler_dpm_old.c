/* sampler_dpm_old.c - dpm++2m as diffusers had it up to 0.21. C. Lu et al., "DPM-Solver++", arXiv:2211.01095, algorithm 2.
 *
 * With alpha = sqrt(alpha_bar), sigma = sqrt(1 - alpha_bar), lambda = log(alpha / sigma), a step
 * from s to t with h = lambda_t - lambda_s and D the (extrapolated) clean latent:
 *   x_t = sigma_t / sigma_s x_s - alpha_t (exp(-h) - 1) D
 * Noise levels are those of whole time steps, also in a karras schedule, and the last step goes to
 * t = 0; a file with final_sigmas_type "zero" goes to sigma = 0 instead. */

#include "pipeline/sampler_impl.h"

#include <math.h>
#include <string.h>

ds_status ds__plan_dpmpp(ds_sampler *s, ds_error *err)
{
    const ds_schedule *g = &s->schedule;
    int sigmas = s->config.karras ? s->steps : g->count;
    ds_status st = ds__sampler_arrays(s, s->steps, sigmas, err);
    double *level;
    int n = 0;

    if (st == DS_OK && s->config.solver_order > 2)
        st = ds_fail(err, DS_E_UNSUPPORTED,
                     "sampler dpm++2m of diffusers 0.21: solver_order: expected 1 or 2, found %d",
                     s->config.solver_order);
    if (st != DS_OK)
        return st;
    s->init_sigma = 1.0f;
    if (!s->config.karras) {
        s->count = ds__timesteps_dpm(s->timestep, &s->config, g, s->steps);
        for (int i = 0; i < sigmas; i++)
            s->sigma[i] = g->sigma[i];
    } else {
        level = ds_calloc((size_t)sigmas, sizeof *level);
        if (level == NULL)
            return ds_fail(err, DS_E_NOMEM, "sampler: %d levels", sigmas);
        ds__karras(level, sigmas, (double)g->sigma[0], (double)g->sigma[g->count - 1]);
        for (int i = 0; i < sigmas; i++)
            s->sigma[i] = (float)level[i];
        for (int i = sigmas - 1; i >= 0; i--) { /* from noisy to clean, each step once */
            float t = (float)rint(ds__time_of(g, level[i]));

            if (n == 0 || t != s->timestep[n - 1])
                s->timestep[n++] = t;
        }
        s->count = n;
        ds_free(level);
    }
    if (s->count < 1 || s->timestep[0] >= (float)g->count)
        return ds_fail(err, DS_E_ARG,
                       "sampler dpm++2m: %d steps with steps_offset %d leave the schedule, which "
                       "ends at %d",
                       s->steps, s->config.steps_offset, g->count - 1);
    return DS_OK;
}

typedef struct point {
    float alpha, sigma, lambda;
} point;

static point at(const ds_sampler *s, int call)
{
    point p;
    int t = 0;

    if (call < s->count)
        t = (int)s->timestep[call];
    else if (s->config.final_zero)
        return (point){ 1.0f, 0.0f, INFINITY };
    p.alpha = sqrtf(s->schedule.alpha_bar[t]);
    p.sigma = sqrtf(1.0f - s->schedule.alpha_bar[t]);
    p.lambda = logf(p.alpha) - logf(p.sigma);
    return p;
}

static bool first_order(const ds_sampler *s, int call)
{
    const ds_schedule_config *c = &s->config;

    if (c->solver_order == 1 || s->kept < 2)
        return true;
    if (call < s->count - 1)
        return false;
    return c->final_zero || c->euler_at_final || (c->lower_order_final && s->count < 15);
}

void ds__dpmpp_2m_old(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    point from = at(s, call), to = at(s, call + 1);
    float h = to.lambda - from.lambda, shrink = ds__torch_exp(-h) - 1.0f;
    float of_x = to.sigma / from.sigma, of_d0 = to.alpha * shrink, of_d1 = 0.5f * of_d0, r = 1.0f;
    float *m0 = ds__sampler_remember(s);
    const float *m1 = s->past[1];

    (void)rng;
    for (int64_t i = 0; i < s->n; i++)
        m0[i] = s->config.prediction == DS_PREDICT_V ? from.alpha * s->x[i] - from.sigma * output[i]
                : s->config.prediction == DS_PREDICT_SAMPLE
                    ? output[i]
                    : (s->x[i] - from.sigma * output[i]) / from.alpha;
    memcpy(s->x0, m0, (size_t)s->n * sizeof *m0);
    if (first_order(s, call)) {
        for (int64_t i = 0; i < s->n; i++)
            s->x[i] = of_x * s->x[i] - of_d0 * m0[i];
        return;
    }
    r = 1.0f / ((from.lambda - at(s, call - 1).lambda) / h);
    if (s->config.heun_like)
        of_d1 = -(to.alpha * (shrink / h + 1.0f));
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = of_x * s->x[i] - of_d0 * m0[i] - of_d1 * (r * (m0[i] - m1[i]));
}
