/* text.c - see text.h. */

#include "report/text.h"

#include <string.h>

#include "report/letters.h"
#include "report/utf8.h"

/* More says nothing in a picture. */
#define LONGEST 1000

struct ds_writer {
    const ds_letters *letters;
    void *state;
};

static const ds_letters *offered; /* NULL: ours */

void ds_letters_use(const ds_letters *letters)
{
    offered = letters;
}

ds_status ds__writer_new(ds_writer **out, ds_error *err)
{
    ds_writer *w = ds_calloc(1, sizeof *w);
    ds_status st;

    *out = NULL;
    if (w == NULL)
        return ds_fail(err, DS_E_NOMEM, "text: %zu bytes", sizeof *w);
    w->letters = offered != NULL ? offered : &ds__letters;
    st = w->letters->open(&w->state, err);
    if (st != DS_OK) {
        ds_free(w);
        return st;
    }
    *out = w;
    return DS_OK;
}

void ds__writer_free(ds_writer *w)
{
    if (w == NULL)
        return;
    w->letters->close(w->state);
    ds_free(w);
}

/* The text as letters are promised it, in `cut` [LONGEST + 1]. */
static ds_status prepare(char *cut, const char *text, ds_error *err)
{
    size_t n = strlen(text);

    if (!ds__utf8_valid(text))
        return ds_fail(err, DS_E_ARG, "figure: expected text in UTF-8, found other bytes");
    for (n = n < LONGEST ? n : LONGEST; (text[n] & 0xc0) == 0x80; n--)
        ;
    memcpy(cut, text, n);
    cut[n] = '\0';
    return DS_OK;
}

ds_status ds__text_measure(ds_writer *w, int64_t *width, int64_t *height, const char *text,
                           const ds_lettering *how, ds_error *err)
{
    char cut[LONGEST + 1];
    ds_status st = prepare(cut, text, err);

    return st == DS_OK ? w->letters->measure(w->state, width, height, cut, how, err) : st;
}

ds_status ds__text_draw(ds_writer *w, ds_image *on, int64_t x, int64_t y, const char *text,
                        const ds_lettering *how, ds_error *err)
{
    char cut[LONGEST + 1];
    ds_status st = prepare(cut, text, err);

    return st == DS_OK ? w->letters->draw(w->state, on, x, y, cut, how, err) : st;
}
