/* generate.h - what the files of `generate` share. */

#ifndef DS_METHODS_GENERATE_H
#define DS_METHODS_GENERATE_H

#include "job/drawn.h"

typedef struct generate_job {
    const char *prompt;
    int64_t batch;
    const char *latent, *init;
    double strength;
    const char *output;
    draw_options drawing;
    /* no options from here on */
    ds_bundle *latent_file;
    job_picture picture; /* to start from */
    ds_run *run;
    json_t *paths; /* of the pictures that are written */
} generate_job;

/* draw.c: the page. */
ds_status ds__generate_page(ds_job *j, const generate_job *o, ds_error *err);

#endif
