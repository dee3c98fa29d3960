/* specimen.c - see specimen.h. The library's own place is asked from the loader, the program's from
 * the kernel, so that an installation may be moved as a whole. */

#include "job/specimen.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define LEVELS    4 /* build/tests/unit/x has the source tree's root four folders above */

static const char *const places[] = { "share/diffuscope/" DS_SPECIMEN, "models/" DS_SPECIMEN };

static bool program_path(char path[PATH_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_SIZE - 1);

    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool library_path(char path[PATH_SIZE])
{
    Dl_info info;

    if (dladdr((void *)places, &info) == 0 || info.dli_fname == NULL)
        return false;
    return snprintf(path, PATH_SIZE, "%s", info.dli_fname) < PATH_SIZE && strchr(path, '/') != NULL;
}

/* Looks below each folder above `path`, which is destroyed; *out NULL: not there. */
static ds_status look_above(char **out, char path[PATH_SIZE], ds_error *err)
{
    char *slash;

    for (int level = 0; level < LEVELS && (slash = strrchr(path, '/')) != NULL; level++) {
        *slash = '\0';
        for (size_t i = 0; i < DS_COUNT(places); i++) {
            char model[PATH_SIZE + 64];

            snprintf(model, sizeof model, "%s/%s/model_index.json", path, places[i]);
            if (access(model, R_OK) != 0)
                continue;
            *strrchr(model, '/') = '\0';
            *out = ds_strdup(model);
            return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a path");
        }
    }
    return DS_OK;
}

ds_status ds_specimen_find(char **out, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = DS_OK;

    *out = NULL;
    if (program_path(path))
        st = look_above(out, path, err);
    if (st == DS_OK && *out == NULL && library_path(path))
        st = look_above(out, path, err);
    if (st != DS_OK || *out != NULL)
        return st;
    return ds_fail(err, DS_E_ARG,
                   "a model is needed (-m MODEL, or " DS_SPECIMEN_VARIABLE "): the one that comes "
                   "with this program is in none of the folders above it, neither as %s nor as %s",
                   places[0], places[1]);
}
