/* folder.c - see folder.h. */

#include "studies/answer/folder.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "job/folder.h"

enum { PATH = 4200, NAME = 256 };
#define MOST_BYTES ((size_t)1 << 30)

/* Is the member an error, a bound or a count of the number beside it? */
static bool is_beside(const char *name)
{
    static const char *const names[] = { "se", "low", "high", "count", "bits", "bits_se" };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- a table ----------------------------------------------------------------------------------- */

static ds_status add_row(answer_table *t, const char *condition, const char *path, const ds__csv *c,
                         int64_t r, const int64_t at[4], ds_error *err)
{
    const char *seed = ds__csv_cell(c, r, at[0]);
    const char *prompt = at[1] >= 0 ? ds__csv_cell(c, r, at[1]) : "";
    const char *figure = at[2] >= 0 ? ds__csv_cell(c, r, at[2]) : "";
    const char *folder = at[3] >= 0 ? ds__csv_cell(c, r, at[3]) : "";
    const char *part[ANSWER_PARTS] = { condition != NULL ? condition : prompt, prompt, seed };
    char item[PATH], picture[PATH], file[PATH];
    ds_status st = DS_OK;

    if (snprintf(file, sizeof file, "%s%s%s.png", folder, folder[0] != '\0' ? "/" : "", figure) >=
            PATH ||
        snprintf(picture, sizeof picture, "%s/%s", path, file) >= PATH ||
        snprintf(item, sizeof item, "%s#%lld", path, (long long)r) >= PATH)
        return ds_fail(err, DS_E_ARG, "%s: the path is too long", path);
    if (condition == NULL && figure[0] != '\0')
        snprintf(item, sizeof item, "%s", file);
    st = ds__table_add(t, part, item,
                       figure[0] != '\0' && access(picture, R_OK) == 0 ? picture : NULL, err);
    for (int64_t k = 0; st == DS_OK && k < c->columns; k++) {
        char *end;
        const char *cell = ds__csv_cell(c, r, k);
        const double x = strtod(cell, &end);

        if (k != at[0] && k != at[1] && k != at[2] && k != at[3] && end != cell && *end == '\0' &&
            isfinite(x))
            st = ds__table_set(t, t->rows - 1, c->heading[k], x, err);
    }
    return st;
}

/* A row of items.csv, which `audit` left: its condition is a part of what it was asked for. */
static ds_status add_item(answer_table *t, const char *condition, const char *path,
                          const ds__csv *c, int64_t r, ds_error *err)
{
    const char *picture = ds__csv_cell(c, r, 4);
    char item[PATH], prompt[PATH], inside[PATH];
    const char *part[ANSWER_PARTS] = { condition, prompt, ds__csv_cell(c, r, 3) };
    ds_status st;

    snprintf(item, sizeof item, "%.2000s#%.2000s", path, ds__csv_cell(c, r, 0));
    if (condition == NULL) {
        snprintf(item, sizeof item, "%.4000s", ds__csv_cell(c, r, 0));
        part[ANSWER_CONDITION] = ds__csv_cell(c, r, 1);
    }
    snprintf(prompt, sizeof prompt, "%.2000s: %.2000s", ds__csv_cell(c, r, 1),
             ds__csv_cell(c, r, 2));
    if (picture[0] != '\0' && picture[0] != '/' &&
        snprintf(inside, sizeof inside, "%s/%s", path, picture) < PATH && access(inside, R_OK) == 0)
        picture = inside; /* a sweep's; those of `audit` are as its table named them */
    st = ds__table_add(t, part, item,
                       picture[0] != '\0' && access(picture, R_OK) == 0 ? picture : NULL, err);
    for (int64_t k = 5; st == DS_OK && k < c->columns; k++)
        if (ds__csv_cell(c, r, k)[0] != '\0')
            st = ds__table_set(t, t->rows - 1, c->heading[k], strtod(ds__csv_cell(c, r, k), NULL),
                               err);
    return st;
}

static ds_status add_items(answer_table *t, int64_t *n, const char *condition, const char *path,
                           ds_error *err)
{
    char file[PATH];
    ds__csv c;
    ds_status st = ds__run_file(file, sizeof file, path, "items.csv", err);

    if (st != DS_OK || access(file, R_OK) != 0)
        return st;
    st = ds__csv_read(&c, file, MOST_BYTES, err);
    if (st != DS_OK)
        return st;
    if (c.columns < 5 || ds__csv_column(&c, "seed") != 3 || ds__csv_column(&c, "picture") != 4)
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: expected the columns item, condition, prompt, seed, picture", file);
    for (int64_t r = 0; st == DS_OK && r < c.rows; r++, (*n)++)
        st = add_item(t, condition, path, &c, r, err);
    ds__csv_clear(&c);
    return st;
}

static ds_status add_table(answer_table *t, int64_t *n, const char *condition, const char *path,
                           ds_error *err)
{
    char file[PATH];
    ds__csv c;
    int64_t at[4];
    ds_status st = ds__run_file(file, sizeof file, path, "table.csv", err);

    if (st != DS_OK || access(file, R_OK) != 0)
        return st;
    st = ds__csv_read(&c, file, MOST_BYTES, err);
    if (st != DS_OK)
        return st;
    at[0] = ds__csv_column(&c, "seed");
    at[1] = ds__csv_column(&c, "prompt");
    at[2] = ds__csv_column(&c, "figure");
    at[3] = ds__csv_column(&c, "folder");
    for (int64_t r = 0; st == DS_OK && at[0] >= 0 && r < c.rows; r++, (*n)++)
        st = add_row(t, condition, path, &c, r, at, err);
    ds__csv_clear(&c);
    return st;
}

/* ---- lines ------------------------------------------------------------------------------------- */

/* Sums and counts of the numbers below a value, by path without places in lists. */
static void sum_up(json_t *sums, const char *path, const json_t *v)
{
    char name[NAME];
    const char *key;
    json_t *member, *sum;
    size_t i;

    if (json_is_number(v) || json_is_boolean(v)) {
        const double x = json_is_boolean(v) ? json_is_true(v) : json_number_value(v);

        sum = json_object_get(sums, path);
        if (sum == NULL)
            json_object_set_new(sums, path, sum = json_pack("[f, f]", 0.0, 0.0));
        json_real_set(json_array_get(sum, 0), json_real_value(json_array_get(sum, 0)) + x);
        json_real_set(json_array_get(sum, 1), json_real_value(json_array_get(sum, 1)) + 1.0);
    } else if (json_is_object(v)) {
        json_object_foreach ((json_t *)v, key, member)
            if (!is_beside(key) &&
                snprintf(name, sizeof name, "%s%s%s", path, path[0] != '\0' ? "." : "", key) < NAME)
                sum_up(sums, name, member);
    } else if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
        json_array_foreach (v, i, member)
            sum_up(sums, path, member);
    }
}

static ds_status add_line(answer_table *t, const char *condition, const char *file, int64_t number,
                          const json_t *line, ds_error *err)
{
    json_t *sums = json_object(), *sum;
    const char *name, *part[ANSWER_PARTS];
    char scene[32], item[PATH];
    ds_status st;

    snprintf(scene, sizeof scene, "scene %lld",
             (long long)json_integer_value(json_object_get(line, "scene")));
    snprintf(item, sizeof item, "%.4000s#%lld", file, (long long)number);
    part[ANSWER_CONDITION] = condition != NULL ? condition : "all";
    part[ANSWER_PROMPT] = scene;
    part[ANSWER_SEED] = "one";
    sum_up(sums, "", line);
    json_object_del(sums, "scene");
    st = ds__table_add(t, part, item, NULL, err);
    json_object_foreach (sums, name, sum)
        if (st == DS_OK)
            st = ds__table_set(t, t->rows - 1, name,
                               json_real_value(json_array_get(sum, 0)) /
                                   json_real_value(json_array_get(sum, 1)),
                               err);
    json_decref(sums);
    return st;
}

static ds_status add_lines(answer_table *t, int64_t *n, const char *condition, const char *file,
                           ds_error *err)
{
    char *text, *next;
    size_t size;
    int64_t number = 0;
    ds_status st = ds__file_read(&text, &size, file, MOST_BYTES, err);

    if (st != DS_OK)
        return st;
    for (char *at = text; st == DS_OK && *at != '\0'; at = next) {
        const size_t length = strcspn(at, "\n");
        json_t *line = json_loadb(at, length, 0, NULL);

        next = at + length + (at[length] == '\n');
        number++;
        if (json_object_get(line, "scene") != NULL) {
            st = add_line(t, condition, file, number, line, err);
            (*n)++;
        }
        json_decref(line);
    }
    ds_free(text);
    return st;
}

static ds_status add_all_lines(answer_table *t, int64_t *n, const char *condition, const char *path,
                               ds_error *err)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    char file[PATH];
    ds_status st = DS_OK;

    if (d == NULL)
        return ds_fail(err, DS_E_IO, "%s: expected a run folder", path);
    while (st == DS_OK && (e = readdir(d)) != NULL)
        if (ds__ends_with(e->d_name, ".jsonl") &&
            (st = ds__run_file(file, sizeof file, path, e->d_name, err)) == DS_OK)
            st = add_lines(t, n, condition, file, err);
    closedir(d);
    return st;
}

ds_status ds__table_folder(answer_table *t, int64_t *n, const char *condition, const char *path,
                           ds_error *err)
{
    ds_status st;

    *n = 0;
    st = add_items(t, n, condition, path, err);
    if (st == DS_OK && *n == 0)
        st = add_table(t, n, condition, path, err);
    return st == DS_OK && *n == 0 ? add_all_lines(t, n, condition, path, err) : st;
}

/* ---- numbers of the whole ---------------------------------------------------------------------- */

/* The name of a member of a list. */
static const char *label_of(const json_t *o, size_t place, char text[24])
{
    static const char *const keys[] = { "key",  "name",       "text",      "word",
                                        "term", "occupation", "condition", "seed" };

    for (size_t i = 0; i < DS_COUNT(keys); i++)
        if (json_is_string(json_object_get(o, keys[i])))
            return json_string_value(json_object_get(o, keys[i]));
    snprintf(text, 24, "%zu", place);
    return text;
}

/* The first number of an object that has an error beside it; NULL: there is none. */
static const json_t *number_of(const json_t *o)
{
    const char *name;
    json_t *v;

    if (json_object_get(o, "se") == NULL && json_object_get(o, "low") == NULL)
        return NULL;
    json_object_foreach ((json_t *)o, name, v)
        if (json_is_number(v) && !is_beside(name))
            return v;
    return NULL;
}

static void put(json_t *out, const char *path, const json_t *v, const json_t *se)
{
    json_t *o = json_pack("{s:f}", "value", json_number_value(v));

    if (json_is_number(se))
        json_object_set_new(o, "se", json_real(json_number_value(se)));
    json_object_set_new(out, path, o);
}

static void collect(json_t *out, const char *path, const json_t *v)
{
    char name[NAME], text[24];
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_real(v) || json_is_integer(v)) {
        put(out, path, v, NULL);
    } else if (json_is_object(v) && number_of(v) != NULL) {
        put(out, path, number_of(v), json_object_get(v, "se"));
    } else if (json_is_object(v)) {
        json_object_foreach ((json_t *)v, key, member)
            if (snprintf(name, sizeof name, "%s%s%s", path, path[0] != '\0' ? "." : "", key) < NAME)
                collect(out, name, member);
    } else if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
        json_array_foreach (v, i, member)
            if (snprintf(name, sizeof name, "%s.%s", path, label_of(member, i, text)) < NAME)
                collect(out, name, member);
    }
}

ds_status ds__folder_numbers(json_t **out, const char *path, ds_error *err)
{
    char file[PATH];
    json_t *root = NULL;
    ds_status st = ds__run_file(file, sizeof file, path, "result.json", err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__json_load(&root, file, err);
    if (st != DS_OK)
        return st;
    *out = json_object();
    collect(*out, "", root);
    json_decref(root);
    return DS_OK;
}
