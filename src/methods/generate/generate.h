/* generate.h - what the files of `generate` share. */

#ifndef DS_METHODS_GENERATE_H
#define DS_METHODS_GENERATE_H

#include "job/drawn.h"

typedef struct generate_job {
    const char *prompt;
    start_options start;
    const char *output;
    draw_options drawing;
    /* no options from here on */
    job_start from;
    ds_run *run;
    json_t *paths; /* of the pictures that are written */
} generate_job;

/* draw.c: the page. */
ds_status ds__generate_page(ds_job *j, const generate_job *o, ds_error *err);

#endif
