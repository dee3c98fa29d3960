/* density.h - the density q(u) from which log-SNRs are drawn, on a finite range [low, high].
 *
 *     integral of m(u) du over the range  =  E_q[ m(u) / q(u) ]
 *
 * Draws come from q's quantile function, so that stratified or shifted points of [0,1] become
 * stratified log-SNRs; the weight of a draw is 1 / q(u), without further normalisation.
 *
 *   uniform   q = 1 / (high - low)
 *   logistic  that of Kong et al. (arXiv 2302.03792, 2310.07972), truncated to the range
 *   fitted    half where a pilot found something, half the logistic: what it missed gets draws
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

/* Half of `base`, half the masses that a pilot found at u[i], each spread as a truncated logistic
 * of scale width[i], the distance between the pilot's points there. Masses that are all 0 leave the
 * base. d may be base.
 *
 * It must be smooth: what a lattice misses falls off with frequency as fast as m / q is smooth. An
 * interpolated curve has a kink at each of the pilot's points, and its harmonics, which cancel in
 * the mean over phases, drown the noise in what is left to tell the error from. */
ds_status ds__density_fit(ds_density *d, const ds_density *base, const double *u,
                          const double *mass, const double *width, int64_t count, ds_error *err);

/* One whose q is given at the borders of the cells, up to a factor; range and logistic are d's.
 * DS_E_FORMAT unless all are positive. q may be d->q. */
ds_status ds__density_table(ds_density *d, const double *q, ds_error *err);

/* The log-SNR below which a share p in [0,1] of the density lies, and 1 / q there. */
double ds__density_quantile(const ds_density *d, double p, double *weight);

double ds__density_at(const ds_density *d, double u); /* q(u); 0 outside */

#endif
