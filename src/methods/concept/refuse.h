/* refuse.h - what the commands of `concept` refuse, or warn of, before anything is drawn.
 *
 * Thread rule: the job's. */

#ifndef DS_METHODS_CONCEPT_REFUSE_H
#define DS_METHODS_CONCEPT_REFUSE_H

#include "job/job.h"

/* At least one word, each of which is a word and given once. */
ds_status ds__concept_check_words(ds_job *j, const ds_texts *words, ds_error *err);

/* Height and width in pixels (0: the model's) are multiples of the autoencoder's factor; the sampler (NULL: the
 * model's own) is one. */
ds_status ds__concept_check_drawing(ds_job *j, int64_t height, int64_t width, const char *sampler,
                                    int64_t steps, ds_error *err);

/* A model of few steps learnt few noise levels, and says little at those that are asked about. */
ds_status ds__concept_warn(ds_job *j, ds_error *err);

#endif
