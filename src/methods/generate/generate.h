/* generate.h - what the files of `generate` share. */

#ifndef DS_METHODS_GENERATE_H
#define DS_METHODS_GENERATE_H

#include "job/drawn.h"
#include "job/prompts.h"

typedef struct generate_job {
    prompt_options prompts;
    start_options start;
    const char *output;
    draw_options drawing;
    /* no options from here on */
    prompt_list list;
    job_start from;
    ds_run *run;      /* of the prompt that is drawn */
    int64_t at;       /* which */
    int64_t calls;    /* of the network, for all prompts before it */
    json_t *paths;    /* of the pictures that are written */
    json_t *pictures; /* what result.json says of each */
} generate_job;

/* Picture b of the prompt that is drawn: its seed, which goes on over prompts, as in `daam`. */
static inline uint64_t ds__generate_seed(const generate_job *o, int64_t b)
{
    return o->drawing.seed + (uint64_t)(o->at * ds_run_describe(o->run).images + b);
}

/* draw.c: the page of the pictures of a prompt, and that of all prompts. */
ds_status ds__generate_page(ds_job *j, ds_result *to, const generate_job *o, ds_error *err);
ds_status ds__generate_pages(ds_job *j, const generate_job *o, ds_error *err);

#endif
