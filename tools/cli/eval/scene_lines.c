/* scene_lines.c - see scene_lines.h. */

#include "scene_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_folder.h"

/* ---- conditions ------------------------------------------------------------------------------ */

static const ds_option *option_named(const ds_args *a, const char *name)
{
    const ds_option *o;

    for (int i = 0; (o = opts_at(opts_command(a), i)) != NULL; i++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static json_t *option_value(const ds_args *a, const ds_option *o)
{
    const char *const *list;
    json_t *all;
    int n;

    if (o->kind == DS_OPTION_FLAG)
        return json_boolean(opt_flag(a, o->name));
    if (o->kind != DS_OPTION_TEXTS && o->kind != DS_OPTION_WORDS)
        return opt_text(a, o->name) != NULL ? json_string(opt_text(a, o->name)) : json_null();
    list = opt_texts(a, o->name, &n);
    all = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(all, json_string(list[i]));
    return all;
}

static json_t *values_of(const ds_args *a, const char *const *names)
{
    json_t *all = json_object();

    for (int i = 0; names[i] != NULL; i++) {
        const ds_option *o = option_named(a, names[i]);

        if (o != NULL)
            json_object_set_new(all, names[i], option_value(a, o));
    }
    return all;
}

/* Compares with those that the folder's lines were made under, or writes them down. */
static ds_status check_conditions(json_t *now, const char *dir, bool there, ds_error *err)
{
    char path[4096];
    json_t *then = NULL, *value, *was;
    const char *name;
    ds_status st = run_folder_file(path, sizeof path, dir, "conditions.json", err);

    if (st == DS_OK && there) {
        then = json_load_file(path, 0, NULL);
        if (then == NULL)
            st = ds_fail(err, DS_E_FORMAT, "%s: cannot be read, so the run cannot go on", path);
        json_object_foreach (now, name, value)
            if (st == DS_OK && (was = json_object_get(then, name)) != NULL &&
                !json_equal(value, was)) /* an older program may have noted fewer */
                st = ds_fail(err, DS_E_ARG,
                             "to go on, --%s must be as it was for the lines in %s; name another "
                             "folder",
                             name, dir);
    } else if (st == DS_OK && json_dump_file(now, path, JSON_INDENT(1)) != 0) {
        st = ds_fail(err, DS_E_IO, "%s: cannot be written", path);
    }
    json_decref(then);
    return st;
}

ds_status scene_lines_begin(const ds_args *a, const char *dir, const char *const *files, bool go_on,
                            const char *const *conditions, ds_error *err)
{
    bool there = false;
    char path[4096];
    json_t *now;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && files[i] != NULL; i++) {
        st = run_folder_file(path, sizeof path, dir, files[i], err);
        there = there || (st == DS_OK && access(path, F_OK) == 0);
    }
    if (st == DS_OK && there && !go_on)
        st = ds_fail(err, DS_E_ARG,
                     "%s holds an evaluation; --resume goes on with it, or name another folder",
                     dir);
    if (st == DS_OK)
        st = run_folder_make(dir, err);
    if (st != DS_OK)
        return st;
    now = values_of(a, conditions);
    st = check_conditions(now, dir, there, err);
    json_decref(now);
    return st;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static ds_status read_lines(json_t *lines, const char *path, ds_error *err)
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

static json_int_t scene_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "scene"));
}

ds_status scene_lines_open(scene_lines *s, const char *dir, const char *name, int digits,
                           ds_error *err)
{
    json_t *line;
    size_t i;
    ds_status st;

    *s = (scene_lines){ .all = json_array(), .digits = digits, .highest = -1 };
    if (s->all == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the lines of scenes");
    if (dir == NULL)
        return DS_OK;
    st = run_folder_file(s->path, sizeof s->path, dir, name, err);
    if (st == DS_OK)
        st = read_lines(s->all, s->path, err);
    json_array_foreach (s->all, i, line)
        s->highest = scene_of(line) > s->highest ? scene_of(line) : s->highest;
    if (st == DS_OK && (s->file = fopen(s->path, "a")) == NULL)
        st = ds_fail(err, DS_E_IO, "%s: %s", s->path, strerror(errno));
    return st;
}

ds_status scene_lines_close(scene_lines *s, ds_status st, ds_error *err)
{
    json_decref(s->all);
    if (s->file != NULL && fclose(s->file) != 0 && st == DS_OK)
        st = ds_fail(err, DS_E_IO, "%s: %s", s->path, strerror(errno));
    return st;
}

/* Lines come in the order of scenes, or nearly: a run with other limits may have left gaps. */
json_t *scene_lines_find(scene_lines *s, int64_t scene)
{
    size_t n = json_array_size(s->all);

    for (size_t k = 0; scene <= s->highest && k < n; k++) {
        size_t at = (s->next + k) % n;
        json_t *line = json_array_get(s->all, at);

        if (scene_of(line) == scene) {
            s->next = at + 1;
            return line;
        }
    }
    return NULL;
}

ds_status scene_lines_add(scene_lines *s, json_t *line, ds_error *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(s->digits));
    json_t *kept = text != NULL ? json_loads(text, 0, NULL) : NULL;
    ds_status st = DS_OK;

    json_decref(line);
    s->highest = scene_of(kept) > s->highest ? scene_of(kept) : s->highest;
    if (kept == NULL || json_array_append_new(s->all, kept) != 0)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the line of a scene");
    else if (s->file != NULL && (fprintf(s->file, "%s\n", text) < 0 || fflush(s->file) != 0))
        st = ds_fail(err, DS_E_IO, "%s: %s", s->path, strerror(errno));
    free(text);
    return st;
}
