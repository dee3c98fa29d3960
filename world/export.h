/* export.h - scenes as a folder: images/, captions.jsonl, world.json (docs/world.md). */

#ifndef DS_WORLD_EXPORT_H
#define DS_WORLD_EXPORT_H

#include "world/world.h"

#include <jansson.h>

/* Scenes first .. first+count-1 of a split. The folder is made; files in it are replaced. */
ds_status ds_world_export(const ds_world *w, ds_split split, int64_t first, int64_t count,
                          const char *out, ds_error *err);

/* `count` scenes of a set of questions (select.h). */
ds_status ds_world_export_set(const ds_world *w, const char *set, int64_t count, const char *out,
                              ds_error *err);

/* Goes through the lines of `folder`/captions.jsonl in order. `each` borrows the line; a status
 * other than DS_OK ends the reading with it. DS_E_IO, DS_E_FORMAT. */
typedef ds_status ds_world_line(void *user, const json_t *line, ds_error *err);
ds_status ds_world_read_lines(const char *folder, ds_world_line *each, void *user, ds_error *err);

#endif
