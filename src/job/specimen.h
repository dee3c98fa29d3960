/* specimen.h - the names of the model that comes with the library; ds_specimen_find (job.h) looks in
 * share/diffuscope/specimen (where `make install` puts it) and models/specimen (a source tree), from
 * the folders above the program and above the library. */

#ifndef DS_JOB_SPECIMEN_H
#define DS_JOB_SPECIMEN_H

#include <diffuscope/job.h>

/* The word that stands for it as a model, and the variable that names another default. */
#define DS_SPECIMEN          "specimen"
#define DS_SPECIMEN_VARIABLE "DIFFUSCOPE_MODEL"

#endif
