/* inputs.h - which files a job reads. */

#ifndef DS_JOB_INPUTS_H
#define DS_JOB_INPUTS_H

#include "job/job.h"

/* Adds to the record, as `inputs`, option, path and SHA-256 of each file that an option names. The model
 * and its LoRAs are under `model`. */
ds_status ds__record_inputs(ds_job *j, ds_error *err);

#endif
