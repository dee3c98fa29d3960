/* model_sampler.c - see model_sampler.h. */

#include "pipeline/model_sampler.h"

#include "pipeline/denoiser.h"
#include "pipeline/sampler_impl.h"

ds_status ds__model_sampler_new(ds_sampler **out, ds_model *m, const ds_sampler_options *o,
                                ds_error *err)
{
    ds_sampler_options s = *o;
    ds_schedule_file f = { 0 };
    ds_status st = ds__noise_config(&f, m, err);

    *out = NULL;
    if (f.root == NULL)
        s.prediction_type = ds__store_prediction(m->store)->type;
    if (st == DS_OK)
        st = ds__sampler_new(out, &s, &f, err);
    ds__schedule_file_close(&f);
    return st;
}
