/* sampling.h - pictures under given conditionings, and what the network saw and said on the way.
 *
 * Thread rule: as the model's. */

#ifndef DS_METHODS_CONCEPT_SAMPLING_H
#define DS_METHODS_CONCEPT_SAMPLING_H

#include <diffuscope/verbs.h>

typedef struct ds_sampling {
    const char *sampler; /* NULL: the model's own */
    int steps;
    double guidance;       /* 1: no second conditioning is run */
    double stop_time;      /* no step from here down: what comes back then is still noisy; 0: all */
    int64_t batch;         /* pictures at once */
    int64_t height, width; /* of the latent; 0: the model's */
    uint64_t seed;         /* picture i has seed + i, as `generate` has it */
    const ds_cancel *cancel;

    /* Told of each step of pictures first .. first + n: latents z [n,C,h,w], the time step, the network's
     * answer [n,C,h,w] under the conditionings (not guided). NULL: nobody is told. */
    ds_status (*saw)(void *user, int64_t first, int64_t n, int step, const float *z, float t,
                     const float *answer, ds_error *err);
    void *saw_user;
    /* Told after each step how many are done, of all pictures. NULL. */
    ds_status (*progress)(void *user, int64_t done, int64_t total, ds_error *err);
    void *user; /* of progress */
} ds_sampling;

/* Time steps that will be taken, before stop_time: their number, and the times into t (NULL, or room
 * for them). */
ds_status ds__sampling_times(int64_t *count, float *t, const ds_sampling *s, ds_model *m,
                             ds_error *err);

/* latent [n,C,h,w] of n pictures; picture i under conditioning which[i] of c. empty: one conditioning,
 * of the absent prompt, read where guidance is not 1. *passes grows by the network's evaluations. */
ds_status ds__sampling_run(float *latent, ds_model *m, const ds_sampling *s, const ds_conditions *c,
                           const int64_t *which, int64_t n, const ds_conditions *empty,
                           int64_t *passes, ds_error *err);

/* Encodes texts (a NULL among them: no prompt). Free with ds_encoder_free; the conditionings are the
 * encoder's. */
ds_status ds__encode_texts(ds_encoder **out, ds_model *m, const char *const *text, int64_t n,
                           const ds_cancel *cancel, ds_error *err);

#endif
