/* out_folder.c - folders that appear whole, and what dead processes left behind. */

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES     1000
#define MOST_DEEP 16
#define PATH_SIZE 4096

static ds_status io_error(ds_error *err, const char *what, const char *path)
{
    ds_fail(err, DS_E_IO, "%s: %s: %m", path, what);
    return ds_fail_at(err, DS_E_IO, path, -1);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool join(char path[PATH_SIZE], const char *folder, const char *name)
{
    int n = snprintf(path, PATH_SIZE, "%s/%s", folder, name);

    return n > 0 && n < PATH_SIZE;
}

/* ---- what is left behind ----------------------------------------------------------------------- */

/* The process of a name that ends in ".PID-N.tmp"; 0: another name. */
static pid_t maker_of(const char *name)
{
    const char *end = name + strlen(name), *at = end - 4;
    long pid = 0, scale = 1;

    if (end - name < 8 || strcmp(at, ".tmp") != 0)
        return 0;
    for (end = at; at > name && at[-1] >= '0' && at[-1] <= '9';)
        at--;
    if (at == end || at == name || at[-1] != '-')
        return 0;
    for (end = --at; at > name && at[-1] >= '0' && at[-1] <= '9' && scale < 1000000000; scale *= 10)
        pid += scale * (*--at - '0');
    return at < end && at > name && at[-1] == '.' ? (pid_t)pid : 0;
}

/* Its maker holds a lock on it, which ends with the process, on other machines too; a number that is in
 * use here may have been given anew, and is left alone. */
static bool is_left(const char *path, const char *name)
{
    const pid_t maker = maker_of(name);
    int fd;
    bool left;

    if (maker <= 0 || kill(maker, 0) == 0 || errno != ESRCH)
        return false;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    left = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return left;
}

static void remove_all(const char *path, int deep)
{
    DIR *d = opendir(path);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char inner[PATH_SIZE];
        struct stat s;

        if (is_dots(e->d_name) || !join(inner, path, e->d_name) || lstat(inner, &s) != 0)
            continue;
        if (!S_ISDIR(s.st_mode))
            unlink(inner);
        else if (deep < MOST_DEEP)
            remove_all(inner, deep + 1);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

void ds__clean_leftovers(const char *folder, int depth)
{
    DIR *d = opendir(folder);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[PATH_SIZE];
        struct stat s;

        if (is_dots(e->d_name) || !join(path, folder, e->d_name) || lstat(path, &s) != 0)
            continue;
        if ((S_ISREG(s.st_mode) || S_ISDIR(s.st_mode)) && is_left(path, e->d_name)) {
            if (S_ISREG(s.st_mode))
                unlink(path);
            else
                remove_all(path, 0);
        } else if (S_ISDIR(s.st_mode) && depth > 0) {
            ds__clean_leftovers(path, depth - 1);
        }
    }
    if (d != NULL)
        closedir(d);
}

void ds__clean_leftovers_of(const char *target)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(target, '/'), *name = slash != NULL ? slash + 1 : target;
    const size_t n = strlen(name);
    const struct dirent *e;
    DIR *d;

    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - target) + (slash == target), target);
    d = n > 0 ? opendir(folder) : NULL;
    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[PATH_SIZE];
        struct stat s;

        if (strncmp(e->d_name, name, n) != 0 || e->d_name[n] != '.' ||
            !join(path, folder, e->d_name) || lstat(path, &s) != 0)
            continue;
        if (S_ISREG(s.st_mode) && is_left(path, e->d_name))
            unlink(path);
        else if (S_ISDIR(s.st_mode) && is_left(path, e->d_name))
            remove_all(path, 0);
    }
    if (d != NULL)
        closedir(d);
}

/* ---- a folder under another name --------------------------------------------------------------- */

static ds_status make_parents(char *path, ds_error *err)
{
    char *slash = strrchr(path, '/');
    ds_status st = DS_OK;

    if (slash == NULL || slash == path)
        return DS_OK;
    *slash = '\0';
    st = ds_folder_make(path, err);
    *slash = '/';
    return st;
}

ds_status ds__out_folder_open(ds_out_folder *f, const char *path, ds_error *err)
{
    const size_t room = strlen(path) + 40;
    struct stat s;
    bool there;
    size_t n;
    ds_status st;

    *f = (ds_out_folder){ .fd = -1, .path = ds_strdup(path), .temp = ds_alloc(room) };
    if (f->path == NULL || f->temp == NULL) {
        ds__out_folder_abandon(f);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for the name of a folder", path);
    }
    for (n = strlen(f->path); n > 1 && f->path[n - 1] == '/';)
        f->path[--n] = '\0';
    there = stat(f->path, &s) == 0;
    st = there && !S_ISDIR(s.st_mode)
             ? ds_fail(err, DS_E_IO, "%s: expected a folder to write, found a file", path)
             : make_parents(f->path, err);
    for (int i = 0; st == DS_OK && f->fd < 0 && i < TRIES; i++) {
        snprintf(f->temp, room, "%s%s.%ld-%d.tmp", f->path, there ? "/new" : "", (long)getpid(), i);
        if (mkdir(f->temp, 0777) == 0)
            f->fd = open(f->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        else if (errno != EEXIST)
            break;
    }
    if (st == DS_OK && f->fd < 0)
        st = io_error(err, "cannot make this folder", path);
    if (st == DS_OK)
        flock(f->fd, LOCK_SH | LOCK_NB); /* where locks are not to be had, its number tells */
    else
        ds__out_folder_abandon(f);
    return st;
}

/* All files of `from` into `to`, but not `last`. */
static ds_status move_files(const char *from, const char *to, const char *last, int deep,
                            ds_error *err)
{
    ds_status st = ds_folder_make(to, err);
    DIR *d = st == DS_OK ? opendir(from) : NULL;
    const struct dirent *e;

    while (st == DS_OK && d != NULL && (e = readdir(d)) != NULL) {
        char old[PATH_SIZE], now[PATH_SIZE];
        struct stat s;

        if (is_dots(e->d_name) || (deep == 0 && strcmp(e->d_name, last) == 0))
            continue;
        if (!join(old, from, e->d_name) || !join(now, to, e->d_name) || deep == MOST_DEEP)
            st = ds_fail(err, DS_E_ARG, "%s: too long a path", to);
        else if (lstat(old, &s) == 0 && S_ISDIR(s.st_mode))
            st = move_files(old, now, last, deep + 1, err);
        else if (lstat(now, &s) == 0 && !S_ISREG(s.st_mode))
            st = ds_fail(err, DS_E_IO,
                         "%s: exists and is not a regular file; it will not be replaced", now);
        else if (rename(old, now) != 0)
            st = io_error(err, "cannot write", now);
    }
    if (d != NULL)
        closedir(d);
    return st;
}

/* Into a folder that is there: its mark goes first, and comes last. */
static ds_status join_folders(ds_out_folder *f, const char *last, ds_error *err)
{
    char old[PATH_SIZE], now[PATH_SIZE];
    ds_status st;

    if (!join(old, f->temp, last) || !join(now, f->path, last))
        return ds_fail(err, DS_E_ARG, "%s: too long a path", f->path);
    if (unlink(now) != 0 && errno != ENOENT)
        return io_error(err, "cannot replace", now);
    st = move_files(f->temp, f->path, last, 0, err);
    if (st == DS_OK && rename(old, now) != 0)
        st = io_error(err, "cannot write", now);
    remove_all(f->temp, 0);
    return st;
}

ds_status ds__out_folder_commit(ds_out_folder *f, const char *last, ds_error *err)
{
    struct stat s;
    ds_status st = DS_OK;

    if (stat(f->path, &s) == 0)
        st = join_folders(f, last, err);
    else if (rename(f->temp, f->path) != 0)
        st = io_error(err, "cannot make this folder", f->path);
    ds__out_folder_abandon(f);
    return st;
}

void ds__out_folder_abandon(ds_out_folder *f)
{
    if (f->fd >= 0) {
        remove_all(f->temp, 0);
        close(f->fd);
    }
    ds_free(f->path);
    ds_free(f->temp);
    *f = (ds_out_folder){ .fd = -1 };
}
