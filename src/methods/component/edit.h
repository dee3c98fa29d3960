/* edit.h - a sparse edit of parameters: which weights change, from what to what. Edits are stacked,
 * united, intersected and undone; they never touch the model's files.
 *
 * In a file (safetensors), for each parameter:
 *
 *     index.NAME  I64 [k]  places in the parameter, row-major in PyTorch's order, ascending
 *     before.NAME F32 [k]  the values there: an edit fits only the weights that it was made for
 *     after.NAME  F32 [k]
 *     shape.NAME  I64 [rank]
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_EDIT_H
#define DS_METHODS_COMPONENT_EDIT_H

#include <diffuscope/model.h>

#include "base/arena.h"

typedef struct ds_edit_part {
    const char *name; /* "unet.x.weight" */
    int rank;
    int64_t dim[DS_MAX_RANK];
    int64_t count;
    int64_t *index; /* [count], ascending */
    float *before, *after;
} ds_edit_part;

typedef struct ds_edit {
    ds_arena arena;
    int64_t parts, room;
    ds_edit_part *part;
} ds_edit; /* all zero is the edit that changes nothing */

void ds__edit_clear(ds_edit *e);

/* A part with room for `count` changes, to be filled with ascending indices; NULL without memory. */
ds_edit_part *ds__edit_add(ds_edit *e, const char *name, const ds_tensor *shape, int64_t count);
const ds_edit_part *ds__edit_find(const ds_edit *e, const char *name);
int64_t ds__edit_count(const ds_edit *e);

ds_status ds__edit_to_bundle(const ds_edit *e, ds_bundle *b, ds_error *err);

/* From a bundle or a file. DS_E_FORMAT where places are out of range or out of order; DS_E_NOMATCH if
 * there is no edit in it. */
ds_status ds__edit_from_bundle(ds_edit *e, const ds_bundle *b, const char *what, ds_error *err);
ds_status ds__edit_load(ds_edit *e, const char *path, ds_error *err);

/* What both change, or either changes. Where both change a weight the changes add up, unless they end
 * at the same value: so the order of a and b does not matter. DS_E_ARG if they were made for
 * different weights. */
ds_status ds__edit_unite(ds_edit *out, const ds_edit *a, const ds_edit *b, ds_error *err);
ds_status ds__edit_intersect(ds_edit *out, const ds_edit *a, const ds_edit *b, ds_error *err);

/* Weights that both change / that either changes. */
double ds__edit_overlap(const ds_edit *a, const ds_edit *b);

/* The changes times `strength`: 1 as they are, .5 half of the way, -1 the other way. */
void ds__edit_scale(ds_edit *e, double strength);

/* DS_E_ARG unless the model holds `before` at every place. */
ds_status ds__edit_check(const ds_edit *e, ds_model *m, ds_error *err);

#endif
