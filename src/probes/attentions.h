/* attentions.h - the attention layers of a denoiser, found by their shapes: which of them read the
 * text, where they lie in the network, and which rectangle of the latent their rows are.
 *
 * A layer reads the text if its probabilities [N,heads,S,T] have a column per token. Its rows are
 * the latent halved k times, sides rounded up. Layers that share the name before its first number
 * ("unet.x_blocks.0...", "unet.x_blocks.1...") are one stage of the network. */

#ifndef DS_PROBES_ATTENTIONS_H
#define DS_PROBES_ATTENTIONS_H

#include "models/net.h"

/* The first group of blocks, the last one, and what lies between; all is LAST in a network of one
 * group. */
typedef enum ds_stage { DS_STAGE_FIRST = 0, DS_STAGE_MIDDLE, DS_STAGE_LAST } ds_stage;

typedef struct ds_attention_layer {
    const char *site; /* of the probabilities, "....probs" */
    bool cross;       /* reads the text */
    ds_stage stage;
    int block; /* counts the blocks ("unet.x_blocks.0") in order of computation */
    int64_t heads;
    int64_t rows, columns; /* of the probabilities, for a text of 77 tokens */
    int64_t height, width; /* the rows as a rectangle */
    int64_t halvings;      /* of the latent */
} ds_attention_layer;

typedef struct ds_attention_layers {
    int64_t count;
    ds_attention_layer *layer; /* in order of computation */
} ds_attention_layers;

/* For a latent of height by width. DS_E_UNSUPPORTED if a layer's rows are no such rectangle,
 * DS_E_NOMATCH if no layer reads the text. Free with ds__attention_layers_free. */
ds_status ds__attention_layers(ds_attention_layers **out, ds_model *m, int64_t height,
                               int64_t width, ds_error *err);
void ds__attention_layers_free(ds_attention_layers *l); /* NULL is allowed */

/* The name of another value of the same attention ("q", "k", "out") in the caller's buffer; false
 * if it does not fit. */
bool ds__attention_sibling(char *buf, size_t size, const char *probs, const char *value);

/* ---- other keys against a layer's queries ---------------------------------------------------- */

typedef struct ds_attention_size {
    int64_t heads, rows, columns; /* queries and keys */
    int64_t width;                /* of a query or key: all heads side by side */
} ds_attention_size;

/* Bytes that ds__attention_probabilities needs as `work`. */
size_t ds__attention_work(const ds_attention_size *s);

/* probs [heads,rows,columns] = softmax over columns of q_h k_h^T / sqrt(width / heads), for queries
 * q [rows,width] and keys k [columns,width]: what the layer itself would compute. */
void ds__attention_probabilities(float *probs, const float *q, const float *k,
                                 const ds_attention_size *s, void *work);

#endif
