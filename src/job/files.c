/* files.c - see files.h. Names come from files that anyone may have written: one that could lead out of
 * its folder is left alone. */

#include "job/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "job/folder.h"

#define NOTES     "run.files"
#define MOST      ((size_t)64 << 20) /* bytes of a list */
#define MOST_DEEP 4                  /* run folders in run folders */
#define PATH_SIZE 4096

/* ---- noting ------------------------------------------------------------------------------------ */

static ds_status write_note(const char *folder, const char *name, ds_error *err)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    int fd, n = snprintf(line, sizeof line, "%s\n", name);
    ds_status st = ds_folder_make(folder, err);

    if (st == DS_OK)
        st = ds__run_file(path, sizeof path, folder, NOTES, err);
    if (st == DS_OK)
        st = ds__file_append(&fd, path, err);
    if (st != DS_OK)
        return st;
    if (n <= 0 || n >= (int)sizeof line || write(fd, line, (size_t)n) != n)
        st = ds_fail(err, DS_E_IO, "%s: cannot write: %s", path, strerror(errno));
    close(fd);
    return st;
}

ds_status ds__files_note(ds_result *r, const char *folder, const char *name, ds_error *err)
{
    json_t *known = json_object_get(r->written, name);

    if (known != NULL)
        return DS_OK;
    if (r->written == NULL)
        r->written = json_object();
    if (json_object_set_new(r->written, name, json_true()) != 0)
        return ds_fail(err, DS_E_NOMEM, "no memory for the name of a file");
    return write_note(folder, name, err);
}

ds_status ds__job_wrote(ds_job *j, const char *path, ds_error *err)
{
    const char *folder = j->common.folder;
    const size_t n = folder != NULL ? strlen(folder) : 0;

    if (folder == NULL || strncmp(path, folder, n) != 0 || path[n] != '/')
        return DS_OK;
    return ds__files_note(j->result, folder, path + n + 1, err);
}

/* ---- the list ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ds_status ds__files_list(char **out, const ds_result *r, const char *folder, ds_error *err)
{
    const size_t most = json_object_size(r->written);
    const char **all = ds_calloc(most + 1, sizeof *all), *name;
    json_t *value, *list = json_array();
    char path[PATH_SIZE], *text;
    size_t n = 0;

    json_object_foreach (r->written, name, value)
        if (all != NULL && ds__run_file(path, sizeof path, folder, name, NULL) == DS_OK &&
            access(path, F_OK) == 0)
            all[n++] = name;
    if (all != NULL)
        qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(all[i]));
    text = all != NULL && json_array_size(list) == n ? json_dumps(list, 0) : NULL;
    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    json_decref(list);
    ds_free(all);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a list of files");
}

void ds__files_end(const char *folder)
{
    char path[PATH_SIZE];

    if (ds__run_file(path, sizeof path, folder, NOTES, NULL) == DS_OK)
        unlink(path);
}

/* ---- the run before ---------------------------------------------------------------------------- */

/* "image.png", "cat/heat.png": it stays below its folder, also through what is there now. */
static bool is_inside(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct stat s;

    if (name[0] == '\0' || name[0] == '/' || strlen(name) > 1000)
        return false;
    for (const char *p = name; *p != '\0';) {
        const size_t n = strcspn(p, "/");

        if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
            return false;
        p += n;
        if (*p == '/') {
            if (snprintf(path, sizeof path, "%s/%.*s", folder, (int)(p - name), name) >=
                    (int)sizeof path ||
                lstat(path, &s) != 0 || !S_ISDIR(s.st_mode))
                return false;
            p++;
        }
    }
    return true;
}

static void add_name(json_t *names, const char *folder, const char *name)
{
    if (name != NULL && is_inside(folder, name))
        json_object_set_new(names, name, json_true());
}

/* What run.json and run.files say; an empty list where they cannot be read. */
static json_t *names_of(const char *folder)
{
    json_t *names = json_object(), *record = NULL, *item;
    char path[PATH_SIZE], *text = NULL, *at;
    size_t i, size;

    if (ds__run_file(path, sizeof path, folder, "run.json", NULL) == DS_OK &&
        ds__json_load(&record, path, NULL) == DS_OK)
        json_array_foreach (json_object_get(record, "files"), i, item)
            add_name(names, folder, json_string_value(item));
    json_decref(record);
    if (ds__run_file(path, sizeof path, folder, NOTES, NULL) == DS_OK &&
        ds__file_read(&text, &size, path, MOST, NULL) == DS_OK)
        for (at = text; *at != '\0';) {
            char *end = at + strcspn(at, "\n");
            const bool more = *end != '\0';

            *end = '\0';
            add_name(names, folder, at);
            at = end + more;
        }
    ds_free(text);
    return names;
}

/* A run's own file or nothing: no folder, link or device. */
static void unlink_file(const char *path)
{
    struct stat s;

    if (lstat(path, &s) == 0 && S_ISREG(s.st_mode))
        unlink(path);
}

static void remove_run(const char *folder, int deep)
{
    json_t *names = names_of(folder), *value;
    char path[PATH_SIZE];
    const char *name;

    if (ds__run_file(path, sizeof path, folder, "run.json", NULL) == DS_OK)
        unlink_file(path);
    json_object_foreach (names, name, value) {
        struct stat s;
        char *slash;

        if (ds__run_file(path, sizeof path, folder, name, NULL) != DS_OK || lstat(path, &s) != 0)
            continue;
        if (S_ISREG(s.st_mode))
            unlink(path);
        else if (S_ISDIR(s.st_mode) && deep < MOST_DEEP)
            remove_run(path, deep + 1);
        while ((slash = strrchr(path, '/')) > path + strlen(folder)) {
            *slash = '\0';
            if (rmdir(path) != 0)
                break; /* the user's own lies in it */
        }
    }
    json_decref(names);
    ds__files_end(folder);
    if (deep > 0)
        rmdir(folder);
}

/* The names go on being known while the record is away. */
static ds_status keep_notes(const char *folder, ds_error *err)
{
    json_t *names = names_of(folder), *value;
    const char *name;
    ds_status st = DS_OK;

    ds__files_end(folder);
    json_object_foreach (names, name, value)
        if (st == DS_OK)
            st = write_note(folder, name, err);
    json_decref(names);
    return st;
}

ds_status ds__files_begin(const char *folder, bool resume, ds_error *err)
{
    char path[PATH_SIZE];
    struct stat s;
    ds_status st = ds__run_file(path, sizeof path, folder, "run.json", err);

    if (st == DS_OK && lstat(path, &s) == 0 && !S_ISREG(s.st_mode))
        st = ds_fail(err, DS_E_IO, "%s: exists and is not a regular file; it will not be replaced",
                     path);
    if (st != DS_OK || !resume) {
        if (st == DS_OK)
            remove_run(folder, 0);
        return st;
    }
    st = keep_notes(folder, err);
    if (st == DS_OK)
        unlink_file(path);
    return st;
}

/* ---- inputs among them ------------------------------------------------------------------------- */

/* Whether `file` is one of the run's, or the folder itself. */
static bool is_among(json_t *names, const char *folder, const char *file)
{
    char real[PATH_MAX], root[PATH_MAX];
    size_t n;

    if (realpath(folder, root) == NULL || realpath(file, real) == NULL)
        return false;
    n = strlen(root);
    if (strncmp(root, real, n) != 0 || (real[n] != '/' && real[n] != '\0'))
        return false;
    return real[n] == '\0' || json_object_get(names, real + n + 1) != NULL;
}

ds_status ds__files_check(const ds_job *j, ds_error *err)
{
    const char *folder = j->common.folder;
    json_t *names = names_of(folder);
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < j->rows; i++) {
        const ds_option_kind kind = ds_option_at(j->set, i)->kind;
        const char *path = ds_option_value(j->set, i);

        if (kind == DS_OPTION_FILE && path != NULL && is_among(names, folder, path))
            st = ds_fail(err, DS_E_ARG,
                         "%s: %s belongs to the run in %s, whose files go before a new one begins; "
                         "name another folder or copy the file",
                         ds_option_shown(j->set, i), path, folder);
    }
    json_decref(names);
    return st;
}
