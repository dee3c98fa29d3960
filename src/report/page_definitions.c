/* page_definitions.c - see definitions.h. */

#include "report/definitions.h"

#include "report/page.h"

ds_status ds__page_definitions(ds_page *p, const ds_definition *list, int64_t count, ds_error *err)
{
    ds_status st = DS_OK;

    ds__page_end_row(p);
    ds__buffer_text(&p->body, "<dl class=\"card\">\n");
    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        st = ds__html_check(list[i].text, list[i].term, err);
        if (st != DS_OK)
            return st;
        ds__buffer_text(&p->body, "<dt>");
        ds__html_text(&p->body, list[i].term);
        ds__buffer_printf(&p->body, "</dt><dd%s>", list[i].text == NULL ? " class=\"none\"" : "");
        ds__html_text(&p->body, list[i].text != NULL ? list[i].text : "not stated");
        ds__buffer_text(&p->body, "</dd>\n");
    }
    ds__buffer_text(&p->body, "</dl>\n");
    return ds__page_check(p, err);
}
