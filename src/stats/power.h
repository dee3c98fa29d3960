/* power.h - what a study of this size can see.
 *
 * Thread rule: pure functions. */

#ifndef DS_STATS_POWER_H
#define DS_STATS_POWER_H

/* Chance that a t test on both sides at this level (0.05) finds a true difference of `effect` standard
 * errors, with df degrees of freedom: that of |T| > t(1 - level / 2, df), T noncentral. */
double ds__power(double effect, double df, double level);

/* The difference, in standard errors, that is found with this chance (0.8). NaN where df < 1. */
double ds__power_effect(double df, double level, double chance);

#endif
