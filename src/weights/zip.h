/* zip.h - where the stored entries of a zip archive lie in its bytes. Nothing is copied or unpacked.
 *
 * PyTorch stores, it does not deflate, so that tensors can be used where they lie: a library for
 * archives would hand out copies through a stream. */

#ifndef DS_WEIGHTS_ZIP_H
#define DS_WEIGHTS_ZIP_H

#include "base/arena.h"

typedef struct ds_zip_entry {
    const char *name;
    size_t at, bytes; /* of its content */
    bool stored;      /* false: compressed or encrypted, cannot be used in place */
    size_t header;    /* where its own header begins */
} ds_zip_entry;

typedef struct ds_zip {
    ds_arena arena;
    ds_zip_entry *entry; /* sorted by name */
    int64_t count;
} ds_zip; /* all zero before reading */

/* Reads the central directory, with zip64. Entries lie inside the archive, do not overlap and have
 * different names without "..". DS_E_FORMAT names the entry. Release with _clear, also on failure. */
ds_status ds__zip_read(ds_zip *z, const unsigned char *data, size_t size, const char *path,
                       ds_error *err);
void ds__zip_clear(ds_zip *z);

const ds_zip_entry *ds__zip_find(const ds_zip *z, const char *name); /* NULL if absent */

#endif
