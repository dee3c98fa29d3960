/* shards.h - which files hold a component's weights. */

#ifndef DS_WEIGHTS_SHARDS_H
#define DS_WEIGHTS_SHARDS_H

#include "base/arena.h"
#include "base/json.h"

typedef struct ds_shards {
    const char **path; /* in the arena */
    int64_t count;
    json_t *index; /* the index file, or NULL when one file holds all */
    const char *index_path;
} ds_shards;

/* Looks in a folder in the order that weights.h tells. Release with ds__shards_free, also after a
 * failure. */
ds_status ds__shards_find(ds_shards *s, ds_arena *a, const char *folder, const char *prefer,
                          ds_error *err);
void ds__shards_free(ds_shards *s);

/* Takes over the shard list of an index: s->index is set. A shard's name must be that of a
 * safetensors file in the same folder. */
ds_status ds__shards_list(ds_shards *s, ds_arena *a, const char *folder, ds_error *err);

/* The file that the index gives for a tensor, or NULL. */
const char *ds__shards_file_of(const ds_shards *s, const char *tensor);

#endif
