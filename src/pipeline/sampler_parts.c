/* sampler_parts.c - what the formulas of all samplers use: arrays, the history, alpha_bar. */

#include "pipeline/sampler_impl.h"

ds_status ds__sampler_arrays(ds_sampler *s, int calls, int sigmas, ds_error *err)
{
    /* A third part for the levels of dpm2. */
    s->timestep = ds_calloc((size_t)calls + 2 * (size_t)sigmas, sizeof *s->timestep);
    if (s->timestep == NULL)
        return ds_fail(err, DS_E_NOMEM, "sampler: %d calls", calls);
    s->sigma = s->timestep + calls;
    s->count = calls;
    s->sigma_count = sigmas;
    s->level = s->sigma;
    return DS_OK;
}

float *ds__sampler_remember(ds_sampler *s)
{
    float *oldest = s->past[DS_SAMPLER_PAST - 1];

    for (int i = DS_SAMPLER_PAST - 1; i > 0; i--)
        s->past[i] = s->past[i - 1];
    s->past[0] = oldest;
    if (s->kept < DS_SAMPLER_PAST)
        s->kept++;
    return oldest;
}

float ds__sampler_alpha(const ds_sampler *s, int t, float beyond)
{
    return t >= 0 ? s->schedule.alpha_bar[t] : beyond;
}
