/* measure.h - how much each component contributes to a concept: one forward and one backward pass per
 * draw (z_t, t), for every granularity at once.
 *
 * CAD (Nguyen et al., arXiv 2412.02542). Objectives, with f the network's answer on the scale of v, of
 * the noise, or of the clean latent, c the concept's text and b the base text, M a mask over latent
 * pixels, eps the noise that was added:
 *
 *     erase     J = | M (f(z_t, t, c) - f(z_t, t, b)) |^2                  summed over elements
 *     amplify   J = | M (f(z_t, t, c) - target(z_t, eps)) |^2 / elements   the denoising loss
 *
 * The score of a weight is w dJ/dw, that of a component dJ/dg of a gate g that multiplies its output
 * (the same number summed over the component's weights: Euler), by which J falls, to first order, when
 * it is removed: positive components make the concept, negative ones hold it back. No weight gradient
 * is formed for anything but weights.
 *
 * Rows: `both` lets the gradient through the base row too, since an edit changes it as well (published:
 * `stop`).
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_MEASURE_H
#define DS_METHODS_COMPONENT_MEASURE_H

#include <diffuscope/verbs.h>

#include "probes/components.h"

typedef enum ds_component_goal { DS_GOAL_ERASE = 0, DS_GOAL_AMPLIFY } ds_component_goal;
typedef enum ds_component_rows { DS_ROWS_BOTH = 0, DS_ROWS_STOP } ds_component_rows;
typedef enum ds_component_scale {
    DS_ON_V = 0,
    DS_ON_EPS,
    DS_ON_X0,
    DS_ON_OUTPUT
} ds_component_scale;

typedef struct ds_objective {
    ds_component_goal goal;
    ds_component_rows rows;
    ds_component_scale on;
    bool normalise;    /* each time step's draws count as much as any other's */
    const float *mask; /* [h,w], or NULL: everything */
} ds_objective;

/* Texts come in pairs (concept, base); each draw is of one pair. The last conditioning is the absence of
 * a prompt where guidance needs it besides. */
typedef struct ds_measure_options {
    ds_objective objective;
    /* concept of pair 0, base of pair 0, concept of pair 1, ... [, none] */
    const ds_conditions *texts;
    int64_t pairs;
    bool guidance;              /* the last text is one more row of each draw */
    int64_t batch;              /* draws at once */
    int64_t height, width;      /* of the latent */
    bool components;            /* gates for everything in `sites` */
    const char *const *weights; /* globs of parameters whose gradients are wanted */
    int n_weights;
    bool recompute;
    const ds_watcher
        *watcher; /* looks at values of forward passes, and outlives the object; NULL: none */
    const ds_cancel *cancel;
} ds_measure_options;

typedef struct ds_measure ds_measure;

ds_status ds__measure_new(ds_measure **out, ds_model *m, const ds_component_sites *sites,
                          const ds_noise *noise, const ds_measure_options *o, ds_error *err);
void ds__measure_free(ds_measure *s);

int ds__measure_roles(const ds_measure *s);     /* rows of a draw */
int64_t ds__measure_plane(const ds_measure *s); /* numbers of a latent */

/* Components in one list: those of site i begin at offset(i). */
int64_t ds__measure_units(const ds_component_sites *sites);
int64_t ds__measure_offset(const ds_component_sites *sites, int64_t site);

/* Forward: z [batch,C,h,w], t [batch], pair [batch], noise eps (amplify; else NULL). Afterwards
 * objective [batch] and answer, rows by role: [roles,batch,C,h,w]. */
ds_status ds__measure_forward(ds_measure *s, const float *z, const float *t, const int64_t *pair,
                              const float *eps, ds_error *err);
const double *ds__measure_objective(const ds_measure *s);
const float *ds__measure_answer(const ds_measure *s, int role);

/* Backward for the draws with use[b] (NULL: all): scores [batch,units] of each draw (NULL without
 * components), and adds to maps and gradients. */
ds_status ds__measure_backward(ds_measure *s, float *scores, const uint8_t *use, ds_error *err);

/* Gates of one kind at `value`, all others at 1, for what is measured next: a point of a path along which
 * the components of a kind fade together. */
ds_status ds__measure_scale(ds_measure *s, ds_component_kind kind, float value, ds_error *err);

/* Sum over all draws so far of a layer's score at each place [height,width] of its own; NULL for sites
 * that are no layer or block. */
const double *ds__measure_map(const ds_measure *s, int64_t site);

/* Gradients of weights, summed over the draws so far of half 0 and 1 (draws take turns, by batch). */
int64_t ds__measure_gradients(const ds_measure *s);
const char *ds__measure_gradient(const ds_measure *s, int64_t i, int half, const float **sum,
                                 ds_tensor *shape);

/* What it costs: rows that went forward and backward, and bytes of gradients that are kept. */
typedef struct ds_measure_cost {
    int64_t forward, backward;
    size_t gradient_bytes;
} ds_measure_cost;
ds_measure_cost ds__measure_cost(const ds_measure *s);

/* The objective of given answers, for passes without gradients: J of n draws from their differences.
 * concept, other [n,C,h,w]; other is the base's answer or the target. */
void ds__objective(double *j, const ds_objective *o, const ds_noise *noise, const float *concept_,
                   const float *other, const float *t, int64_t n, int64_t channels, int64_t places);

/* What the network should answer for z = alpha x0 + sigma eps, in its own parametrisation. */
void ds__target(float *out, const ds_noise *noise, const float *z, const float *eps, float t,
                int64_t count);

#endif
