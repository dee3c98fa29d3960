/* create_json.c - a JSON file of a new model. */

#include "models/create.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

ds_status ds__create_json(const char *path, const json_t *value, ds_error *err)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    ds_out_file f;
    ds_status st;

    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    st = ds__out_open(&f, path, err);
    if (st == DS_OK)
        st = ds__out_write(&f, text, strlen(text), err);
    if (st == DS_OK)
        st = ds__out_write(&f, "\n", 1, err);
    free(text);
    if (st == DS_OK)
        return ds__out_commit(&f, err);
    ds__out_abandon(&f);
    return st;
}
