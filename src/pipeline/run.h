/* run.h - a run with somebody watching: the networks' sites, and three of the sampling loop.
 *
 *   sampler.x     [B,C,h,w]  the latent before a call of the network; may be edited
 *   sampler.eps   [B,C,h,w]  the network's answer under guidance, in its own parametrisation; may
 *                            be edited
 *   sampler.x0    [B,C,h,w]  the clean latent that the sampler predicts from it; to look at only
 *
 * They are shown in this order around each call, so that a watcher can count calls by sampler.x. */

#ifndef DS_PIPELINE_RUN_H
#define DS_PIPELINE_RUN_H

#include <diffuscope/probe.h>
#include <diffuscope/run.h>

/* watcher may be NULL; it must live as long as the run. DS_E_UNSUPPORTED if it wants to edit
 * sampler.x0. */
ds_status ds__run_new(ds_run **out, ds_model *m, const ds_run_options *o, const ds_watcher *watcher,
                      ds_error *err);

/* What a run with these options will have, before it is made. */
typedef struct ds_run_sizes {
    int64_t images, branches; /* rows of the denoiser: branch * images + image, the prompt last */
    int64_t height, width;    /* of the latent */
    int64_t factor;           /* image pixels per latent pixel */
} ds_run_sizes;
ds_status ds__run_measure(ds_run_sizes *out, ds_model *m, const ds_run_options *o, ds_error *err);

/* What ds_run_new would refuse of sizes, sampler, schedule and steps, without encoding or planning. */
ds_status ds__run_check(ds_model *m, const ds_run_options *o, ds_error *err);

enum { DS_SITE_X, DS_SITE_EPS, DS_SITE_X0, DS_RUN_SITES };
extern const char *const ds__run_sites[DS_RUN_SITES];

#endif
