/* options.h - taking a caller's options, whichever version of the library the caller was built
 * with.
 *
 * Every struct of options begins with its size. A caller of an older version hands in a shorter
 * struct: what it does not know keeps its default. A longer one is of a newer version: what we
 * do not know must be zero, which is "not asked for" in every struct of this library. */

#ifndef DS_BASE_OPTIONS_H
#define DS_BASE_OPTIONS_H

#include <diffuscope/base.h>

/* Fills `into`, `size` bytes as `defaults` has them, with the options that were given (NULL: none).
 * what: "run options" and the like, for messages; init: the macro to start from. DS_E_ARG. */
ds_status ds__options_take(void *into, size_t size, const void *defaults, const void *given,
                           const char *what, const char *init, ds_error *err);

#endif
