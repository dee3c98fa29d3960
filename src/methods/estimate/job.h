/* job.h - how precisely a method estimates information: options of draws and goals (block
 * ds__job_estimate_rows), and the run with its announcement, progress and count. */

#ifndef DS_METHODS_ESTIMATE_JOB_H
#define DS_METHODS_ESTIMATE_JOB_H

#include <diffuscope/info.h>

#include "job/job.h"

typedef struct estimate_options {
    int64_t replicates, nodes;
    double se, floor;
    int64_t max_calls, pilot;
    int design; /* ds_info_design; never DS_INFO_UNIFORM */
    bool no_antithetic, exact_snr;
    const char *draws, *state;
    int64_t batch;
} estimate_options;
extern const ds_option ds__job_estimate_rows[];

typedef struct job_estimate {
    ds_info_options options; /* picture, prompts and pairs are the method's to set */
    ds_bundle *draws;
    ds_job *job;
    const char *stage; /* as progress names it; NULL: "measuring" */
    bool announced;    /* the cost, which only the first of several runs tells */
} job_estimate;

/* For check: reads what the options name. *out must stay where it is. */
ds_status ds__job_estimate_check(job_estimate *out, ds_job *j, const estimate_options *o,
                                 uint64_t seed, ds_error *err);
void ds__job_estimate_clear(job_estimate *e); /* an all-zero one is allowed */

/* Runs what was made with the options: warnings and cost first. */
ds_status ds__job_estimate_run(job_estimate *e, ds_info *info, ds_error *err);

/* {"calls", "draws", "texts", "replicates", "nodes", "seconds", "logsnr": [low, high], ...}; NULL
 * if memory is exhausted. */
json_t *ds__job_estimate_json(const ds_info *info);

#endif
