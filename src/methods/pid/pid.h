/* pid.h - decompositions of an estimate: the step from its statistics to atoms, for networks and
 * for denoisers that are known in closed form.
 *
 * Thread rule: none; the estimate is only read. */

#ifndef DS_METHODS_PID_H
#define DS_METHODS_PID_H

#include "methods/estimate/estimate.h"
#include "methods/pid/atoms.h"
#include "methods/pid/texts.h"

/* As ds_pid_solve, of a pair of words whose i_a, i_b and i_ab are pairs of the estimate. words may
 * be NULL but for imin. */
ds_status ds__pid_solve(const ds_estimator *e, ds_pid_answer *out, float *maps, float *se,
                        const ds_pid_pair *pair, const ds_pid_words *words,
                        const ds_pid_question *q, ds_error *err);

#endif
