/* quality.h - the table that says how well a model has learnt the world. */

#ifndef DS_WORLD_QUALITY_H
#define DS_WORLD_QUALITY_H

#include "world/tool/answer.h"

#include <jansson.h>
#include <stdio.h>

typedef struct ds_quality_options {
    const char *model; /* a diffusers folder; NULL: real scenes in place of a model's, as a model
                          without fault would draw them */
    bool bf16;         /* products of bfloat16 */
    int64_t count;     /* pictures of each set */
    int64_t people;    /* pictures per occupation */
    int64_t open;      /* per homonym without context; 0: leave them out */
    int64_t scenes;    /* for the autoencoder */
    bool talk;         /* say on standard error what is being drawn */
    ds_answer_options answer;
} ds_quality_options;

/* Draws, judges and counts. In `out` there are afterwards the sets (drawn/, real/ and vae/, each
 * with one folder per set), quality.json, quality.txt, quality.md, sheet.png and sheet.txt. The
 * result is the content of quality.json, a new reference. */
ds_status ds_world_quality(json_t **result, const ds_world *w, const ds_quality_options *o,
                           const char *out, ds_error *err);

/* The table of such a result, for a terminal or in Markdown. */
void ds_quality_print(const json_t *result, bool markdown, FILE *to);

/* Pictures of each set with the real scenes below, green where the judge finds what was asked for
 * and red elsewhere; captions go to the text file. */
ds_status ds_quality_sheet(const char *out, ds_error *err);

#endif
