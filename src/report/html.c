/* html.c - see html.h. Pure functions. */

#include "report/html.h"

#include <string.h>

#include "report/utf8.h"

/* A picture of so few pixels is shown in blocks, larger than it is. */
#define SMALL 160

void ds__html_text(ds_buffer *b, const char *text)
{
    static const char *const entity[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"
    };

    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < DS_COUNT(entity) && entity[c] != NULL)
            ds__buffer_text(b, entity[c]);
        else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            ds__buffer_text(b, "\xef\xbf\xbd");
        else
            ds__buffer_add(b, p, 1);
    }
}

ds_status ds__html_check(const char *text, const char *what, ds_error *err)
{
    if (text == NULL || ds__utf8_valid(text))
        return DS_OK;
    return ds_fail(err, DS_E_ARG, "page: %s: expected text in UTF-8, found other bytes", what);
}

ds_status ds__html_picture(ds_buffer *b, const ds_image *image, const char *alt, ds_error *err)
{
    char *png;
    size_t bytes;
    ds_status st = ds_image_encode_png(&png, &bytes, image, NULL, 0, err);

    if (st != DS_OK)
        return st;
    ds__buffer_printf(b, "<img%s width=\"%lld\" height=\"%lld\" alt=\"",
                      image->width < SMALL ? " class=\"small\"" : "", (long long)image->width,
                      (long long)image->height);
    ds__html_text(b, alt);
    ds__buffer_text(b, "\" src=\"data:image/png;base64,");
    ds__buffer_base64(b, png, bytes);
    ds__buffer_text(b, "\">");
    ds_free(png);
    return DS_OK;
}

/* Digits, signs, blanks and what stands between the numbers of "0.31 ± 0.02 [0.27, 0.35]". */
static bool is_number(const char *text)
{
    return strpbrk(text, "0123456789") != NULL &&
           text[strspn(text, "0123456789+-.,eE%() []\xc2\xb1\xe2\x88\x92\x80\x93")] == '\0';
}

static bool is_column_of_numbers(const ds_table *t, int64_t c)
{
    bool any = false;

    for (int64_t r = 0; r < t->rows; r++) {
        const char *text = t->cells[r * t->columns + c];

        if (text != NULL && text[0] != '\0' && !is_number(text))
            return false;
        any = any || (text != NULL && text[0] != '\0');
    }
    return any;
}

void ds__html_table(ds_buffer *b, const ds_table *t)
{
    bool numbers[DS_TABLE_COLUMNS];

    for (int64_t c = 0; c < t->columns; c++)
        numbers[c] = is_column_of_numbers(t, c);
    ds__buffer_text(b, "<figure>");
    if (t->caption != NULL) {
        ds__buffer_text(b, "<figcaption>");
        ds__html_text(b, t->caption);
        ds__buffer_text(b, "</figcaption>");
    }
    ds__buffer_text(b, "<div class=\"table\" tabindex=\"0\"><table>\n");
    ds__buffer_text(b, "<thead><tr>");
    for (int64_t c = 0; c < t->columns; c++) {
        ds__buffer_printf(b, "<th scope=\"col\"%s>", numbers[c] ? " class=\"n\"" : "");
        ds__html_text(b, t->head[c] != NULL ? t->head[c] : "");
        ds__buffer_text(b, "</th>");
    }
    ds__buffer_text(b, "</tr></thead>\n<tbody>\n");
    for (int64_t r = 0; r < t->rows; r++) {
        ds__buffer_text(b, "<tr>");
        for (int64_t c = 0; c < t->columns; c++) {
            const char *text = t->cells[r * t->columns + c];

            ds__buffer_printf(b, "<td%s>", numbers[c] ? " class=\"n\"" : "");
            ds__html_text(b, text != NULL ? text : "");
            ds__buffer_text(b, "</td>");
        }
        ds__buffer_text(b, "</tr>\n");
    }
    ds__buffer_text(b, "</tbody></table></div></figure>\n");
}
