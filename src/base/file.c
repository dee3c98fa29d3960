/* file.c - POSIX files with errors that name the file and the reason. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 1000

static ds_status io_error(ds_error *err, const char *what, const char *path)
{
    ds_fail(err, DS_E_IO, "%s: %s: %m", path, what);
    return ds_fail_at(err, DS_E_IO, path, -1);
}

/* Opens a new file beside the target, with the permissions that the umask grants. */
static int open_temp(ds_out_file *f, size_t room)
{
    int fd = -1;

    for (int i = 0; fd < 0 && i < TRIES; i++) {
        snprintf(f->temp, room, "%s.%ld-%d.tmp", f->path, (long)getpid(), i);
        fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

ds_status ds__out_open(ds_out_file *f, const char *path, ds_error *err)
{
    size_t room = strlen(path) + 40;
    struct stat s;

    *f = (ds_out_file){ .fd = -1, .path = path };
    if (lstat(path, &s) == 0 && !S_ISREG(s.st_mode)) {
        ds_fail(err, DS_E_IO, "%s: exists and is %s; it will not be replaced", path,
                S_ISLNK(s.st_mode) ? "a symbolic link" : "not a regular file");
        return ds_fail_at(err, DS_E_IO, path, -1);
    }
    f->temp = ds_alloc(room);
    if (f->temp == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a temporary file name", path);
    f->fd = open_temp(f, room);
    if (f->fd < 0) {
        io_error(err, "cannot create a file in this folder", path);
        ds_free(f->temp);
        f->temp = NULL;
        return DS_E_IO;
    }
    flock(f->fd, LOCK_SH | LOCK_NB); /* ds__clean_leftovers asks for it */
    return DS_OK;
}

ds_status ds__out_write(ds_out_file *f, const void *data, size_t bytes, ds_error *err)
{
    const char *p = data;

    while (bytes > 0) {
        ssize_t n = write(f->fd, p, bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, "cannot write", f->path);
        p += n;
        bytes -= (size_t)n;
    }
    return DS_OK;
}

/* A rename is durable only when the folder is. Some file systems cannot sync a folder: no error. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    int fd;

    if (slash != NULL)
        slash[slash == path] = '\0';
    fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

ds_status ds__out_commit(ds_out_file *f, ds_error *err)
{
    int fd = f->fd;

    if (fsync(fd) != 0) {
        io_error(err, "cannot write", f->path);
        ds__out_abandon(f);
        return DS_E_IO;
    }
    f->fd = -1;
    if (close(fd) != 0 || rename(f->temp, f->path) != 0) {
        io_error(err, "cannot write", f->path);
        ds__out_abandon(f);
        return DS_E_IO;
    }
    sync_folder(f->temp);
    ds_free(f->temp);
    f->temp = NULL;
    return DS_OK;
}

void ds__out_abandon(ds_out_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->temp != NULL)
        unlink(f->temp);
    ds_free(f->temp);
    *f = (ds_out_file){ .fd = -1 };
}

ds_status ds__file_write(const char *path, const void *data, size_t bytes, ds_error *err)
{
    ds_out_file f;
    ds_status st = ds__out_open(&f, path, err);

    if (st == DS_OK)
        st = ds__out_write(&f, data, bytes, err);
    if (st == DS_OK)
        return ds__out_commit(&f, err);
    ds__out_abandon(&f);
    return st;
}

ds_status ds__out_text_open(ds_out_text *t, ds_error *err)
{
    *t = (ds_out_text){ 0 };
    t->to = open_memstream(&t->text, &t->bytes);
    return t->to != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a text");
}

ds_status ds__out_text_close(ds_out_text *t, const char *path, ds_status st, ds_error *err)
{
    bool bad = t->to == NULL || ferror(t->to) != 0;

    bad = (t->to != NULL && fclose(t->to) != 0) || bad;
    if (st == DS_OK && bad)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory for its text", path);
    if (st == DS_OK)
        st = ds__file_write(path, t->text, t->bytes, err);
    free(t->text);
    *t = (ds_out_text){ 0 };
    return st;
}

ds_status ds__file_append(int *fd, const char *path, ds_error *err)
{
    struct stat s;

    *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*fd < 0 && (errno == ELOOP || errno == ENXIO)) {
        ds_fail(err, DS_E_IO, "%s: exists and is %s; nothing will be added to it", path,
                errno == ELOOP ? "a symbolic link" : "a pipe");
        return ds_fail_at(err, DS_E_IO, path, -1);
    }
    if (*fd < 0)
        return io_error(err, "cannot open", path);
    if (fstat(*fd, &s) == 0 && S_ISREG(s.st_mode))
        return DS_OK;
    close(*fd);
    *fd = -1;
    ds_fail(err, DS_E_IO, "%s: exists and is not a regular file; nothing will be added to it",
            path);
    return ds_fail_at(err, DS_E_IO, path, -1);
}

/* Non-blocking, so that a pipe in the place of a file is refused instead of waited for. */
ds_status ds__file_open(int *fd, int64_t *size, const char *path, ds_error *err)
{
    struct stat s;

    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return io_error(err, "cannot open", path);
    if (fstat(*fd, &s) != 0) {
        io_error(err, "cannot read", path);
    } else if (!S_ISREG(s.st_mode)) {
        ds_fail(err, DS_E_IO, "%s: expected a file, found %s", path,
                S_ISDIR(s.st_mode) ? "a folder" : "something else");
        ds_fail_at(err, DS_E_IO, path, -1);
    } else {
        *size = s.st_size;
        return DS_OK;
    }
    close(*fd);
    *fd = -1;
    return DS_E_IO;
}

/* Fills buf; a file that shrank meanwhile is an error. */
static ds_status read_all(int fd, char *buf, size_t bytes, const char *path, ds_error *err)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t n = read(fd, buf + done, bytes - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_error(err, "cannot read", path);
        if (n == 0)
            return ds_fail(err, DS_E_IO, "%s: expected %zu bytes, found only %zu", path, bytes,
                           done);
        done += (size_t)n;
    }
    return DS_OK;
}

ds_status ds__file_read(char **out, size_t *size, const char *path, size_t limit, ds_error *err)
{
    int fd;
    int64_t bytes;
    char *buf;
    ds_status st = ds__file_open(&fd, &bytes, path, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    if ((uint64_t)bytes > limit) {
        close(fd);
        ds_fail(err, DS_E_FORMAT, "%s: expected at most %zu bytes, found %lld", path, limit,
                (long long)bytes);
        return ds_fail_at(err, DS_E_FORMAT, path, -1);
    }
    buf = ds_alloc((size_t)bytes + 1);
    if (buf == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory for %lld bytes", path, (long long)bytes);
    else
        st = read_all(fd, buf, (size_t)bytes, path, err);
    close(fd);
    if (st != DS_OK) {
        ds_free(buf);
        return st;
    }
    buf[bytes] = '\0';
    *out = buf;
    *size = (size_t)bytes;
    return DS_OK;
}

/* ---- folders --------------------------------------------------------------------------------- */

static ds_status make_one(const char *path, ds_error *err)
{
    struct stat s;

    if (mkdir(path, 0777) == 0)
        return DS_OK;
    if (errno == EEXIST && stat(path, &s) == 0 && !S_ISDIR(s.st_mode))
        errno = ENOTDIR;
    return errno == EEXIST ? DS_OK : io_error(err, "cannot make this folder", path);
}

ds_status ds_folder_make(const char *path, ds_error *err)
{
    char *part = ds_strdup(path);
    ds_status st = DS_OK;

    if (part == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a path");
    for (char *p = part; st == DS_OK && *p != '\0' && (p = strchr(p + 1, '/')) != NULL;) {
        *p = '\0';
        st = make_one(part, err);
        *p = '/';
    }
    if (st == DS_OK)
        st = make_one(part, err);
    ds_free(part);
    return st;
}
