/* files.h - which files of a folder are a run's: run.json lists them when it is complete, run.files, one
 * name a line, as long as it is not. So a new run in their place removes what the old one wrote, and
 * nothing of the user's. */

#ifndef DS_JOB_FILES_H
#define DS_JOB_FILES_H

#include <jansson.h>

#include <diffuscope/base.h>
#include <diffuscope/result.h>

#include "job/job.h"

/* Notes a file or a run folder below FOLDER, before it is written: in the result, and in run.files. The
 * folder is made if it is not there. */
ds_status ds__files_note(ds_result *r, const char *folder, const char *name, ds_error *err);
/* The same for a path that begins with the job's folder; nothing for a job without one. */
ds_status ds__job_wrote(ds_job *j, const char *path, ds_error *err);

/* DS_E_ARG if an option of the job names a file that a new run in its folder would remove first. */
ds_status ds__files_check(const ds_job *j, ds_error *err);

/* Before a run begins: the record of the run before goes, and all of its files with it, or, if the run
 * goes on with them (`resume`), only the record. A folder without a record is left as it is. */
ds_status ds__files_begin(const char *folder, bool resume, ds_error *err);

/* The names as JSON text for the record, sorted; free with ds_free. Those that are not in FOLDER are left
 * out. */
ds_status ds__files_list(char **out, const ds_result *r, const char *folder, ds_error *err);

/* run.json is there: run.files goes. */
void ds__files_end(const char *folder);

#endif
