/* diffuscope/letters.h - who sets the text of figures.
 *
 * The library has letters of its own (Latin, Greek and Cyrillic; other characters become boxes).
 * libdiffuscope-report offers those of Pango for any script (optional.h), and a program may offer its own.
 *
 * Thread rule: ds_letters_use belongs before the first figure of any thread. A state that `open` made
 * belongs to one thread at a time. */

#ifndef DIFFUSCOPE_LETTERS_H
#define DIFFUSCOPE_LETTERS_H

#include <diffuscope/image.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* Who sets text on pictures. Texts are valid UTF-8 of at most 1,000 bytes. */
typedef struct ds_letters {
    size_t size; /* sizeof (ds_letters) */
    ds_status (*open)(void **state, ds_error *err);
    void (*close)(void *state); /* of a state that was opened */
    /* Pixels that the text takes. */
    ds_status (*measure)(void *state, int64_t *width, int64_t *height, const char *text,
                         const ds_lettering *how, ds_error *err);
    /* Draws it with the upper left corner of its box at x, y; what lies outside is cut off. */
    ds_status (*draw)(void *state, ds_image *on, int64_t x, int64_t y, const char *text,
                      const ds_lettering *how, ds_error *err);
} ds_letters;

/* From here on text is set by these; the table is borrowed for good. NULL: the core's own. */
DS_API void ds_letters_use(const ds_letters *letters);

#ifdef __cplusplus
}
#endif
#endif
