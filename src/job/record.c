/* record.c - run.json as a tree that is filled by member paths. */

#include <diffuscope/record.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct ds_record {
    json_t *root;
};

ds_status ds_record_new(ds_record **out, ds_error *err)
{
    ds_record *r = ds_calloc(1, sizeof *r);

    *out = NULL;
    if (r == NULL)
        return ds_fail(err, DS_E_NOMEM, "record: %zu bytes", sizeof *r);
    r->root = json_object();
    if (r->root == NULL) {
        ds_free(r);
        return ds_fail(err, DS_E_NOMEM, "record: an object");
    }
    *out = r;
    return DS_OK;
}

void ds_record_free(ds_record *r)
{
    if (r == NULL)
        return;
    json_decref(r->root);
    ds_free(r);
}

/* Sets the member, taking over `value`; NULL is the failure to make it. */
static ds_status put(ds_record *r, const char *path, json_t *value, ds_error *err)
{
    json_t *in = r->root;
    const char *dot;

    if (value == NULL)
        return ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
    while ((dot = strchr(path, '.')) != NULL) {
        char key[80];
        json_t *next;

        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        next = json_object_get(in, key);
        if (!json_is_object(next)) {
            next = json_object();
            if (json_object_set_new(in, key, next) != 0) {
                json_decref(value);
                return ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
            }
        }
        in = next;
        path = dot + 1;
    }
    if (json_object_set_new(in, path, value) != 0)
        return ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
    return DS_OK;
}

static ds_status text_value(json_t **out, const char *path, const char *text, ds_error *err)
{
    json_error_t e;

    *out = json_pack_ex(&e, 0, "s", text);
    if (*out == NULL && json_error_code(&e) == json_error_invalid_utf8)
        return ds_fail(err, DS_E_ARG, "record: %s: expected UTF-8 text", path);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
    return DS_OK;
}

ds_status ds_record_text(ds_record *r, const char *path, const char *value, ds_error *err)
{
    json_t *v;
    ds_status st;

    if (value == NULL)
        return ds_record_null(r, path, err);
    st = text_value(&v, path, value, err);
    return st == DS_OK ? put(r, path, v, err) : st;
}

ds_status ds_record_int(ds_record *r, const char *path, int64_t value, ds_error *err)
{
    return put(r, path, json_integer(value), err);
}

ds_status ds_record_real(ds_record *r, const char *path, double value, ds_error *err)
{
    if (!(value - value == 0.0)) /* not finite */
        return ds_fail(err, DS_E_ARG, "record: %s: expected a finite number, found %g", path,
                       value);
    return put(r, path, json_real(value), err);
}

ds_status ds_record_bool(ds_record *r, const char *path, bool value, ds_error *err)
{
    return put(r, path, json_boolean(value), err);
}

ds_status ds_record_null(ds_record *r, const char *path, ds_error *err)
{
    return put(r, path, json_null(), err);
}

ds_status ds_record_seed(ds_record *r, const char *path, uint64_t seed, ds_error *err)
{
    char text[24];

    if (seed <= INT64_MAX)
        return ds_record_int(r, path, (int64_t)seed, err);
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return ds_record_text(r, path, text, err);
}

ds_status ds_record_ints(ds_record *r, const char *path, const int64_t *values, int64_t n,
                         ds_error *err)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        if (json_array_append_new(list, json_integer(values[i])) != 0) {
            json_decref(list);
            list = NULL;
            break;
        }
    return put(r, path, list, err);
}

ds_status ds_record_texts(ds_record *r, const char *path, const char *const *values, int64_t n,
                          ds_error *err)
{
    json_t *list = json_array();
    ds_status st = DS_OK;

    for (int64_t i = 0; i < n && st == DS_OK; i++) {
        json_t *v;

        st = text_value(&v, path, values[i], err);
        if (st == DS_OK && json_array_append_new(list, v) != 0)
            st = ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
    }
    if (st != DS_OK) {
        json_decref(list);
        return st;
    }
    return put(r, path, list, err);
}

ds_status ds_record_json(ds_record *r, const char *path, const char *json, ds_error *err)
{
    json_error_t e;
    json_t *v = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);

    if (v == NULL)
        return ds_fail(err, DS_E_ARG, "record: %s: expected JSON, found at byte %d: %s", path,
                       e.position, e.text);
    return put(r, path, v, err);
}

ds_status ds_record_get_text(const ds_record *r, const char *path, char **out, ds_error *err)
{
    const json_t *in = r->root;
    const char *name = path, *dot;

    *out = NULL;
    while ((dot = strchr(name, '.')) != NULL) {
        char key[80];

        snprintf(key, sizeof key, "%.*s", (int)(dot - name), name);
        in = json_object_get(in, key);
        name = dot + 1;
    }
    in = json_object_get(in, name);
    if (!json_is_string(in))
        return ds_fail(err, DS_E_NOMATCH, "record: expected text under %s, found none", path);
    *out = ds_strdup(json_string_value(in));
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "record: no memory for %s", path);
}

/* 15 digits, as people write numbers, where they are enough to read every number back; else 17. */
static char *dump(const json_t *root)
{
    size_t flags = JSON_INDENT(2);
    char *text = json_dumps(root, flags | JSON_REAL_PRECISION(15));
    json_t *back = text != NULL ? json_loads(text, 0, NULL) : NULL;

    if (back != NULL && !json_equal(back, root)) {
        free(text);
        text = json_dumps(root, flags | JSON_REAL_PRECISION(17));
    }
    json_decref(back);
    return text;
}

/* The end of a list that holds nothing but numbers, or NULL. */
static const char *end_of_numbers(const char *p)
{
    size_t n = strspn(p, "0123456789+-.eE, \n");

    return n > 0 && p[n] == ']' ? p + n : NULL;
}

/* Puts lists of numbers on one line, in place: token ids would fill pages. */
static void fold_lists(char *text)
{
    char *to = text;
    bool quoted = false;

    for (const char *from = text; *from != '\0'; from++) {
        const char *end = !quoted && *from == '[' ? end_of_numbers(from + 1) : NULL;

        if (*from == '"')
            quoted = !quoted;
        *to++ = *from;
        if (quoted && *from == '\\')
            *to++ = *++from;
        for (from += end != NULL; end != NULL && from < end; from++)
            if (*from != ' ' && *from != '\n') {
                *to++ = *from;
                if (*from == ',')
                    *to++ = ' ';
            }
        if (end != NULL)
            *to++ = ']';
    }
    *to = '\0';
}

ds_status ds_record_dump(const ds_record *r, char **out, ds_error *err)
{
    char *text = dump(r->root);

    if (text != NULL)
        fold_lists(text);
    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "record: no memory for its text");
}

ds_status ds_record_save(const ds_record *r, const char *path, ds_error *err)
{
    char *text;
    ds_out_file f;
    ds_status st = ds_record_dump(r, &text, err);

    if (st != DS_OK)
        return st;
    st = ds__out_open(&f, path, err);
    if (st == DS_OK)
        st = ds__out_write(&f, text, strlen(text), err);
    if (st == DS_OK)
        st = ds__out_write(&f, "\n", 1, err);
    if (st == DS_OK)
        st = ds__out_commit(&f, err);
    else
        ds__out_abandon(&f);
    ds_free(text);
    return st;
}
