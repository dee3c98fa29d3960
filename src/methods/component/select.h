/* select.h - which weights of scored matrices an edit sets to zero.
 *
 * CAD (arXiv 2412.02542): in every output row (row mode) or over the whole matrix (flat mode) the first
 * floor(ratio n) scores in descending order, n the weights there, of which those with a score of the
 * right sign are kept. Global mode takes floor(ratio n) over all matrices together. A weight with score
 * zero changes nothing to first order and is never chosen, where the published code takes it. Equal
 * scores are taken in the order of their indices.
 *
 * Thread rule: pure functions. */

#ifndef DS_METHODS_COMPONENT_SELECT_H
#define DS_METHODS_COMPONENT_SELECT_H

#include <diffuscope/base.h>

typedef enum ds_pick { DS_PICK_ROW = 0, DS_PICK_FLAT, DS_PICK_GLOBAL } ds_pick;
typedef enum ds_keep_sign { DS_KEEP_POSITIVE = 0, DS_KEEP_NEGATIVE, DS_KEEP_BOTH } ds_keep_sign;

/* Scores of a matrix, and which of its weights are chosen. */
typedef struct ds_scored {
    int64_t rows, columns;
    const float *score; /* [rows,columns] */
    uint8_t *chosen;    /* [rows,columns], set to 0 or 1 by the selection */
} ds_scored;

typedef struct ds_selection {
    ds_pick pick;
    ds_keep_sign sign;
    double ratio;  /* of the weights of a row, a matrix, or all */
    int64_t count; /* above 0: this many instead (of each row, each matrix, or all) */
} ds_selection;

/* Returns through `total` how many were chosen; NULL is allowed. DS_E_NOMEM. */
ds_status ds__select(const ds_scored *matrix, int64_t matrices, const ds_selection *how,
                     int64_t *total, ds_error *err);

/* The k largest of n scores in descending order, equal ones by index: index [k]. Returns how many
 * there are (the smaller of k and n). DS_E_NOMEM is told as -1. */
int64_t ds__top(int64_t *index, const float *score, int64_t n, int64_t k);

/* Share of the first k of a that are among the first k of b; NaN if there are none. */
double ds__overlap(const float *a, const float *b, int64_t n, int64_t k);

#endif
