/* few.c - see few.h. */

#include "studies/few.h"

#include <stdio.h>

ds_status ds__warn_few_scenes(ds_job *j, int64_t scenes, ds_error *err)
{
    char text[320];

    if (scenes >= FEW_SCENES || scenes == 0)
        return DS_OK;
    snprintf(
        text, sizeof text,
        "%lld scene%s too few for held-out thresholds, which one half chooses for the other, and "
        "for an order of settings: take %d or more; at fixed thresholds the intervals (t below 10) "
        "are wide and right",
        (long long)scenes, scenes == 1 ? " is" : "s are", FEW_SCENES);
    return ds__job_warn(j, text, err);
}
