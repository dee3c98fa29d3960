/* prompts.h - many prompts: given one by one, from a file or standard input, or made from a template;
 * and their options (block ds__prompt_rows). */

#ifndef DS_JOB_PROMPTS_H
#define DS_JOB_PROMPTS_H

#include "job/job.h"

typedef struct prompt_options {
    ds_texts prompt;
    const char *file;            /* one a line; "-": standard input */
    const char *template, *data; /* "{numeral} {noun}", and words by kind */
    int64_t count;               /* to make from a template */
} prompt_options;
extern const ds_option ds__prompt_rows[];

typedef struct prompt_list {
    char **text;
    int64_t count, room;
} prompt_list;

/* All prompts that the options give, in the order above; words of a template are drawn with the seed.
 * DS_E_ARG if there is none. Free with ds__prompts_free, also after a failure. */
ds_status ds__prompts_read(prompt_list *l, const ds_job *j, const prompt_options *o, uint64_t seed,
                           ds_error *err);
/* Adds the lines of a file ("-": standard input) that are not empty, without their ends. */
ds_status ds__prompts_add_file(prompt_list *l, const char *path, ds_error *err);
void ds__prompts_free(prompt_list *l); /* an all-zero list is allowed */

#endif
