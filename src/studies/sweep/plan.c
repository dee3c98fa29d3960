/* plan.c - see plan.h. */

#include "studies/sweep/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/csv.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

#define MOST_ITEMS ((int64_t)100000000)

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a plan");
}

/* ---- axes --------------------------------------------------------------------------------------- */

/* "A:B" as the numbers from A to B - 1; else NULL. */
static json_t *numbers(const char *text)
{
    long long a, b;
    char rest;
    json_t *list;

    if (sscanf(text, "%lld:%lld%c", &a, &b, &rest) != 2 || a >= b || b - a > MOST_ITEMS)
        return NULL;
    list = json_array();
    for (long long k = a; k < b; k++)
        json_array_append_new(list, json_integer(k));
    return list;
}

static ds_status add_values(plan_axis *to, const char *name, json_t *value, ds_error *err)
{
    json_t *list = json_is_string(value)  ? numbers(json_string_value(value))
                   : json_is_array(value) ? json_incref(value)
                                          : NULL;
    const int64_t n = (int64_t)json_array_size(list);

    if (n == 0) {
        json_decref(list);
        return ds_fail(
            err, DS_E_FORMAT,
            "plan: \"%.60s\": expected a list of values, or \"A:B\" for the numbers from "
            "A to B - 1",
            name);
    }
    if (to->count != 0 && to->count != n) {
        json_decref(list);
        return ds_fail(err, DS_E_FORMAT,
                       "plan: \"%.60s\" of a zip has %lld values, the lists beside it %lld", name,
                       (long long)n, (long long)to->count);
    }
    to->count = n;
    return json_object_set_new(to->values, name, list) == 0 ? DS_OK : no_memory(err);
}

/* An axis whose values are those of `members`, or of one member. */
static ds_status add_axis(sweep_plan *p, json_t *members, const char *only, ds_error *err)
{
    plan_axis *a = &p->axis[p->axes];
    const char *name;
    json_t *value;
    ds_status st = DS_OK;

    if (p->axes == DS_PLAN_AXES)
        return ds_fail(err, DS_E_FORMAT, "plan: expected at most %d axes", DS_PLAN_AXES);
    if (!json_is_object(members) || json_object_size(members) == 0)
        return ds_fail(err, DS_E_FORMAT, "plan: a zip: expected an object of lists");
    a->values = json_object();
    p->axes++;
    if (a->values == NULL)
        return no_memory(err);
    json_object_foreach (members, name, value)
        if (st == DS_OK && (only == NULL || strcmp(only, name) == 0))
            st = add_values(a, name, value, err);
    if (st == DS_OK && (p->items *= a->count) > MOST_ITEMS)
        st = ds_fail(err, DS_E_FORMAT, "plan: more than %lld items", (long long)MOST_ITEMS);
    return st;
}

static ds_status read_axes(sweep_plan *p, ds_error *err)
{
    json_t *each = json_object_get(p->root, "each"), *zip = json_object_get(p->root, "zip"), *one;
    const char *name;
    size_t i;
    ds_status st = DS_OK;

    p->items = 1;
    if (each != NULL && !json_is_object(each))
        return ds_fail(err, DS_E_FORMAT, "plan: \"each\": expected an object of lists");
    if (zip != NULL && !json_is_array(zip))
        return ds_fail(err, DS_E_FORMAT, "plan: \"zip\": expected a list of objects of lists");
    json_array_foreach (zip, i, one)
        if (st == DS_OK)
            st = add_axis(p, one, NULL, err);
    json_object_foreach (each, name, one)
        if (st == DS_OK)
            st = add_axis(p, each, name, err);
    return st;
}

static ds_status read_root(sweep_plan *p, const char *method, plan_find *find, ds_error *err)
{
    static const char *const known[] = { "method", "options", "each", "zip", "by", "card" };
    const char *name;
    json_t *value;

    json_object_foreach (p->root, name, value) {
        bool is = false;

        for (size_t i = 0; i < DS_COUNT(known); i++)
            is = is || strcmp(name, known[i]) == 0;
        if (!is)
            return ds_fail(
                err, DS_E_FORMAT,
                "plan: unknown member \"%.60s\"; expected method, options, each, zip, by "
                "or card",
                name);
    }
    p->fixed = json_object_get(p->root, "options");
    if (p->fixed != NULL && !json_is_object(p->fixed))
        return ds_fail(err, DS_E_FORMAT, "plan: \"options\": expected an object");
    if (method == NULL)
        method = json_string_value(json_object_get(p->root, "method"));
    if (method == NULL)
        return ds_fail(err, DS_E_FORMAT, "plan: expected \"method\", such as \"generate\"");
    p->by = json_string_value(json_object_get(p->root, "by"));
    return find(&p->method, method, err);
}

/* ---- CSV ---------------------------------------------------------------------------------------- */

/* The columns as one zip; "method" has to be the same in all rows. */
static ds_status csv_root(json_t **out, const char *path, ds_error *err)
{
    ds__csv t;
    json_t *zip = json_object();
    ds_status st = ds__csv_read(&t, path, (size_t)1 << 30, err);
    const char *method = NULL;

    for (int64_t c = 0; st == DS_OK && c < t.columns; c++) {
        json_t *list = json_array();

        for (int64_t r = 0; st == DS_OK && r < t.rows; r++) {
            const char *cell = ds__csv_cell(&t, r, c);

            json_array_append_new(list, cell[0] != '\0' ? json_string(cell) : json_null());
            if (strcmp(t.heading[c], "method") == 0 && strcmp(cell, ds__csv_cell(&t, 0, c)) != 0)
                st = ds_fail(err, DS_E_FORMAT, "%s:%lld: expected one method in all rows", path,
                             (long long)t.line[r]);
        }
        if (strcmp(t.heading[c], "method") == 0) {
            method = t.rows > 0 ? ds__csv_cell(&t, 0, c) : NULL;
            json_decref(list);
        } else {
            json_object_set_new(zip, t.heading[c], list);
        }
    }
    if (st == DS_OK) {
        *out = json_pack("{s:[o], s:s*}", "zip", json_incref(zip), "method", method);
        st = *out != NULL ? DS_OK : no_memory(err);
    }
    json_decref(zip);
    ds__csv_clear(&t);
    return st;
}

ds_status ds__plan_read(sweep_plan *p, const char *path, json_t *root, const char *method,
                        plan_find *find, ds_error *err)
{
    ds_status st = DS_OK;

    *p = (sweep_plan){ .root = json_incref(root) };
    if (path != NULL)
        st = ds__ends_with(path, ".csv") ? csv_root(&p->root, path, err)
                                         : ds__json_load(&p->root, path, err);
    if (st == DS_OK)
        st = read_root(p, method, find, err);
    return st == DS_OK ? read_axes(p, err) : st;
}

void ds__plan_clear(sweep_plan *p)
{
    for (int i = 0; i < p->axes; i++)
        json_decref(p->axis[i].values);
    json_decref(p->root);
    *p = (sweep_plan){ 0 };
}

/* ---- items -------------------------------------------------------------------------------------- */

void ds__plan_text(char *out, size_t size, const json_t *value)
{
    char *text = NULL;

    if (json_is_string(value))
        snprintf(out, size, "%s", json_string_value(value));
    else if (value == NULL || json_is_null(value))
        out[0] = '\0';
    else if ((text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT)) != NULL)
        snprintf(out, size, "%s", text);
    free(text);
}

static bool in_table(const ds_option *o, const char *name)
{
    for (; o != NULL && (o->kind == DS_OPTION_BLOCK || o->name != NULL); o++)
        if (o->kind == DS_OPTION_BLOCK
                ? in_table(o->block, name)
                : strcmp(o->name, name) == 0 || (o->alias != NULL && strcmp(o->alias, name) == 0))
            return true;
    return false;
}

static bool is_option(const ds_method *m, const char *name)
{
    ds_option common[DS_COMMON_OPTIONS];

    ds_common_options(common, m->parts);
    return in_table(common, name) || in_table(m->options, name);
}

/* {NAME} of a text becomes the label's value. */
static json_t *filled(const char *text, const json_t *labels)
{
    ds_buffer b = { 0 };
    json_t *out;
    char *taken;

    while (*text != '\0') {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        char name[64], value[4096];
        const json_t *label = NULL;

        if (end != NULL && end - text - 1 < (int)sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(end - text - 1), text + 1);
            label = json_object_get(labels, name);
        }
        if (label != NULL) {
            ds__plan_text(value, sizeof value, label);
            ds__buffer_text(&b, value);
            text = end + 1;
        } else {
            ds__buffer_add(&b, text++, 1);
        }
    }
    if (ds__buffer_take(&b, &taken, NULL, "a text", NULL) != DS_OK)
        return NULL;
    out = json_string(taken);
    ds_free(taken);
    return out;
}

static json_t *fill_value(json_t *value, const json_t *labels)
{
    json_t *list, *one;
    size_t i;

    if (json_is_string(value))
        return filled(json_string_value(value), labels);
    if (!json_is_array(value))
        return json_incref(value);
    list = json_array();
    json_array_foreach (value, i, one)
        json_array_append_new(list, fill_value(one, labels));
    return list;
}

static ds_status make_key(plan_item *out, const sweep_plan *p, ds_error *err)
{
    json_t *both = json_pack("{s:s, s:O}", "method", p->method->name, "options", out->options);
    char *text = both != NULL ? json_dumps(both, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    ds_sha256 hash;

    json_decref(both);
    if (text == NULL)
        return no_memory(err);
    ds__sha256_begin(&hash);
    ds__sha256_add(&hash, text, strlen(text));
    ds__sha256_end(&hash, out->key);
    free(text);
    return DS_OK;
}

/* A text that names a label stands for what the label says. */
static ds_status check_labels(const sweep_plan *p, const json_t *labels, const json_t *given,
                              ds_error *err)
{
    const char *name, *option;
    json_t *value, *text;
    char place[80];

    json_object_foreach ((json_t *)labels, name, value) {
        bool used = is_option(p->method, name) || strcmp(name, "condition") == 0 ||
                    (p->by != NULL && strcmp(name, p->by) == 0);

        snprintf(place, sizeof place, "{%.70s}", name);
        json_object_foreach ((json_t *)given, option, text)
            used = used || (json_is_string(text) && strstr(json_string_value(text), place) != NULL);
        if (!used)
            return ds_fail(
                err, DS_E_FORMAT,
                "plan: \"%.60s\" is no option of %s, no text holds {%.60s}, and it is not "
                "called condition",
                name, p->method->name, name);
    }
    return DS_OK;
}

const char *ds__plan_condition(const sweep_plan *p)
{
    const char *name;
    json_t *value;

    if (p->by != NULL)
        return p->by;
    for (int pass = 0; pass < 2; pass++)
        for (int a = 0; a < p->axes; a++)
            json_object_foreach (p->axis[a].values, name, value)
                if (pass == 0 ? strcmp(name, "condition") == 0
                              : strcmp(name, "prompt") != 0 && strcmp(name, "seed") != 0)
                    return name;
    return "prompt";
}

ds_status ds__plan_item(plan_item *out, const sweep_plan *p, int64_t k, ds_error *err)
{
    json_t *given = p->fixed != NULL ? json_copy(p->fixed) : json_object(), *value;
    const char *by = ds__plan_condition(p);
    const char *name;
    ds_status st = DS_OK;

    *out = (plan_item){ .options = json_object(), .labels = json_object() };
    for (int a = p->axes - 1; a >= 0; a--) {
        json_object_foreach (p->axis[a].values, name, value)
            json_object_set(out->labels, name,
                            json_array_get(value, (size_t)(k % p->axis[a].count)));
        k /= p->axis[a].count;
    }
    json_object_foreach (out->labels, name, value)
        if (is_option(p->method, name))
            json_object_set(given, name, value);
    st = check_labels(p, out->labels, given, err);
    if (st == DS_OK && json_object_get(given, "prompt") != NULL) {
        json_t *others = json_copy(out->labels);

        json_object_del(others, by);
        out->unit = fill_value(json_object_get(given, "prompt"), others);
        json_decref(others);
    }
    json_object_foreach (given, name, value)
        if (!json_is_null(value) &&
            json_object_set_new(out->options, name, fill_value(value, out->labels)) != 0)
            st = no_memory(err);
    json_decref(given);
    return st == DS_OK ? make_key(out, p, err) : st;
}

void ds__plan_item_clear(plan_item *i)
{
    json_decref(i->options);
    json_decref(i->labels);
    json_decref(i->unit);
    *i = (plan_item){ 0 };
}

ds_status ds__plan_set(ds_job *job, const char *name, const json_t *value, ds_error *err)
{
    json_t *one;
    size_t i;
    char text[1 << 14];
    ds_status st = DS_OK;

    if (json_is_array(value)) {
        json_array_foreach ((json_t *)value, i, one)
            if (st == DS_OK)
                st = ds__plan_set(job, name, one, err);
        return st;
    }
    if (json_is_null(value) || json_is_false(value))
        return DS_OK;
    ds__plan_text(text, sizeof text, value);
    return ds_job_set(job, name, text, err);
}
