/* loss.h - how well pseudo-tokens do the work of words, and which way they should move.
 *
 *     L(w) = mean over rows of |answer(z, t, sentence with w) - target|^2
 *
 * in the network's own parametrisation (noise or velocity), and dL/dw by pulling back through the
 * denoiser to the conditioning and through the text encoder to the one embedding row. No gradient of a
 * weight is formed; of all sentences those of a batch are encoded, each once, whatever the number of rows
 * that use it.
 *
 * Several concepts (lanes) share one batch, each with its own token and sentences.
 *
 * Thread rule: an object belongs to one thread. The model and the sentences must outlive it. */

#ifndef DS_METHODS_CONCEPT_LOSS_H
#define DS_METHODS_CONCEPT_LOSS_H

#include <diffuscope/verbs.h>

#include "methods/concept/mixture.h"
#include "methods/concept/sentences.h"

typedef struct ds_loss ds_loss;

typedef struct ds_loss_options {
    const ds_sentences *const *sentences; /* [lanes]; the list is copied */
    int64_t lanes;
    int64_t rows;          /* B of each lane */
    int64_t height, width; /* of the latent; 0: the model's */
    bool gradient;
    bool recompute; /* less memory, more time */
    const ds_cancel *cancel;
} ds_loss_options;

ds_status ds__loss_new(ds_loss **out, ds_model *m, const ds_loss_options *o, ds_error *err);
void ds__loss_free(ds_loss *l); /* NULL is allowed */

/* Lane after lane, B rows each. text: number of the sentence within its lane. */
typedef struct ds_loss_batch {
    const float *z, *target; /* [lanes*B,C,h,w] */
    const float *t;          /* [lanes*B] */
    const int64_t *text;     /* [lanes*B] */
} ds_loss_batch;

/* loss [lanes]; gradient [lanes,width] or NULL; token [lanes,width]. row_loss [lanes*B] or NULL. */
ds_status ds__loss_run(ds_loss *l, double *loss, float *gradient, double *row_loss,
                       const float *token, const ds_loss_batch *b, ds_error *err);

/* Sentences that each run encodes. */
int64_t ds__loss_encodes(const ds_loss *l);

/* Conditioning of the first sentence of the first lane, of the last run: [T,D], borrowed. */
const float *ds__loss_conditioning(const ds_loss *l, int64_t *tokens, int64_t *width);

/* The same loss for conditionings that hold no token: row r under conditioning which[r] of c. */
ds_status ds__loss_of_conditions(ds_loss *l, double *loss, double *row_loss, const ds_conditions *c,
                                 const int64_t *which, const ds_loss_batch *b, ds_error *err);

#endif
