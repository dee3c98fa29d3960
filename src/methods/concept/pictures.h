/* pictures.h - pictures of sentences, with the concept's words or a pseudo-token in their place.
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_PICTURES_H
#define DS_METHODS_CONCEPT_PICTURES_H

#include <diffuscope/image.h>

#include "methods/concept/sampling.h"
#include "methods/concept/sentences.h"

typedef struct ds_painter {
    ds_model *model;
    ds_sampling sampling;
    int64_t passes, decodes; /* so far */
} ds_painter;

/* image [n] and latent [n,C,h,w] (either may be NULL) of pictures 0 .. n of the sentences, with `token`
 * (all encoders' vectors side by side) at the free place, or with the concept's words if it is NULL.
 * Images are initialised by the call; the caller clears them. */
ds_status ds__paint(ds_painter *p, ds_image *image, float *latent, const ds_sentences *s,
                    const float *token, int64_t n, ds_error *err);

/* The same seed for all pictures, each with a token of its own [n,width], in sentence 0. */
ds_status ds__paint_tokens(ds_painter *p, ds_image *image, float *latent, const ds_sentences *s,
                           const float *token, int64_t n, ds_error *err);

/* Numbers of a latent. */
ds_status ds__paint_plane(int64_t *plane, const ds_painter *p, ds_error *err);

#endif
