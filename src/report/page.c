/* page.c - see diffuscope/page.h. Style and script are page.css and page.js; the content policy
 * names the script by its SHA-256, so that no other can run. */

#include "report/page.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"

/* A picture of so many pixels across holds text, and is scrolled rather than shrunk to nothing. */
#define WIDE 900

static const char style[] =
#include "page.css.inc"
    ;

static const char script[] =
#include "page.js.inc"
    ;

ds_status ds_page_new(ds_page **out, const char *title, ds_error *err)
{
    ds_page *p;
    ds_status st = ds__html_check(title, "title", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    p = ds_calloc(1, sizeof *p);
    if (p != NULL)
        p->title = ds_strdup(title);
    if (p == NULL || p->title == NULL) {
        ds_free(p);
        return ds_fail(err, DS_E_NOMEM, "page: no memory for it");
    }
    *out = p;
    return DS_OK;
}

void ds_page_free(ds_page *p)
{
    if (p == NULL)
        return;
    ds_free(p->title);
    ds__buffer_clear(&p->body);
    ds__buffer_clear(&p->links);
    ds_free(p);
}

void ds__page_end_row(ds_page *p)
{
    if (p->in_row)
        ds__buffer_text(&p->body, "</div>\n");
    p->in_row = false;
}

ds_status ds__page_check(const ds_page *p, ds_error *err)
{
    return p->body.failed || p->links.failed ? ds_fail(err, DS_E_NOMEM, "page: no memory") : DS_OK;
}

ds_status ds_page_section(ds_page *p, const char *heading, ds_error *err)
{
    ds_status st = ds__html_check(heading, "heading", err);

    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    p->sections++;
    ds__buffer_printf(&p->body, "<h2 id=\"s%d\">", p->sections);
    ds__html_text(&p->body, heading);
    ds__buffer_text(&p->body, "</h2>\n");
    ds__buffer_printf(&p->links, "<li><a href=\"#s%d\">", p->sections);
    ds__html_text(&p->links, heading);
    ds__buffer_text(&p->links, "</a></li>\n");
    return ds__page_check(p, err);
}

ds_status ds_page_text(ds_page *p, const char *text, ds_error *err)
{
    ds_status st = ds__html_check(text, "text", err);
    ds_buffer one = { 0 };

    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t n = end != NULL ? (size_t)(end - text) : strlen(text);

        ds__buffer_add(&one, text, n);
        ds__buffer_text(&p->body, "<p>");
        ds__html_text(&p->body, one.failed ? "" : one.data);
        ds__buffer_text(&p->body, "</p>\n");
        one.bytes = 0;
        for (text += n; *text == '\n'; text++)
            ;
    }
    st = one.failed ? ds_fail(err, DS_E_NOMEM, "page: no memory") : ds__page_check(p, err);
    ds__buffer_clear(&one);
    return st;
}

static void caption_of(ds_page *p, const char *caption)
{
    if (caption != NULL) {
        ds__buffer_text(&p->body, "<figcaption>");
        ds__html_text(&p->body, caption);
        ds__buffer_text(&p->body, "</figcaption>");
    }
    ds__buffer_text(&p->body, "</figure>\n");
}

ds_status ds_page_picture(ds_page *p, const ds_image *image, const char *alt, const char *caption,
                          ds_error *err)
{
    ds_status st = ds__html_check(alt, "description of a picture", err);

    if (st == DS_OK)
        st = ds__html_check(caption, "caption", err);
    if (st != DS_OK)
        return st;
    if (!p->in_row)
        ds__buffer_text(&p->body, "<div class=\"row\">\n");
    p->in_row = true;
    ds__buffer_text(&p->body,
                    image->width > WIDE ? "<figure class=\"sheet\" tabindex=\"0\">" : "<figure>");
    st = ds__html_picture(&p->body, image, alt, err);
    caption_of(p, caption);
    return st == DS_OK ? ds__page_check(p, err) : st;
}

ds_status ds_page_chart(ds_page *p, const char *svg, const char *caption, ds_error *err)
{
    ds_status st = ds__html_check(caption, "caption", err);

    if (st != DS_OK)
        return st;
    if (strncmp(svg, "<svg ", 5) != 0)
        return ds_fail(err, DS_E_ARG, "page: expected a drawing that begins with <svg, found else");
    ds__page_end_row(p);
    ds__buffer_text(&p->body, "<figure class=\"chart\" tabindex=\"0\">");
    ds__buffer_text(&p->body, svg);
    caption_of(p, caption);
    return ds__page_check(p, err);
}

ds_status ds_page_table(ds_page *p, const ds_table *t, ds_error *err)
{
    ds_status st = ds__html_check(t->caption, "caption", err);

    if (st == DS_OK && (t->columns < 1 || t->columns > DS_TABLE_COLUMNS || t->rows < 0))
        st = ds_fail(err, DS_E_ARG, "page: expected a table of 1 to %d columns, found %lld",
                     DS_TABLE_COLUMNS, (long long)t->columns);
    for (int64_t i = 0; st == DS_OK && i < t->columns; i++)
        st = ds__html_check(t->head[i], "head of a table", err);
    for (int64_t i = 0; st == DS_OK && i < t->rows * t->columns; i++)
        st = ds__html_check(t->cells[i], "cell of a table", err);
    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    ds__html_table(&p->body, t);
    return ds__page_check(p, err);
}

ds_status ds_page_record(ds_page *p, const char *heading, const char *text, ds_error *err)
{
    ds_status st = ds__html_check(heading, "heading", err);

    if (st == DS_OK)
        st = ds__html_check(text, heading, err);
    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    ds__buffer_text(&p->body, "<details><summary>");
    ds__html_text(&p->body, heading);
    ds__buffer_text(&p->body, "</summary><pre tabindex=\"0\">");
    ds__html_text(&p->body, text);
    ds__buffer_text(&p->body, "</pre></details>\n");
    return ds__page_check(p, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void digest_of(unsigned char digest[32], const char *text)
{
    ds_sha256 s;
    char hex[65];

    ds__sha256_begin(&s);
    ds__sha256_add(&s, text, strlen(text));
    ds__sha256_end(&s, hex);
    for (int i = 0; i < 32; i++) {
        unsigned byte;

        sscanf(hex + 2 * i, "%2x", &byte);
        digest[i] = (unsigned char)byte;
    }
}

static void head(const ds_page *p, ds_buffer *b)
{
    unsigned char digest[32];

    digest_of(digest, script);
    ds__buffer_text(
        b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
           "script-src 'sha256-");
    ds__buffer_base64(b, digest, sizeof digest);
    ds__buffer_text(b, "'\">\n" DS_PAGE_MARK
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>");
    ds__html_text(b, p->title);
    ds__buffer_printf(b, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
    ds__html_text(b, p->title);
    ds__buffer_text(b, "</h1>\n");
    if (p->sections > 2)
        ds__buffer_printf(b, "<nav aria-label=\"Parts of this page\"><ul>\n%s</ul></nav>\n",
                          p->links.data);
}

ds_status ds_page_dump(const ds_page *p, char **out, ds_error *err)
{
    ds_buffer b = { 0 };
    ds_status st = ds__page_check(p, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    head(p, &b);
    ds__buffer_add(&b, p->body.data != NULL ? p->body.data : "", p->body.bytes);
    ds__buffer_text(&b, p->in_row ? "</div>\n" : "");
    ds__buffer_printf(&b, "</main>\n<footer>diffuscope %s</footer>\n", DS_VERSION);
    if (p->views > 0)
        ds__buffer_printf(&b, "<script>%s</script>\n", script);
    ds__buffer_text(&b, "</body>\n</html>\n");
    return ds__buffer_take(&b, out, NULL, "page", err);
}

ds_status ds_page_save(const ds_page *p, const char *path, ds_error *err)
{
    char *text;
    ds_status st = ds_page_dump(p, &text, err);

    if (st == DS_OK)
        st = ds__file_write(path, text, strlen(text), err);
    ds_free(text);
    return st;
}
