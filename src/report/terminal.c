/* terminal.c - see diffuscope/terminal.h. */

#include <diffuscope/terminal.h>

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "report/figure.h"
#include "report/sixel.h"

#define CHUNK 4096 /* bytes of base64 that Kitty takes at once */
#define LEAST 256  /* smaller pictures are enlarged for terminals that show pixels */

/* ---- which --------------------------------------------------------------------------------- */

typedef char *getter(const char *name);

static bool is(getter *get, const char *name, const char *value)
{
    const char *v = get(name);

    return v != NULL && strcmp(v, value) == 0;
}

static bool begins(getter *get, const char *name, const char *start)
{
    const char *v = get(name);

    return v != NULL && strncmp(v, start, strlen(start)) == 0;
}

static bool has(getter *get, const char *name)
{
    const char *v = get(name);

    return v != NULL && v[0] != '\0';
}

/* KITTY_WINDOW_ID is inherited by a terminal that is started from within Kitty: those that say who
 * they are come first. */
static bool is_kitty(getter *get)
{
    if (begins(get, "TERM", "xterm-kitty") || begins(get, "TERM", "xterm-ghostty") ||
        is(get, "TERM_PROGRAM", "ghostty"))
        return true;
    return has(get, "KITTY_WINDOW_ID") && !has(get, "TERM_PROGRAM") && !has(get, "VTE_VERSION") &&
           !has(get, "XTERM_VERSION") && !has(get, "KONSOLE_VERSION");
}

static bool is_sixel(getter *get)
{
    static const char *const term[] = { "foot", "mlterm", "yaft", "contour" };

    for (size_t i = 0; i < DS_COUNT(term); i++)
        if (begins(get, "TERM", term[i]))
            return true;
    return false;
}

ds_show ds_terminal_detect(char *(*get)(const char *name))
{
    /* Inside of these, a picture does not reach the terminal. */
    bool wrapped = has(get, "TMUX") || has(get, "STY") || begins(get, "TERM", "screen") ||
                   begins(get, "TERM", "tmux");

    if (!has(get, "TERM") || is(get, "TERM", "dumb"))
        return DS_SHOW_NONE;
    if (!wrapped && is_kitty(get))
        return DS_SHOW_KITTY;
    if (!wrapped && (is(get, "TERM_PROGRAM", "iTerm.app") || is(get, "TERM_PROGRAM", "WezTerm") ||
                     is(get, "TERM_PROGRAM", "mintty") || is(get, "LC_TERMINAL", "iTerm2")))
        return DS_SHOW_ITERM;
    if (!wrapped && is_sixel(get))
        return DS_SHOW_SIXEL;
    if (has(get, "NO_COLOR"))
        return DS_SHOW_NONE;
    return is(get, "COLORTERM", "truecolor") || is(get, "COLORTERM", "24bit") ? DS_SHOW_BLOCKS
                                                                              : DS_SHOW_NONE;
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* q=2: the terminal answers nothing, for nobody would read it. */
static void kitty(ds_buffer *out, const char *png, size_t bytes)
{
    const size_t step = CHUNK / 4 * 3;

    for (size_t at = 0; at < bytes; at += step) {
        size_t n = bytes - at < step ? bytes - at : step;

        ds__buffer_printf(out, "\033_G%sm=%d;", at == 0 ? "a=T,f=100,q=2," : "q=2,",
                          at + n < bytes);
        ds__buffer_base64(out, png + at, n);
        ds__buffer_text(out, "\033\\");
    }
}

static void iterm(ds_buffer *out, const char *png, size_t bytes)
{
    ds__buffer_printf(out, "\033]1337;File=inline=1;size=%zu:", bytes);
    ds__buffer_base64(out, png, bytes);
    ds__buffer_text(out, "\a");
}

static ds_status encoded(ds_buffer *out, const ds_image *image, ds_show how, ds_error *err)
{
    char *png;
    size_t bytes;
    ds_status st = ds_image_encode_png(&png, &bytes, image, NULL, 0, err);

    if (st == DS_OK && how == DS_SHOW_KITTY)
        kitty(out, png, bytes);
    else if (st == DS_OK)
        iterm(out, png, bytes);
    ds_free(png);
    return st;
}

/* The upper half block in the colour of the upper pixel, on the colour of the lower one. */
static void half_blocks(ds_buffer *out, const ds_image *image)
{
    for (int64_t y = 0; y < image->height; y += 2) {
        for (int64_t x = 0; x < image->width; x++) {
            const unsigned char *up = image->rgb + 3 * (y * image->width + x);
            const unsigned char *down = up + 3 * image->width;

            ds__buffer_printf(out, "\033[38;2;%d;%d;%d", up[0], up[1], up[2]);
            if (y + 1 < image->height)
                ds__buffer_printf(out, ";48;2;%d;%d;%d", down[0], down[1], down[2]);
            ds__buffer_text(out, "m\xe2\x96\x80");
        }
        ds__buffer_text(out, y + 2 < image->height ? "\033[0m\n" : "\033[0m");
    }
}

static ds_status blocks(ds_buffer *out, const ds_image *image, int64_t columns, ds_error *err)
{
    ds_image small = { 0 };
    int64_t width = image->width < columns ? image->width : columns;
    int64_t height = (image->height * width + image->width / 2) / image->width;
    ds_status st;

    st = ds_image_resize(&small, image, width, height > 0 ? height : 1, DS_FILTER_LANCZOS, err);
    if (st == DS_OK)
        half_blocks(out, &small);
    ds_image_clear(&small);
    return st;
}

static ds_status pixels(ds_buffer *out, const ds_image *image, ds_show how, ds_error *err)
{
    int64_t longer = image->width > image->height ? image->width : image->height;
    int64_t times = (LEAST + longer - 1) / longer;
    ds_image large = { 0 };
    ds_status st =
        ds__figure_picture(&large, image, times * image->width, times * image->height, err);

    if (st == DS_OK)
        st = how == DS_SHOW_SIXEL ? ds__sixel(out, &large, err) : encoded(out, &large, how, err);
    ds_image_clear(&large);
    return st;
}

ds_status ds_terminal_picture(char **out, size_t *bytes, const ds_image *image, ds_show how,
                              int64_t columns, ds_error *err)
{
    ds_buffer b = { 0 };
    ds_status st = DS_OK;

    *out = NULL;
    *bytes = 0;
    if (image->rgb == NULL)
        return ds_fail(err, DS_E_ARG, "terminal: expected a picture, found an empty one");
    if (columns < 1)
        return ds_fail(err, DS_E_ARG, "terminal: expected 1 column or more, found %lld",
                       (long long)columns);
    switch (how) {
    case DS_SHOW_NONE:
        break;
    case DS_SHOW_KITTY:
    case DS_SHOW_ITERM:
    case DS_SHOW_SIXEL:
        st = pixels(&b, image, how, err);
        break;
    case DS_SHOW_BLOCKS:
        st = blocks(&b, image, columns, err);
    }
    if (st == DS_OK && how != DS_SHOW_NONE)
        ds__buffer_text(&b, "\n");
    if (st == DS_OK)
        return ds__buffer_take(&b, out, bytes, "terminal", err);
    ds__buffer_clear(&b);
    return st;
}
