/* vae.h - AutoencoderKL: images to latents and back (Rombach et al., arXiv 2112.10752,
 * section 3.1). */

#ifndef DS_MODELS_VAE_H
#define DS_MODELS_VAE_H

#include <jansson.h>

#include "ops/graph.h"

#define DS_VAE_LEVELS 8

typedef struct ds_vae_config {
    int levels;
    int64_t channels[DS_VAE_LEVELS];
    int64_t in_channels, out_channels, latent_channels, layers, groups;
    double scaling_factor; /* latents of the denoiser = scaling_factor * (mean - shift_factor) */
    double shift_factor;
    bool quant_conv, post_quant_conv, mid_attention;
    int64_t sample_size;
} ds_vae_config;

ds_status ds__vae_config_read(ds_vae_config *c, const json_t *json, const char *what,
                              ds_error *err);

/* image [N,H,W,3] in [-1,1] -> moments [N,H/f,W/f,2 latent_channels]: mean, then log variance (not
 * yet clamped); f = 2^(levels-1). */
ds_var *ds__vae_encode_build(ds_graph *g, const ds_vae_config *c, ds_var *image);

/* latent [N,h,w,latent_channels], already divided by scaling_factor -> image [N,f h,f w,3]. */
ds_var *ds__vae_decode_build(ds_graph *g, const ds_vae_config *c, ds_var *latent);

#endif
