/* sampler_dpm.c - solvers in the logarithm of the signal-to-noise ratio: the levels that all of them
 * share, dpm++2m and dpm++2s. C. Lu et al., "DPM-Solver++", arXiv:2211.01095.
 *
 * A level sigma' gives alpha = 1 / sqrt(sigma'^2 + 1), sigma = sigma' alpha, lambda = log(alpha /
 * sigma). A step from s to t with h = lambda_t - lambda_s, and D the clean latent, extrapolated from
 * the last calls (algorithm 2, multistep) or from two calls within the step (algorithm 1, single):
 *   x_t = sigma_t / sigma_s x_s - alpha_t (exp(-h) - 1) D
 * The last level is 0 (lambda infinite) or the schedule's smallest. */

#include "pipeline/sampler_impl.h"

#include <math.h>
#include <string.h>

/* ---- levels ---------------------------------------------------------------------------------- */

/* n levels over the whole schedule, not those of the time steps, and the whole time steps next to
 * them. */
static ds_status spread(ds_sampler *s, int n, ds_error *err)
{
    const ds_schedule *g = &s->schedule;
    double *level = ds_calloc((size_t)n, sizeof *level);
    double first = (double)g->sigma[g->count - 1], last = (double)g->sigma[0];

    if (level == NULL)
        return ds_fail(err, DS_E_NOMEM, "sampler: %d levels", n);
    if (s->config.karras)
        ds__karras(level, n, first, last);
    else
        ds__exponential(level, n, first, last);
    for (int i = 0; i < n; i++) {
        double t = ds__time_of(g, level[i]);
        bool cosine = s->class->kind == DS_DPMPP_2M && s->config.beta_kind == DS_BETA_COSINE;
        bool whole = s->config.karras && !cosine;

        s->timestep[i] = (float)(whole ? rint(t) : floor(t));
        s->sigma[i] = (float)level[i];
    }
    ds_free(level);
    return DS_OK;
}

/* deis and unipc stay at their last level where dpm++ goes to the schedule's smallest. */
static float last_level(const ds_sampler *s, int n)
{
    const ds_schedule_config *c = &s->config;
    bool kin = s->class->kind == DS_DEIS || s->class->kind == DS_UNIPC;

    if (c->final_zero)
        return 0.0f;
    return kin && (c->karras || c->exponential) ? s->sigma[n - 1] : s->schedule.sigma[0];
}

static ds_status check(const ds_sampler *s, ds_error *err)
{
    const ds_schedule_config *c = &s->config;

    if (s->count < 1 || s->timestep[0] >= (float)s->schedule.count)
        return ds_fail(
            err, DS_E_ARG,
            "sampler %s: %d steps with steps_offset %d leave the schedule, which ends at "
            "%d",
            s->class->name, s->steps, c->steps_offset, s->schedule.count - 1);
    if (s->class->kind == DS_UNIPC && c->final_zero && !c->lower_order_final && c->solver_order > 1)
        return ds_fail(
            err, DS_E_UNSUPPORTED,
            "scheduler configuration: lower_order_final false with final_sigmas_type "
            "zero: the last step would extrapolate to an infinite signal-to-noise ratio");
    if (s->class->kind == DS_UNIPC && c->final_zero && c->bh1)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "scheduler configuration: solver_type bh1 with final_sigmas_type zero: the "
                       "last step would be infinitely long; bh2 or sigma_min is needed");
    return DS_OK;
}

ds_status ds__plan_logsnr(ds_sampler *s, ds_error *err)
{
    ds_status st;
    int n = s->steps;

    if (s->config.old)
        return ds__plan_dpmpp(s, err);
    st = ds__sampler_arrays(s, n, n + 1, err);
    if (st != DS_OK)
        return st;
    if (s->config.karras || s->config.exponential) {
        st = spread(s, n, err);
    } else {
        n = ds__timesteps_dpm(s->timestep, &s->config, &s->schedule, n);
        for (int i = 0; i < n && s->timestep[i] < (float)s->schedule.count; i++)
            s->sigma[i] = s->schedule.sigma[(int)s->timestep[i]];
    }
    s->count = s->steps = n;
    if (st == DS_OK)
        st = check(s, err);
    if (st != DS_OK)
        return st;
    s->sigma[n] = last_level(s, n);
    s->sigma_count = n + 1;
    s->init_sigma = 1.0f;
    return DS_OK;
}

ds_level ds__level_at(const ds_sampler *s, int i)
{
    ds_level p;

    p.alpha = 1.0f / sqrtf(s->sigma[i] * s->sigma[i] + 1.0f);
    p.sigma = s->sigma[i] * p.alpha;
    p.lambda = logf(p.alpha) - logf(p.sigma);
    return p;
}

/* x0 from the network's answer to s->x. */
void ds__to_clean(ds_sampler *s, float *x0, const float *output, ds_level at)
{
    for (int64_t i = 0; i < s->n; i++) {
        if (s->config.prediction == DS_PREDICT_V)
            x0[i] = at.alpha * s->x[i] - at.sigma * output[i];
        else if (s->config.prediction == DS_PREDICT_SAMPLE)
            x0[i] = output[i];
        else
            x0[i] = (s->x[i] - at.sigma * output[i]) / at.alpha;
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* s->x = `from`, moved from level `at` to level `to` with the clean latent d0. */
static void step(ds_sampler *s, const float *from, ds_level at, ds_level to, const float *d0)
{
    float shrink = ds__torch_exp(-(to.lambda - at.lambda)) - 1.0f;
    float of_x = to.sigma / at.sigma, of_d0 = to.alpha * shrink;

    for (int64_t i = 0; i < s->n; i++)
        s->x[i] = of_x * from[i] - of_d0 * d0[i];
}

/* Adds the part of the first difference (m0 - m1) / r. */
static void add_difference(ds_sampler *s, ds_level to, float h, float r, const float *m0,
                           const float *m1)
{
    float shrink = ds__torch_exp(-h) - 1.0f, of_d1 = 0.5f * (to.alpha * shrink);

    if (s->config.heun_like)
        of_d1 = -(to.alpha * (shrink / h + 1.0f));
    for (int64_t i = 0; i < s->n; i++)
        s->x[i] -= of_d1 * (1.0f / r * (m0[i] - m1[i]));
}

/* Third order: both differences from three answers. */
static void add_differences(ds_sampler *s, ds_level to, float h, float r0, float r1)
{
    const float *m0 = s->past[0], *m1 = s->past[1], *m2 = s->past[2];
    float shrink = ds__torch_exp(-h) - 1.0f;
    float of_d1 = to.alpha * (shrink / h + 1.0f);
    float of_d2 = to.alpha * ((shrink + h) / (h * h) - 0.5f);

    for (int64_t i = 0; i < s->n; i++) {
        float near = 1.0f / r0 * (m0[i] - m1[i]), far = 1.0f / r1 * (m1[i] - m2[i]);
        float d1 = near + r0 / (r0 + r1) * (near - far);
        float d2 = 1.0f / (r0 + r1) * (near - far);

        s->x[i] = s->x[i] + of_d1 * d1 - of_d2 * d2;
    }
}

/* Order of a multistep call: few answers and the last steps of a short run allow less. */
static int order_of(const ds_sampler *s, int call)
{
    const ds_schedule_config *c = &s->config;
    bool careful = c->lower_order_final && s->count < 15;
    int left = s->count - call, order = c->solver_order < s->kept ? c->solver_order : s->kept;

    if (left == 1 && (careful || c->final_zero || c->euler_at_final))
        return 1;
    if (left == 2 && careful && order > 2)
        return 2;
    return order;
}

void ds__dpmpp_2m(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    ds_level at, to;
    float h, h0, *newest;
    int order;

    if (s->config.old) {
        ds__dpmpp_2m_old(s, call, output, rng);
        return;
    }
    at = ds__level_at(s, call);
    to = ds__level_at(s, call + 1);
    h = to.lambda - at.lambda;
    newest = ds__sampler_remember(s);
    ds__to_clean(s, newest, output, at);
    memcpy(s->x0, newest, (size_t)s->n * sizeof *newest);
    order = order_of(s, call);
    step(s, s->x, at, to, newest);
    if (order == 1)
        return;
    h0 = at.lambda - ds__level_at(s, call - 1).lambda;
    if (order == 2)
        add_difference(s, to, h, h0 / h, newest, s->past[1]);
    else
        add_differences(s, to, h, h0 / h,
                        (ds__level_at(s, call - 1).lambda - ds__level_at(s, call - 2).lambda) / h);
}

/* Does this call go on with the step that the last one began? Calls alternate 1 2 1 2 ...; the last
 * one is of first order where it ends at no noise, and in a run of an even number that wants low
 * order there. */
static bool second_of_step(const ds_sampler *s, int call)
{
    bool lower = s->config.lower_order_final || s->config.final_zero || s->count % 2 != 0;

    if (s->config.solver_order == 1 || s->kept < 2 || call % 2 == 0)
        return false;
    return !(call == s->count - 1 && lower);
}

/* The second call of a step redoes it from its beginning, with the difference of both answers. */
void ds__dpmpp_2s(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    ds_level at = ds__level_at(s, call), to = ds__level_at(s, call + 1), from;
    float *newest = ds__sampler_remember(s), h;
    size_t bytes = (size_t)s->n * sizeof *newest;

    (void)rng;
    ds__to_clean(s, newest, output, at);
    memcpy(s->x0, newest, bytes);
    if (!second_of_step(s, call)) {
        memcpy(s->saved, s->x, bytes);
        step(s, s->x, at, to, newest);
        return;
    }
    from = ds__level_at(s, call - 1);
    h = to.lambda - from.lambda;
    step(s, s->saved, from, to, s->past[1]);
    add_difference(s, to, h, (at.lambda - from.lambda) / h, newest, s->past[1]);
}
