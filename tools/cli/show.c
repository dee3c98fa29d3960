/* show.c - see show.h. */

#include "show.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <diffuscope/terminal.h>

static ds_show choose(const ds_args *a)
{
    static const struct {
        const char *name;
        ds_show how;
    } choice[] = { { "kitty", DS_SHOW_KITTY },
                   { "iterm", DS_SHOW_ITERM },
                   { "sixel", DS_SHOW_SIXEL },
                   { "blocks", DS_SHOW_BLOCKS } };
    const char *name = opt_declared(a, "show") ? opt_text(a, "show") : "none";

    for (size_t i = 0; i < DS_COUNT(choice); i++)
        if (strcmp(name, choice[i].name) == 0)
            return choice[i].how;
    if (strcmp(name, "auto") == 0 && isatty(STDOUT_FILENO))
        return ds_terminal_detect(getenv);
    return DS_SHOW_NONE;
}

static int64_t columns(void)
{
    struct winsize size;
    const char *given = getenv("COLUMNS");
    char *end = "";
    long n = given != NULL ? strtol(given, &end, 10) : 0;

    if (*end != '\0' || n > 10000)
        n = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        n = size.ws_col;
    return n > 0 ? n : 80;
}

ds_status show_check(const ds_args *a, ds_error *err)
{
    if (opt_declared(a, "show") && opt_declared(a, "json") &&
        strcmp(opt_text(a, "show"), "none") != 0 && opt_flag(a, "json"))
        return ds_fail(err, DS_E_ARG, "--show and --json exclude each other");
    return DS_OK;
}

ds_status show_image(const ds_args *a, const ds_image *image, ds_error *err)
{
    char *text;
    size_t bytes;
    ds_status st = ds_terminal_picture(&text, &bytes, image, choose(a), columns(), err);

    if (st == DS_OK && bytes > 0 &&
        (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0))
        st = ds_fail(err, DS_E_IO, "standard output could not be written");
    ds_free(text);
    return st;
}
