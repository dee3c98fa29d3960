/* config.c - see config.h. */

#include "models/config.h"

#include <string.h>

void ds__config_begin(ds_config *c, const json_t *object, const char *what, ds_error *err)
{
    memset(c, 0, sizeof *c);
    c->object = object;
    c->what = what;
    c->err = err;
    if (!json_is_object(object))
        c->status = ds_fail(err, DS_E_FORMAT, "%s: expected a JSON object", what);
}

/* Notes that the field is known; NULL if it is absent, null, or something failed before. */
static const json_t *ask(ds_config *c, const char *name)
{
    const json_t *v;

    if (c->n_asked < DS_CONFIG_FIELDS)
        c->asked[c->n_asked++] = name;
    v = c->status == DS_OK ? json_object_get(c->object, name) : NULL;
    return json_is_null(v) ? NULL : v;
}

static void refuse(ds_config *c, ds_status code, const char *name, const char *expected,
                   const json_t *found)
{
    char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);

    c->status = ds_fail(c->err, code, "%s: field \"%s\" is %.120s, expected %s", c->what, name,
                        text != NULL ? text : "?", expected);
    ds_fail_at(c->err, code, c->what, -1);
    free(text);
}

static bool in_range(ds_config *c, const char *name, const json_t *v, int64_t min, int64_t max)
{
    char expected[96];

    if (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max)
        return true;
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)min,
             (long long)max);
    refuse(c, DS_E_FORMAT, name, expected, v);
    return false;
}

int64_t ds__config_int(ds_config *c, const char *name, int64_t absent, int64_t min, int64_t max)
{
    const json_t *v = ask(c, name);

    return v != NULL && in_range(c, name, v, min, max) ? json_integer_value(v) : absent;
}

double ds__config_real(ds_config *c, const char *name, double absent, double min, double max)
{
    const json_t *v = ask(c, name);
    char expected[96];

    if (v == NULL)
        return absent;
    if (json_is_number(v) && json_number_value(v) >= min && json_number_value(v) <= max)
        return json_number_value(v);
    snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    refuse(c, DS_E_FORMAT, name, expected, v);
    return absent;
}

bool ds__config_bool(ds_config *c, const char *name, bool absent)
{
    const json_t *v = ask(c, name);

    if (v != NULL && !json_is_boolean(v))
        refuse(c, DS_E_FORMAT, name, "true or false", v);
    return json_is_boolean(v) ? json_is_true(v) : absent;
}

const char *ds__config_text(ds_config *c, const char *name, const char *absent)
{
    const json_t *v = ask(c, name);

    if (v != NULL && !json_is_string(v))
        refuse(c, DS_E_FORMAT, name, "a string", v);
    return json_is_string(v) ? json_string_value(v) : absent;
}

void ds__config_ints(ds_config *c, const char *name, int64_t *out, int n, int64_t absent,
                     int64_t min, int64_t max)
{
    const json_t *v = ask(c, name);
    char expected[64];

    for (int i = 0; i < n; i++)
        out[i] = absent;
    if (v == NULL)
        return;
    if (json_is_array(v) && json_array_size(v) != (size_t)n) {
        snprintf(expected, sizeof expected, "an integer or a list of %d", n);
        refuse(c, DS_E_FORMAT, name, expected, v);
        return;
    }
    for (int i = 0; i < n; i++) {
        const json_t *e = json_is_array(v) ? json_array_get(v, (size_t)i) : v;

        if (!in_range(c, name, e, min, max))
            return;
        out[i] = json_integer_value(e);
    }
}

int ds__config_length(ds_config *c, const char *name)
{
    return (int)json_array_size(ask(c, name));
}

int ds__config_names(ds_config *c, const char *name, int *out, int max, const char *const *known,
                     int n_known)
{
    const json_t *v = ask(c, name);
    int n = (int)json_array_size(v);
    char expected[200] = "a list of";

    for (int k = 0; k < n_known; k++) {
        size_t used = strlen(expected);

        snprintf(expected + used, sizeof expected - used, "%s \"%s\"", k == 0 ? "" : ",", known[k]);
    }
    if (n < 1 || n > max) {
        if (c->status == DS_OK)
            refuse(c, DS_E_FORMAT, name, expected, v != NULL ? v : json_null());
        return 0;
    }
    for (int i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(v, (size_t)i));
        int k = 0;

        while (k < n_known && (s == NULL || strcmp(s, known[k]) != 0))
            k++;
        if (k == n_known) {
            refuse(c, DS_E_UNSUPPORTED, name, expected, v);
            return 0;
        }
        out[i] = k;
    }
    return n;
}

void ds__config_only(ds_config *c, const char *name, const char *const *values)
{
    const json_t *v = ask(c, name);
    char *text = v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    char expected[160] = "null";

    if (text == NULL)
        return;
    for (; *values != NULL; values++) {
        size_t used = strlen(expected);

        if (strcmp(text, *values) == 0)
            break;
        snprintf(expected + used, sizeof expected - used, " or %s", *values);
    }
    if (*values == NULL) {
        strncat(expected, "; other values are not implemented",
                sizeof expected - strlen(expected) - 1);
        refuse(c, DS_E_UNSUPPORTED, name, expected, v);
    }
    free(text);
}

void ds__config_ignore(ds_config *c, const char *const *names)
{
    for (; *names != NULL; names++)
        ask(c, *names);
}

ds_status ds__config_end(ds_config *c)
{
    const char *key;
    json_t *v;

    if (c->status != DS_OK)
        return c->status;
    json_object_foreach ((json_t *)c->object, key, v) {
        bool known = key[0] == '_' || json_is_null(v);

        for (int i = 0; !known && i < c->n_asked; i++)
            known = strcmp(key, c->asked[i]) == 0;
        if (!known) {
            refuse(c, DS_E_UNSUPPORTED, key, "no such field: this program does not know it", v);
            break;
        }
    }
    return c->status;
}
