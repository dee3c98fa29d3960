/* prompt.h - the verb *encode*: from texts to what conditions the denoiser. The one place above the
 * models that knows how many text encoders there are and which of their layers counts.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_PIPELINE_PROMPT_H
#define DS_PIPELINE_PROMPT_H

#include <diffuscope/verbs.h>

#include "models/net.h"

/* The tokenizers of a model, checked against its text encoders. */
typedef struct ds_text ds_text;

ds_status ds__text_open(ds_text **out, ds_model *m, ds_error *err);
void ds__text_close(ds_text *t); /* NULL is allowed */

const ds_tokenizer *ds__text_tokenizer(const ds_text *t); /* the first one */
int64_t ds__text_length(const ds_text *t);                /* ids in a padded prompt */

/* From here on a prompt that does not fit is not cut but encoded in as many chunks as the longest
 * of a call needs, each padded and encoded by itself, and their tokens are laid end to end: what
 * the web front ends do. The pooled text is the first chunk's. */
void ds__text_allow_chunks(ds_text *t, bool allow);

/* Conditionings of one denoiser, in one block each, so that a method may edit or differentiate
 * them. */
struct ds_conditions {
    ds_arena arena;
    int64_t count;        /* K prompts */
    int64_t chunks;       /* of T / chunks tokens each; 1 unless allowed */
    int64_t tokens;       /* T, start, end and padding included */
    int64_t width;        /* D of a token; of both encoders side by side in Stable Diffusion XL */
    int64_t pooled_width; /* of the whole text; 0: the denoiser does not want it */
    float *hidden;        /* [K,T,D] */
    float *pooled;        /* [K,pooled_width] */
    int64_t *ids;         /* [K,T] of the first tokenizer */
    int64_t *cut;         /* [K]: tokens that did not fit, and were left out */
    float *weight[2];     /* [K,T] for each encoder: of emphasis; NULL: all are 1 */
    ds_tokens **words;    /* [K]; pieces belong to the tokenizer */
};

/* Encodes `count` prompts in one run of each encoder. A NULL stands for the absence of a prompt:
 * the empty text, or zeros for models whose folder asks for that (force_zeros_for_empty_prompt).
 * Free with ds__conditions_free, also after a failure (*out may be half-built). DS_E_ARG for text
 * that is not UTF-8. watcher and cancel may be NULL. */
ds_status ds__text_encode(ds_text *t, ds_conditions **out, const char *const *prompt, int64_t count,
                          const ds_watcher *watcher, const ds_cancel *cancel, ds_error *err);
void ds__conditions_free(ds_conditions *c);

/* ---- the same in parts, for an encoder that is planned once (encoder.c) ------------------------ */

int ds__text_encoders(const ds_text *t);
ds_module ds__text_module(int encoder);

/* Room for `count` prompts, of as many chunks as the longest needs (prompt NULL: one). */
ds_status ds__conditions_new(ds_text *t, ds_conditions **out, const char *const *prompt,
                             int64_t count, ds_error *err);

/* Ids [count,tokens] of the prompts for an encoder; the first one's stay in c, with their words. */
ds_status ds__text_ids(ds_text *t, ds_conditions *c, int encoder, int64_t *ids,
                       const char *const *prompt, ds_error *err);

/* Name of the output of an encoder that conditions the denoiser, in the caller's buffer. */
const char *ds__text_layer(const ds_text *t, int encoder, char *buf, size_t size);
/* Does the pooled text come from this encoder? (output "text_embeds") */
bool ds__text_pools(const ds_text *t, int encoder);

/* Copies what a run of the encoder's network gave; row: room for one output. */
void ds__text_take(const ds_text *t, ds_conditions *c, const ds_net *n, int encoder, float *row);

/* Encodes what emphasis needs beside the prompts of c, once. */
ds_status ds__emphasis_prepare(ds_text *t, const ds_conditions *c, const ds_cancel *cancel,
                               ds_error *err);
/* Applies the weights to what ds__text_take copied (weights.c). */
void ds__emphasis_apply(const ds_text *t, ds_conditions *c, int encoder);

/* Does this model condition on zeros where nobody gave a prompt? */
bool ds__text_zero_absent(const ds_text *t);
/* Conditioning k as zeros. */
void ds__conditions_zero(ds_conditions *c, int64_t k);

#endif
