/* select.h - lists of numbers and ranges as users write them: "0,3-5". */

#ifndef DS_METHODS_SELECT_H
#define DS_METHODS_SELECT_H

#include <diffuscope/base.h>

/* Is number i, or name (NULL: it has none), in the list? A word of the list that does not begin
 * with a digit is a glob over names. NULL is the list of all. */
bool ds__select_has(const char *list, int64_t i, const char *name);

/* DS_E_ARG for a list that cannot be read; what ("--layers") is for the message. */
ds_status ds__select_check(const char *list, const char *what, bool names, ds_error *err);

#endif
