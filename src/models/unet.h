/* unet.h - UNet2DConditionModel of Stable Diffusion 1.x, 2.x and XL
 * (Rombach et al., arXiv 2112.10752; Podell et al., arXiv 2307.01952). */

#ifndef DS_MODELS_UNET_H
#define DS_MODELS_UNET_H

#include <jansson.h>

#include "ops/graph.h"

#define DS_UNET_LEVELS 8

typedef struct ds_unet_config {
    int levels;
    int64_t in_channels, out_channels;
    int64_t channels[DS_UNET_LEVELS];
    bool down_attention[DS_UNET_LEVELS], up_attention[DS_UNET_LEVELS];
    int64_t layers[DS_UNET_LEVELS];       /* residual blocks per level */
    int64_t heads[DS_UNET_LEVELS];        /* of every attention of the level */
    int64_t transformers[DS_UNET_LEVELS]; /* transformer blocks per attention */
    int64_t context_dim;                  /* width of encoder_hidden_states */
    int64_t groups;
    float eps, mid_scale, out_scale;
    int64_t conv_in_kernel, conv_out_kernel, downsample_padding;
    bool flip_sin_to_cos, linear_projection;
    float freq_shift;
    bool text_time;      /* SDXL: pooled text and six numbers beside the time */
    int64_t time_id_dim; /* sinusoids per number */
    int64_t pooled_dim;  /* width of text_embeds */
    int64_t cond_dim;    /* width of timestep_cond; 0: none */
    int64_t sample_size; /* side of the latent that the model was trained on */
} ds_unet_config;

/* what: the file, for messages. DS_E_UNSUPPORTED names the field. */
ds_status ds__unet_config_read(ds_unet_config *c, const json_t *json, const char *what,
                               ds_error *err);

typedef struct ds_unet_inputs {
    ds_var *sample;      /* [N,H,W,in_channels] */
    ds_var *timestep;    /* [N], f32 */
    ds_var *context;     /* [N,T,context_dim]: encoder_hidden_states */
    ds_var *text_embeds; /* [N,pooled_dim], SDXL only */
    ds_var *time_ids;    /* [N,6], SDXL only */
    ds_var *cond;        /* [N,cond_dim]: timestep_cond, where there is one */
} ds_unet_inputs;

/* Appends the network to g in the current scope; returns [N,H,W,out_channels].
 * H and W must be at least 2^(levels-1). */
ds_var *ds__unet_build(ds_graph *g, const ds_unet_config *c, const ds_unet_inputs *in);

#endif
