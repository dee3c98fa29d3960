/* sampler_pndm.c - pndm: L. Liu et al., "Pseudo numerical methods for diffusion models on manifolds",
 * arXiv:2202.09778. Adams-Bashforth steps (eq. 12) that start either with three Runge-Kutta steps of
 * four calls each (eq. 11), as published, or with one step that is repeated with the mean of both
 * answers (skip_prk_steps, what Stable Diffusion's folders ask for). */

#include "pipeline/sampler_impl.h"

#include <math.h>

/* The second step is visited twice: 901 801 801 701 ... 1. */
static void repeat_second(ds_sampler *s)
{
    if (s->count < 2)
        return;
    for (int i = s->count; i > 1; i--)
        s->timestep[i] = s->timestep[i - 1];
    s->count++;
}

/* Three steps t0 t1 t2 become t0 m0 m0 t1 t1 m1 m1 t2 t2 m2 m2 t3, with m half a stride below t: a
 * Runge-Kutta step asks at its start, twice in the middle, and at its end. The rest follows. */
static void start_runge_kutta(ds_sampler *s)
{
    enum { STEPS = 3 };
    const float half = (float)(ds__stride(s) / 2);
    float *t = s->timestep, first[STEPS + 1];

    for (int i = 0; i <= STEPS; i++)
        first[i] = t[i];
    for (int i = s->count - 1; i >= STEPS; i--)
        t[i + DS_PRK_CALLS - STEPS] = t[i];
    /* The middles are counted up from the step's end. */
    for (int i = 0; i < STEPS; i++) {
        t[4 * i] = first[i];
        t[4 * i + 1] = t[4 * i + 2] = first[i + 1] + half;
        t[4 * i + 3] = first[i + 1];
    }
    s->count += DS_PRK_CALLS - STEPS;
}

ds_status ds__plan_pndm(ds_sampler *s, ds_error *err)
{
    int calls = s->steps + DS_PRK_CALLS;
    ds_status st;

    if (s->config.prediction == DS_PREDICT_SAMPLE)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "sampler pndm: prediction type sample is not supported; supported are "
                       "epsilon, v_prediction");
    if (!s->config.skip_prk && s->steps < 4)
        return ds_fail(
            err, DS_E_ARG,
            "sampler pndm starts with Runge-Kutta steps here and needs 4 steps, found %d; "
            "set skip_prk_steps to true in the scheduler configuration",
            s->steps);
    st = ds__sampler_arrays(s, calls, calls, err);
    if (st != DS_OK)
        return st;
    s->count = ds__timesteps(s->timestep, &s->config, s->steps, true);
    st = ds__check_range(s, (int)s->timestep[0], err);
    if (st != DS_OK)
        return st;
    if (s->config.skip_prk)
        repeat_second(s);
    else
        start_runge_kutta(s);
    s->sigma_count = s->count;
    ds__show_sigmas(s, ds__clean_end(s));
    return DS_OK;
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

/* eq. 9: x goes from t to `to` along the (combined) answer in s->work. */
static void transfer(ds_sampler *s, const float *x, int t, int to)
{
    float a = ds__sampler_alpha(s, t, ds__clean_end(s)), b = 1.0f - a;
    float next = ds__sampler_alpha(s, to, ds__clean_end(s));
    float ratio = sqrtf(next / a);
    float denominator = a * sqrtf(1.0f - next) + sqrtf(a * b * next);

    for (int64_t i = 0; i < s->n; i++) {
        float eps = s->work[i];

        if (s->config.prediction == DS_PREDICT_V)
            eps = sqrtf(a) * eps + sqrtf(b) * x[i];
        s->x0[i] = (x[i] - sqrtf(b) * eps) / sqrtf(a);
        s->x[i] = ratio * x[i] - (next - a) * eps / denominator;
    }
}

static void keep(ds_sampler *s, const float *output)
{
    float *newest = ds__sampler_remember(s);

    for (int64_t i = 0; i < s->n; i++)
        newest[i] = output[i];
}

/* Weights 1/6, 1/3, 1/3, 1/6 of the four answers add up in s->noise, which pndm does not need. Each
 * call starts from the step's first latent, kept in s->saved. */
static void runge_kutta(ds_sampler *s, int call, const float *output)
{
    const float third = (float)(1.0 / 3), sixth = (float)(1.0 / 6);
    int stage = call % 4, t = (int)s->timestep[call - stage];
    int to = (int)s->timestep[call] - (stage % 2 == 0 ? ds__stride(s) / 2 : 0);
    float weight = stage == 0 || stage == 3 ? sixth : third;

    if (stage == 0)
        keep(s, output);
    for (int64_t i = 0; i < s->n; i++) {
        if (stage == 0) {
            s->saved[i] = s->x[i];
            s->noise[i] = 0.0f;
        }
        s->noise[i] += weight * output[i];
        s->work[i] = stage == 3 ? s->noise[i] : output[i];
    }
    transfer(s, s->saved, t, to);
}

/* A run that starts later counts its calls from there, as diffusers does. */
void ds__pndm(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    int taken = call - s->first;
    int t = (int)s->timestep[call], to = t - ds__stride(s);

    (void)rng;
    if (!s->config.skip_prk && call < DS_PRK_CALLS) {
        runge_kutta(s, call, output);
        return;
    }
    if (taken == 1) {
        to = t;
        t += ds__stride(s);
        if (t > s->config.train_steps - 1)
            t = s->config.train_steps - 1;
    } else {
        keep(s, output);
    }
    multistep(s, output, taken);
    for (int64_t i = 0; i < s->n && taken < 2; i++) {
        if (taken == 0)
            s->saved[i] = s->x[i];
        else
            s->x[i] = s->saved[i];
    }
    transfer(s, s->x, t, to);
}
