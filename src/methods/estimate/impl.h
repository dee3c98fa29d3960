/* impl.h - what the files estimate*.c share. */

#ifndef DS_METHODS_ESTIMATE_IMPL_H
#define DS_METHODS_ESTIMATE_IMPL_H

#include "methods/estimate/draws.h"

#define DS_LATTICE_FINE 32 /* nodes of a lattice whose phase no longer matters */
#define DS_TRACE_HEAD   3  /* replicate, log-SNR, weight */

struct ds_estimator {
    const ds_source *source;
    ds_draw_plan plan;
    ds_info_pair *pair;
    int64_t pairs, conditions;
    int64_t terms;         /* conditions + pairs: errors first, then differences */
    int64_t plane, pixels; /* C h w and h w */
    float *latent;         /* [C,h,w] */

    int64_t replicates;
    double *sum;    /* [replicates,terms,pixels] */
    int64_t *drawn; /* [replicates] draws so far */
    double *trace;  /* [trace_room,DS_TRACE_HEAD + terms] */
    int64_t trace_count, trace_room;
    int64_t level; /* complete ones */
    int64_t next;  /* draws done of the level under way */
    int64_t pilot_calls;
    double seconds;
    bool met;
    bool promised; /* at the level before the one under way, sqrt(2) times the goal was reached */

    float *z, *noise; /* [images,C,h,w] */
    float *answer;    /* [conditions,images,C,h,w] */
    double *logsnr;   /* [images] */
    ds_draw *draw;    /* [images] */
    double *term;     /* [terms,pixels] of one draw */
};

/* Room for `count` more rows of the trace. */
ds_status ds__estimate_trace_reserve(ds_estimator *e, int64_t count, ds_error *err);

/* True if each pair's total has the error that the goal asks for. */
bool ds__estimate_reached(const ds_estimator *e, const ds_goal *goal);

#endif
