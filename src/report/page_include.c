/* page_include.c - one report inside of another. What is taken over is what ds_page_dump wrote
 * between its title and its end; headings go down by one level. A file that
 * only looks like ours gives what our pages are made of, and nothing that runs or leads elsewhere. */

#include "report/page.h"

#include <string.h>

#include "base/file.h"
#include "report/utf8.h"

#define LARGEST ((size_t)256 << 20)
#define VIEW    "<section class=\"view\">"

typedef struct span {
    const char *from, *to;
} span;

/* What stands between two marks, from `at` on. */
static bool between(span *out, const char *at, const char *begin, const char *end)
{
    const char *from = strstr(at, begin);

    if (from == NULL)
        return false;
    out->from = from + strlen(begin);
    out->to = strstr(out->from, end);
    return out->to != NULL;
}

/* Copies the body; its headings of the second level lose their names and become the third. */
static void copy_body(ds_buffer *b, span body)
{
    const char *at = body.from;

    while (at < body.to) {
        const char *h = strstr(at, "h2");
        bool opens = false, closes = false;

        if (h == NULL || h >= body.to)
            h = body.to;
        opens = h < body.to && h > at && h[-1] == '<';
        closes = h < body.to && h > at + 1 && h[-1] == '/' && h[-2] == '<';
        ds__buffer_add(b, at, (size_t)(h - at));
        at = h;
        if (opens || closes) {
            ds__buffer_text(b, "h3>");
            at = strchr(h, '>') + 1;
        } else if (at < body.to) {
            ds__buffer_text(b, "h2");
            at += 2;
        }
    }
}

/* The title of the part, in the page and in its list of parts. */
static void add_title(ds_page *p, const char *heading, span own)
{
    ds_buffer title = { 0 };

    if (heading != NULL)
        ds__html_text(&title, heading);
    else
        ds__buffer_add(&title, own.from, (size_t)(own.to - own.from));
    p->sections++;
    if (title.failed || title.data == NULL)
        p->body.failed = p->body.failed || title.failed;
    else {
        ds__buffer_printf(&p->body, "<h2 id=\"s%d\">%s</h2>\n", p->sections, title.data);
        ds__buffer_printf(&p->links, "<li><a href=\"#s%d\">%s</a></li>\n", p->sections, title.data);
    }
    if (heading != NULL) {
        ds__buffer_text(&p->body, "<p>");
        ds__buffer_add(&p->body, own.from, (size_t)(own.to - own.from));
        ds__buffer_text(&p->body, "</p>\n");
    }
    ds__buffer_clear(&title);
}

static ds_status include(ds_page *p, const char *text, const char *path, const char *heading,
                         ds_error *err)
{
    span title, body, nav;
    ds_buffer clean = { 0 };
    char *mine;
    ds_status st;

    if (!ds__utf8_valid(text) || strstr(text, "content=\"diffuscope ") == NULL ||
        !between(&title, text, "<h1>", "</h1>\n") ||
        memchr(title.from, '<', (size_t)(title.to - title.from)) != NULL ||
        !between(&body, title.to, "</h1>\n", "</main>"))
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a report of diffuscope, found something else", path);
    if (between(&nav, body.from, "<nav ", "</nav>\n") && nav.from == body.from + 5)
        body.from = nav.to + strlen("</nav>\n");
    ds__page_end_row(p);
    add_title(p, heading, title);
    ds__page_clean(&clean, body.from, body.to);
    st = ds__buffer_take(&clean, &mine, NULL, "page", err);
    if (st != DS_OK)
        return st;
    body = (span){ mine, mine + strlen(mine) };
    for (const char *at = body.from; (at = strstr(at, VIEW)) != NULL && at < body.to; at++)
        p->views++;
    copy_body(&p->body, body);
    ds_free(mine);
    return ds__page_check(p, err);
}

ds_status ds_page_include(ds_page *p, const char *path, ds_error *err)
{
    return ds_page_include_as(p, path, NULL, err);
}

ds_status ds_page_include_as(ds_page *p, const char *path, const char *heading, ds_error *err)
{
    char *text;
    size_t bytes;
    ds_status st = ds__html_check(heading, "heading", err);

    if (st == DS_OK)
        st = ds__file_read(&text, &bytes, path, LARGEST, err);
    if (st != DS_OK)
        return st;
    st = include(p, text, path, heading, err);
    ds_free(text);
    return st == DS_OK ? DS_OK : ds_fail_at(err, st, path, -1);
}
