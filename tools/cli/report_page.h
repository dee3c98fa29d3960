/* report_page.h - the end of every report.html: the command, the record of the run, the file. */

#ifndef DS_CLI_REPORT_PAGE_H
#define DS_CLI_REPORT_PAGE_H

#include <diffuscope/page.h>

#include "run_folder.h"

/* Adds the part "Record" (the command line, and run.json as it is so far) and writes
 * DIR/report.html. Call it when everything but run.json is written. */
ds_status report_page_save(ds_page *p, const ds_args *a, ds_run_record *r, const char *dir,
                           ds_error *err);

#endif
