/* folder.h - run folders: files inside, JSON on disk. */

#ifndef DS_JOB_FOLDER_H
#define DS_JOB_FOLDER_H

#include <jansson.h>

#include <diffuscope/base.h>

/* "FOLDER/NAME" in the caller's buffer; DS_E_ARG if it does not fit. */
ds_status ds__run_file(char *buf, size_t size, const char *folder, const char *name, ds_error *err);

/* JSON with an indent of 2, all digits, and a newline at the end; free with ds_free. */
ds_status ds__json_dump(char **out, const json_t *root, ds_error *err);
ds_status ds__json_save(const json_t *root, const char *path, ds_error *err);

#endif
