/* denoiser.h - the verb *denoise*: the network as a function of a noisy latent, a time step and a
 * conditioning, and the noise schedule that relates its parametrisations.
 *
 *     z_t = alpha_t x0 + sigma_t eps        alpha_t^2 = abar_t, sigma_t^2 = 1 - abar_t
 *     v   = alpha_t eps - sigma_t x0        (Salimans and Ho, arXiv 2202.00512, appendix D)
 *     logsnr_t = log(alpha_t^2 / sigma_t^2)
 *
 * Nothing above this file names an architecture. Rows are ordered conditioning by conditioning: row
 * k * images + b. A watcher sees values of all rows at once.
 *
 * Thread rule: a denoiser belongs to one thread. The model must outlive it. */

#ifndef DS_PIPELINE_DENOISER_H
#define DS_PIPELINE_DENOISER_H

#include <diffuscope/verbs.h>

#include "pipeline/prompt.h"
#include "pipeline/schedule.h"

typedef struct ds_denoiser_shape {
    int64_t images;        /* B latents ... */
    int64_t conditions;    /* ... each under the same K conditionings */
    int64_t tokens;        /* of a conditioning */
    int64_t height, width; /* of the latent */
} ds_denoiser_shape;

/* Plans the network; nothing is allocated later. watcher may be NULL. */
ds_status ds__denoiser_new(ds_denoiser **out, ds_model *m, const ds_denoiser_shape *shape,
                           const ds_watcher *watcher, ds_error *err);
void ds__denoiser_free(ds_denoiser *d); /* NULL is allowed */

/* The same with all options of a network. */
ds_status ds__denoiser_plan(ds_denoiser **out, ds_model *m, const ds_denoiser_shape *shape,
                            const ds_net_options *o, ds_error *err);

/* Sets all K conditionings. DS_E_SHAPE unless their number and sizes are the planned ones. */
ds_status ds__denoiser_condition(ds_denoiser *d, const ds_conditions *c, ds_error *err);

/* Sets conditioning which[r] of c for each row r, so that images may differ in theirs. */
ds_status ds__denoiser_condition_rows(ds_denoiser *d, const ds_conditions *c, const int64_t *which,
                                      ds_error *err);

/* Where the calls that follow stand in a run, for the sentence of a refused answer. */
typedef struct ds_denoiser_place {
    int step, steps;   /* from 0; steps 0: outside of a run */
    int64_t negatives; /* conditionings that are not the prompt's; they come first */
} ds_denoiser_place;

void ds__denoiser_at(ds_denoiser *d, ds_denoiser_place place);

/* out [K,B,C,h,w] = network(z [B,C,h,w], t [B], conditioning k) in one call, in the network's own
 * parametrisation. DS_E_FORMAT for an answer that is not finite, with step and branch. */
ds_status ds__denoise(ds_denoiser *d, float *out, const float *z, const float *t,
                      const ds_cancel *cancel, ds_error *err);

/* ---- the noise schedule, from the model's configuration ------------------------------------ */

struct ds_noise {
    ds_schedule schedule;
    ds_prediction prediction; /* what the network's answer is */
};

ds_status ds__noise_open(ds_noise *n, ds_model *m, ds_error *err);
void ds__noise_close(ds_noise *n);

/* Why the model seems distilled to a few steps; NULL if it does not. Such a network learnt few noise levels, and
 * what integrates over all of them asks it about others. */
ds_status ds__noise_distilled(const char **reason, ds_model *m, ds_error *err);

/* At a time step, which may lie between two steps (log-SNR is interpolated linearly); outside of
 * the schedule that of its nearest end. */
ds_noise_level ds__noise_at(const ds_noise *n, double t);

/* The time step of a log-SNR, by the same interpolation. */
double ds__noise_time(const ds_noise *n, double logsnr);

/* The answer for latents z at a level, as noise and as clean latent; `out` may be `answer`. */
void ds__noise_to_eps(const ds_noise *n, float *out, const float *answer, const float *z,
                      ds_noise_level at, int64_t count);
void ds__noise_to_x0(const ds_noise *n, float *out, const float *answer, const float *z,
                     ds_noise_level at, int64_t count);

/* The model's scheduler configuration, with the prediction type settled; root NULL if it has none.
 * Release with ds__schedule_file_close. */
ds_status ds__noise_config(ds_schedule_file *f, ds_model *m, ds_error *err);

#endif
