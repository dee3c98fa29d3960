/* file.h - whole files in, whole files out.
 *
 * Output goes to a temporary name in the folder of the target and is renamed when complete: a
 * reader sees the old file or the new one, never half of one, also after a crash. */

#ifndef DS_BASE_FILE_H
#define DS_BASE_FILE_H

#include <stdio.h>

#include <diffuscope/base.h>

typedef struct ds_out_file {
    int fd;
    const char *path; /* borrowed until the commit */
    char *temp;
} ds_out_file;

/* On failure nothing is left behind and the other calls do nothing. The target must be absent or a
 * regular file: a device, a pipe or a symbolic link is not replaced. */
ds_status ds__out_open(ds_out_file *f, const char *path, ds_error *err);
ds_status ds__out_write(ds_out_file *f, const void *data, size_t bytes, ds_error *err);
ds_status ds__out_commit(ds_out_file *f, ds_error *err);
void ds__out_abandon(ds_out_file *f); /* removes the temporary; nothing after a commit */

/* All of it at once: opened, written, committed. */
ds_status ds__file_write(const char *path, const void *data, size_t bytes, ds_error *err);

/* A text that is printed with stdio and appears whole: printed to `to`, which is NULL without memory. */
typedef struct ds_out_text {
    FILE *to;
    char *text;
    size_t bytes;
} ds_out_text;

ds_status ds__out_text_open(ds_out_text *t, ds_error *err);
/* Written to `path` if st is DS_OK; returns st, or why that failed. */
ds_status ds__out_text_close(ds_out_text *t, const char *path, ds_status st, ds_error *err);

/* Opens a file for lines that are added at its end, each written through by the caller; made if it is
 * not there. A pipe or a symbolic link is refused. The descriptor is the caller's. */
ds_status ds__file_append(int *fd, const char *path, ds_error *err);

/* A folder that is filled under another name, `temp`, and appears at once where there was none. Into one
 * that is there, files move one by one: the file `last`, by which readers know a complete folder, is
 * taken away first and comes last; the user's other files stay. Commit and abandon end it. */
typedef struct ds_out_folder {
    int fd;     /* of temp, locked as long as this process lives */
    char *path; /* without slashes at its end */
    char *temp; /* write here */
} ds_out_folder;

ds_status ds__out_folder_open(ds_out_folder *f, const char *path, ds_error *err);
ds_status ds__out_folder_commit(ds_out_folder *f, const char *last, ds_error *err);
void ds__out_folder_abandon(ds_out_folder *f); /* an all-zero object with fd -1 is allowed */

/* Removes the temporary files and folders that dead processes left in a folder and `depth` levels of
 * folders below it, or beside one target. What a living process writes stays. */
void ds__clean_leftovers(const char *folder, int depth);
void ds__clean_leftovers_of(const char *target);

/* Opens an existing regular file for reading and tells its size. The descriptor is the caller's. */
ds_status ds__file_open(int *fd, int64_t *size, const char *path, ds_error *err);

/* The whole file and a NUL behind it; free with ds_free. DS_E_FORMAT above `limit` bytes. */
ds_status ds__file_read(char **out, size_t *size, const char *path, size_t limit, ds_error *err);

#endif
