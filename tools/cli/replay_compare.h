/* replay_compare.h - are two run folders the same? */

#ifndef DS_CLI_REPLAY_COMPARE_H
#define DS_CLI_REPLAY_COMPARE_H

#include <jansson.h>

#include <diffuscope/base.h>

typedef struct replay_verdict {
    json_t *tensors;        /* array of {name, same, difference, largest} or {name, same, why} */
    json_t *numbers;        /* array of the paths in result.json that differ */
    int64_t tensor, number; /* how many there are */
    int64_t bad_tensor, bad_number;
} replay_verdict;

/* Holds tensors, of the folder and of its pictures' folders, and the numbers of result.json, but those of
 * how long something took, against each other. Two values are the same if they differ by at most
 * tolerance * the largest value of their tensor (of a number: its own); 0: in every bit. */
ds_status replay_compare(replay_verdict *v, const char *was, const char *is, double tolerance,
                         ds_error *err);
void replay_verdict_clear(replay_verdict *v);

#endif
