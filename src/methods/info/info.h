/* info.h - the estimate behind a ds_info, for the methods that combine its pairs (pid). */

#ifndef DS_METHODS_INFO_H
#define DS_METHODS_INFO_H

#include <diffuscope/info.h>

#include "methods/estimate/estimate.h"

/* For check, before there is a picture: what ds_info_new and the run would refuse of texts and calls.
 * Image, latent and draws of the options are not looked at. */
ds_status ds__info_foresee(const ds_info_options *o, const ds_tokenizer *t, ds_error *err);

/* Pair p of the information is pair p of the estimate. */
const ds_estimator *ds__info_estimate(const ds_info *info);

/* Before the run: what decides, in place of the pairs' errors, whether options.se is reached. */
void ds__info_set_goal(ds_info *info, bool (*enough)(void *user, const ds_estimator *e, double se),
                       void *user);

#endif
