/* table.c - see table.h. */

#include "job/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* Under which a value with an error stands: its unit is its name. */
static bool is_the_value(const json_t *object, const char *member)
{
    static const char *const names[] = { "value", "nats", "bits", "share" };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (json_object_get(object, names[i]) != NULL)
            return strcmp(names[i], member) == 0;
    return false;
}

/* Adds the cells of one row to `to`, an object of flat values. */
static void flatten(json_t *to, const char *prefix, const json_t *row)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)row, name, value) {
        char column[200];

        if (prefix != NULL && is_the_value(row, name))
            snprintf(column, sizeof column, "%s", prefix);
        else
            snprintf(column, sizeof column, "%s%s%s", prefix != NULL ? prefix : "",
                     prefix != NULL ? "_" : "", name);
        if (json_is_object(value))
            flatten(to, column, value);
        else if (!json_is_array(value))
            json_object_set(to, column, value);
    }
}

/* RFC 4180: quoted where it has to be. */
static void put_text(ds_buffer *b, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        ds__buffer_text(b, text);
        return;
    }
    ds__buffer_text(b, "\"");
    for (; *text != '\0'; text++)
        ds__buffer_text(b, *text == '"' ? "\"\"" : (char[]){ *text, '\0' });
    ds__buffer_text(b, "\"");
}

static void put_cell(ds_buffer *b, const json_t *v)
{
    char *text, number[40];

    if (json_is_string(v)) {
        put_text(b, json_string_value(v));
        return;
    }
    if (json_is_real(v)) { /* as people write it, where that reads back as the same number */
        snprintf(number, sizeof number, "%.15g", json_real_value(v));
        if (strtod(number, NULL) != json_real_value(v))
            snprintf(number, sizeof number, "%.17g", json_real_value(v));
        ds__buffer_text(b, number);
        return;
    }
    text = v != NULL && !json_is_null(v) ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
    ds__buffer_text(b, text != NULL ? text : "");
    free(text);
}

static ds_status write(char **out, size_t *bytes, json_t *flat, json_t *columns, ds_error *err)
{
    ds_buffer b = { 0 };
    json_t *row, *value;
    const char *name;
    size_t i;
    int n = 0;

    json_object_foreach (columns, name, value) {
        ds__buffer_text(&b, n++ > 0 ? "," : "");
        put_text(&b, name);
    }
    json_array_foreach (flat, i, row) {
        n = 0;
        ds__buffer_text(&b, "\r\n");
        json_object_foreach (columns, name, value) {
            ds__buffer_text(&b, n++ > 0 ? "," : "");
            put_cell(&b, json_object_get(row, name));
        }
    }
    ds__buffer_text(&b, "\r\n");
    return ds__buffer_take(&b, out, bytes, "a table", err);
}

ds_status ds__result_rows(ds_result *r, const char *file, json_t *rows, ds_error *err)
{
    json_t *flat = json_array(), *columns = json_object(), *row, *value;
    const char *name;
    char *text;
    size_t i, bytes;
    ds_status st = DS_OK;

    json_array_foreach (rows, i, row) {
        json_t *one = json_object();

        flatten(one, NULL, row);
        json_object_foreach (one, name, value)
            json_object_set_new(columns, name, json_null());
        if (json_array_append_new(flat, one) != 0)
            st = DS_E_NOMEM;
    }
    if (rows == NULL || flat == NULL || columns == NULL || st != DS_OK)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a table");
    else if (json_object_size(columns) > 0)
        st = write(&text, &bytes, flat, columns, err);
    if (st == DS_OK && json_object_size(columns) > 0)
        st = ds__result_file(r, file, text, bytes, err);
    json_decref(rows);
    json_decref(flat);
    json_decref(columns);
    return st;
}

ds_status ds__result_table(ds_result *r, json_t *rows, ds_error *err)
{
    return ds__result_rows(r, "table.csv", rows, err);
}

/* ---- the main list ------------------------------------------------------------------------------ */

/* Members of result.json that are lists of what was asked, the first that is there. */
static const char *const main_lists[] = { "pairs",    "questions", "occupations", "interventions",
                                          "pictures", "concepts",  "settings",    "sentences",
                                          "steps",    "edits",     "senses",      "atoms",
                                          "both",     "near" };

static bool all_objects(json_t *v)
{
    const char *name;
    json_t *item;
    size_t i;

    json_array_foreach (v, i, item)
        if (!json_is_object(item))
            return false;
    json_object_foreach (v, name, item)
        if (!json_is_object(item))
            return false;
    return json_array_size(v) + json_object_size(v) > 0;
}

/* The item's own list of objects, as words of a picture; NULL: it has none. */
static json_t *inner_list(json_t *item, const char **list)
{
    const char *name;
    json_t *value;

    json_object_foreach (item, name, value)
        if (json_is_array(value) && all_objects(value)) {
            *list = name;
            return value;
        }
    return NULL;
}

/* Adds the members of a line to a row; one whose name is taken is LIST.NAME. */
static void add_members(json_t *row, const char *list, json_t *line)
{
    const char *name;
    json_t *value;

    json_object_foreach (line, name, value) {
        char other[200];

        snprintf(other, sizeof other, "%s.%s", list, name);
        json_object_set(row, json_object_get(row, name) != NULL ? other : name, value);
    }
}

/* Lines of one item; `label` and `name` are the first column, or NULL. */
static void add_item(json_t *rows, const char *label, const char *name, json_t *item)
{
    const char *list = NULL;
    json_t *inner = inner_list(item, &list), *part;
    size_t i, n = inner != NULL ? json_array_size(inner) : 1;

    for (i = 0; i < n; i++) {
        json_t *row = json_object();

        if (label != NULL)
            json_object_set_new(row, label, json_string(name));
        json_object_update(row, item);
        part = json_array_get(inner, i);
        if (part != NULL)
            add_members(row, list, part);
        json_array_append_new(rows, row);
    }
}

static bool has_table(const ds_result *r)
{
    for (int i = 0; i < r->files; i++)
        if (strcmp(r->file[i].name, "table.csv") == 0)
            return true;
    return false;
}

ds_status ds__result_main_table(ds_result *r, ds_error *err)
{
    json_t *list = NULL, *rows, *item;
    const char *name, *label = NULL;
    size_t i;

    for (i = 0; list == NULL && i < DS_COUNT(main_lists); i++) {
        list = json_object_get(r->root, main_lists[i]);
        label = main_lists[i];
        if (list != NULL && !all_objects(list))
            list = NULL;
    }
    if (list == NULL || has_table(r))
        return DS_OK;
    rows = json_array();
    json_array_foreach (list, i, item)
        add_item(rows, NULL, NULL, item);
    json_object_foreach (list, name, item)
        add_item(rows, label, name, item);
    if (json_array_size(rows) == 1 && json_array_size(list) == 1 &&
        inner_list(json_array_get(list, 0), &name) == NULL &&
        strcmp(label, "pictures") == 0) { /* one picture is no table */
        json_decref(rows);
        return DS_OK;
    }
    return ds__result_table(r, rows, err);
}
