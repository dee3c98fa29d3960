/* pair.h - everything about one pair of words: numbers, maps, pictures, the curve over Delta. */

#ifndef DS_METHODS_PID_PAIR_H
#define DS_METHODS_PID_PAIR_H

#include "methods/pid/work.h"

/* The answer to a question about the words, as JSON: texts, informations, prior, atoms. */
ds_status ds__pid_pair_json(json_t **out, const pid_work *w, const char *const *words, int64_t pair,
                            const ds_pid_question *q, const ds_pid_answer *answer, ds_error *err);

/* Numbers, tensors, figures and page of a pair under the job's question into the job's result.
 * `say`: a table for a terminal too. */
ds_status ds__pid_pair_keep(pid_work *w, const char *const *words, int64_t pair, bool say,
                            ds_error *err);

/* ---- draw.c ----------------------------------------------------------------------------------- */

typedef struct pid_maps {
    int64_t height, width, pixels, replicates;
    float *atoms, *se;       /* [4,h,w] */
    float *infos, *infos_se; /* [3,h,w]: i_A, i_B, i_AB */
    float *each;             /* [replicates,3,h,w] */
} pid_maps;
ds_status ds__pid_maps_new(pid_maps *m, const ds_info *info, ds_error *err);
void ds__pid_maps_free(pid_maps *m);

/* Reads the informations, and keeps them and the maps of atoms as tensors. */
ds_status ds__pid_keep_maps(const pid_work *w, pid_maps *m, int64_t pair, ds_error *err);
/* Text, sheets and table of the page; a and b are the words. */
ds_status ds__pid_draw_pair(const pid_work *w, const pid_maps *m, const char *a, const char *b,
                            const ds_pid_answer *answer, int64_t pair, ds_error *err);

#endif
