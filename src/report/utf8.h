/* utf8.h - is it UTF-8? */

#ifndef DS_REPORT_UTF8_H
#define DS_REPORT_UTF8_H

#include <stdbool.h>

bool ds__utf8_valid(const char *text);

#endif
