/* error.c - the error record: filled once, by the first call that fails. */

#include <diffuscope/base.h>

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

/* Names come from files: what could steer a terminal or break a line becomes '?'. */
static void make_plain(char *text)
{
    ds__mend_letters(text);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

ds_status ds_fail(ds_error *err, ds_status code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL || err->code != DS_OK)
        return code;
    err->code = code;
    err->name[0] = '\0';
    err->offset = -1;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    make_plain(err->text);
    return code;
}

ds_status ds_fail_at(ds_error *err, ds_status code, const char *name, int64_t offset)
{
    if (err == NULL || err->name[0] != '\0')
        return code;
    snprintf(err->name, sizeof err->name, "%s", name);
    make_plain(err->name);
    err->offset = offset;
    return code;
}

const char *ds_status_name(ds_status code)
{
    static const char *const names[] = {
        [DS_OK] = "DS_OK",
        [DS_E_ARG] = "DS_E_ARG",
        [DS_E_NOMEM] = "DS_E_NOMEM",
        [DS_E_IO] = "DS_E_IO",
        [DS_E_FORMAT] = "DS_E_FORMAT",
        [DS_E_UNSUPPORTED] = "DS_E_UNSUPPORTED",
        [DS_E_NOMATCH] = "DS_E_NOMATCH",
        [DS_E_SHAPE] = "DS_E_SHAPE",
        [DS_E_CANCELLED] = "DS_E_CANCELLED",
        [DS_E_INTERNAL] = "DS_E_INTERNAL",
    };

    return (size_t)code < DS_COUNT(names) ? names[code] : "unknown status";
}
