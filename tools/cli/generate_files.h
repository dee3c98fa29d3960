/* generate_files.h - what `diffuscope generate` writes: pictures, tensors, record. */

#ifndef DS_CLI_GENERATE_FILES_H
#define DS_CLI_GENERATE_FILES_H

#include <diffuscope/run.h>

#include "opts.h"
#include "run_folder.h"

/* Refuses pictures of -o that are there already, whose names get a number when there are several
 * (images 0 counts as 1). Before the work, not after it. */
ds_status generate_check_files(const ds_args *a, int64_t images, ds_error *err);

/* Everything that --out, -o and --json ask for, once the pictures are decoded. */
ds_status generate_save(const ds_args *a, const ds_run *run, ds_run_record *record, ds_error *err);

/* DIR/result.json and DIR/report.html. */
ds_status generate_save_result(const ds_args *a, const ds_run *run, const char *dir, ds_error *err);
ds_status generate_save_report(const ds_args *a, const ds_run *run, ds_run_record *record,
                               const char *dir, ds_error *err);

#endif
