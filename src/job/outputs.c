/* outputs.c - nothing of the user's is overwritten: checked before anything runs. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "job/option.h"

/* By name: whoever makes the set decides whether there is such a flag. */
static bool flag(const ds_option_set *s, const char *name)
{
    int i = ds_option_find(s, name);

    return i >= 0 && ds_option_flag(s, i);
}

/* Whether something can be made in the folder, or in the nearest one above that is there: by making it.
 * Rights alone do not tell (disks, quotas, the superuser). */
static ds_status check_writable(const char *folder, bool above, ds_error *err)
{
    char probe[4200], path[4096];
    struct stat there;
    char *slash;

    if (snprintf(path, sizeof path, "%s", folder[0] != '\0' ? folder : ".") >= (int)sizeof path)
        return ds_fail(err, DS_E_ARG, "expected a path below %zu bytes", sizeof path);
    while (above && stat(path, &there) != 0 && errno == ENOENT) {
        slash = strrchr(path, '/');
        if (slash == NULL)
            snprintf(path, sizeof path, ".");
        else
            slash[slash == path ? 1 : 0] = '\0';
    }
    snprintf(probe, sizeof probe, "%s/.diffuscope-XXXXXX", path);
    if (mkdtemp(probe) == NULL)
        return ds_fail(err, DS_E_IO, "%s: nothing can be written there: %s", path, strerror(errno));
    rmdir(probe);
    return DS_OK;
}

/* Of a file that may be made: the folder that it is to lie in. */
static ds_status check_parent(const char *path, ds_error *err)
{
    char folder[4096];
    char *slash;

    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (slash == NULL)
        return check_writable(".", false, err);
    slash[slash == folder ? 1 : 0] = '\0';
    return check_writable(folder, false, err);
}

/* What is written is renamed into its place: a pipe would be replaced, and what a link names left as it
 * was. */
static ds_status refuse_target(const char *path, const struct stat *file, ds_error *err)
{
    return ds_fail(err, DS_E_IO, "%s: exists and is %s; it will not be replaced", path,
                   S_ISLNK(file->st_mode)    ? "a symbolic link"
                   : S_ISFIFO(file->st_mode) ? "a pipe"
                                             : "not a regular file");
}

ds_status ds_option_check_outfile(const ds_option_set *s, const char *path, ds_error *err)
{
    struct stat file;

    if (strcmp(path, "-") == 0)
        return DS_OK;
    if (lstat(path, &file) != 0)
        return check_parent(path, err);
    if (S_ISDIR(file.st_mode))
        return ds_fail(err, DS_E_ARG, "expected a file to write, found the folder %s", path);
    if (!S_ISREG(file.st_mode))
        return refuse_target(path, &file, err);
    if (!flag(s, "force"))
        return ds_fail(err, DS_E_ARG, "%s is there already; give %sforce to overwrite it", path,
                       s->dashes ? "--" : "");
    return check_parent(path, err);
}

/* Files of a folder that a run may be about to write: no links, pipes or devices. */
static ds_status check_targets(const char *folder, ds_error *err)
{
    static const char *const ends[] = { ".json", ".jsonl", ".safetensors", ".png", ".html",
                                        ".csv",  ".txt",   ".svg",         ".jpg", ".files" };
    DIR *d = opendir(folder);
    const struct dirent *e;
    ds_status st = DS_OK;

    while (d != NULL && st == DS_OK && (e = readdir(d)) != NULL) {
        char path[4096];
        struct stat file;

        for (size_t i = 0; st == DS_OK && i < DS_COUNT(ends); i++)
            if (ds__ends_with(e->d_name, ends[i]) &&
                snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < (int)sizeof path &&
                lstat(path, &file) == 0 && !S_ISREG(file.st_mode) && !S_ISDIR(file.st_mode))
                st = refuse_target(path, &file, err);
    }
    if (d != NULL)
        closedir(d);
    return st;
}

static ds_status is_empty(bool *empty, const char *path, ds_error *err)
{
    DIR *d;
    const struct dirent *e;

    *empty = true;
    d = opendir(path);
    if (d == NULL && (errno == ENOENT || errno == EACCES))
        return DS_OK;
    if (d == NULL)
        return ds_fail(err, DS_E_ARG, "expected a folder to write, found %s: %s", path,
                       strerror(errno));
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            *empty = false;
    closedir(d);
    return DS_OK;
}

static ds_status check_outdir(const ds_option_set *s, const char *path, ds_error *err)
{
    const char *dashes = s->dashes ? "--" : "";
    const bool can_resume = ds_option_find(s, "resume") >= 0;
    bool empty;
    ds_status st = is_empty(&empty, path, err);

    if (st == DS_OK && !empty)
        st = check_targets(path, err);
    if (st == DS_OK && !empty &&
        (flag(s, "force") || flag(s, "resume"))) /* of a folder that is ours */
        ds__clean_leftovers(path, 3);
    if (st == DS_OK && (empty || flag(s, "force")))
        return check_writable(path, true, err);
    if (st != DS_OK)
        return st;
    if (!can_resume)
        return ds_fail(err, DS_E_ARG,
                       "the folder %s is not empty; give %sforce to write into it all the same",
                       path, dashes);
    if (!flag(s, "resume"))
        return ds_fail(err, DS_E_ARG,
                       "the folder %s is not empty; give %sresume to go on with the run in it, or "
                       "%sforce to write into it all the same",
                       path, dashes, dashes);
    return check_writable(path, true, err);
}

/* A file that is read and written again. */
static ds_status check_state(const char *path, ds_error *err)
{
    struct stat file;

    if (lstat(path, &file) != 0)
        return check_parent(path, err);
    return S_ISREG(file.st_mode) ? check_parent(path, err) : refuse_target(path, &file, err);
}

ds_status ds_option_check_outputs(const ds_option_set *s, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; i < ds_option_count(s) && st == DS_OK; i++) {
        const ds_option_kind kind = ds_option_at(s, i)->kind;
        const char *path = ds_option_text(s, i);

        if (path == NULL)
            continue;
        if (kind == DS_OPTION_OUTFILE ||
            (kind == DS_OPTION_OUTPATH && ds__ends_with(path, ".safetensors")))
            st = ds_option_check_outfile(s, path, err);
        else if (kind == DS_OPTION_OUTDIR || kind == DS_OPTION_OUTPATH)
            st = check_outdir(s, path, err);
        else if (kind == DS_OPTION_STATE)
            st = check_state(path, err);
        else
            continue;
        if (st == DS_OK && strcmp(path, "-") != 0)
            ds__clean_leftovers_of(path);
    }
    return st;
}
