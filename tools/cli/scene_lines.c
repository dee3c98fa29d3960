/* scene_lines.c - see scene_lines.h. */

#include "scene_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ds_status scene_lines_read(json_t *lines, const char *path, ds_error *err)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    ssize_t n;
    long good = 0;
    ds_status st = DS_OK;

    if (f == NULL)
        return DS_OK; /* nothing was done */
    while (st == DS_OK && (n = getline(&text, &room, f)) > 0 && text[n - 1] == '\n') {
        json_error_t je;
        json_t *line = json_loadb(text, (size_t)n, 0, &je);

        if (line == NULL)
            st = ds_fail(err, DS_E_FORMAT, "%s: line %zu: %s", path, json_array_size(lines) + 1,
                         je.text);
        else
            json_array_append_new(lines, line);
        good = ftell(f);
    }
    free(text);
    fclose(f);
    if (st == DS_OK && truncate(path, good) != 0)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    return st;
}

bool scene_lines_have(const json_t *lines, int64_t scene)
{
    size_t i;
    json_t *line;

    json_array_foreach (lines, i, line)
        if (json_integer_value(json_object_get(line, "scene")) == scene)
            return true;
    return false;
}

ds_status scene_lines_append(FILE *f, const json_t *line, int digits, const char *path,
                             ds_error *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(digits));
    bool ok = text != NULL && fprintf(f, "%s\n", text) > 0 && fflush(f) == 0;

    free(text);
    return ok ? DS_OK : ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
}
