/* print.c - see print.h. */

#include "print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at `p` and its code point; 0: it is none. Overlong forms and surrogates
 * are none. */
static int code_of(unsigned *code, const char *text)
{
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *p = (const unsigned char *)text;
    const int n = p[0] < 0x80   ? 1
                  : p[0] < 0xc0 ? 0
                  : p[0] < 0xe0 ? 2
                  : p[0] < 0xf0 ? 3
                  : p[0] < 0xf8 ? 4
                                : 0;

    *code = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    return n > 1 && (*code < least[n] || *code > 0x10ffff || (*code >> 11) == 0x1b) ? 0 : n;
}

/* Controls of ISO 6429, and those of Unicode for the direction of writing, which can make a text look
 * like another. */
static bool steers(unsigned code)
{
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0) ||
           code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

void print_text(FILE *to, const char *text)
{
    while (*text != '\0') {
        unsigned code;
        const int n = code_of(&code, text);

        if (n == 0 || steers(code))
            fputc('?', to);
        else
            fwrite(text, 1, (size_t)n, to);
        text += n > 0 ? n : 1;
    }
}

static void print_list(FILE *to, const char *fmt, va_list ap)
{
    char small[1024], *large = NULL;
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= (int)sizeof small && (large = malloc((size_t)n + 1)) != NULL)
        vsnprintf(large, (size_t)n + 1, fmt, again);
    va_end(again);
    print_text(to, large != NULL ? large : small);
    free(large);
}

void print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_list(stdout, fmt, ap);
    va_end(ap);
}

void print_err(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_list(stderr, fmt, ap);
    va_end(ap);
}

/* Outside of texts JSON has none of these characters but newlines. */
void print_json(const char *json)
{
    while (*json != '\0') {
        unsigned code;
        const int n = code_of(&code, json);

        if (n > 0 && steers(code))
            printf("\\u%04x", code);
        else if (n > 0)
            fwrite(json, 1, (size_t)n, stdout);
        else
            fputc('?', stdout);
        json += n > 0 ? n : 1;
    }
    fputc('\n', stdout);
}
