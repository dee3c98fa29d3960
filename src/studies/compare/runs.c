/* runs.c - see runs.h. The records say whether the runs are of one plan: their options are laid beside each
 * other, and what differs is told, since a difference of results is one of everything that differs. */

#include "studies/compare/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "base/arena.h"
#include "base/json.h"
#include "job/folder.h"
#include "studies/answer/folder.h"

enum { MOST_NUMBERS = 400 };

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for runs");
}

/* ---- records ----------------------------------------------------------------------------------- */

/* Where, how fast, and what for: no option that a result depends on. */
static bool is_outside(const char *option)
{
    static const char *const names[] = { "out",    "output", "threads", "force",
                                         "resume", "part",   "merge" };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

static ds_status load_record(json_t **out, const char *folder, ds_error *err)
{
    char file[4200];
    ds_status st = ds__run_file(file, sizeof file, folder, "run.json", err);

    return st == DS_OK ? ds__json_load(out, file, err) : st;
}

/* One member of the options of each, or with `plan` of the plans that sweeps keep in their results. */
static void note_option(compare_runs *c, const char *name, json_t *const *record, int64_t n,
                        bool plan)
{
    json_t *values = json_array();
    char shown[200];

    snprintf(shown, sizeof shown, "%s%.180s", plan ? "plan." : "", name);
    for (int64_t i = 0; i < n; i++) {
        const json_t *from = plan ? json_object_get(record[i], "plan") : record[i], *v;

        v = json_object_get(json_object_get(from, "options"), name);
        if (plan && v == NULL && strcmp(name, "options") != 0)
            v = json_object_get(from, name);

        json_array_append_new(values, v != NULL ? json_deep_copy(v) : json_null());
    }
    for (int64_t i = 1; i < n; i++)
        if (!json_equal(json_array_get(values, 0), json_array_get(values, (size_t)i))) {
            json_object_set(c->differ, shown, values);
            break;
        }
    json_decref(values);
}

static void note_provenance(compare_runs *c, const char *name, const json_t *record)
{
    const json_t *model = json_object_get(record, "model");
    const char *hash = json_string_value(json_object_get(model, "sha256"));
    const char *version =
        json_string_value(json_object_get(json_object_get(record, "versions"), "diffuscope"));

    json_object_set_new(c->provenance, name,
                        json_pack("{s:s?, s:s?, s:s?}", "command",
                                  json_string_value(json_object_get(record, "command")), "model",
                                  hash, "diffuscope", version));
}

static ds_status compare_records(compare_runs *c, const ds_texts *folders, json_t **record,
                                 ds_error *err)
{
    const char *name;
    json_t *v;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < folders->count; i++) {
        st = load_record(&record[i], folders->text[i], err);
        if (st == DS_OK && !json_equal(json_object_get(record[0], "command"),
                                       json_object_get(record[i], "command")))
            st = ds_fail(
                err, DS_E_NOMATCH, "%s is a run of \"%s\", %s of \"%s\": nothing is comparable",
                folders->text[0], json_string_value(json_object_get(record[0], "command")),
                folders->text[i], json_string_value(json_object_get(record[i], "command")));
        if (st == DS_OK)
            note_provenance(c, c->name[i], record[i]);
    }
    if (st != DS_OK)
        return st;
    json_object_foreach (json_object_get(record[0], "options"), name, v)
        if (!is_outside(name))
            note_option(c, name, record, folders->count, false);
    v = json_array();
    for (int64_t i = 0; i < folders->count; i++)
        json_array_append(v, json_object_get(json_object_get(record[i], "model"), "sha256") != NULL
                                 ? json_object_get(json_object_get(record[i], "model"), "sha256")
                                 : json_null());
    for (int64_t i = 1; i < folders->count; i++)
        if (!json_equal(json_array_get(v, 0), json_array_get(v, (size_t)i)))
            json_object_set(c->differ, "model.sha256", v);
    json_decref(v);
    return DS_OK;
}

/* Sweeps of one plan differ in its options; of others, in what it is a product of. */
static ds_status compare_plans(compare_runs *c, const ds_texts *folders, ds_error *err)
{
    json_t **result = ds_calloc((size_t)folders->count + 1, sizeof *result), *v;
    const char *name;
    char file[4200];
    ds_status st = result != NULL ? DS_OK : no_memory(err);

    for (int64_t i = 0; st == DS_OK && i < folders->count; i++) {
        st = ds__run_file(file, sizeof file, folders->text[i], "result.json", err);
        if (st == DS_OK)
            st = ds__json_load(&result[i], file, err);
    }
    if (st == DS_OK) {
        json_object_foreach (json_object_get(json_object_get(result[0], "plan"), "options"), name,
                             v)
            note_option(c, name, result, folders->count, true);
        json_object_foreach (json_object_get(result[0], "plan"), name, v)
            if (strcmp(name, "options") != 0)
                note_option(c, name, result, folders->count, true);
    }
    for (int64_t i = 0; result != NULL && i < folders->count; i++)
        json_decref(result[i]);
    ds_free(result);
    return st;
}

/* ---- names ------------------------------------------------------------------------------------- */

/* The last part of the path, without a slash at its end. */
static void last_part(char out[200], const char *path)
{
    size_t n = strlen(path), from;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/'; from--)
        ;
    snprintf(out, 200, "%.*s", (int)(n - from), path + from);
}

/* Names are told apart: by the whole path where the last parts are alike. */
static ds_status name_runs(compare_runs *c, const ds_texts *folders, ds_error *err)
{
    c->name = ds_calloc((size_t)folders->count + 1, sizeof *c->name);
    if (c->name == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < folders->count; i++) {
        char own[200], other[200];
        bool alone = true;
        char *name;

        last_part(own, folders->text[i]);
        for (int64_t k = 0; k < folders->count; k++) {
            last_part(other, folders->text[k]);
            alone = alone && (k == i || strcmp(own, other) != 0);
            if (k < i && strcmp(folders->text[k], folders->text[i]) == 0)
                return ds_fail(err, DS_E_ARG, "%s is given twice", folders->text[i]);
        }
        name = ds_strdup(alone ? own : folders->text[i]);
        if (name == NULL)
            return no_memory(err);
        c->name[i] = name;
    }
    return DS_OK;
}

/* ---- numbers of the wholes --------------------------------------------------------------------- */

static json_t *row_of(const char *path, json_t **numbers, int64_t n)
{
    json_t *values = json_array(), *row = json_pack("{s:s, s:o}", "path", path, "values", values);
    const json_t *first = json_object_get(numbers[0], path), *second = NULL;

    for (int64_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(numbers[i], path);

        json_array_append_new(values, v != NULL ? json_deep_copy(v) : json_null());
        if (i == 1)
            second = v;
    }
    if (n == 2 && second != NULL) {
        const double d = json_number_value(json_object_get(second, "value")) -
                         json_number_value(json_object_get(first, "value"));
        const json_t *a = json_object_get(first, "se"), *b = json_object_get(second, "se");
        json_t *difference = json_pack("{s:o}", "value", ds__json_real(d));

        if (a != NULL && b != NULL)
            json_object_set_new(
                difference, "se",
                ds__json_real(ds_stats_joint_error(json_number_value(a), json_number_value(b))));
        json_object_set_new(row, "difference", difference);
    }
    return row;
}

static ds_status read_numbers(compare_runs *c, const ds_texts *folders, ds_error *err)
{
    json_t **numbers = ds_calloc((size_t)folders->count, sizeof *numbers), *v;
    const char *path;
    ds_status st = numbers != NULL ? DS_OK : no_memory(err);

    for (int64_t i = 0; st == DS_OK && i < folders->count; i++)
        st = ds__folder_numbers(&numbers[i], folders->text[i], err);
    c->numbers = json_array();
    if (st == DS_OK)
        json_object_foreach (numbers[0], path, v)
            if (json_array_size(c->numbers) < MOST_NUMBERS)
                json_array_append_new(c->numbers, row_of(path, numbers, folders->count));
    for (int64_t i = 0; numbers != NULL && i < folders->count; i++)
        json_decref(numbers[i]);
    ds_free(numbers);
    return st;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static ds_status read_items(compare_runs *c, const ds_texts *folders, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < folders->count; i++) {
        int64_t n;

        st = ds__table_folder(&c->table, &n, c->name[i], folders->text[i], err);
        if (st == DS_OK && i > 0 && (n == 0) != (c->items == 0))
            st = ds_fail(err, DS_E_NOMATCH, "%s has items, %s has none",
                         folders->text[n == 0 ? 0 : i], folders->text[n == 0 ? i : 0]);
        c->items += n;
    }
    return st;
}

ds_status ds__compare_runs_read(compare_runs *c, const ds_texts *folders, ds_error *err)
{
    json_t **record = ds_calloc((size_t)folders->count + 1, sizeof *record);
    ds_status st = record != NULL ? DS_OK : no_memory(err);

    c->differ = json_object();
    c->provenance = json_object();
    if (st == DS_OK)
        st = name_runs(c, folders, err);
    if (st == DS_OK)
        st = compare_records(c, folders, record, err);
    if (st == DS_OK)
        st = compare_plans(c, folders, err);
    if (st == DS_OK)
        st = read_items(c, folders, err);
    if (st == DS_OK)
        st = read_numbers(c, folders, err);
    for (int64_t i = 0; record != NULL && i < folders->count; i++)
        json_decref(record[i]);
    ds_free(record);
    return st;
}

void ds__compare_runs_free(compare_runs *c)
{
    ds__table_free(&c->table);
    json_decref(c->differ);
    json_decref(c->numbers);
    json_decref(c->provenance);
    for (int64_t i = 0; c->name != NULL && c->name[i] != NULL; i++)
        ds_free(c->name[i]);
    ds_free(c->name);
    *c = (compare_runs){ .items = 0 };
}

/* ---- telling ----------------------------------------------------------------------------------- */

/* "steps: 15 | 30", a line each. */
static ds_status differ_text(char **out, const compare_runs *c, ds_error *err)
{
    ds_buffer b = { 0 };
    const char *name;
    json_t *values, *v;
    size_t i;

    if (json_object_size(c->differ) == 0)
        ds__buffer_text(&b, "the runs have the same options and model\n");
    json_object_foreach (c->differ, name, values) {
        ds__buffer_printf(&b, "%s:", name);
        json_array_foreach (values, i, v) {
            char *text = json_dumps(v, JSON_ENCODE_ANY);

            ds__buffer_printf(&b, "%s %.80s", i > 0 ? " |" : "", text != NULL ? text : "?");
            free(text);
        }
        ds__buffer_text(&b, "\n");
    }
    return ds__buffer_take(&b, out, NULL, "what differs", err);
}

/* First of all, on the page too: a difference of results is one of everything that differs. */
static ds_status say_differ(ds_job *j, ds_page *p, const compare_runs *c, ds_error *err)
{
    char *text, *line, *rest = NULL;
    ds_status st = differ_text(&text, c, err);

    if (st != DS_OK)
        return st;
    ds__result_say(j->result, "%s\n", text);
    st = ds_page_section(p, "What differs", err);
    line = strtok_r(text, "\n", &rest);
    for (; st == DS_OK && line != NULL; line = strtok_r(NULL, "\n", &rest))
        st = ds_page_text(p, line, err);
    ds_free(text);
    return st;
}

static const char *number_text(ds_arena *a, const json_t *v)
{
    const json_t *se = json_object_get(v, "se");

    if (!json_is_number(json_object_get(v, "value")))
        return "";
    if (se == NULL)
        return ds__arena_printf(a, "%.4g", json_number_value(json_object_get(v, "value")));
    return ds__arena_printf(a, "%.4g \xc2\xb1 %.2g", json_number_value(json_object_get(v, "value")),
                            json_number_value(se));
}

/* result.json's own numbers, for a terminal and the page. */
static ds_status tell_numbers(ds_job *j, ds_page *p, const compare_runs *c, int64_t runs,
                              ds_error *err)
{
    const int64_t rows = (int64_t)json_array_size(c->numbers), columns = runs + 1 + (runs == 2);
    ds_arena a = { 0 };
    const char **head = ds__arena_alloc(&a, (size_t)columns * sizeof *head);
    const char **cell = ds__arena_alloc(&a, (size_t)(rows * columns + 1) * sizeof *cell);
    const ds_table t = { "Numbers of result.json, with standard errors where it has them", head,
                         cell, rows, columns };
    json_t *row;
    size_t i;
    ds_status st = head != NULL && cell != NULL ? DS_OK : no_memory(err);

    if (st == DS_OK) {
        head[0] = "number";
        for (int64_t k = 0; k < runs; k++)
            head[1 + k] = c->name[k];
        if (runs == 2)
            head[3] = "second less first";
    }
    json_array_foreach (c->numbers, i, row) {
        const char **to = cell + (int64_t)i * columns;

        if (st != DS_OK)
            break;
        to[0] = json_string_value(json_object_get(row, "path"));
        for (int64_t k = 0; k < runs; k++)
            to[1 + k] = number_text(&a, json_array_get(json_object_get(row, "values"), (size_t)k));
        if (runs == 2)
            to[3] = number_text(&a, json_object_get(row, "difference"));
        if (c->items == 0)
            ds__result_say(j->result, "%-32s %-20s %-20s %s\n", to[0], to[1], to[2],
                           runs == 2 ? to[3] : "");
    }
    if (st == DS_OK && rows > 0)
        st = ds_page_section(p, "Results", err);
    if (st == DS_OK && rows > 0)
        st = ds_page_table(p, &t, err);
    ds__arena_free(&a);
    return st;
}

ds_status ds__compare_runs_tell(ds_job *j, const compare_runs *c, const ds_texts *folders,
                                const answer_options *o, ds_error *err)
{
    const answer_source from = { .what = "run", .provenance = c->provenance, .side_by_side = true };
    ds_page *p = NULL;
    ds_status st = ds__result_page(j->result, &p, "Runs side by side", err);

    if (st == DS_OK)
        st = say_differ(j, p, c, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "differ", json_incref(c->differ), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "numbers", json_incref(c->numbers), err);
    if (st == DS_OK)
        st = tell_numbers(j, p, c, folders->count, err);
    if (st == DS_OK && c->items > 0)
        st = ds__answer_all(j, &c->table, o, &from, err);
    return st;
}
