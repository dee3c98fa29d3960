/* diffuscope/terminal.h - pictures in a terminal, as the bytes to write to it. Thread rule: no
 * state. */

#ifndef DIFFUSCOPE_TERMINAL_H
#define DIFFUSCOPE_TERMINAL_H

#include <diffuscope/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ds_show {
    DS_SHOW_NONE = 0,
    DS_SHOW_KITTY, /* Kitty's graphics protocol: Kitty, Ghostty, Konsole */
    DS_SHOW_ITERM, /* inline pictures of iTerm2: also WezTerm, mintty */
    DS_SHOW_SIXEL, /* DEC's: foot, mlterm, contour, xterm -ti vt340 */
    DS_SHOW_BLOCKS /* two pixels in a letter, 24-bit colours: nearly every terminal */
} ds_show;

/* What the environment says about the terminal; `get` is getenv(). Only terminals that are known to
 * understand a protocol get it; all others with colours get blocks, and those without, none. */
DS_API ds_show ds_terminal_detect(char *(*get)(const char *name));

/* The picture as bytes that end with a newline; free with ds_free. `columns` is the width of the
 * terminal in letters; blocks are scaled down to it. DS_SHOW_NONE gives no bytes. */
DS_API ds_status ds_terminal_picture(char **out, size_t *bytes, const ds_image *image, ds_show how,
                                     int64_t columns, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
