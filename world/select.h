/* select.h - sets of scenes that ask one question each, for measuring a model.
 *
 *   single   one object, style and plain background named, from the split test
 *   heldout  the same with object and style that never met in training
 *   pair     two objects left of, right of, above or below each other
 *   people   one person, not small, gender and skin left open, evenly over the occupations
 *   homonym  a homonym whose context settles it, the same number for each meaning
 *   neutral  a homonym without context */

#ifndef DS_WORLD_SELECT_H
#define DS_WORLD_SELECT_H

#include "world/world.h"

typedef struct ds_selection ds_selection;

/* `count` scenes of the set `name`, in a fixed order. DS_E_NOMATCH for another name. */
ds_status ds_selection_open(ds_selection **out, const ds_world *w, const char *name, int64_t count,
                            ds_error *err);
void ds_selection_close(ds_selection *s); /* NULL is allowed */

/* Split and index of the next scene; false after the last. */
bool ds_selection_next(ds_selection *s, ds_split *split, int64_t *index);

#endif
