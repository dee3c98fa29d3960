/* run_folder.h - the record of a run and the folder that it is written to (--out DIR).
 *
 * A command begins the record, adds what it alone knows (prompt, token ids, seed, RNG, the model's
 * files and their SHA-256), and ends it when everything else is written: a folder with a run.json
 * is complete. */

#ifndef DS_CLI_RUN_FOLDER_H
#define DS_CLI_RUN_FOLDER_H

#include <diffuscope/record.h>

#include "opts.h"

typedef struct ds_run_record {
    ds_record *record;
    double start; /* seconds of the monotonic clock */
} ds_run_record;

/* Notes the command, its options after defaults, versions, threads and the time. */
ds_status run_record_begin(ds_run_record *r, const ds_args *a, ds_error *err);

/* Adds the seconds that passed since the beginning as timings.NAME. */
ds_status run_record_time(ds_run_record *r, const char *name, ds_error *err);

/* Writes DIR/run.json with timings.total. */
ds_status run_record_end(ds_run_record *r, const char *dir, ds_error *err);
void run_record_free(ds_run_record *r); /* always; an all-zero record is allowed */

/* Makes the folder, and those above it, unless they are there. */
ds_status run_folder_make(const char *dir, ds_error *err);

/* "DIR/NAME" in the caller's buffer; DS_E_ARG if it does not fit. */
ds_status run_folder_file(char *buf, size_t size, const char *dir, const char *name, ds_error *err);

#endif
