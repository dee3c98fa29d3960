/* run_folder.c - run.json and its folder. One thread. */

#include "run_folder.h"

#include <math.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What only changes how a run is talked about has no place in its record. */
static bool is_talk(const char *name)
{
    static const char *const talk[] = { "help", "quiet", "verbose", "progress",
                                        "json", "force", "show" };

    for (size_t i = 0; i < DS_COUNT(talk); i++)
        if (strcmp(name, talk[i]) == 0)
            return true;
    return false;
}

static ds_status add_option(ds_record *r, const ds_args *a, const ds_option *o, ds_error *err)
{
    char path[96];
    const char *const *list;
    int count;

    snprintf(path, sizeof path, "options.%s", o->name);
    if (o->kind != DS_OPTION_FLAG && opt_written(a, o->name) == NULL)
        return ds_record_null(r, path, err);
    switch (o->kind) {
    case DS_OPTION_FLAG:
        return ds_record_bool(r, path, opt_flag(a, o->name), err);
    case DS_OPTION_INT:
        return ds_record_int(r, path, opt_int(a, o->name), err);
    case DS_OPTION_SEED:
        return ds_record_seed(r, path, opt_seed(a, o->name), err);
    case DS_OPTION_REAL:
        return ds_record_real(r, path, opt_real(a, o->name), err);
    case DS_OPTION_TEXTS:
    case DS_OPTION_WORDS:
        list = opt_texts(a, o->name, &count);
        return ds_record_texts(r, path, list, count, err);
    default:
        break;
    }
    return ds_record_text(r, path, opt_written(a, o->name), err);
}

static ds_status add_arguments(ds_record *r, const ds_args *a, ds_error *err)
{
    const char *word[64];
    int n = opts_count(a);

    if (n > (int)DS_COUNT(word))
        return ds_fail(err, DS_E_ARG, "expected at most %zu arguments, found %d", DS_COUNT(word),
                       n);
    for (int i = 0; i < n; i++)
        word[i] = opts_positional(a, i);
    return ds_record_texts(r, "arguments", word, n, err);
}

static ds_status add_surroundings(ds_record *r, ds_error *err)
{
    char text[32];
    time_t t = time(NULL);
    struct tm utc;
    ds_status st = ds_record_surroundings(r, err);

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    return st == DS_OK ? ds_record_text(r, "started", text, err) : st;
}

ds_status run_record_begin(ds_run_record *r, const ds_args *a, ds_error *err)
{
    const ds_command *c = opts_command(a);
    const ds_option *o;
    ds_status st;

    *r = (ds_run_record){ .start = now() };
    st = ds_record_new(&r->record, err);
    if (st == DS_OK)
        st = ds_record_text(r->record, "command", c->name, err);
    if (st == DS_OK)
        st = add_arguments(r->record, a, err);
    for (int i = 0; st == DS_OK && (o = opts_at(c, i)) != NULL; i++)
        if (!is_talk(o->name))
            st = add_option(r->record, a, o, err);
    return st == DS_OK ? add_surroundings(r->record, err) : st;
}

ds_status run_record_time(ds_run_record *r, const char *name, ds_error *err)
{
    char path[96];

    snprintf(path, sizeof path, "timings.%s", name);
    return ds_record_real(r->record, path, round((now() - r->start) * 1e6) / 1e6, err);
}

ds_status run_record_end(ds_run_record *r, const char *dir, ds_error *err)
{
    char path[4096];
    ds_status st = run_record_time(r, "total", err);

    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "run.json", err);
    return st == DS_OK ? ds_record_save(r->record, path, err) : st;
}

void run_record_free(ds_run_record *r)
{
    ds_record_free(r->record);
    r->record = NULL;
}

ds_status run_folder_file(char *buf, size_t size, const char *dir, const char *name, ds_error *err)
{
    int n = snprintf(buf, size, "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "expected a path of at most %zu bytes, found %d", size - 1,
                       n);
    return DS_OK;
}

ds_status run_folder_make(const char *dir, ds_error *err)
{
    return ds_folder_make(dir, err);
}
