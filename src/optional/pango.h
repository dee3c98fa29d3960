/* pango.h - letters in any script, by Pango. */

#ifndef DS_OPTIONAL_PANGO_H
#define DS_OPTIONAL_PANGO_H

#include <diffuscope/letters.h>

extern const ds_letters ds__pango_letters;

#endif
