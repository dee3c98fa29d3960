/* bank.h - what a concept is measured on: noisy latents, time steps and targets.
 *
 * teacher: the model's own answer for the concept's sentence along a trajectory of its sampler at
 *          guidance 1, as the sampler met them: no pass is made for it. The expectation of the noise given
 *          the latent is what the network predicts, so this removes the noise of the target and hardly
 *          moves the optimum (our deviation).
 * noise:   clean latents of pictures drawn with guidance, fresh noise and a fresh time for every use,
 *          and the noise itself (for velocity models the velocity) as the target, as published
 *          (Chefer et al., arXiv 2306.00966, section 3).
 *
 * Thread rule: immutable after it was made. */

#ifndef DS_METHODS_CONCEPT_BANK_H
#define DS_METHODS_CONCEPT_BANK_H

#include <diffuscope/rng.h>

#include "methods/concept/loss.h"
#include "methods/concept/sampling.h"

typedef enum ds_target { DS_TARGET_TEACHER = 0, DS_TARGET_NOISE } ds_target;

typedef struct ds_bank {
    ds_target target;
    ds_sentences *sentences;
    int64_t pictures, plane;
    double from;       /* least time step */
    float *clean;      /* [pictures,plane]; noise */
    int64_t levels;    /* teacher: triples of each picture */
    float *z, *answer; /* [pictures,levels,plane] */
    float *t;          /* [levels] */
    int64_t passes;    /* that it took */
} ds_bank;

typedef struct ds_bank_options {
    ds_target target;
    const ds_texts *templates;
    const char *concept;
    int64_t first; /* of the sentences, and added to the seed: banks with ranges that do not meet
                         share no picture */
    int64_t pictures;
    double from;          /* 0 to 1000 */
    ds_sampling sampling; /* `saw`, stop_time and guidance of a teacher are set here */
} ds_bank_options;

ds_status ds__bank_new(ds_bank **out, ds_model *m, const ds_tokenizer *t, const ds_bank_options *o,
                       ds_error *err);
void ds__bank_free(ds_bank *b); /* NULL is allowed */

/* For a batch: n rows, drawn with replacement. z, target [n,plane], t, text [n]. */
void ds__bank_draw(const ds_bank *b, const ds_noise *noise, ds_rng *rng, int64_t n, float *z,
                   float *target, float *t, int64_t *text);

/* z = alpha x + sigma e and the network's target, the noise or the velocity alpha e - sigma x. */
void ds__noise_target(float *z, float *target, const ds_noise *noise, const float *clean,
                      const float *eps, double t, int64_t n);

/* A frozen list of triples: every `stride`-th of a teacher's, or `count` drawn ones. */
typedef struct ds_frozen {
    int64_t count, plane;
    float *z, *target, *t; /* [count,plane], [count,plane], [count] */
    int64_t *text, *picture;
} ds_frozen;
ds_status ds__frozen_new(ds_frozen *out, const ds_bank *b, const ds_noise *noise, int64_t count,
                         uint64_t seed, ds_error *err);
void ds__frozen_clear(ds_frozen *f); /* an all-zero one is allowed */

#endif
