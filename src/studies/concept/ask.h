/* ask.h - a question put to `concept` or `concept mix`.
 *
 * With a run folder of the study, each question's own run lies in questions/KIND-WORD of it, and is read
 * from there when the study goes on.
 *
 * Thread rule: one thread. */

#ifndef DS_STUDIES_CONCEPT_ASK_H
#define DS_STUDIES_CONCEPT_ASK_H

#include "job/job.h"
#include "studies/concept/truth.h"

/* What all questions have in common; numbers at 0 stay at the method's own. */
typedef struct ask_options {
    const char *names, *cache, *dictionary;
    ds_texts prompt;
    int64_t restarts, sentences, steps, pictures;
    uint64_t seed;
    bool resume;
} ask_options;

ds_status ds__ask(question *q, ds_job *study, const ask_options *o, ds_error *err);

#endif
