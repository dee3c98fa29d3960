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

typedef struct scene_lines {
    json_t *all; /* array of objects */
    FILE *file;  /* NULL: they are kept in memory alone */
    int digits;
    int64_t highest; /* number of a scene; -1: no line yet */
    size_t next;     /* where the line that is asked for next is likely to be */
    char path[4096];
} scene_lines;

/* Reads the complete lines of DIR/NAME, if it is there, cuts it behind them, and opens it for more,
 * with numbers of `digits` significant digits. Without a folder (NULL) there is no file. */
ds_status scene_lines_open(scene_lines *s, const char *dir, const char *name, int digits,
                           ds_error *err);

/* Status `st`, or if that is DS_OK, that of closing. An all-zero object is allowed. */
ds_status scene_lines_close(scene_lines *s, ds_status st, ds_error *err);

/* A scene's line, borrowed; NULL if it has none yet. */
json_t *scene_lines_find(scene_lines *s, int64_t scene);

/* Writes a line through to the file, and keeps what can be read from there: a run that goes on
 * knows the same. Takes the line over. */
ds_status scene_lines_add(scene_lines *s, json_t *line, ds_error *err);

#endif
