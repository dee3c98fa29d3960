/* clip.h - CLIP's text encoders (Radford et al., arXiv 2103.00020): CLIPTextModel and
 * CLIPTextModelWithProjection. */

#ifndef DS_MODELS_CLIP_H
#define DS_MODELS_CLIP_H

#include <jansson.h>

#include "ops/graph.h"

#define DS_CLIP_LAYERS 64

typedef struct ds_clip_config {
    int64_t vocab, width, layers, heads, intermediate, positions;
    int64_t eos_id;
    int64_t projection_dim; /* 0: without projection */
    ds_act act;
    float eps;
} ds_clip_config;

/* projected: the class is CLIPTextModelWithProjection. */
ds_status ds__clip_config_read(ds_clip_config *c, const json_t *json, const char *what,
                               bool projected, ds_error *err);

typedef struct ds_clip_inputs {
    ds_var *ids;   /* [N,S], I32 */
    ds_var *end;   /* [N], I32: the row n*S + position of each text's end token */
    ds_var *rows;  /* [R,width]: embeddings of the caller's, or NULL; then */
    ds_var *which; /* [P], I32: the row ... */
    ds_var *place; /* [P], I32: ... that stands at n*S + position instead of the token's own */
} ds_clip_inputs;

typedef struct ds_clip_outputs {
    ds_var *hidden[DS_CLIP_LAYERS + 1]; /* [N,S,width]: embeddings, then after each layer */
    ds_var *last;                       /* last_hidden_state [N,S,width], after the final norm */
    ds_var *pooled;                     /* pooler_output [N,width]: last at the end of the text */
    ds_var *embeds; /* text_embeds [N,projection_dim], NULL without projection */
} ds_clip_outputs;

void ds__clip_build(ds_graph *g, const ds_clip_config *c, const ds_clip_inputs *in,
                    ds_clip_outputs *out);

/* One layer of the transformer, encoder.layers.<index>, which the picture tower has too (not causal). */
ds_var *ds__clip_layer(ds_graph *g, const ds_clip_config *c, ds_var *x, int64_t index, bool causal);

/* Reads "hidden_act", "quick_gelu" or "gelu". */
struct ds_config;
ds_act ds__clip_read_act(struct ds_config *c);

/* Position of the end token in one row of ids: the largest id for the historical configurations
 * whose eos_token_id is 2 (the true id is the largest of the vocabulary), the first eos_id
 * otherwise. */
int64_t ds__clip_end(const ds_clip_config *c, const int32_t *ids, int64_t count);

#endif
