/* model_option.h - from the common options to an opened model. */

#ifndef DS_CLI_MODEL_OPTION_H
#define DS_CLI_MODEL_OPTION_H

#include <diffuscope/model.h>

#include "opts.h"

/* Opens --model with --compute (where the command has it). */
ds_status model_from_options(ds_model **out, const ds_args *a, ds_error *err);

#endif
