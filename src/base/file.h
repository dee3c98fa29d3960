/* file.h - whole files in, whole files out.
 *
 * Output goes to a temporary name in the folder of the target and is renamed when complete: a
 * reader sees the old file or the new one, never half of one, also after a crash. */

#ifndef DS_BASE_FILE_H
#define DS_BASE_FILE_H

#include <diffuscope/base.h>

typedef struct ds_out_file {
    int fd;
    const char *path; /* borrowed until the commit */
    char *temp;
} ds_out_file;

/* On failure nothing is left behind and the other calls do nothing. The target must be absent or a
 * regular file: a device or a pipe is not replaced. */
ds_status ds__out_open(ds_out_file *f, const char *path, ds_error *err);
ds_status ds__out_write(ds_out_file *f, const void *data, size_t bytes, ds_error *err);
ds_status ds__out_commit(ds_out_file *f, ds_error *err);
void ds__out_abandon(ds_out_file *f); /* removes the temporary; nothing after a commit */

/* All of it at once: opened, written, committed. */
ds_status ds__file_write(const char *path, const void *data, size_t bytes, ds_error *err);

/* Opens an existing regular file for reading and tells its size. The descriptor is the caller's. */
ds_status ds__file_open(int *fd, int64_t *size, const char *path, ds_error *err);

/* The whole file and a NUL behind it; free with ds_free. DS_E_FORMAT above `limit` bytes. */
ds_status ds__file_read(char **out, size_t *size, const char *path, size_t limit, ds_error *err);

#endif
