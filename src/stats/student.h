/* student.h - Student's t and the normal distribution: what intervals of small samples are made of.
 *
 * Thread rule: pure functions. */

#ifndef DS_STATS_STUDENT_H
#define DS_STATS_STUDENT_H

#include <diffuscope/value.h>

double ds__normal_cdf(double x);
double ds__normal_quantile(double p); /* p in (0,1) */

/* df > 0, not necessarily whole. The quantile of p in (0,1); for df of infinity, the normal one. */
double ds__t_cdf(double t, double df);
double ds__t_quantile(double p, double df);

/* Chance of |t| or more by luck alone, on both sides. NaN where t is. */
double ds__t_p_value(double t, double df);

/* value +- t(97.5 %, df) se; without bounds (NaN) where df < 1. */
ds_value ds__t_interval(double value, double se, double df, int64_t count);

/* The same of a number that lies within 0 and 1, which t does not know. */
ds_value ds__within_one(ds_value v);

/* Mean of x [n] with standard error and the interval above, df = n - 1. */
ds_value ds__t_mean(const double *x, int64_t n);

/* Where to cut the resampled values at each end for a 95 % interval of n units: the tail beyond
 * sqrt(n / (n - 1)) t(97.5 %, n - 1) of the normal distribution. Plain percentiles (2.5 %) are too
 * narrow by that factor: a resample's spread is that of n units about their own mean, and taken for
 * known. T. C. Hesterberg, The American Statistician 69 (2015) 371, section 4.1 ("expanded
 * percentile"). n >= 2. */
double ds__resampled_tail(int64_t n);

#endif
