/* truth.h - see truth.c. */

#ifndef DS_STUDIES_ANSWER_TRUTH_H
#define DS_STUDIES_ANSWER_TRUTH_H

#include "studies/answer/answer.h"

/* Reads the numbers of the option and fills truth, known, covered, distance, correlation. DS_E_NOMATCH if
 * none of them is of a condition. */
ds_status ds__answer_truth(answer_statistics *s, ds_error *err);

#endif
