/* record.h - the ground truth as JSON, and pictures as PNG. For the command; not for trainers. */

#ifndef DS_WORLD_RECORD_H
#define DS_WORLD_RECORD_H

#include "world/world.h"

#include <jansson.h>
#include <stdio.h>

/* The line of captions.jsonl for a scene whose picture is `file`: a new reference, or NULL when
 * memory is exhausted. */
json_t *ds_world_record(const ds_world *w, const ds_scene *s, const char *file);

/* The tables (world.json): a new reference, or NULL. */
json_t *ds_world_table_record(const ds_world *w);

/* The held-out combinations, by the rule of the tables: a new reference, or NULL. */
json_t *ds_world_heldout_record(const ds_world *w);

/* Writes one of these, which it takes over, as a line to a stream that messages call `path`. */
ds_status ds_world_write_record(json_t *j, FILE *to, const char *path, size_t flags, ds_error *err);

/* 8-bit RGB, rows from the top. */
ds_status ds_world_write_png(const char *path, const uint8_t *rgb, int width, int height,
                             ds_error *err);

/* Reads a picture that must be `width` x `height`; into a caller's buffer of 3*width*height. */
ds_status ds_world_read_png(const char *path, uint8_t *rgb, int width, int height, ds_error *err);

#endif
