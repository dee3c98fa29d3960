/* record_begin.c - what run.json says from the start: command, options after defaults, versions,
 * time; and how a record is told again as a command line. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job/job.h"

static ds_status add_option(ds_record *r, const ds_option_set *s, int i, ds_error *err)
{
    const ds_option *o = ds_option_at(s, i);
    const ds_texts list = ds_option_texts(s, i);
    char path[96];

    snprintf(path, sizeof path, "options.%s", o->name);
    if (o->kind != DS_OPTION_FLAG && ds_option_text(s, i) == NULL)
        return ds_record_null(r, path, err);
    switch (o->kind) {
    case DS_OPTION_FLAG:
        return ds_record_bool(r, path, ds_option_flag(s, i), err);
    case DS_OPTION_INT:
        return ds_record_int(r, path, ds_option_int(s, i), err);
    case DS_OPTION_SEED:
        return ds_record_seed(r, path, ds_option_seed(s, i), err);
    case DS_OPTION_REAL:
        return ds_record_real(r, path, ds_option_real(s, i), err);
    case DS_OPTION_TEXTS:
    case DS_OPTION_WORDS:
        return ds_record_texts(r, path, list.text, list.count, err);
    default:
        return ds_record_text(r, path, ds_option_text(s, i), err);
    }
}

static ds_status add_time(ds_record *r, ds_error *err)
{
    char text[32];
    time_t t = time(NULL);
    struct tm utc;

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    return ds_record_text(r, "started", text, err);
}

ds_status ds__record_options(ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < j->rows; i++)
        if (!ds_option_at(j->set, i)->positional)
            st = add_option(j->record, j->set, i, err);
    return st;
}

ds_status ds__record_begin(ds_job *j, ds_error *err)
{
    ds_texts arguments = { NULL, 0 };
    ds_status st = ds_record_text(j->record, "command", j->method->name, err);

    for (int i = 0; i < j->rows; i++)
        if (ds_option_at(j->set, i)->positional)
            arguments = ds_option_texts(j->set, i);
    if (st == DS_OK)
        st = ds_record_texts(j->record, "arguments", arguments.text, arguments.count, err);
    if (st == DS_OK)
        st = ds__record_options(j, err);
    if (st == DS_OK)
        st = ds_record_surroundings(j->record, err);
    return st == DS_OK ? add_time(j->record, err) : st;
}

/* ---- the command line -------------------------------------------------------------------------- */

/* A word as a shell reads it. */
static void put_word(ds_buffer *to, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_./:=,+-@%";

    if (word[0] != '\0' && word[strspn(word, safe)] == '\0') {
        ds__buffer_printf(to, " %s", word);
        return;
    }
    ds__buffer_text(to, " '");
    for (; *word != '\0'; word++)
        ds__buffer_text(to, *word == '\'' ? "'\\''" : (char[]){ *word, '\0' });
    ds__buffer_text(to, "'");
}

static void put_option(ds_buffer *to, const ds_option_set *s, int i)
{
    const ds_option *o = ds_option_at(s, i);
    ds_texts list = ds_option_texts(s, i);
    const char *one = ds_option_text(s, i);

    if (list.count == 0)
        list = (ds_texts){ &one, 1 };
    for (int64_t k = 0; k < list.count; k++) {
        if (!o->positional)
            ds__buffer_printf(to, " --%s", o->name);
        if (o->kind != DS_OPTION_FLAG)
            put_word(to, list.text[k]);
    }
}

/* The command as it was given, to be repeated in a shell. */
static ds_status add_command(ds_page *p, const ds_job *j, ds_error *err)
{
    ds_buffer to = { 0 };
    char *text = NULL;
    ds_status st;

    ds__buffer_printf(&to, "diffuscope %s", j->method->name);
    for (int pass = 0; pass < 2; pass++) /* arguments first */
        for (int i = 0; i < j->rows; i++)
            if (ds_option_given(j->set, i) && ds_option_at(j->set, i)->positional == (pass == 0))
                put_option(&to, j->set, i);
    st = ds__buffer_take(&to, &text, NULL, "the command line", err);
    if (st == DS_OK)
        st = ds_page_record(p, "The command", text, err);
    ds_free(text);
    return st;
}

ds_status ds__page_end(ds_job *j, ds_page *p, ds_error *err)
{
    char *text = NULL;
    ds_status st = ds_page_section(p, "Record", err);

    for (int i = 0; st == DS_OK && i < j->result->warnings; i++)
        st = ds_page_text(p, j->result->warning[i], err);
    if (st == DS_OK)
        st = add_command(p, j, err);
    if (st == DS_OK)
        st = ds_record_dump(j->record, &text, err);
    if (st == DS_OK)
        st = ds_page_record(p, "Everything that was recorded: run.json", text, err);
    ds_free(text);
    return st;
}
