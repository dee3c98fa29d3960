/* ablate.h - exact ablation: the objective with components removed, in both rows, at given draws.
 *
 * Removing is closing a gate, which equals setting the component's weights to zero (components.h) without
 * touching a weight. The effect of a set is J - J(without it), what the sum of its scores predicts.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_ABLATE_H
#define DS_METHODS_COMPONENT_ABLATE_H

#include "methods/component/draws.h"

typedef struct ds_ablation ds_ablation;

/* Plans a forward pass of `o` with a gate at every site. */
ds_status ds__ablation_new(ds_ablation **out, ds_model *m, const ds_component_sites *sites,
                           const ds_noise *noise, const ds_measure_options *o, ds_error *err);
void ds__ablation_free(ds_ablation *a);

/* Parts first .. first + count - 1 of a site are removed, or there again. */
void ds__ablation_close(ds_ablation *a, int64_t site, int64_t first, int64_t count);
void ds__ablation_open(ds_ablation *a);

/* The mean of J over draws of d with pair in [pair, pair + pairs), at most `most` of them (0: all),
 * evenly chosen. */
ds_status ds__ablation_run(ds_ablation *a, double *j, const ds_draws *d, int64_t pair,
                           int64_t pairs, int64_t most, ds_error *err);
int64_t ds__ablation_rows(const ds_ablation *a); /* rows that went forward */

/* The same for another model (an overlay): the mean of J without gates. */
ds_status ds__objective_of(double *j, ds_model *m, const ds_noise *noise,
                           const ds_measure_options *o, const ds_draws *d, int64_t pair,
                           int64_t pairs, int64_t most, ds_error *err);

#endif
