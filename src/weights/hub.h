/* hub.h - the Hugging Face cache on disk. */

#ifndef DS_WEIGHTS_HUB_H
#define DS_WEIGHTS_HUB_H

#include "base/arena.h"

/* Whether text has the form "owner/name" of a repository. */
bool ds__hub_is_name(const char *text);

/* The folder of a repository's snapshot, in the arena. DS_E_IO tells where it was looked for. */
ds_status ds__hub_find(const char **out, ds_arena *a, const char *name, ds_error *err);

#endif
