/* taps.h - one watcher out of several and a list of taps, which knows where in a run it is.
 *
 * Watchers see a value first, then the taps, in their order, row by row. */

#ifndef DS_PIPELINE_TAPS_H
#define DS_PIPELINE_TAPS_H

#include <diffuscope/probe.h>

#include "base/arena.h"
#include "models/model.h"

typedef enum ds_rows {
    DS_ROWS_TEXTS,  /* conditionings, the negative ones first, a row for each chunk */
    DS_ROWS_BATCH,  /* row k * images + b is image b under conditioning k */
    DS_ROWS_LOOP,   /* of the sampler: images */
    DS_ROWS_PICTURE /* of the autoencoder: `image` alone */
} ds_rows;

/* Where a run is, and what the rows of the values are that come now. */
typedef struct ds_taps_place {
    ds_rows rows;
    int step, call;     /* -1: outside of the steps */
    int64_t conditions; /* of which the first `negatives` are not the prompt's */
    int64_t negatives;
    int64_t images; /* in a batch */
    int64_t image;  /* of the autoencoder */
} ds_taps_place;

typedef struct ds_taps ds_taps;

/* Watchers (either may be NULL) and taps; strings are copied. *watcher is what a network is to
 * be given: NULL if nobody listens, one of the two where it is alone, so that taps cost nothing
 * where there are none. DS_E_ARG for a tap that lacks something. */
ds_status ds__taps_new(ds_taps **out, const ds_watcher **watcher, const ds_watcher *first,
                       const ds_watcher *second, const ds_tap *taps, int count, ds_error *err);
void ds__taps_free(ds_taps *t); /* NULL is allowed */

/* After planning: what was wrong with a tap at a site that it matches; DS_E_NOMATCH, with near
 * names, for a tap that matches no site of the model. */
ds_status ds__taps_check(const ds_taps *t, ds_model *m, ds_error *err);

/* From here on. t may be NULL. */
void ds__taps_at(ds_taps *t, ds_taps_place place);

/* Does any tap change values? */
bool ds__taps_change(const ds_tap *taps, int count);

#endif
