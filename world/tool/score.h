/* score.h - compares a folder of pictures with the captions that they were drawn from. */

#ifndef DS_WORLD_SCORE_H
#define DS_WORLD_SCORE_H

#include "world/judge.h"

#include <jansson.h>

/* Reads `folder`/captions.jsonl (as an export writes it; `file` and `factors` are enough) and the
 * pictures that it names, and judges each. The result is a new reference: shares with their counts,
 * per kind of question. DS_E_IO, DS_E_FORMAT. */
ds_status ds_world_score(json_t **out, const ds_world *w, const ds_judge *j, const char *folder,
                         ds_error *err);

/* The same as lines that a person reads. */
void ds_world_print_score(const json_t *score);

#endif
