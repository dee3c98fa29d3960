/* truth.h - what the readers of the two kinds of folders fill. */

#ifndef DS_METHODS_TRUTH_H
#define DS_METHODS_TRUTH_H

#include <diffuscope/truth.h>

#include <jansson.h>

#include "base/arena.h"

/* A JSON value that stands for a mask, or for a part of it: {"size", "counts"}, polygons, or the
 * path of a PNG that is opaque there. */
typedef struct ds__truth_part {
    const json_t *shape;
    int64_t entity;
} ds__truth_part;

typedef struct ds__truth_entry {
    ds_truth_scene scene;
    int64_t part_count;
    ds__truth_part *parts; /* several may make one entity */
} ds__truth_entry;

struct ds_truth {
    const char *folder;
    ds_arena arena; /* strings and arrays */
    json_t *root;   /* array of the documents, whose strings and shapes are borrowed */
    int64_t count, room;
    ds__truth_entry *entries;
};

/* Appends a zeroed entry; NULL when memory is exhausted. Valid until the next call. */
ds__truth_entry *ds__truth_add(ds_truth *t);

ds_status ds__truth_world(ds_truth *t, const char *path, ds_error *err);
ds_status ds__truth_coco(ds_truth *t, const char *instances, const ds_truth_options *o,
                         ds_error *err);

/* Folders of the DAAM package; none (DS_OK, no entry) if there is no such folder. */
ds_status ds__truth_experiments(ds_truth *t, ds_error *err);

/* Paints one shape into mask, which keeps what it has. `where` is for messages. */
ds_status ds__truth_paint(uint8_t *mask, const json_t *shape, int64_t height, int64_t width,
                          const char *where, ds_error *err);

#endif
