/* clip_words.h - the published dictionary: the words that CLIP finds nearest to the concept's pictures (Chefer et
 * al., arXiv 2306.00966, section 3, and the published code).
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_CLIP_WORDS_H
#define DS_METHODS_CONCEPT_CLIP_WORDS_H

#include "pipeline/clip.h"

#define DS_CLIP_TEMPLATES 27 /* sentences of textual inversion (arXiv 2208.01618) */

typedef struct ds_clip_words_options {
    int64_t templates; /* the first of them, 1 to DS_CLIP_TEMPLATES */
    const char *cache; /* file that keeps the vectors for the next time; NULL */
    const char *clip;  /* CLIP's folder, which the cache is held to */
    const ds_cancel *cancel;
    ds_status (*progress)(void *user, int64_t done, int64_t total, ds_error *err);
    void *user;
} ds_clip_words_options;

/* out [n,P]: of each word the mean of its vectors in the sentences, at length 1. */
ds_status ds__clip_words(float *out, ds_clip *c, const char *const *word, int64_t n,
                         const ds_clip_words_options *o, ds_error *err);

/* Of the allowed words [n] leaves those whose vectors (word [n,P]) have the `most` largest cosines with
 * picture [P]; none whose cosine with concept [P] is above `near`. Returns in *left how many. */
ds_status ds__clip_choose(bool *allowed, int64_t *left, const float *word, int64_t n, int64_t width,
                          const float *picture, const float *concept, double near, int64_t most,
                          ds_error *err);

#endif
