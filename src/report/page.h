/* page.h - the inside of a page, for the files that add parts to it. */

#ifndef DS_REPORT_PAGE_H
#define DS_REPORT_PAGE_H

#include "report/html.h"

/* A line in the head of every page, by which ds_page_include knows it. */
#define DS_PAGE_MARK "<meta name=\"generator\" content=\"diffuscope " DS_VERSION "\">\n"

struct ds_page {
    char *title;
    ds_buffer body;
    ds_buffer links; /* to the sections */
    int sections, views;
    bool in_row; /* pictures that stand side by side are being added */
};

/* Ends a row of pictures; every other part begins with it. */
void ds__page_end_row(ds_page *p);

/* DS_E_NOMEM if the body has met the end of memory. */
ds_status ds__page_check(const ds_page *p, ds_error *err);

/* Adds HTML of a foreign page: elements and attributes that our pages have, properly nested. */
void ds__page_clean(ds_buffer *out, const char *from, const char *to);

/* The panels of a sheet, for a part of the page that is being written. */
ds_status ds__page_panels(ds_buffer *b, const ds_panel *panels, int64_t count,
                          const ds_figure_options *options, const char *alt, ds_error *err);

#endif
