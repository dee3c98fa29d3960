/* run_impl.h - what the files of a run share.
 *
 *   generate.c      making a run from its options
 *   run.c           steps, decoding, and what can be asked
 *   preview.c       the linear map from latent to colour */

#ifndef DS_PIPELINE_RUN_IMPL_H
#define DS_PIPELINE_RUN_IMPL_H

#include "pipeline/autoencoder.h"
#include "pipeline/denoiser.h"
#include "pipeline/run.h"
#include "pipeline/taps.h"

#include <diffuscope/sampler.h>

#define DS_RUN_WARNINGS 8

/* colour c = offset[c] + sum_k weight[c][k] latent[k] */
typedef struct ds_preview {
    bool ready;
    int64_t channels;
    float offset[3], weight[3][16];
} ds_preview;

/* By a second conditioning, not at all, or as an embedding that the network takes. */
typedef enum ds_guided { DS_GUIDED, DS_UNGUIDED, DS_GUIDED_INSIDE } ds_guided;

struct ds_run {
    ds_model *model;
    ds_run_options options; /* strings and tensors are not read after ds_run_new */
    const ds_watcher *watcher;
    ds_taps *taps; /* what the watcher stands for, or NULL */
    ds_interest interest[DS_RUN_SITES];
    ds_text *text;
    ds_conditions *conditions; /* the negative prompt first, where there is guidance */
    ds_denoiser *denoiser;
    ds_autoencoder *autoencoder;
    ds_preview preview;
    ds_arena arena; /* warnings */
    const char *warning[DS_RUN_WARNINGS];
    int warnings;

    int64_t images, channels, height, width; /* latents */
    int64_t factor;                          /* image pixels per latent pixel */
    int64_t n;                               /* numbers of one latent */
    int branches;                            /* 2 with guidance */
    ds_guided guidance;
    int steps, step, call;
    bool failed;

    ds_sampler **sampler; /* [images]: each draws for itself */
    ds_rng *rng;          /* [images] */
    float *input;         /* [images,C,h,w] to the network */
    float *output;        /* [branches,images,C,h,w] from it; guided into the first branch */
    float *shown;         /* [images,C,h,w] for a watcher, and x0 */
    float *time;          /* [images] */
    float *latents;       /* [steps,images,C,h,w] */
    float *noise;         /* [images,C,h,w] that it began from; NULL: from a picture */
    float *image;         /* [images,3,H,W] */
};

/* Fits the map to the model's decoder by least squares. */
ds_status ds__preview_fit(ds_preview *p, ds_model *m, ds_error *err);
/* rgb [3,count] from latent [channels,count], clipped to [0,1]. */
void ds__preview_apply(const ds_preview *p, float *rgb, const float *latent, int64_t count);

#endif
