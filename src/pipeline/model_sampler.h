/* model_sampler.h - a sampler with the schedule of an open model. */

#ifndef DS_PIPELINE_MODEL_SAMPLER_H
#define DS_PIPELINE_MODEL_SAMPLER_H

#include <diffuscope/model.h>
#include <diffuscope/sampler.h>

/* As ds_sampler_new, but of the model's own scheduler configuration: o->config and prediction_type are not
 * read. */
ds_status ds__model_sampler_new(ds_sampler **out, ds_model *m, const ds_sampler_options *o,
                                ds_error *err);

#endif
