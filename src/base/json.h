/* json.h - JSON files of a model folder, read strictly (no repeated keys, UTF-8 only). */

#ifndef DS_BASE_JSON_H
#define DS_BASE_JSON_H

#include <diffuscope/base.h>

#include <jansson.h>

/* Reads a file whose root is an object; release with json_decref. DS_E_IO, or DS_E_FORMAT with
 * "FILE:LINE:COLUMN: reason" and the byte offset. */
ds_status ds__json_load(json_t **out, const char *path, ds_error *err);

/* The same of what Python writes, where infinities are bare words: they become null. */
ds_status ds__json_load_python(json_t **out, const char *path, ds_error *err);

/* The same from memory; `path` is for messages. */
ds_status ds__json_parse(json_t **out, const char *text, size_t size, const char *path,
                         ds_error *err);

#endif
