/* run_folder.h - files inside a run folder. */

#ifndef DS_CLI_RUN_FOLDER_H
#define DS_CLI_RUN_FOLDER_H

#include <jansson.h>

#include <diffuscope/base.h>

/* "DIR/NAME" in the caller's buffer; DS_E_ARG if it does not fit. */
ds_status run_folder_file(char *buf, size_t size, const char *dir, const char *name, ds_error *err);

/* DIR/NAME, which must be a regular file of at most 64 MiB whose root is an object; release with
 * json_decref. */
ds_status run_folder_json(json_t **out, const char *dir, const char *name, ds_error *err);

#endif
