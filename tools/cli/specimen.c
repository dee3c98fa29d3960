/* specimen.c - see specimen.h. The program's own folder is asked from the kernel, so that an
 * installation may be moved as a whole. */

#include "specimen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

static const char *const places[] = { "share/diffuscope/" SPECIMEN, "models/" SPECIMEN };

/* The folder above the one that holds the program; false where the kernel does not tell. */
static bool find_root(char root[PATH_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", root, PATH_SIZE - 1);

    root[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(root, '/');

        if (slash == NULL)
            return false;
        *slash = '\0';
    }
    return true;
}

ds_status specimen_find(char **out, ds_error *err)
{
    char root[PATH_SIZE], path[PATH_SIZE + 64];

    *out = NULL;
    if (!find_root(root))
        return ds_fail(err, DS_E_ARG, "-m MODEL is needed: this program does not know its folder");
    for (size_t i = 0; i < DS_COUNT(places); i++) {
        snprintf(path, sizeof path, "%s/%s/model_index.json", root, places[i]);
        if (access(path, R_OK) != 0)
            continue;
        *strrchr(path, '/') = '\0';
        *out = ds_strdup(path);
        return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a path");
    }
    return ds_fail(err, DS_E_ARG,
                   "-m MODEL is needed (or " SPECIMEN_VARIABLE "): the model that comes with this "
                   "program is neither at %.150s/%s nor at %.150s/%s",
                   root, places[0], root, places[1]);
}
