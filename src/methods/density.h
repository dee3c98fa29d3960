/* density.h - the density q(u) from which log-SNRs are drawn, on a finite range [low, high].
 *
 *     integral of m(u) du over the range  =  E_q[ m(u) / q(u) ]
 *
 * Draws come from q's quantile function, so that stratified or shifted points of [0,1] become
 * stratified log-SNRs; the weight of a draw is 1 / q(u), without further normalisation.
 *
 *   uniform   q = 1 / (high - low)
 *   logistic  that of Kong et al. (arXiv 2302.03792, 2310.07972), truncated to the range
 *   fitted    half a pilot's curve, half the logistic: what the curve misses still gets draws
 *
 * One thread; no object but plain memory. */

#ifndef DS_METHODS_DENSITY_H
#define DS_METHODS_DENSITY_H

#include <diffuscope/base.h>

#define DS_DENSITY_CELLS 512

typedef enum ds_density_kind {
    DS_DENSITY_LOGISTIC,
    DS_DENSITY_UNIFORM,
    DS_DENSITY_FITTED
} ds_density_kind;

typedef struct ds_density {
    ds_density_kind kind;
    double low, high;
    double loc, scale; /* of the logistic */
    /* fitted: q at the borders of equal cells, linear between them, and its integral up to there */
    double q[DS_DENSITY_CELLS + 1], below[DS_DENSITY_CELLS + 1];
} ds_density;

/* DS_E_ARG unless low < high, all finite, and scale > 0. */
ds_status ds__density_logistic(ds_density *d, double loc, double scale, double low, double high,
                               ds_error *err);
ds_status ds__density_uniform(ds_density *d, double low, double high, ds_error *err);

/* Half of `base`, half the curve m(u[i]) = value[i] >= 0 (u rising, linear between the points and
 * constant beyond them). A curve that is zero everywhere leaves the base. d may be base. */
ds_status ds__density_fit(ds_density *d, const ds_density *base, const double *u,
                          const double *value, int64_t count, ds_error *err);

/* One whose q is given at the borders of the cells, up to a factor; range and logistic are d's.
 * DS_E_FORMAT unless all are positive. q may be d->q. */
ds_status ds__density_table(ds_density *d, const double *q, ds_error *err);

/* The log-SNR below which a share p in [0,1] of the density lies, and 1 / q there. */
double ds__density_quantile(const ds_density *d, double p, double *weight);

double ds__density_at(const ds_density *d, double u); /* q(u); 0 outside */

#endif
