/* answer.h - lets a model draw what a folder's captions ask for. */

#ifndef DS_WORLD_ANSWER_H
#define DS_WORLD_ANSWER_H

#include "world/world.h"

#include <diffuscope/model.h>

typedef struct ds_answer_options {
    int steps;       /* of DDIM */
    double guidance; /* scale of classifier-free guidance; 1: none */
    uint64_t seed;   /* picture i is drawn from seed + i, whatever the batch */
    int64_t batch;   /* pictures drawn at once */
    void (*progress)(void *user, int64_t done, int64_t all); /* or NULL */
    void *user;
} ds_answer_options;

#define DS_ANSWER_OPTIONS_INIT                                                                     \
    {                                                                                              \
        30, 3.0, 1, 8, NULL, NULL                                                                  \
    }

/* Replaces the pictures of `folder` (an export, or its captions.jsonl alone) by the model's. */
ds_status ds_world_answer(ds_model *m, const char *folder, const ds_answer_options *o,
                          ds_error *err);

/* Replaces them by what the model's autoencoder makes of them. error[i], unless error is NULL, is
 * the mean squared difference of picture i, in units of the full range, of at most `room`; *count
 * is the number of pictures. */
ds_status ds_world_reconstruct(ds_model *m, const char *folder, double *error, int64_t room,
                               int64_t *count, ds_error *err);

#endif
