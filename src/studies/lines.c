/* lines.c - see lines.h. */

#include "studies/lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "job/files.h"
#include "job/folder.h"

#define AT(field) offsetof(lines_options, field)

const ds_option ds__lines_rows[] = {
    { .name = "resume",
      .kind = DS_OPTION_FLAG,
      .offset = AT(resume),
      .help = "go on with what the folder holds, under the same conditions" },
    { .name = "part",
      .kind = DS_OPTION_PART,
      .offset = AT(part),
      .arg = "I/N",
      .alias = "shard",
      .help = "measure only part I of N (I from 0): every N-th scene; auto: as the scheduler's "
              "variables say; --merge joins the parts' folders" },
    { .name = "merge",
      .kind = DS_OPTION_WORDS,
      .offset = AT(merge),
      .arg = "DIR",
      .help = "sum up what the folders of all parts hold instead of measuring" },
    { 0 },
};

/* ---- conditions ------------------------------------------------------------------------------- */

/* Where results go, how fast they come, and of how many scenes. */
static const char *const everywhere[] = { "out",   "resume",  "part",  "merge",
                                          "batch", "threads", "state", NULL };

static bool is_in(const char *name, const char *const *list)
{
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static json_t *value_of(const ds_option_set *s, int i)
{
    const ds_option_kind kind = ds_option_at(s, i)->kind;
    const ds_texts list = ds_option_texts(s, i);
    json_t *all;

    if (kind == DS_OPTION_FLAG)
        return json_boolean(ds_option_flag(s, i));
    if (kind != DS_OPTION_TEXTS && kind != DS_OPTION_WORDS)
        return ds_option_value(s, i) != NULL ? json_string(ds_option_value(s, i)) : json_null();
    all = json_array();
    for (int64_t k = 0; k < list.count; k++)
        json_array_append_new(all, json_string(list.text[k]));
    return all;
}

static json_t *conditions_of(const ds_job *j, const char *const *free)
{
    json_t *all = json_object();

    for (int i = 0; i < j->rows; i++) {
        const char *name = ds_option_at(j->set, i)->name;

        if (!is_in(name, everywhere) && !is_in(name, free))
            json_object_set_new(all, name, value_of(j->set, i));
    }
    return all;
}

/* Lines without conditions could be of anything. */
static ds_status refuse_lines(const char *folder, const char *path, ds_error *err)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    bool any = false;

    while (d != NULL && (e = readdir(d)) != NULL)
        any = any || ds__ends_with(e->d_name, ".jsonl");
    if (d != NULL)
        closedir(d);
    return any ? ds_fail(err, DS_E_FORMAT,
                         "%s is not there, which says how the lines beside it were made: the run "
                         "cannot go on",
                         path)
               : DS_OK;
}

/* DS_E_ARG where an option has another value than in FOLDER/conditions.json. A folder without that
 * file has no lines yet. */
static ds_status compare(const ds_job *j, const char *folder, const json_t *now, ds_error *err)
{
    char path[4096];
    json_t *then, *value, *was;
    const char *name;
    ds_status st = ds__run_file(path, sizeof path, folder, "conditions.json", err);

    if (st == DS_OK && access(path, F_OK) != 0)
        return refuse_lines(folder, path, err);
    if (st != DS_OK)
        return st;
    then = json_load_file(path, 0, NULL);
    if (!json_is_object(then))
        st = ds_fail(err, DS_E_FORMAT, "%s: cannot be read, so the run cannot go on", path);
    json_object_foreach ((json_t *)now, name, value)
        if (st == DS_OK && (was = json_object_get(then, name)) != NULL &&
            !json_equal(value, was)) /* an older program may have noted fewer */
            st = ds_fail(err, DS_E_ARG,
                         "to go on, %s must be as it was for the lines in %s; name another folder",
                         ds__job_name(j, name), folder);
    json_decref(then);
    return st;
}

ds_status ds__lines_check(const ds_job *j, const lines_options *o, const char *const *free,
                          ds_error *err)
{
    const char *folder = j->common.folder;
    json_t *now;
    ds_status st = DS_OK;

    if (folder == NULL && (o->resume || o->part.parts > 0))
        return ds_fail(err, DS_E_ARG, "%s needs the folder, %s",
                       ds__job_name(j, o->resume ? "resume" : "part"), ds__job_name(j, "out"));
    if (o->merge.count > 0 && (o->resume || o->part.parts > 0))
        return ds_fail(err, DS_E_ARG, "%s excludes %s and %s", ds__job_name(j, "merge"),
                       ds__job_name(j, "resume"), ds__job_name(j, "part"));
    now = conditions_of(j, free);
    if (o->resume)
        st = compare(j, folder, now, err);
    for (int64_t i = 0; st == DS_OK && i < o->merge.count; i++)
        st = compare(j, o->merge.text[i], now, err);
    json_decref(now);
    return st;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static json_int_t scene_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "scene"));
}

/* Where a scene stands, or would. Scenes come by rising number, nearly always at the end. */
static size_t place_of(const study_lines *l, int64_t scene)
{
    size_t low = 0, high = json_array_size(l->all);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (scene_of(json_array_get(l->all, middle)) < scene)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

json_t *ds__lines_find(const study_lines *l, int64_t scene)
{
    json_t *line = json_array_get(l->all, place_of(l, scene));

    return line != NULL && scene_of(line) == scene ? line : NULL;
}

bool ds__lines_want(const study_lines *l, int64_t scene)
{
    const ds_part_of part = l->options->part;

    return l->options->merge.count == 0 && (part.parts == 0 || scene % part.parts == part.part) &&
           ds__lines_find(l, scene) == NULL;
}

/* Takes the line over; one of a scene that has one already is dropped. */
static ds_status keep(study_lines *l, json_t *line, ds_error *err)
{
    if (ds__lines_find(l, scene_of(line)) != NULL) {
        json_decref(line);
        return DS_OK;
    }
    return json_array_insert_new(l->all, place_of(l, scene_of(line)), line) == 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for the line of a scene");
}

/* The complete lines of a file, and in *good the bytes that they take. */
static ds_status read_lines(study_lines *l, const char *path, long *good, ds_error *err)
{
    FILE *f = NULL;
    char *text = NULL;
    size_t room = 0, number = 1;
    int64_t size;
    int fd;
    ssize_t n;
    ds_status st;

    *good = 0;
    if (access(path, F_OK) != 0)
        return DS_OK; /* nothing was done */
    st = ds__file_open(&fd, &size, path, err);
    if (st == DS_OK && (f = fdopen(fd, "r")) == NULL) {
        close(fd);
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory to read it", path);
    }
    if (st != DS_OK)
        return st;
    for (; st == DS_OK && (n = getline(&text, &room, f)) > 0 && text[n - 1] == '\n'; number++) {
        json_error_t why;
        json_t *line = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &why);

        if (!json_is_integer(json_object_get(line, "scene"))) {
            st =
                ds_fail(err, DS_E_FORMAT, "%s: line %zu: expected an object with a scene, found %s",
                        path, number, line != NULL ? "another" : why.text);
            json_decref(line);
        } else {
            st = keep(l, line, err);
        }
        *good = ftell(f);
    }
    free(text);
    fclose(f);
    return st;
}

/* ---- the file --------------------------------------------------------------------------------- */

static ds_status io_failed(const study_lines *l, ds_error *err)
{
    return ds_fail(err, DS_E_IO, "%s: %s", l->path, strerror(errno));
}

/* The folder with its conditions; a run that does not go on with what is there begins anew. */
static ds_status begin(study_lines *l, const char *const *free, ds_error *err)
{
    const char *folder = l->job->common.folder;
    char path[4096];
    json_t *now;
    ds_status st = ds_folder_make(folder, err);

    if (st == DS_OK)
        st = ds__run_file(path, sizeof path, folder, "conditions.json", err);
    if (st == DS_OK)
        st = ds__job_wrote(l->job, path, err);
    if (st == DS_OK)
        st = ds__job_wrote(l->job, l->path, err);
    if (st != DS_OK)
        return st;
    if (!l->options->resume && unlink(l->path) != 0 && errno != ENOENT)
        return io_failed(l, err);
    now = conditions_of(l->job, free);
    st = ds__json_save(now, path, err);
    json_decref(now);
    return st;
}

static ds_status open_file(study_lines *l, const char *const *free, ds_error *err)
{
    struct stat s;
    long good = 0;
    int fd;
    ds_status st = ds__run_file(l->path, sizeof l->path, l->job->common.folder, l->name, err);

    if (st == DS_OK)
        st = begin(l, free, err);
    if (st == DS_OK)
        st = read_lines(l, l->path, &good, err);
    if (st == DS_OK && stat(l->path, &s) == 0 && s.st_size > good && truncate(l->path, good) != 0)
        st = io_failed(l, err);
    if (st == DS_OK)
        st = ds__file_append(&fd, l->path, err);
    if (st == DS_OK && (l->file = fdopen(fd, "a")) == NULL) {
        close(fd);
        st = io_failed(l, err);
    }
    return st;
}

static ds_status write_line(study_lines *l, const char *text, ds_error *err)
{
    if (l->file != NULL && (fprintf(l->file, "%s\n", text) < 0 || fflush(l->file) != 0))
        return io_failed(l, err);
    return DS_OK;
}

/* The parts' lines, also into this folder's file. */
static ds_status merge(study_lines *l, ds_error *err)
{
    json_t *line;
    size_t i;
    ds_status st = DS_OK;

    for (int64_t k = 0; st == DS_OK && k < l->options->merge.count; k++) {
        char path[4096];
        long good;

        st = ds__run_file(path, sizeof path, l->options->merge.text[k], l->name, err);
        if (st == DS_OK && access(path, R_OK) != 0)
            st = ds_fail(err, DS_E_IO, "%s: %s; expected what a part left", path, strerror(errno));
        if (st == DS_OK)
            st = read_lines(l, path, &good, err);
    }
    json_array_foreach (l->all, i, line) {
        char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(l->digits));

        if (st == DS_OK)
            st = text != NULL ? write_line(l, text, err)
                              : ds_fail(err, DS_E_NOMEM, "no memory for the line of a scene");
        free(text);
    }
    return st;
}

ds_status ds__lines_open(study_lines *l, ds_job *j, const lines_options *o, const char *const *free,
                         const char *name, int digits, ds_error *err)
{
    ds_status st = DS_OK;

    *l = (study_lines){
        .options = o, .job = j, .all = json_array(), .name = name, .digits = digits
    };
    if (l->all == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the lines of scenes");
    if (j->common.folder != NULL)
        st = open_file(l, free, err);
    return st == DS_OK && o->merge.count > 0 ? merge(l, err) : st;
}

ds_status ds__lines_close(study_lines *l, ds_status st, ds_error *err)
{
    json_decref(l->all);
    if (l->file != NULL && fclose(l->file) != 0 && st == DS_OK)
        st = io_failed(l, err);
    return st;
}

/* ---- filling ---------------------------------------------------------------------------------- */

/* Keeps what can be read from the file: a run that goes on knows the same. */
static ds_status add(study_lines *l, json_t *line, ds_error *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(l->digits));
    json_t *kept = text != NULL ? json_loads(text, 0, NULL) : NULL;
    ds_status st = kept != NULL ? write_line(l, text, err)
                                : ds_fail(err, DS_E_FORMAT,
                                          "a scene's line: its texts are not UTF-8, or memory is "
                                          "short");

    json_decref(line);
    free(text);
    if (st != DS_OK) {
        json_decref(kept);
        return st;
    }
    return keep(l, kept, err);
}

/* Says again what was said while the lines that are there were measured. */
static ds_status warn_again(study_lines *l, ds_error *err)
{
    json_t *line, *text;
    size_t i, k;
    ds_status st = DS_OK;

    json_array_foreach (l->all, i, line)
        json_array_foreach (json_object_get(line, "warnings"), k, text)
            if (st == DS_OK && json_is_string(text))
                st = ds__job_warn(l->job, json_string_value(text), err);
    return st;
}

/* Measures an item, and notes in its line what was said meanwhile. */
static ds_status measure_one(study_lines *l, lines_measure *measure, void *user, int64_t k,
                             ds_error *err)
{
    json_t *line = NULL, *heard = json_array();
    ds_status st;

    if (heard == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the line of a scene");
    l->job->heard = heard;
    st = measure(user, k, &line, err);
    l->job->heard = NULL;
    if (st == DS_OK && json_array_size(heard) > 0 && json_object_set(line, "warnings", heard) != 0)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the line of a scene");
    json_decref(heard);
    if (st == DS_OK)
        return add(l, line, err);
    json_decref(line);
    return st;
}

ds_status ds__lines_fill(study_lines *l, const char *stage, const int64_t *scene, int64_t first,
                         int64_t n, lines_measure *measure, void *user, ds_error *err)
{
    ds_status st = warn_again(l, err);

    for (int64_t k = 0; st == DS_OK && k < n; k++) {
        if (stage != NULL)
            st = ds__job_progress(l->job, stage, k, n, err);
        if (st == DS_OK && ds__lines_want(l, scene != NULL ? scene[k] : first + k))
            st = measure_one(l, measure, user, k, err);
    }
    return st == DS_OK && stage != NULL ? ds__job_progress(l->job, stage, n, n, err) : st;
}
