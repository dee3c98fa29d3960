/* diffuscope/stats.h - numbers with their 95 % intervals: means, shares, correlations, AUC.
 *
 * Intervals of means and correlations are percentiles of a bootstrap with 2,000 resamples and a
 * fixed seed, over *units*: whatever is independent (a scene, a prompt), with all the values that
 * it contributes. The percentiles lie further out than 2.5 and 97.5 by what t says for that many
 * units (T. C. Hesterberg, The American Statistician 69 (2015) 371, "expanded percentile"). Below
 * 10 units a mean has the interval of t, and a correlation none: resamples of few are alike too
 * often. One unit has no interval. Those of shares and areas under the curve invert a score test, so that they keep
 * a width at 0 and 1. Same input, same interval.
 *
 * A number that is not defined (the mean of nothing, the correlation with a constant) is NaN, with
 * NaN bounds; it is no error.
 *
 * Thread rule: pure functions. */

#ifndef DIFFUSCOPE_STATS_H
#define DIFFUSCOPE_STATS_H

#include <diffuscope/base.h>
#include <diffuscope/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A statistic of the units pick[0 .. n), in which one may occur several times. NaN: not defined for
 * this choice; such resamples are left out. */
typedef double ds_statistic(void *user, const int64_t *pick, int64_t n);

/* The statistic of all units once, and its interval. `count` is set to `units`. */
DS_API ds_status ds_bootstrap(ds_value *out, ds_statistic *fn, void *user, int64_t units,
                              ds_error *err);

/* Mean of x [n]. unit[i] >= 0 names the unit of value i, in any order; NULL: each its own. */
DS_API ds_status ds_stats_mean(ds_value *out, const double *x, const int64_t *unit, int64_t n,
                               ds_error *err);

/* Mean of x - y, the two being measured on the same things: this is how methods are compared. */
DS_API ds_status ds_stats_difference(ds_value *out, const double *x, const double *y,
                                     const int64_t *unit, int64_t n, ds_error *err);

/* Standard error of a sum or difference of two independent numbers: sqrt(a^2 + b^2). */
DS_API double ds_stats_joint_error(double a, double b);

/* hits / n with Wilson's interval; for independent trials such as the accuracy of a choice. */
DS_API ds_value ds_stats_share(int64_t hits, int64_t n);

typedef enum ds_correlation {
    DS_PEARSON = 0,
    DS_SPEARMAN, /* Pearson's of the ranks; ties share their mean rank */
    DS_KENDALL   /* tau-b; O(n^2) */
} ds_correlation;

/* Between maps x and y [n], whose pixels are no sample. NaN where one is constant, or memory is
 * short. */
DS_API double ds_stats_coefficient(ds_correlation kind, const float *x, const float *y, int64_t n);

/* The same with its interval, units as for the mean. */
DS_API ds_status ds_stats_correlation(ds_value *out, ds_correlation kind, const double *x,
                                      const double *y, const int64_t *unit, int64_t n,
                                      ds_error *err);

/* Chance that a value of `high` exceeds one of `low`, ties counting half: the area under the
 * receiver operating characteristic. Interval: R. G. Newcombe, Statistics in Medicine 25 (2006)
 * 559, method 5. */
DS_API ds_status ds_stats_auc(ds_value *out, const double *high, int64_t n_high, const double *low,
                              int64_t n_low, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
