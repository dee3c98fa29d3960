/* decomposition.h - a mixture that `concept` found, read back from its run folder.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_CONCEPT_DECOMPOSITION_H
#define DS_METHODS_CONCEPT_DECOMPOSITION_H

#include "methods/concept/dictionary.h"

typedef struct ds_decomposition {
    ds_arena arena;
    const char *word;
    ds_texts templates;
    ds_dictionary *dictionary; /* its words alone, largest share first */
    double *alpha;             /* [words] */
} ds_decomposition;

/* word NULL: the first of the run. DS_E_IO, DS_E_FORMAT, DS_E_NOMATCH name file and expectation. */
ds_status ds__decomposition_open(ds_decomposition **out, const char *folder, const char *word,
                                 ds_model *m, const ds_tokenizer *t, ds_error *err);
void ds__decomposition_close(ds_decomposition *d); /* NULL is allowed */

int64_t ds__decomposition_width(const ds_decomposition *d); /* of the token, all parts */

/* token [width] of the coefficients as they are, or of others. */
ds_status ds__decomposition_token(float *token, const ds_decomposition *d, const double *alpha,
                                  ds_error *err);

/* The word's place; DS_E_NOMATCH with the first few that are there. */
ds_status ds__decomposition_find(int64_t *place, const ds_decomposition *d, const char *word,
                                 ds_error *err);

/* "octopus=4" into a word of the mixture and a number. DS_E_ARG, DS_E_NOMATCH. */
ds_status ds__decomposition_setting(int64_t *place, double *number, const ds_decomposition *d,
                                    const char *text, ds_error *err);

#endif
