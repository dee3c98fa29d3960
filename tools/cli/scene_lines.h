/* scene_lines.h - what an evaluation knows so far: a file with one JSON object per line, each with
 * the number of its "scene". A run that was killed leaves complete lines and perhaps half of one.
 */

#ifndef DS_CLI_SCENE_LINES_H
#define DS_CLI_SCENE_LINES_H

#include <stdio.h>

#include <jansson.h>

#include "opts.h"

/* Makes the folder. If it has one of the files (a list ended by NULL) with lines of an earlier run,
 * that run goes on: DS_E_ARG unless go_on (--resume) says so, and where an option named by
 * `conditions` (a list ended by NULL), which lines depend on, has another value than it had then:
 * they are kept in conditions.json. */
ds_status scene_lines_begin(const ds_args *a, const char *dir, const char *const *files, bool go_on,
                            const char *const *conditions, ds_error *err);

/* Appends the complete lines of a file to an array, and cuts the file behind them. No file: none.
 */
ds_status scene_lines_read(json_t *lines, const char *path, ds_error *err);

bool scene_lines_have(const json_t *lines, int64_t scene);

/* Writes a line through to a file, numbers with `digits` significant digits. */
ds_status scene_lines_append(FILE *f, const json_t *line, int digits, const char *path,
                             ds_error *err);

#endif
