/* emphasis.h - prompts in which some words weigh more than others: A1111's grammar.
 *
 *   (text)       times 1.1            [text]      divided by 1.1
 *   (text:1.3)   times 1.3            \( \) \[ \] \\   the character itself
 *   BREAK        the rest of the chunk stays empty
 *
 * Brackets nest and multiply; one that is not closed acts to the end, one that closes nothing is text. */

#ifndef DS_MODELS_EMPHASIS_H
#define DS_MODELS_EMPHASIS_H

#include <diffuscope/base.h>

/* Text of one weight, or a BREAK. */
typedef struct ds_emphasis_run {
    size_t begin, end; /* bytes of ds_emphasised.text */
    double weight;
    bool breaks;
} ds_emphasis_run;

typedef struct ds_emphasised {
    char *text;       /* without the syntax */
    uint32_t *origin; /* [bytes of text]: the byte of the prompt */
    ds_emphasis_run *run;
    size_t runs;
} ds_emphasised;

/* The prompt of at most 2^32 - 1 bytes need not be UTF-8. Free in any case. DS_E_NOMEM. */
ds_status ds__emphasis_read(ds_emphasised *out, const char *prompt, ds_error *err);
void ds__emphasis_free(ds_emphasised *e);

/* Does any part of the prompt weigh more or less, or break? */
ds_status ds__emphasis_found(bool *found, const char *prompt, ds_error *err);

#endif
