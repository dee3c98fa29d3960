/* fire.h - on which pictures the first neurons fire.
 *
 * Each text's picture is drawn with the same noise and guidance, and of each neuron, with h its hidden value,
 *
 *     fire = sqrt(mean over time steps and places of h^2)
 *
 * is taken in the row that reads the text. It is compared between pictures, never between neurons: what a
 * neuron's weights make of h differs from one to the next.
 *
 * Thread rule: as measure.h. */

#ifndef DS_METHODS_COMPONENT_FIRE_H
#define DS_METHODS_COMPONENT_FIRE_H

#include "methods/component/score.h"

enum { DS_FIRE_NEURONS = 8, DS_FIRE_SHOWN = 6, DS_FIRE_STEPS = 20 };

/* Draws `texts`, measures the first neurons of s, and adds "fire" to the result and pictures to its page. */
ds_status ds__fire(const component_scores *s, component_work *w, ds_job *j,
                   const ds_alternatives *texts, ds_error *err);

#endif
