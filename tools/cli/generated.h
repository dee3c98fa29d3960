/* generated.h - what is kept of pictures that a model drew: the record of their run, and PNGs that
 * say how they came about. `generate` and `daam` write the same. */

#ifndef DS_CLI_GENERATED_H
#define DS_CLI_GENERATED_H

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include "run_folder.h"

/* Model (a folder or file), token ids, sampler, calls, sizes and warnings into the record. */
ds_status generated_record(ds_record *r, const ds_run *run, ds_error *err);

/* A picture of the run, from this prompt and with this seed, as PNG: with the text "parameters", as
 * other front ends write it, and the record (complete but for times) as "diffuscope". */
ds_status generated_save(const ds_image *image, const char *path, const ds_args *a,
                         const ds_run *run, const ds_record *record, const char *prompt,
                         uint64_t seed, ds_error *err);

#endif
