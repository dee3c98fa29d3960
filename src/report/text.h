/* text.h - lines of text on a picture, set by whoever offers letters (diffuscope/letters.h), or by
 * the letters that the library has itself (letters.h).
 *
 * Thread rule: a writer belongs to one thread at a time. */

#ifndef DS_REPORT_TEXT_H
#define DS_REPORT_TEXT_H

#include <diffuscope/letters.h>

typedef struct ds_writer ds_writer;

ds_status ds__writer_new(ds_writer **out, ds_error *err);
void ds__writer_free(ds_writer *w); /* NULL is allowed */

/* Pixels that the text takes. DS_E_ARG unless it is UTF-8. */
ds_status ds__text_measure(ds_writer *w, int64_t *width, int64_t *height, const char *text,
                           const ds_lettering *how, ds_error *err);

/* Draws it with the upper left corner of its box at x, y; what lies outside is cut off. */
ds_status ds__text_draw(ds_writer *w, ds_image *on, int64_t x, int64_t y, const char *text,
                        const ds_lettering *how, ds_error *err);

#endif
