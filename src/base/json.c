/* json.c - jansson with our errors. */

#include "base/json.h"

#include <string.h>

#include "base/file.h"

#define MAX_BYTES ((size_t)64 << 20) /* CLIP's vocabulary, the largest of its kind, has 1 MB */

ds_status ds__json_parse(json_t **out, const char *text, size_t size, const char *path,
                         ds_error *err)
{
    const char *nul = memchr(text, 0, size);
    json_error_t je;

    *out = NULL;
    if (nul != NULL) { /* jansson lets one end a number */
        ds_fail(err, DS_E_FORMAT, "%s: expected text, found NUL at byte %td", path, nul - text);
        return ds_fail_at(err, DS_E_FORMAT, path, nul - text);
    }
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je);
    if (*out == NULL) {
        ds_fail(err, DS_E_FORMAT, "%s:%d:%d: %s", path, je.line, je.column, je.text);
        return ds_fail_at(err, DS_E_FORMAT, path, je.position);
    }
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        ds_fail(err, DS_E_FORMAT, "%s: expected a JSON object { ... } at the top", path);
        return ds_fail_at(err, DS_E_FORMAT, path, 0);
    }
    return DS_OK;
}

ds_status ds__json_load(json_t **out, const char *path, ds_error *err)
{
    char *text;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, MAX_BYTES, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__json_parse(out, text, size, path, err);
    ds_free(text);
    return st;
}

/* Python writes infinities as bare words, which JSON does not have: they become null. */
static void hide_infinities(char *text)
{
    static const char infinity[] = "Infinity";
    bool quoted = false;

    for (char *p = text; *p != '\0'; p++) {
        if (*p == '"') {
            quoted = !quoted;
        } else if (quoted && *p == '\\' && p[1] != '\0') {
            p++;
        } else if (!quoted && strncmp(p, infinity, strlen(infinity)) == 0) {
            memcpy(p, "null    ", strlen(infinity));
            if (p > text && p[-1] == '-')
                p[-1] = ' ';
        }
    }
}

ds_status ds__json_load_python(json_t **out, const char *path, ds_error *err)
{
    char *text;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, MAX_BYTES, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    hide_infinities(text);
    st = ds__json_parse(out, text, size, path, err);
    ds_free(text);
    return st;
}
