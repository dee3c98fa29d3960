/* text.h - questions about strings that the library's own does not answer. */

#ifndef DS_BASE_TEXT_H
#define DS_BASE_TEXT_H

#include <stdbool.h>
#include <string.h>

static inline bool ds__ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

#endif
