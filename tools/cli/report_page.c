/* report_page.c - see report_page.h. */

#include "report_page.h"

#include <stdlib.h>
#include <string.h>

/* A word as a shell reads it. */
static void put_word(FILE *to, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_./:=,+-@%";

    if (word[0] != '\0' && word[strspn(word, safe)] == '\0') {
        fprintf(to, " %s", word);
        return;
    }
    fputs(" '", to);
    for (; *word != '\0'; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){ *word, '\0' }, to);
    fputc('\'', to);
}

static void put_option(FILE *to, const ds_args *a, const ds_option *o)
{
    const bool several = o->kind == DS_OPTION_TEXTS || o->kind == DS_OPTION_WORDS;
    const char *one = several ? NULL : opt_text(a, o->name);
    int count = 1;
    const char *const *list = several ? opt_texts(a, o->name, &count) : &one;

    for (int i = 0; i < count; i++) {
        fprintf(to, " --%s", o->name);
        if (o->kind != DS_OPTION_FLAG)
            put_word(to, list[i]);
    }
}

/* The command as it was given, to be repeated in a shell. */
static ds_status add_command(ds_page *p, const ds_args *a, ds_error *err)
{
    const ds_command *c = opts_command(a);
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    const ds_option *o;
    ds_status st;

    if (to == NULL)
        return ds_fail(err, DS_E_NOMEM, "report: no memory for the command line");
    fprintf(to, "diffuscope %s", c->name);
    for (int i = 0; i < opts_count(a); i++)
        put_word(to, opts_positional(a, i));
    for (int i = 0; (o = opts_at(c, i)) != NULL; i++)
        if (opt_given(a, o->name))
            put_option(to, a, o);
    if (fclose(to) != 0)
        st = ds_fail(err, DS_E_NOMEM, "report: no memory for the command line");
    else
        st = ds_page_record(p, "The command", text, err);
    free(text);
    return st;
}

static ds_status add_record(ds_page *p, ds_run_record *r, ds_error *err)
{
    char *text = NULL;
    ds_status st = run_record_time(r, "total", err);

    if (st == DS_OK)
        st = ds_record_dump(r->record, &text, err);
    if (st == DS_OK)
        st = ds_page_record(p, "Everything that was recorded: run.json", text, err);
    ds_free(text);
    return st;
}

ds_status report_page_save(ds_page *p, const ds_args *a, ds_run_record *r, const char *dir,
                           ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, dir, "report.html", err);

    if (st == DS_OK)
        st = ds_page_section(p, "Record", err);
    if (st == DS_OK)
        st = add_command(p, a, err);
    if (st == DS_OK)
        st = add_record(p, r, err);
    return st == DS_OK ? ds_page_save(p, path, err) : st;
}
