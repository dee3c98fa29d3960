/* run_folder.c - see run_folder.h. */

#include "run_folder.h"

#include <stdio.h>

ds_status run_folder_file(char *buf, size_t size, const char *dir, const char *name, ds_error *err)
{
    int n = snprintf(buf, size, "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "expected a path of at most %zu bytes, found %d", size - 1,
                       n);
    return DS_OK;
}
