/* text.h - questions about strings that the library's own does not answer. */

#ifndef DS_BASE_TEXT_H
#define DS_BASE_TEXT_H

#include <errno.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline bool ds__ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Is all of the text (NULL: it is not) one decimal number that fits? */
static inline bool ds__text_int(int64_t *out, const char *text)
{
    char *end;
    long long n;

    if (text == NULL || text[0] == '\0' || strchr(" \t\n\v\f\r", text[0]) != NULL)
        return false;
    errno = 0;
    n = strtoll(text, &end, 10);
    *out = n;
    return errno == 0 && *end == '\0';
}

/* A letter or digit of any language: punctuation alone is no word. */
static inline bool ds__has_letter(const char *text)
{
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80)
            return true;
    return false;
}

/* Bytes of the letter at `text`; 0: it is no UTF-8. */
static inline size_t ds__letter_bytes(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t n = p[0] < 0x80   ? 1
                     : p[0] < 0xc2 ? 0
                     : p[0] < 0xe0 ? 2
                     : p[0] < 0xf0 ? 3
                     : p[0] < 0xf5 ? 4
                                   : 0;

    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* A sentence that quotes the beginning of a text may cut a letter in two, which no JSON and no page takes:
 * such bytes become one "?". */
static inline void ds__mend_letters(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        size_t n = ds__letter_bytes(from);

        if (n == 0) {
            if (to == text || to[-1] != '?' || (unsigned char)from[0] >= 0xc0)
                *to++ = '?';
            from++;
            continue;
        }
        while (n-- > 0)
            *to++ = *from++;
    }
    *to = '\0';
}

#endif
