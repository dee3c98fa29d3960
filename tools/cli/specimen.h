/* specimen.h - where the model lies that comes with the program. */

#ifndef DS_CLI_SPECIMEN_H
#define DS_CLI_SPECIMEN_H

#include <diffuscope/base.h>

/* The word that stands for it after --model, and the variable that names another default. */
#define SPECIMEN          "specimen"
#define SPECIMEN_VARIABLE "DIFFUSCOPE_MODEL"

/* Looks where `make install` puts it, from the program's own folder (../share/diffuscope/specimen),
 * then beside a source tree's build folder (../models/specimen). Free *out with ds_free. DS_E_ARG
 * tells both places and what else there is to do. */
ds_status specimen_find(char **out, ds_error *err);

#endif
