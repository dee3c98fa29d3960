/* autoencoder.h - the verbs *encode* and *decode* between pictures and latents, whole or in tiles.
 *
 * Latents here are the denoiser's: scaled by the folder's scaling_factor. Pictures are planes
 * [3,H,W] in [0,1].
 *
 * Tiles are those of diffusers' tiled_encode and tiled_decode: as large as the training images,
 * each overlapping the next by a quarter, blended linearly over the overlap. Group norms then see a
 * tile instead of the picture, so that colours may drift slightly: whole is better where memory
 * allows.
 *
 * Thread rule: an object belongs to one thread. The model must outlive it. */

#ifndef DS_PIPELINE_AUTOENCODER_H
#define DS_PIPELINE_AUTOENCODER_H

#include <diffuscope/verbs.h>

#include "models/net.h"

/* Pictures with more pixels than this are tiled unless told otherwise. */
#define DS_UNTILED_PIXELS ((int64_t)1024 * 1024)

typedef enum ds_tiling { DS_TILING_AUTO = -1, DS_TILING_NEVER = 0, DS_TILING_ALWAYS = 1 } ds_tiling;

/* For pictures of one size. A network is planned when the first picture needs it, and kept.
 * watcher may be NULL. */
ds_status ds__autoencoder_new(ds_autoencoder **out, ds_model *m, int64_t latent_height,
                              int64_t latent_width, ds_tiling tiling, const ds_watcher *watcher,
                              ds_error *err);
void ds__autoencoder_free(ds_autoencoder *a); /* NULL is allowed */

/* image [3,f h,f w] from latent [C,h,w]. Values are clipped to [0,1]. */
ds_status ds__decode(ds_autoencoder *a, float *image, const float *latent, const ds_cancel *cancel,
                     ds_error *err);

/* The distribution of a picture's latent, not yet scaled: mean and log variance, both [C,h,w]. */
ds_status ds__encode(ds_autoencoder *a, float *mean, float *logvar, const float *image,
                     const ds_cancel *cancel, ds_error *err);

/* latent = scaling_factor (mean + exp(logvar / 2) noise - shift_factor); NULL noise for its mode.
 * latent may be any of the others. */
void ds__posterior(const ds_autoencoder *a, float *latent, const float *mean, const float *logvar,
                   const float *noise);

#endif
