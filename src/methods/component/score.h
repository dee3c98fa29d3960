/* score.h - scores of one concept: means over draws, errors, lists, and exact effects. */

#ifndef DS_METHODS_COMPONENT_SCORE_H
#define DS_METHODS_COMPONENT_SCORE_H

#include "methods/component/ablate.h"
#include "methods/component/work.h"

enum { DS_OVERLAP_PLACES = 50 };

/* All components of a granularity. */
typedef struct component_list {
    ds_granularity g;
    int64_t count;
    ds_piece *piece;
    float *score, *se; /* first order: mean over draws, and its standard error over groups */
    float *exact;      /* J - J(without it) at `exact_draws` draws; NULL: not measured */
    double overlap;    /* of the first DS_OVERLAP_PLACES by either half of the draws */
} component_list;

typedef struct component_scores {
    int64_t concept_;
    double j, j_se;
    float *mean, *se, *half[2]; /* [units] */
    float *integrated;          /* [units]: see ds__scores_integrate; NULL: not asked for */
    component_list list[DS_GRANULARITIES];
    int64_t exact_draws, exact_rows;
    double exact_j;
    int64_t tops;    /* neurons that were removed one by one: those with the highest scores ... */
    int64_t *top;    /* ... in order */
    float *top_true; /* J - J(without it) */
} component_scores;

void ds__scores_clear(component_scores *s);

/* From measured draws. */
ds_status ds__scores_get(component_scores *s, const component_work *w, int64_t concept_,
                         ds_error *err);

/* Exact effects of heads, layers and blocks, at `draws` draws evenly chosen. */
ds_status ds__scores_exact(component_scores *s, component_work *w, ds_job *j, int64_t draws,
                           ds_error *err);

/* Exact effects of the first n neurons, at all draws. */
ds_status ds__scores_exact_neurons(component_scores *s, component_work *w, ds_job *j, int64_t n,
                                   ds_error *err);

/* Integrated gradients at `points` midpoints of a path from 0 to 1 on which all components of a kind fade
 * together: over a kind they add up to J less J without any of it (but for the rule's error). */
ds_status ds__scores_integrate(component_scores *s, int64_t concepts, component_work *w, ds_job *j,
                               int64_t points, ds_error *err);

/* Ranking value of component i: the exact effect where there is one. */
float ds__list_value(const component_list *l, int64_t i);

#endif
