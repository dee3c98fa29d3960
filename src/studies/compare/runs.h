/* runs.h - `compare RUN RUN ...`: folders that exist, side by side. */

#ifndef DS_STUDIES_COMPARE_RUNS_H
#define DS_STUDIES_COMPARE_RUNS_H

#include "studies/answer/answer.h"

typedef struct compare_runs {
    answer_table table;
    char **name;        /* [count], ended by NULL: how the page calls a run */
    json_t *differ;     /* object: option -> list of its values */
    json_t *numbers;    /* list of {path, values, difference} of result.json */
    json_t *provenance; /* object: run -> what made it */
    int64_t items;
} compare_runs;

/* For check: reads the folders. DS_E_NOMATCH where they are of different commands, or where items have no
 * prompt and seed in common. */
ds_status ds__compare_runs_read(compare_runs *c, const ds_texts *folders, ds_error *err);
/* For run: the answer into the result. */
ds_status ds__compare_runs_tell(ds_job *j, const compare_runs *c, const ds_texts *folders,
                                const answer_options *o, ds_error *err);
void ds__compare_runs_free(compare_runs *c);

#endif
