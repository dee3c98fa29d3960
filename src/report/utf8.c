/* utf8.c - see utf8.h. A pure function. */

#include "report/utf8.h"

#include <utf8proc.h>

bool ds__utf8_valid(const char *text)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;
    utf8proc_int32_t c;

    while (*p != '\0') {
        utf8proc_ssize_t n = utf8proc_iterate(p, -1, &c);

        if (n <= 0)
            return false;
        p += n;
    }
    return true;
}
