/* simplex.h - the two solvers over mixtures.
 *
 * Exponentiated gradient (Kivinen and Warmuth, Information and Computation 132 (1997) 1):
 *
 *     a_i <- a_i exp(-eta g_i / m) / Z       m = moving mean (0.9) of max_i |g_i|
 *
 * keeps coefficients positive with sum 1, has a bias for few of them, and no hidden state but m.
 *
 * Least squares over the simplex or the positive orthant by active sets (Lawson and Hanson, Solving
 * Least Squares Problems, 1974, chapter 23):
 *
 *     min |V b - v|^2    b >= 0, sum b = 1 or free
 *
 * from the Gram matrix alone, so that columns may be long. Thread rule: no state. */

#ifndef DS_METHODS_CONCEPT_SIMPLEX_H
#define DS_METHODS_CONCEPT_SIMPLEX_H

#include <diffuscope/base.h>

typedef struct ds_eg {
    double eta;   /* 1.2: docs/methods/conceptor.md says how it was chosen */
    double scale; /* m; 0 before the first step */
} ds_eg;

/* One step on a [n], whose sum is 1, along the gradient g [n]. */
void ds__eg_step(ds_eg *e, double *a, const double *g, int64_t n);

/* b [n] from gram [n,n] = V^T V and right [n] = V^T v. `sum_to_one`: over the simplex. `penalty` adds
 * penalty * sum b to half the square (it has no effect over the simplex). Columns that depend on each
 * other are told apart by a ridge of 1e-10 of the diagonal. DS_E_INTERNAL if the active sets do not
 * settle within 10 n changes. */
ds_status ds__simplex_fit(double *b, const double *gram, const double *right, int64_t n,
                          bool sum_to_one, double penalty, ds_error *err);

#endif
