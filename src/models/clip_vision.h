/* clip_vision.h - CLIP's picture tower (Radford et al., arXiv 2103.00020, section 2.4): a vision
 * transformer (Dosovitskiy et al., arXiv 2010.11929) whose first token stands for the picture. */

#ifndef DS_MODELS_CLIP_VISION_H
#define DS_MODELS_CLIP_VISION_H

#include "models/clip.h"

typedef struct ds_clip_vision_config {
    ds_clip_config stack; /* width, layers, heads, intermediate, act, eps: the rest is 0 */
    int64_t side, patch;  /* pixels of a picture's and of a patch's side */
    int64_t projection_dim;
} ds_clip_vision_config;

/* The two halves of a CLIPModel's config.json, {"text_config": {...}, "vision_config": {...},
 * "projection_dim": P}. what: the file, for messages. */
ds_status ds__clip_pair_config_read(ds_clip_config *text, ds_clip_vision_config *vision,
                                    const json_t *json, const char *what, ds_error *err);

/* pixels [N,side,side,3], normalised; first [N] I32 holds zeros (each picture's class token is row 0
 * of a table with one row). Returns image_embeds [N,projection_dim], not normalised. */
ds_var *ds__clip_vision_build(ds_graph *g, const ds_clip_vision_config *c, ds_var *pixels,
                              ds_var *first);

#endif
