/* near.h - what a misspelt name may have meant. */

#ifndef DS_BASE_NEAR_H
#define DS_BASE_NEAR_H

#include <diffuscope/base.h>

/* Letters to insert, drop, change or swap with a neighbour to make one name of another; a star of the
 * pattern stands for anything at no cost. Bytes behind the 160th do not count. */
int ds__edits(const char *pattern, const char *name);

/* Name i of a list. */
typedef const char *ds_name_at(const void *user, int64_t i);

/* DS_E_NOMATCH: "no <what> matches <pattern>; near: a, b, c", with the three names of the list
 * that are the fewest edits away; a star of the pattern stands for anything. */
ds_status ds__no_match(const char *what, const char *pattern, ds_name_at *name, const void *user,
                       int64_t count, ds_error *err);

#endif
