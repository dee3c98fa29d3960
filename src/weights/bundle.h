/* bundle.h - what the files of this folder know of a ds_bundle. */

#ifndef DS_WEIGHTS_BUNDLE_H
#define DS_WEIGHTS_BUNDLE_H

#include <diffuscope/tensor.h>

#include "base/arena.h"

typedef struct ds_bundle_entry {
    const char *name;
    ds_tensor tensor;
    void *owned; /* the block behind tensor.data, or NULL when the data lie in the map */
} ds_bundle_entry;

typedef struct ds_bundle_pair {
    const char *key, *value;
    struct ds_bundle_pair *next;
} ds_bundle_pair;

/* Entries live in the arena: a pointer to a tensor stays good when others are added. */
struct ds_bundle {
    ds_arena arena;
    ds_bundle_entry **entry;   /* in order of the file, or of addition */
    ds_bundle_entry **by_name; /* the same, sorted by strcmp */
    int64_t count, room;
    ds_bundle_pair *meta, **meta_end;
    void *map; /* the whole file, or NULL */
    size_t map_size;
};

/* Makes room for `more` entries, so that the appends that follow cannot fail for it. */
ds_status ds__bundle_reserve(ds_bundle *b, int64_t more, ds_error *err);

/* A new entry with a copy of the name, at the end of `entry` but not in `by_name`; NULL when memory
 * is exhausted. The caller sorts when all are in. */
ds_bundle_entry *ds__bundle_append(ds_bundle *b, const char *name);
void ds__bundle_sort(ds_bundle *b);

/* Adds a pair whose key is known to be new. */
ds_status ds__bundle_append_meta(ds_bundle *b, const char *key, const char *value, ds_error *err);

/* Maps a safetensors file: private and writable, or read-only. */
ds_status ds__bundle_map(ds_bundle **out, const char *path, bool writable, ds_error *err);

/* The mapping alone, of a file of another format, into an empty bundle. */
ds_status ds__bundle_map_bytes(ds_bundle *b, const char *path, bool writable, ds_error *err);

/* Reads the header of a file image into an empty bundle, whose tensors then point into the image.
 * `path` is for messages. */
ds_status ds__safetensors_parse(ds_bundle *b, unsigned char *image, size_t size, const char *path,
                                ds_error *err);

/* The header that a file of these tensors gets, with its length field and padding, and the order
 * of the data. All is allocated in `a`. */
typedef struct ds_safetensors_layout {
    unsigned char *head;
    size_t head_size;
    const ds_bundle_entry **entry;
} ds_safetensors_layout;

ds_status ds__safetensors_lay_out(ds_safetensors_layout *out, const ds_bundle *b, ds_arena *a,
                                  ds_error *err);

#endif
