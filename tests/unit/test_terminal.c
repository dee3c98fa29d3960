/* test_terminal.c - pictures for terminals: which way, and the bytes of each. */

#include "support.h"

#include <diffuscope/terminal.h>

#include <stdlib.h>
#include <string.h>

/* ---- which ---------------------------------------------------------------------------------- */

static const char *environment; /* "NAME=value NAME=value" */

static char *get(const char *name)
{
    static char value[64];
    size_t n = strlen(name);

    for (const char *p = environment; *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(p + n + 1, " "), p + n + 1);
            return value;
        }
    return NULL;
}

static void terminals_get_what_they_understand(void **state)
{
    static const struct {
        const char *environment;
        ds_show want;
    } cases[] = {
        { "", DS_SHOW_NONE },
        { "TERM=dumb KITTY_WINDOW_ID=1", DS_SHOW_NONE },
        { "TERM=xterm-kitty KITTY_WINDOW_ID=1 COLORTERM=truecolor", DS_SHOW_KITTY },
        { "TERM=xterm-kitty", DS_SHOW_KITTY },
        { "TERM=xterm-256color KITTY_WINDOW_ID=3", DS_SHOW_KITTY },
        { "TERM=xterm-ghostty", DS_SHOW_KITTY },
        { "TERM=xterm-256color KITTY_WINDOW_ID=3 XTERM_VERSION=XTerm(380)", DS_SHOW_NONE },
        { "TERM=xterm-256color KITTY_WINDOW_ID=3 VTE_VERSION=7000 COLORTERM=truecolor",
          DS_SHOW_BLOCKS },
        { "TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=/tmp/x COLORTERM=truecolor", DS_SHOW_BLOCKS },
        { "TERM=screen KITTY_WINDOW_ID=1 STY=1", DS_SHOW_NONE },
        { "TERM=xterm-256color TERM_PROGRAM=iTerm.app COLORTERM=truecolor", DS_SHOW_ITERM },
        { "TERM=xterm-256color LC_TERMINAL=iTerm2", DS_SHOW_ITERM },
        { "TERM=xterm-256color TERM_PROGRAM=WezTerm", DS_SHOW_ITERM },
        { "TERM=xterm-256color TERM_PROGRAM=Apple_Terminal", DS_SHOW_NONE },
        { "TERM=foot COLORTERM=truecolor", DS_SHOW_SIXEL },
        { "TERM=mlterm-256color", DS_SHOW_SIXEL },
        { "TERM=xterm-256color", DS_SHOW_NONE },
        { "TERM=xterm-256color COLORTERM=truecolor", DS_SHOW_BLOCKS },
        { "TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1", DS_SHOW_NONE },
        { "TERM=linux", DS_SHOW_NONE },
        { "TERM=vt100", DS_SHOW_NONE },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        environment = cases[i].environment;
        if (ds_terminal_detect(get) != cases[i].want)
            fail_msg("%s: found %d, expected %d", environment, (int)ds_terminal_detect(get),
                     (int)cases[i].want);
    }
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static ds_image make_picture(int64_t width, int64_t height)
{
    ds_image image;

    ts_ok(ds_image_init(&image, width, height, NULL), NULL);
    for (int64_t i = 0; i < width * height; i++) {
        image.rgb[3 * i] = (unsigned char)(i % width * 255 / width);
        image.rgb[3 * i + 1] = (unsigned char)(i / width * 255 / height);
        image.rgb[3 * i + 2] = 99;
    }
    return image;
}

static size_t decode(unsigned char *out, const char *text, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bytes = 0;
    unsigned v = 0;
    int bits = 0;

    for (size_t i = 0; i < n && text[i] != '='; i++) {
        const char *d = strchr(digits, text[i]);

        assert_non_null(d);
        v = v << 6 | (unsigned)(d - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[bytes++] = (unsigned char)(v >> bits);
        }
    }
    return bytes;
}

/* What arrives is a PNG with the pixels of the picture, enlarged in blocks. */
static void check_png(const unsigned char *png, size_t bytes, const ds_image *image)
{
    ds_error err = { 0 };
    ds_image back;

    ts_ok(ds_image_decode(&back, png, bytes, "sent", &err), &err);
    assert_int_equal(back.width % image->width, 0);
    assert_true(back.width >= 256);
    for (int64_t i = 0; i < back.width * back.height; i++) {
        int64_t times = back.width / image->width;
        int64_t x = i % back.width / times, y = i / back.width / times;

        assert_memory_equal(back.rgb + 3 * i, image->rgb + 3 * (y * image->width + x), 3);
    }
    ds_image_clear(&back);
}

static void kitty_gets_a_png_in_pieces(void **state)
{
    ds_image image = make_picture(40, 30);
    unsigned char *png = malloc(1 << 20);
    size_t bytes, n = 0;
    int pieces = 0, more = 1;
    char *text, *p;

    (void)state;
    for (int64_t i = 0; i < 3 * 40 * 30; i++) /* so that it does not compress */
        image.rgb[i] = (unsigned char)(i * i * 2654435761u >> 13);
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_KITTY, 80, NULL), NULL);
    assert_int_equal(text[bytes - 1], '\n');
    for (p = text; *p == '\033'; pieces++) {
        char *data = strchr(p, ';') + 1, *end = strstr(data, "\033\\");

        assert_int_equal(strncmp(p, pieces == 0 ? "\033_Ga=T,f=100,q=2,m=" : "\033_Gq=2,m=",
                                 pieces == 0 ? 19 : 9),
                         0);
        assert_true(end - data <= 4096);
        assert_int_equal(more, 1);
        more = data[-2] - '0';
        n += decode(png + n, data, (size_t)(end - data));
        p = end + 2;
    }
    assert_int_equal(more, 0);
    assert_true(pieces > 1);
    check_png(png, n, &image);
    ds_free(text);
    free(png);
    ds_image_clear(&image);
}

static void iterm_gets_a_png(void **state)
{
    ds_image image = make_picture(16, 8);
    unsigned char png[8192];
    size_t bytes, size, n;
    char *text, *data;

    (void)state;
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_ITERM, 80, NULL), NULL);
    assert_int_equal(sscanf(text, "\033]1337;File=inline=1;size=%zu:", &size), 1);
    data = strchr(text, ':') + 1;
    assert_int_equal(text[bytes - 2], '\a');
    n = decode(png, data, (size_t)(text + bytes - 2 - data));
    assert_int_equal(n, size);
    check_png(png, n, &image);
    ds_free(text);
    ds_image_clear(&image);
}

/* A reader of sixels, for pictures of at most 512 by 512. */
static unsigned char screen[512][512][3];

static void read_sixels(const char *p, int64_t *width, int64_t *height)
{
    unsigned char palette[256][3];
    int color = 0, x = 0, band = 0, w, h;

    assert_int_equal(sscanf(p, "\033Pq\"1;1;%d;%d", &w, &h), 2);
    *width = w;
    *height = h;
    memset(screen, 7, sizeof screen);
    for (p = strchr(p, '#'); *p != '\033'; p++) {
        int times = 1, used;

        if (*p == '#') {
            int r, g, b;

            if (sscanf(p, "#%d;2;%d;%d;%d%n", &color, &r, &g, &b, &used) == 4) {
                palette[color][0] = (unsigned char)(r * 2.55 + 0.5);
                palette[color][1] = (unsigned char)(g * 2.55 + 0.5);
                palette[color][2] = (unsigned char)(b * 2.55 + 0.5);
            } else {
                assert_int_equal(sscanf(p, "#%d%n", &color, &used), 1);
            }
            p += used - 1;
            continue;
        }
        if (*p == '$' || *p == '-') {
            band += *p == '-';
            x = 0;
            continue;
        }
        if (*p == '!') {
            assert_int_equal(sscanf(p, "!%d%n", &times, &used), 1);
            p += used;
        }
        assert_true(*p >= '?' && *p <= '~' && x + times <= w);
        for (; times > 0; times--, x++)
            for (int i = 0; i < 6; i++)
                if (((*p - '?') >> i & 1) != 0) {
                    assert_true(6 * band + i < h);
                    memcpy(screen[6 * band + i][x], palette[color], 3);
                }
    }
    assert_int_equal(p[1], '\\');
}

static void sixels_hold_the_picture(void **state)
{
    ds_image image = make_picture(300, 271); /* no multiple of six */
    int64_t width, height;
    double sum = 0.0;
    size_t bytes;
    char *text;

    (void)state;
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_SIXEL, 80, NULL), NULL);
    read_sixels(text, &width, &height);
    assert_int_equal(width, 300);
    assert_int_equal(height, 271);
    for (int64_t i = 0; i < 3 * 300 * 271; i++)
        sum += abs(screen[i / 3 / 300][i / 3 % 300][i % 3] - image.rgb[i]);
    assert_true(sum / (3 * 300 * 271) < 6.0); /* levels of 255, with 255 colours */
    ds_free(text);
    memset(image.rgb, 200, 3 * 300 * 271); /* one colour */
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_SIXEL, 80, NULL), NULL);
    read_sixels(text, &width, &height);
    for (int64_t i = 0; i < 3 * 300 * 271; i++)
        assert_true(abs(screen[i / 3 / 300][i / 3 % 300][i % 3] - 200) <= 2);
    ds_free(text);
    ds_image_clear(&image);
}

static void blocks_fit_the_terminal(void **state)
{
    ds_image image = make_picture(64, 33);
    size_t bytes;
    char *text, *line;
    int lines = 0, letters = 0;

    (void)state;
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_BLOCKS, 20, NULL), NULL);
    for (line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n');

        lines++;
        letters = 0;
        for (char *p = line; (p = strstr(p, "\xe2\x96\x80")) != NULL && p < end; p++)
            letters++;
        assert_int_equal(letters, 20);
        assert_memory_equal(end - 4, "\033[0m", 4); /* no colour runs into what follows */
    }
    assert_int_equal(lines, 5); /* 10 pixels high */
    ds_free(text);
    ts_ok(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_NONE, 20, NULL), NULL);
    assert_int_equal(bytes, 0);
    ds_free(text);
    assert_int_equal(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_BLOCKS, 0, NULL), DS_E_ARG);
    ds_image_clear(&image);
    assert_int_equal(ds_terminal_picture(&text, &bytes, &image, DS_SHOW_BLOCKS, 9, NULL), DS_E_ARG);
}

static void memory_may_end_anywhere(void **state)
{
    static const ds_show ways[] = { DS_SHOW_KITTY, DS_SHOW_ITERM, DS_SHOW_SIXEL, DS_SHOW_BLOCKS };
    ds_image image = make_picture(16, 16);

    (void)state;
    for (size_t w = 0; w < DS_COUNT(ways); w++) {
        int64_t requests = 1;

        for (int64_t n = 0; n <= requests; n++) {
            size_t bytes;
            char *text;
            ds_status st;

            ts_alloc_begin(n);
            st = ds_terminal_picture(&text, &bytes, &image, ways[w], 80, NULL);
            assert_int_equal(st, n == 0 ? DS_OK : DS_E_NOMEM);
            ds_free(text);
            requests = n == 0 ? ts_alloc_requests() : requests;
            assert_int_equal(ts_alloc_end(), 0);
        }
    }
    ds_image_clear(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminals_get_what_they_understand),
        cmocka_unit_test(kitty_gets_a_png_in_pieces),
        cmocka_unit_test(iterm_gets_a_png),
        cmocka_unit_test(sixels_hold_the_picture),
        cmocka_unit_test(blocks_fit_the_terminal),
        cmocka_unit_test(memory_may_end_anywhere),
    };

    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
