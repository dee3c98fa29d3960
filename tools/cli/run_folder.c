/* run_folder.c - see run_folder.h. */

#include "run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (64 << 20)

ds_status run_folder_file(char *buf, size_t size, const char *dir, const char *name, ds_error *err)
{
    int n = snprintf(buf, size, "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "expected a path of at most %zu bytes, found %d", size - 1,
                       n);
    return DS_OK;
}

/* Non-blocking, so that a pipe in the place of a file is refused instead of waited for. */
static ds_status load(json_t **out, int fd, const char *path, ds_error *err)
{
    json_error_t e;
    struct stat s;

    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return ds_fail(err, DS_E_IO, "%s: expected a file, found something else", path);
    if (s.st_size > MOST_BYTES)
        return ds_fail(err, DS_E_FORMAT, "%s: expected at most %d bytes, found %lld", path,
                       MOST_BYTES, (long long)s.st_size);
    *out = json_loadfd(fd, JSON_REJECT_DUPLICATES, &e);
    if (*out == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s:%d: %s", path, e.line, e.text);
    if (json_is_object(*out))
        return DS_OK;
    json_decref(*out);
    *out = NULL;
    return ds_fail(err, DS_E_FORMAT, "%s: expected an object", path);
}

ds_status run_folder_json(json_t **out, const char *dir, const char *name, ds_error *err)
{
    char path[4096];
    int fd;
    ds_status st = run_folder_file(path, sizeof path, dir, name, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return ds_fail(err, DS_E_IO, "%s: cannot open: %s", path, strerror(errno));
    st = load(out, fd, path, err);
    close(fd);
    return st;
}
