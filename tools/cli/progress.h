/* progress.h - one line that says how far a run is, in the form that tqdm made familiar:
 *
 *     45%|████▌     | 9/20 [00:31<00:38, 3.45s/it]
 *
 * On standard error: redrawn on a terminal, nothing elsewhere; with --progress=json one JSON object
 * per step for programs. */

#ifndef DS_CLI_PROGRESS_H
#define DS_CLI_PROGRESS_H

#include "opts.h"

typedef struct progress {
    enum { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_JSON } mode;
    const char *what; /* "sampling"; borrowed */
    int64_t total;
    double start, drawn;
    bool utf8;
} progress;

void progress_begin(progress *p, const ds_args *a, const char *what, int64_t total);
void progress_step(progress *p, int64_t done); /* done of total */
void progress_end(progress *p);                /* always, after a failure too */

#endif
