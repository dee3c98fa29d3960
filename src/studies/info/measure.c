/* measure.c - the information of one picture of `eval info`. See eval.h. */

#include "studies/info/eval.h"

ds_status ds__info_eval_measure(const info_eval *e, ds_info **info, const study_picture *p,
                                const char *const *text, int64_t texts, const ds_info_pair *pair,
                                int64_t pairs, int64_t k, ds_error *err)
{
    ds_info_options o = e->est.options;
    const char *warning;
    ds_status st;

    o.image = &p->tensor;
    o.prompt = text;
    o.prompts = texts;
    o.pair = pair;
    o.pairs = pairs;
    o.seed += (uint64_t)k;
    st = ds_info_new(info, e->job->model, &o, err);
    for (int i = 0; st == DS_OK && (warning = ds_info_warning(*info, i)) != NULL; i++)
        st = ds__job_warn(e->job, warning, err);
    return st == DS_OK ? ds_info_run(*info, err) : st;
}
