/* html.h - pieces of pages and drawings: escaped text, pictures inside the file. */

#ifndef DS_REPORT_HTML_H
#define DS_REPORT_HTML_H

#include <diffuscope/page.h>

#include "base/buffer.h"

/* Text as content or as the value of an attribute in double quotes, in HTML and XML alike. Control
 * characters, which neither allows, become U+FFFD. The text must be UTF-8: see ds__html_check. */
void ds__html_text(ds_buffer *b, const char *text);

/* DS_E_ARG unless it is UTF-8; NULL is allowed. `what` names it. */
ds_status ds__html_check(const char *text, const char *what, ds_error *err);

/* <img ...> with the picture as PNG in it. */
ds_status ds__html_picture(ds_buffer *b, const ds_image *image, const char *alt, ds_error *err);

#define DS_TABLE_COLUMNS 64

/* A table; columns of numbers stand at the right. */
void ds__html_table(ds_buffer *b, const ds_table *t);

/* The rule that gives a chart its colours; of a foreign page, the only style that is taken over. */
#define DS_SVG_STYLE                                                                               \
    "svg.ds:root{color:#1b1c20}@media(prefers-color-scheme:dark){svg.ds:root{color:#e7e8ec}}"

#endif
