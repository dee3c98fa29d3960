/* lines.h - what a study of many scenes knows so far: a file with one JSON object per line, each with
 * the number of its "scene", written through as soon as the scene is measured. Results are made of
 * lines alone, so a study that was ended and went on, or was done in parts, says what a whole one
 * says. conditions.json beside it holds the options that lines depend on. */

#ifndef DS_STUDIES_LINES_H
#define DS_STUDIES_LINES_H

#include <stdio.h>

#include "job/job.h"

/* Block ds__lines_rows. */
typedef struct lines_options {
    bool resume;
    ds_part_of part;
    ds_texts merge; /* folders */
} lines_options;
extern const ds_option ds__lines_rows[];

/* For check: whether the lines of the job's folder were made under the same conditions, which are all
 * options but those of where, how fast and how much, and those in `free` (ended by NULL). */
ds_status ds__lines_check(const ds_job *j, const lines_options *o, const char *const *free,
                          ds_error *err);

typedef struct study_lines {
    const lines_options *options;
    ds_job *job;
    json_t *all; /* array of objects, by rising scene */
    FILE *file;  /* NULL: they are kept in memory alone */
    char path[4096];
    const char *name;
    int digits; /* significant ones of numbers */
} study_lines;

/* For run: makes the folder and its conditions, reads the complete lines of FOLDER/NAME, cuts the file
 * behind them and opens it for more; or, to be merged, reads those of other folders. A job without a
 * folder has no file. */
ds_status ds__lines_open(study_lines *l, ds_job *j, const lines_options *o, const char *const *free,
                         const char *name, int digits, ds_error *err);

/* Status `st`, or if that is DS_OK, that of closing. An all-zero object is allowed. */
ds_status ds__lines_close(study_lines *l, ds_status st, ds_error *err);

/* A scene's line, borrowed; NULL if it has none yet. */
json_t *ds__lines_find(const study_lines *l, int64_t scene);

/* Whether this job is to measure the scene: it has no line yet, and belongs to the job's part. */
bool ds__lines_want(const study_lines *l, int64_t scene);

/* Measures item k: its line, a new reference, taken over. */
typedef ds_status lines_measure(void *user, int64_t k, json_t **line, ds_error *err);

/* Measures each of n items that has no line yet. Item k is scene[k], or with NULL first + k. `stage`
 * names the progress over items; NULL: the measurements tell their own. What ds__job_warn says during
 * a measurement stands in its line as "warnings", so that a run that goes on, or merges, says it too. */
ds_status ds__lines_fill(study_lines *l, const char *stage, const int64_t *scene, int64_t first,
                         int64_t n, lines_measure *measure, void *user, ds_error *err);

#endif
