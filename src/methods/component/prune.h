/* prune.h - ConceptPrune (Chavhan et al., arXiv 2405.19237): a selection without gradients.
 *
 * Weights W [rows,columns] of a feed-forward layer's second matrix read hidden units x [columns]. At a
 * time step, with |x_j| the root of the sum of squares of unit j over all places of the draws there,
 *
 *     s_ij = |W_ij| |x_j|                                   (Wanda, Sun et al., arXiv 2306.11695)
 *
 * is measured with the concept's text and with the base's. Of each row the floor(ratio columns) highest
 * scores of the concept are taken, of which those stay that exceed the base's. What is chosen at any of
 * the first (noisiest) time steps is set to zero.
 *
 * Thread rule: as measure.h. */

#ifndef DS_METHODS_COMPONENT_PRUNE_H
#define DS_METHODS_COMPONENT_PRUNE_H

#include "methods/component/edit.h"
#include "methods/component/work.h"

/* Adds to the marks of one matrix at one time step. concept_, base: |x_j| [columns]. DS_E_NOMEM. */
ds_status ds__prune_mark(uint8_t *chosen, const float *w, int64_t rows, int64_t columns,
                         const double *concept_, const double *base, double ratio, ds_error *err);

/* The edit, at the draws that are in `w`, over the first `steps` of their time steps (0: all). With
 * `masks`, also zeroed.NAME of each matrix. */
ds_status ds__prune(ds_edit *e, int64_t *count, component_work *w, double ratio, int64_t steps,
                    ds_bundle *masks, ds_error *err);

#endif
