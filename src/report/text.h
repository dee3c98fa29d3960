/* text.h - lines of text on a picture, in any language: text.c alone knows Pango and cairo.
 *
 * Thread rule: a writer belongs to one thread at a time. */

#ifndef DS_REPORT_TEXT_H
#define DS_REPORT_TEXT_H

#include <diffuscope/image.h>

typedef struct ds_writer ds_writer;

typedef enum ds_align { DS_ALIGN_LEFT, DS_ALIGN_CENTRE, DS_ALIGN_RIGHT } ds_align;

/* How a text is set. */
typedef struct ds_lettering {
    int size; /* pixels of an em */
    bool bold;
    int64_t width;  /* wraps here, and is cut off with an ellipsis after `lines`; 0: one line */
    int lines;      /* at least 1 */
    ds_align align; /* within the width; with no width, where x lies */
    unsigned char rgb[3];
} ds_lettering;

ds_status ds__writer_new(ds_writer **out, ds_error *err);
void ds__writer_free(ds_writer *w);

/* Pixels that the text takes. DS_E_ARG unless it is UTF-8. */
ds_status ds__text_measure(ds_writer *w, int64_t *width, int64_t *height, const char *text,
                           const ds_lettering *how, ds_error *err);

/* Draws it with the upper left corner of its box at x, y; what lies outside is cut off. */
ds_status ds__text_draw(ds_writer *w, ds_image *on, int64_t x, int64_t y, const char *text,
                        const ds_lettering *how, ds_error *err);

#endif
