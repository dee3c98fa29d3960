/* schema.c - methods and their options as JSON: what a web form or a Python signature is made of. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "job/job.h"

static const char *kind_name(ds_option_kind kind)
{
    static const char *const name[] = { "flag",    "int",    "seed",    "real",  "share",  "range",
                                        "part",    "text",   "texts",   "words", "choice", "file",
                                        "outfile", "outdir", "outpath", "state" };

    return (size_t)kind < DS_COUNT(name) ? name[kind] : "?";
}

static json_t *choices_json(const char *choices)
{
    json_t *list = json_array();

    while (*choices != '\0') {
        size_t n = strcspn(choices, "|");

        json_array_append_new(list, json_stringn(choices, n));
        choices += choices[n] == '|' ? n + 1 : n;
    }
    return list;
}

static json_t *row_json(const ds_option *o)
{
    json_t *row =
        json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:b}", "name", o->name, "kind",
                  kind_name(o->kind), "default", o->standard, "unit", o->unit, "help", o->help,
                  "alias", o->alias, "required", o->required, "positional", o->positional);

    json_object_set_new(row, "min", o->min < o->max ? json_real(o->min) : json_null());
    json_object_set_new(row, "max", o->min < o->max ? json_real(o->max) : json_null());
    if (o->choices != NULL)
        json_object_set_new(row, "choices", choices_json(o->choices));
    return row;
}

static void add_rows(json_t *list, const ds_option *table)
{
    for (const ds_option *o = table; o != NULL; o++) {
        if (o->kind == DS_OPTION_BLOCK)
            add_rows(list, o->block);
        else if (o->name == NULL)
            break;
        else
            json_array_append_new(list, row_json(o));
    }
}

static json_t *method_json(const ds_method *m)
{
    ds_option common[DS_COMMON_OPTIONS];
    json_t *rows = json_array();

    ds_common_options(common, m->parts);
    add_rows(rows, m->options);
    add_rows(rows, common);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:o, s:s?}", "name", m->name, "purpose",
                     m->purpose, "paper", m->paper, "description", m->description, "example",
                     m->example, "options", rows, "results", m->results);
}

ds_status ds_methods_json(const ds_method *const *methods, int count, char **out, ds_error *err)
{
    json_t *list = json_array();
    char *text;

    for (int i = 0; i < count; i++)
        json_array_append_new(list, method_json(methods[i]));
    text = json_dumps(list, JSON_INDENT(1));
    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    json_decref(list);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a description");
}
