/* estimate.h - the one estimator behind information and its decompositions: integrals over log-SNR
 * of squared differences between denoisers, per latent pixel, with an error on every number.
 *
 *     i_o(a,b) = 1/2 int E_e |e_b - e_a|^2 du                    >= 0, "orthogonal"
 *     i_s(a,b) = 1/2 int E_e [ |e - e_b|^2 - |e - e_a|^2 ] du    signed, "standard"
 *
 * where e_a is the noise as estimated under conditioning a (with the word), e_b under b (without),
 * e the true noise. Kong et al., arXiv 2310.07972; all in nats.
 *
 * Draws. Replicate r = 0 .. R-1 has its own shift U_r of a lattice of N log-SNRs and its own noise;
 * a node is used with the noise e and, antithetic, with -e. All conditionings see the same draws.
 * Doubling N adds the points half-way between the old ones, so that nothing is thrown away. The
 * published design is the case N = 1, no antithetics.
 *
 * Statistics. Kept are, for every replicate, sums over its draws of weight / 2 times
 *
 *     error[k][j]       |e - e_k|^2     for each conditioning k
 *     difference[p][j]  |e_b - e_a|^2   for each pair p
 *
 * (j a latent pixel, summed over channels; double). Everything else is a function of their
 * replicate means: MI and CMI of both forms, totals, maps, and, for several pairs on the same
 * draws, the redundancies of pid. i_s(a,b) = error[b] - error[a], hence antisymmetric and additive
 * along chains to the last bits. The replicates are independent: the standard error of a linear
 * function is the deviation of its replicate values over sqrt(R); a function with branches (min,
 * max) chooses the branch on one half of the replicates and is evaluated on the other
 * (ds__estimate_map takes a range of replicates).
 *
 * Phases. A lattice of N points with shift U misses an integral by a periodic function of U, its
 * harmonic h the integrand's frequency h N in units of the density's quantiles, and by the noise.
 * With `phases` the shifts are those of one lattice of R N points, whose turn is random: U_r = W +
 * r / R. All harmonics below the R-th cancel in the mean over r. Those that are left in the
 * scatter are not error: the replicates' values are regressed on the first two (on the first one
 * below nine replicates), where nearly all of them is if the density is smooth, and the residuals
 * give the standard error. With few nodes and next to no noise what is left of higher harmonics
 * makes it too large. R is odd, so that the phases stay spread when N is doubled. The regression
 * has the same matrix for every quantity, so that sums, chains and signs stay exact. Replicate
 * values as handed out are the estimate plus the residuals, scaled so that their deviation over
 * sqrt(R) is the regression's standard error. Lattices of 32 points and more need none of this.
 *
 * The statistics of disjoint replicates merge by being put side by side, so that a run that was
 * killed and resumed, or split over processes, ends with the same numbers as one that was not.
 *
 * Thread rule: an estimate belongs to one thread. */

#ifndef DS_METHODS_ESTIMATE_H
#define DS_METHODS_ESTIMATE_H

#include <diffuscope/info.h>

#include "methods/estimate/density.h"
#include "methods/estimate/source.h"

/* Which draws are made. */
typedef struct ds_draw_plan {
    int64_t replicates; /* R; 2 or more for a standard error */
    int64_t nodes;      /* N of the first level */
    bool antithetic;
    bool phases;    /* spread the shifts; see above. R is odd */
    bool exact_snr; /* noise at the drawn log-SNR even where the network was not trained at it */
    uint64_t seed;
    ds_density density;
    char label[65]; /* what else must be equal for statistics to belong together: a hash, or "" */
    int64_t part, parts; /* this process makes the replicates r = part, modulo parts; 0 of 1: all */
    /* draws from a file instead: logsnr [n], weight [n], eps [n,C,h,w] */
    const ds_bundle *recorded;
} ds_draw_plan;

struct ds_estimator;

/* When to stop. A level (N, 2N, 4N ...) is finished or not begun. A level that reaches the error
 * counts only if the one before it came within sqrt(2) of it, the first only if it is better by
 * sqrt(2): with a standard error that is itself uncertain, stopping at the first one that happens
 * to be small leaves errors 1.25 times the goal. What is left of that choice is paid for with one
 * degree of freedom of the totals' intervals: simulated, they then hold the truth in 94 %; without
 * either rule in 89 %. */
typedef struct ds_goal {
    double se;         /* relative standard error wanted of each pair's total; 0: one level */
    unsigned forms;    /* of which forms: 1 << DS_INFO_O | 1 << DS_INFO_S */
    double floor;      /* nats: the error is relative to max(|total|, floor) */
    int64_t max_calls; /* network evaluations (draws times conditionings), 0: no limit */
    /* Or NULL: asked instead of the above after a level, with se > 0. */
    bool (*enough)(void *user, const struct ds_estimator *e, double se);
    void *user;
} ds_goal;

typedef struct ds_estimator ds_estimator;

/* Told after each call of the source. */
typedef ds_status ds_estimate_watch(void *user, const ds_estimator *e, ds_error *err);

/* Of latent [C,h,w] (copied); the source and recorded draws are borrowed. The source's images must
 * divide the draws of the first level: ds__plan_batch. */
ds_status ds__estimate_new(ds_estimator **out, const ds_source *s, const float *latent,
                           const ds_draw_plan *plan, const ds_info_pair *pair, int64_t pairs,
                           ds_error *err);
void ds__estimate_free(ds_estimator *e); /* NULL is allowed */

/* Draws in one call of the source: the largest number up to `most` that divides what a replicate
 * draws at the first level, so that calls are the same however the replicates are shared out; where
 * that is below half of `most`, what all replicates of this part draw. */
int64_t ds__plan_batch(const ds_draw_plan *plan, int64_t most);

/* Before the first draw: a density that a pilot was fitted to, and the evaluations that it cost, to
 * be counted and saved with the rest. */
void ds__estimate_set_density(ds_estimator *e, const ds_density *d, int64_t calls, double seconds);

/* Draws until the goal is met or no further level fits. watch and cancel may be NULL. After
 * DS_E_CANCELLED the estimate can be saved and goes on where it stopped. */
ds_status ds__estimate_run(ds_estimator *e, const ds_goal *goal, ds_estimate_watch *watch,
                           void *user, const ds_cancel *cancel, ds_error *err);

/* ---- what is known now ----------------------------------------------------------------------- */

typedef struct ds_estimate_state {
    int64_t conditions, pairs, channels, height, width;
    int64_t replicates; /* with draws */
    int64_t level;      /* complete levels; nodes per replicate = plan.nodes << (level - 1) */
    int64_t draws;      /* noisy latents so far */
    int64_t calls;      /* draws times conditionings, and the pilot's */
    int64_t pilot_calls;
    double seconds; /* inside the source */
    bool met;       /* the goal's error was reached */
} ds_estimate_state;
ds_estimate_state ds__estimate_state(const ds_estimator *e);

/* Calls that a run to this level needs in all (level 1: plan.nodes). */
int64_t ds__estimate_calls(const ds_estimator *e, int64_t level);

/* DS_E_ARG where the first level needs more calls than are allowed (0: any number). */
ds_status ds__estimate_allow(int64_t needed, int64_t allowed, ds_error *err);

/* Of pair p, one form, mean over the replicates first .. first + count - 1 (count 0: all). The map
 * is [h,w]. Nats. */
double ds__estimate_total(const ds_estimator *e, int64_t pair, ds_info_form form, int64_t first,
                          int64_t count);
void ds__estimate_map(const ds_estimator *e, double *map, int64_t pair, ds_info_form form,
                      int64_t first, int64_t count);

/* Half the weighted squared error of conditioning k, [h,w]: -log p up to a constant that all
 * conditionings share. */
void ds__estimate_error_map(const ds_estimator *e, double *map, int64_t k, int64_t first,
                            int64_t count);

/* Value and standard error over replicates. se is NULL or [h,w]. With one replicate it is NaN. */
ds_value ds__estimate_value(const ds_estimator *e, int64_t pair, ds_info_form form);
ds_value ds__estimate_difference(const ds_estimator *e, int64_t pair, int64_t less,
                                 ds_info_form form);
void ds__estimate_se_map(const ds_estimator *e, double *se, int64_t pair, ds_info_form form);

/* Half the width of a 95 % interval in standard errors: Student's, for the degrees of freedom that
 * are left. */
double ds__estimate_quantile(const ds_estimator *e);

/* Mean, standard error and 95 % interval (Student's t) of n independent replicate values, less
 * `fitted` parameters that were fitted to them beside the mean. */
ds_value ds__replicate_value(const double *x, int64_t n);
ds_value ds__replicate_value_fitted(const double *x, int64_t n, int fitted);

/* Every draw: log-SNR, weight, and the unweighted totals |e - e_k|^2 / 2 and |e_b - e_a|^2 / 2. */
typedef struct ds_trace_row {
    int64_t replicate;
    double logsnr, weight;
    const double *error;      /* [K] */
    const double *difference; /* [pairs] */
} ds_trace_row;
int64_t ds__estimate_trace_count(const ds_estimator *e);
ds_trace_row ds__estimate_trace(const ds_estimator *e, int64_t i);

/* What the draws contribute to the pairs' differences (each pair scaled to integral 1), fitted into
 * a density: what a pilot run is for. */
ds_status ds__estimate_fit(const ds_estimator *e, ds_density *d, const ds_density *base,
                           ds_error *err);

/* ---- files ----------------------------------------------------------------------------------- */

/* Sufficient statistics, plan and trace, written whole or not at all. */
ds_status ds__estimate_save(const ds_estimator *e, const char *path, ds_error *err);

/* Goes on from a file of the same plan, pairs and latent; DS_E_ARG names what differs. */
ds_status ds__estimate_load(ds_estimator *e, const char *path, ds_error *err);

/* Adds the replicates of another part of the same plan. DS_E_ARG if one is there twice, or the
 * parts went to different levels. */
ds_status ds__estimate_merge(ds_estimator *e, const char *path, ds_error *err);

/* The draws that were made: tensors logsnr [n], weight [n], eps [n,C,h,w], latent [1,C,h,w]. Their
 * weighted mean is the estimate. */
ds_status ds__estimate_draws(const ds_estimator *e, ds_bundle *out, ds_error *err);

#endif
