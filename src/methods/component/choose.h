/* choose.h - from scores to the edit that removes the components with the highest ones. */

#ifndef DS_METHODS_COMPONENT_CHOOSE_H
#define DS_METHODS_COMPONENT_CHOOSE_H

#include "methods/component/score.h"

typedef enum ds_control { DS_CONTROL_NONE = 0, DS_CONTROL_RANDOM, DS_CONTROL_MAGNITUDE } ds_control;

typedef struct component_choice {
    ds_granularity g;
    ds_selection how;
    ds_control control; /* others in their place, as many */
    uint64_t seed;
} component_choice;

/* Scores by which is chosen. Components: units [units] (measure.h). Weights: the gradients of `gradients`
 * (tensors gradient.NAME) times the weights of the model. */
typedef struct component_values {
    const float *units;
    const ds_bundle *gradients;
} component_values;

/* Adds to e; predicted gets the sum of the chosen scores (components: mean over draws; weights: sum over
 * draws). With `masks`, also zeroed.NAME of each matrix. DS_E_NOMATCH if the scores lack what is asked. */
ds_status ds__choose(ds_edit *e, double *predicted, int64_t *count, ds_model *m,
                     const ds_component_sites *l, const component_values *v,
                     const component_choice *c, ds_bundle *masks, ds_error *err);

/* score.SITE and layer.SITE of a folder's tensors as one list; free with ds_free. */
ds_status ds__scores_load(float **out, const ds_component_sites *l, const ds_bundle *b,
                          ds_error *err);

/* Predicted against true effect of random sets of `count` components (or weights): x, y [sets]. */
ds_status ds__check_sets(double *x, double *y, int64_t sets, int64_t count, component_work *w,
                         ds_job *j, const component_values *v, ds_granularity g, int64_t draws,
                         uint64_t seed, ds_error *err);

#endif
