/* correction.h - many comparisons at once: p values that may be read one by one.
 *
 * Thread rule: pure functions. */

#ifndef DS_STATS_CORRECTION_H
#define DS_STATS_CORRECTION_H

#include <diffuscope/base.h>

typedef enum ds_correction {
    DS_CORRECTION_HOLM =
        0, /* the chance of one or more false findings among all stays below the level */
    DS_CORRECTION_FDR, /* of what is found, the expected false share stays below the level */
    DS_CORRECTION_NONE
} ds_correction;

/* The option's choices, in the order of the enum. */
#define DS_CORRECTION_CHOICES "holm|fdr|none"

/* What was done, for people: "Holm: ...". */
const char *ds__correction_words(ds_correction how);

/* out [n]: corrected p values, at most 1; a NaN stays one and is not counted. out may be p.
 *
 *   Holm     S. Holm, Scandinavian Journal of Statistics 6 (1979) 65:
 *            max over j <= i of (m - j + 1) p_(j), p_(1) being the least of m
 *   FDR      Y. Benjamini, Y. Hochberg, J. R. Statist. Soc. B 57 (1995) 289:
 *            min over j >= i of m p_(j) / j */
ds_status ds__correct(double *out, const double *p, int64_t n, ds_correction how, ds_error *err);

#endif
