/* score_keep.h - scores into a job's result: numbers, tensors, page. */

#ifndef DS_METHODS_COMPONENT_SCORE_KEEP_H
#define DS_METHODS_COMPONENT_SCORE_KEEP_H

#include "methods/component/score.h"

ds_status ds__scores_numbers(const component_scores *s, int64_t concepts, const component_work *w,
                             const char *model, int64_t top, ds_result *r, ds_error *err);
ds_status ds__scores_tensors(const component_scores *s, int64_t concepts, const component_work *w,
                             ds_result *r, ds_error *err);
/* gradient.NAME, summed over all draws. */
ds_status ds__scores_gradients(const component_work *w, ds_result *r, ds_error *err);
/* Of the first concept. */
ds_status ds__scores_page(const component_scores *s, const component_work *w, ds_result *r,
                          ds_error *err);
void ds__scores_say(const component_scores *s, const component_work *w, ds_result *r);

#endif
