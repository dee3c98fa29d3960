/* draws.h - at which noisy latents a concept is measured, and what was found there.
 *
 * Erase: the latents that a sampler visits while it draws the concept, with the time step of that very
 * visit; the objective's two answers are those of the guided step, so that measuring costs only the
 * backward pass. Several seeds go in one batch. On the noise side the sampler follows the base text
 * instead: a latent on the concept's own path shows the concept already.
 *
 * Amplify: clean latents of the concept (given, or drawn by the model) with noise of stratified time
 * steps.
 *
 * Sampler: DDIM (arXiv 2010.02502, eq. 12, eta 0) over evenly spaced time steps that end at 0.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_DRAWS_H
#define DS_METHODS_COMPONENT_DRAWS_H

#include "methods/component/measure.h"

typedef struct ds_draws {
    int64_t count, room, plane, units;
    float *z;       /* [count,plane] */
    float *t;       /* [count] */
    float *eps;     /* [count,plane]: amplify; else NULL */
    int64_t *pair;  /* [count] */
    int64_t *group; /* [count]: seed, or clean latent: draws of different groups are independent */
    double *j;      /* [count] */
    float *score;   /* [count,units]; NULL without components */
    float *end;     /* [plane]: the clean end of the first path; NULL without one */
} ds_draws;

ds_status ds__draws_new(ds_draws *d, int64_t room, int64_t plane, int64_t units, bool eps,
                        ds_error *err);
void ds__draws_free(ds_draws *d);

typedef struct ds_path {
    int64_t steps, seeds, pairs;
    uint64_t seed;
    double guidance;
    bool noise_side;
    int64_t batch; /* the measurement's: at most pairs * seeds, of which it is a divisor */
    ds_status (*progress)(void *user, int64_t done, int64_t all, ds_error *err);
    void *user;
} ds_path;

/* Draws along the sampler's path: pairs * seeds * steps of them, step by step; every pair with the same
 * noise. With `final` [pairs * seeds,plane] not NULL nothing is measured, and the clean ends of the
 * paths are left there. */
ds_status ds__draws_path(ds_draws *d, ds_measure *s, const ds_noise *noise, const ds_path *p,
                         float *final, ds_error *err);

/* Measures the z, t, eps, pair that stand in d, in batches. */
ds_status ds__draws_given(ds_draws *d, ds_measure *s, int64_t batch, const ds_path *p,
                          ds_error *err);

/* Fills z, t, eps, pair: `times` stratified time steps for each of n clean latents [n,plane]. */
void ds__draws_noised(ds_draws *d, const ds_noise *noise, const float *clean, const int64_t *pair,
                      int64_t n, int64_t times, uint64_t seed);

/* Time step i of `steps`, evenly spaced from the schedule's last one. */
float ds__draws_time(const ds_noise *noise, int64_t i, int64_t steps);

/* Mean over the draws of pairs first .. first + n - 1 (and of half h of them, -1: all; the two halves
 * are the even and the odd groups), with the standard error of the mean over groups. mean, se [units];
 * se may be NULL. Returns the number of draws, -1 without memory. */
int64_t ds__draws_mean(float *mean, float *se, const ds_draws *d, int64_t first, int64_t n,
                       int half);

#endif
