/* wilson.h - the interval of a share.
 *
 * Thread rule: pure functions. */

#ifndef DS_STATS_WILSON_H
#define DS_STATS_WILSON_H

/* Wilson's 95 % interval of a share p of n trials (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209), n not
 * necessarily whole: trials that hang together count as fewer. Ends at 0 and 1 where p does. */
void ds__wilson(double *low, double *high, double p, double n);

/* Of how many independent trials a share with this standard error would be: p (1 - p) / se^2, made less by
 * (z / t(df))^2 for an error that is itself known from df degrees of freedom (C. Franco and others,
 * Journal of Survey Statistics and Methodology 7 (2019) 334, on E. L. Korn and B. I. Graubard's form).
 * 0 < p < 1; at most `most`. */
double ds__effective_trials(double p, double se, double df, double most);

#endif
