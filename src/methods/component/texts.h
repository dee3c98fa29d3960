/* texts.h - prompts with alternatives: "a {photo|drawing} of a {cat|kitten}" stands for four texts.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_TEXTS_H
#define DS_METHODS_COMPONENT_TEXTS_H

#include "base/arena.h"

enum { DS_ALTERNATIVES_MOST = 256 };

typedef struct ds_alternatives {
    ds_arena arena;
    const char **text;
    int64_t count;
} ds_alternatives; /* all zero is empty */

/* Appends every text that the template stands for, the last brace running fastest. DS_E_ARG for braces
 * that do not match, or more than DS_ALTERNATIVES_MOST texts. */
ds_status ds__alternatives_add(ds_alternatives *a, const char *pattern, ds_error *err);
/* Appends the lines of a file that are not empty; each may be a template. */
ds_status ds__alternatives_load(ds_alternatives *a, const char *path, ds_error *err);
void ds__alternatives_clear(ds_alternatives *a);

#endif
