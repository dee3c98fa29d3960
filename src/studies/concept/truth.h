/* truth.h - questions with known answers, and what was found.
 *
 * Thread rule: as memory. */

#ifndef DS_STUDIES_CONCEPT_TRUTH_H
#define DS_STUDIES_CONCEPT_TRUTH_H

#include <stdbool.h>

#include <diffuscope/base.h>

#include "base/arena.h"

#define MOST_ANSWERS 4
#define MOST_LINES   512

typedef enum question_kind { MIXTURE = 0, OWN, FIRST, SENSES, SHARE, KINDS } question_kind;

#define QUESTION_KINDS "mixture|own|first|senses|share"

/* A line of the truth: KIND, WORD, ANSWER|ANSWER, NUMBER, NUMBER, separated by tabs. */
typedef struct question {
    question_kind kind;
    const char *word, *answer[MOST_ANSWERS];
    int64_t answers;
    double truth; /* share of the first answer, as planted; NaN: not known */
    double drawn; /* the same of pictures that the model drew; NaN: not known */

    bool hit, text_hit;
    double share, low, high; /* found */
    double half[2];          /* the same from either half of the sentences */
    double ratio;            /* loss of ten words over the empty prompt's */
    int64_t rank[MOST_ANSWERS];
} question;

typedef struct truth {
    ds_arena arena;
    question *q; /* [n] */
    int64_t n;
} truth;

/* Questions of one kind (KINDS: of all), the first `limit` of each (0: all). */
ds_status ds__truth_read(truth *out, const char *path, int kind, int64_t limit, ds_error *err);

#endif
