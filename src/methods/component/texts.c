/* texts.c - see texts.h. */

#include "methods/component/texts.h"

#include <string.h>

#include "base/file.h"

void ds__alternatives_clear(ds_alternatives *a)
{
    ds__arena_free(&a->arena);
    ds_free(a->text);
    *a = (ds_alternatives){ 0 };
}

static ds_status append(ds_alternatives *a, const char *text, ds_error *err)
{
    const char **more = ds_calloc((size_t)a->count + 1, sizeof *more);
    const char *copy = ds__arena_printf(&a->arena, "%s", text);

    if (more == NULL || copy == NULL) {
        ds_free(more);
        return ds_fail(err, DS_E_NOMEM, "no memory for texts");
    }
    if (a->count > 0)
        memcpy(more, a->text, (size_t)a->count * sizeof *more);
    more[a->count++] = copy;
    ds_free(a->text);
    a->text = more;
    return DS_OK;
}

/* Replaces the first brace by each of its alternatives in turn. */
static ds_status expand(ds_alternatives *a, const char *pattern, int64_t first, ds_error *err)
{
    const char *open = strchr(pattern, '{'), *close = open == NULL ? NULL : strchr(open, '}');
    ds_status st = DS_OK;

    if (open == NULL && strchr(pattern, '}') == NULL) {
        if (a->count - first >= DS_ALTERNATIVES_MOST)
            return ds_fail(err, DS_E_ARG, "a template stands for more than %d texts",
                           DS_ALTERNATIVES_MOST);
        return append(a, pattern, err);
    }
    if (open == NULL || close == NULL || strchr(pattern, '}') < open)
        return ds_fail(
            err, DS_E_ARG,
            "\"%.100s\": braces do not match; expected {one|other} as in \"a {photo|drawing} "
            "of a cat\"",
            pattern);
    for (const char *word = open + 1; st == DS_OK && word <= close;) {
        const size_t n = strcspn(word, "|}");
        char *text = ds__arena_printf(&a->arena, "%.*s%.*s%s", (int)(open - pattern), pattern,
                                      (int)n, word, close + 1);

        st = text == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for texts")
                          : expand(a, text, first, err);
        word += n + 1;
    }
    return st;
}

ds_status ds__alternatives_add(ds_alternatives *a, const char *pattern, ds_error *err)
{
    return expand(a, pattern, a->count, err);
}

ds_status ds__alternatives_load(ds_alternatives *a, const char *path, ds_error *err)
{
    char *text = NULL, *line, *next;
    size_t bytes;
    ds_status st = ds__file_read(&text, &bytes, path, (size_t)1 << 26, err);

    for (line = text; st == DS_OK && line != NULL && *line != '\0'; line = next) {
        size_t n = strcspn(line, "\r\n");

        next = line + n + strspn(line + n, "\r\n");
        line[n] = '\0';
        if (n > 0)
            st = ds__alternatives_add(a, line, err);
    }
    ds_free(text);
    return st;
}
