/* report_page.c - see report_page.h. */

#include "report_page.h"

#include <string.h>

#define MOST 96

/* The options that were given, as words of a command line would have them. */
static ds_status settings(ds_page *p, const ds_args *a, ds_error *err)
{
    static const char *const head[] = { "Option", "Value" };
    const ds_command *c = opts_command(a);
    const char *cells[2 * MOST];
    ds_table t = { .caption = "Options that were given; all values, with defaults, are in the "
                              "record below.",
                   .head = head,
                   .cells = cells,
                   .columns = 2 };
    const ds_opt *o;
    ds_status st = ds_page_section(p, "Settings", err);

    for (int i = 0; st == DS_OK && (o = opts_at(c, i)) != NULL && t.rows < MOST; i++) {
        if (!opt_given(a, o->name))
            continue;
        cells[2 * t.rows] = o->name;
        cells[2 * t.rows + 1] = o->kind == OPT_FLAG ? "yes" : opt_text(a, o->name);
        t.rows++;
    }
    return st == DS_OK ? ds_page_table(p, &t, err) : st;
}

static ds_status add_record(ds_page *p, ds_run_record *r, ds_error *err)
{
    char *text = NULL;
    ds_status st = run_record_time(r, "total", err);

    if (st == DS_OK)
        st = ds_record_dump(r->record, &text, err);
    if (st == DS_OK)
        st = ds_page_section(p, "Record", err);
    if (st == DS_OK)
        st = ds_page_record(p, "run.json", text, err);
    ds_free(text);
    return st;
}

ds_status report_page_save(ds_page *p, const ds_args *a, ds_run_record *r, const char *dir,
                           ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, dir, "report.html", err);

    if (st == DS_OK)
        st = settings(p, a, err);
    if (st == DS_OK)
        st = add_record(p, r, err);
    return st == DS_OK ? ds_page_save(p, path, err) : st;
}
