/* registry.c - the instruments and studies by name, in the order in which they are listed. */

#include "job/job.h"
#include "methods/methods.h"

const ds_method *const ds__methods[] = {
    &ds__method_info,       &ds__method_info_words, &ds__method_info_score,
    &ds__method_info_curve, &ds__method_info_edit,  NULL,
};
