/* few.h - where an evaluation has too few scenes for what is chosen on some of them. */

#ifndef DS_STUDIES_FEW_H
#define DS_STUDIES_FEW_H

#include "job/job.h"

/* Below so many scenes each half of them chooses its thresholds on fewer than ten. */
enum { FEW_SCENES = 20 };

/* Warns, in the result too, if `scenes` are fewer. */
ds_status ds__warn_few_scenes(ds_job *j, int64_t scenes, ds_error *err);

#endif
