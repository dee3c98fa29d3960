/* cmd_report.c - `diffuscope report`: the reports of several runs as one page. */

#include <string.h>

#include <diffuscope/page.h>

#include "commands.h"
#include "run_folder.h"
#include "print.h"

static const ds_option options[] = {
    { .name = "title",
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .standard = "diffuscope",
      .help = "title of the page" },
    { .name = "text",
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "what stands below the title" },
    { .name = "heading",
      .kind = DS_OPTION_TEXTS,
      .arg = "TEXT",
      .help = "title of a part instead of its own, which then stands below; several are for the "
              "parts in "
              "their order" },
    { .name = "output",
      .letter = 'o',
      .kind = DS_OPTION_OUTFILE,
      .arg = "FILE.html",
      .help = "the page",
      .required = true },
    { 0 },
};

static ds_status include(ds_page *p, const char *dir, const char *heading, ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, dir, "report.html", err);

    return st == DS_OK ? ds_page_include_as(p, path, heading, err) : st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_page *p = NULL;
    int headings = 0;
    const char *const *heading = opt_texts(a, "heading", &headings);
    ds_status st = headings <= opts_count(a)
                       ? ds_page_new(&p, opt_text(a, "title"), err)
                       : ds_fail(err, DS_E_ARG,
                                 "--heading: expected at most one for each of %d parts, found %d",
                                 opts_count(a), headings);

    if (st == DS_OK && opt_text(a, "text") != NULL)
        st = ds_page_text(p, opt_text(a, "text"), err);
    for (int i = 0; st == DS_OK && i < opts_count(a); i++)
        st = include(p, opts_positional(a, i), i < headings ? heading[i] : NULL, err);
    if (st == DS_OK)
        st = ds_page_save(p, opt_text(a, "output"), err);
    if (st == DS_OK)
        print("%s\n", opt_text(a, "output"));
    ds_page_free(p);
    return st;
}

const ds_command cmd_report = {
    .name = "report",
    .purpose = "put the reports of several runs into one page",
    .positional = "DIR...",
    .description = "Each DIR is a run folder (--out of another command); its report.html becomes "
                   "a part of the new page, under its own title and in the order given. The page "
                   "is one file that needs no other.",
    .example = "diffuscope report out/cat out/dog --title \"Cats and dogs\" -o both.html",
    .options = options,
    .least = 1,
    .most = -1,
    .run = run,
};
