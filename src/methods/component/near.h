/* near.h - which word is nearest to a concept, to the model.
 *
 * Of a list of words those whose last token's embedding is nearest to the concept's by cosine are tried:
 * along the sampler's path to the concept, J = |v(concept) - v(word)|^2 of two captions that differ in the
 * word alone. A word far nearer than the rest is another name of the same thing, and no guide away from it:
 * the guide is the nearest of those with at least half the median J.
 *
 * Thread rule: as job.h. */

#ifndef DS_METHODS_COMPONENT_NEAR_H
#define DS_METHODS_COMPONENT_NEAR_H

#include "job/job.h"
#include "methods/component/texts.h"

enum { DS_NEAR_TRIED = 12, DS_NEAR_LEAST = 3 };

typedef struct ds_near {
    int64_t count;
    const char *word[DS_NEAR_TRIED]; /* borrowed from the list, by rising J */
    double j[DS_NEAR_TRIED];
    int64_t guide; /* its place */
} ds_near;

/* frame: a caption with * for the word. DS_E_NOMATCH if fewer than DS_NEAR_LEAST other words are listed. */
ds_status ds__near(ds_near *out, ds_job *j, const char *concept_, const char *frame,
                   const ds_alternatives *words, ds_error *err);

/* The place of the guide among n rising distances. */
int64_t ds__near_guide(const double *j, int64_t n);

/* The last token of a text: what stands before the first of the equal ones that fill it up, and its end
 * token. */
int64_t ds__last_word(const int64_t *ids, int64_t tokens);

/* Every '*' of the frame replaced by the word, into `out` as a template. */
ds_status ds__frame(ds_alternatives *out, const char *pattern, const char *word, ds_error *err);

#endif
