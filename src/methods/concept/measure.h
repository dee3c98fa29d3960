/* measure.h - what a mixture is worth: held-out losses beside those of other texts and words, and what the
 * texts alone would have said.
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_MEASURE_H
#define DS_METHODS_CONCEPT_MEASURE_H

#include <diffuscope/value.h>

#include "methods/concept/dictionary.h"
#include "methods/concept/fit.h"

/* Mean over held-out triples; errors over pictures. */
typedef struct ds_measured {
    ds_value full, top_n, top10, top5; /* of the mixture, renormalised */
    ds_value single[5];                /* of each of its five largest words, as the word stands */
    ds_value concept_text, empty, random_word;
    ds_value beside; /* of the other token, if one was given */
    const char *random_text;
} ds_measured;

typedef struct ds_measure {
    ds_model *model;
    const ds_dictionary *dictionary;
    const ds_sentences *sentences; /* of the held-out pictures */
    const ds_frozen *held;
    int64_t rows; /* at once */
    int64_t height, width;
    uint64_t seed;
    ds_fit_cost *cost;
    const ds_cancel *cancel;
    const float *beside; /* [width] another token to be measured; NULL */
} ds_measure;

/* top [n]: words by falling coefficient, n >= 1. */
ds_status ds__measure(ds_measured *out, const ds_measure *m, const double *alpha,
                      const int64_t *top, int64_t n, const bool *allowed, const char *concept,
                      ds_error *err);

/* Mean of values [n] with the standard error of the means of groups (pictures). */
ds_value ds__grouped_mean(const double *x, const int64_t *group, int64_t n);

/* Adds to out the mean of the embeddings of a text's tokens, encoders side by side. DS_E_ARG if it has none. */
struct ds_embeddings;
ds_status ds__mean_embedding(float *out, const struct ds_embeddings *e, const ds_tokenizer *t,
                             const char *text, ds_error *err);

/* ---- texts alone ------------------------------------------------------------------------------- */

typedef struct ds_text_only {
    int64_t top[3]
               [10]; /* words: by cosine of embeddings, by least squares, by the encoder's output */
    double value[3][10]; /* cosine; shares */
    int64_t count[3];
    double *alpha; /* [D] of the encoder's output */
} ds_text_only;

/* Baselines without the denoiser:
 *   cosine   between the concept's embedding (mean of its tokens') and each word's
 *   nnls     the embedding as a sparse non-negative mixture (SpLiCE, Bhalla et al., arXiv 2402.10376), of
 *            the 512 nearest words, penalty a tenth of what leaves none
 *   encoder  the same solver as with the denoiser, on the text encoder's output: |conditioning - that of
 *            the concept's sentence|^2, scaled such that the empty prompt's loss is `empty_loss` */
ds_status ds__text_only(ds_text_only *out, const ds_measure *m, const ds_tokenizer *t,
                        const char *concept, const bool *allowed, const ds_fit_options *fit,
                        double empty_loss, ds_error *err);
void ds__text_only_clear(ds_text_only *t);

#endif
