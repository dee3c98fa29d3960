/* definitions.h - a list of terms with their texts on a page: a card. */

#ifndef DS_REPORT_DEFINITIONS_H
#define DS_REPORT_DEFINITIONS_H

#include <diffuscope/page.h>

typedef struct ds_definition {
    const char *term, *text; /* text NULL: nobody stated it */
} ds_definition;

ds_status ds__page_definitions(ds_page *p, const ds_definition *list, int64_t count, ds_error *err);

#endif
