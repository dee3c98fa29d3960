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

#endif
