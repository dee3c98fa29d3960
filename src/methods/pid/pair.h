/* pid_pair.h - everything about one pair of words: numbers, maps, pictures, the curve over Delta.
 */

#ifndef DS_CLI_PID_PAIR_H
#define DS_CLI_PID_PAIR_H

#include "pid_common.h"

/* The words' answer under the job's question, as JSON: texts, informations, atoms. */
ds_status pid_pair_json(json_t **out, const pid_job *j, const char *const *words, int64_t pair,
                        const ds_pid_question *q, const ds_pid_answer *answer, ds_error *err);

/* Result, tensors, pictures and page of a pair. */
ds_status pid_pair_files(pid_job *j, const char *const *words, int64_t pair, ds_error *err);

/* The same, and (without --json) a table on standard output. */
ds_status pid_pair_report(pid_job *j, const char *const *words, int64_t pair, ds_error *err);

#endif
