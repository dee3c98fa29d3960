/* folder.c - paths in run folders, JSON on disk. */

#include "job/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

ds_status ds__run_file(char *buf, size_t size, const char *folder, const char *name, ds_error *err)
{
    int n = snprintf(buf, size, "%s/%s", folder, name);

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "expected a path of at most %zu bytes, found %d", size - 1,
                       n);
    return DS_OK;
}

ds_status ds__json_dump(char **out, const json_t *root, ds_error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2));
    size_t n = text != NULL ? strlen(text) : 0;

    *out = text != NULL ? ds_alloc(n + 2) : NULL;
    if (*out != NULL)
        snprintf(*out, n + 2, "%s\n", text);
    free(text);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a JSON text");
}

ds_status ds__json_save(const json_t *root, const char *path, ds_error *err)
{
    char *text;
    ds_status st = ds__json_dump(&text, root, err);

    if (st == DS_OK)
        st = ds__file_write(path, text, strlen(text), err);
    ds_free(text);
    return st;
}
