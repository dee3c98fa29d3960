/* draws.h - from a plan to its draws: which log-SNR, which weight, which noise the s-th draw of a
 * level has. A function of the plan alone, so that any process can make any draw again.
 *
 * With M = N 2^(l-1) nodes before level l > 0, its node n of replicate r lies at
 *
 *     p = frac(U_r / N + n / N)                 l = 0
 *     p = frac(U_r / N + (n + 1/2) / M)         l > 0
 *
 * of the density's quantile function, U_r independent and uniform on [0,1), or with phases
 * frac(W + r / R), W uniform: all nodes so far are a lattice of 2 M points with one
 * shift. */

#ifndef DS_METHODS_DRAWS_H
#define DS_METHODS_DRAWS_H

#include "methods/estimate/estimate.h"

typedef struct ds_draw {
    int64_t replicate;
    int64_t node; /* of its replicate, counted through all levels; of the file if recorded */
    double sign;  /* of the noise */
    double logsnr, weight; /* before snapping */
} ds_draw;

/* DS_E_ARG, DS_E_SHAPE with what was expected. plane is the number of a latent's elements. */
ds_status ds__plan_check(const ds_draw_plan *plan, int64_t channels, int64_t height, int64_t width,
                         ds_error *err);

int64_t ds__plan_replicates(const ds_draw_plan *plan);           /* of all parts */
bool ds__plan_owns(const ds_draw_plan *plan, int64_t replicate); /* this part makes them */
int64_t ds__plan_draws(const ds_draw_plan *plan, int64_t level); /* of this part; level from 0 */
ds_draw ds__plan_draw(const ds_draw_plan *plan, int64_t level, int64_t s);

/* U_r. */
double ds__plan_shift(const ds_draw_plan *plan, int64_t replicate);

/* The draw's noise, count elements of it. */
void ds__plan_noise(const ds_draw_plan *plan, float *noise, const ds_draw *d, int64_t count);

#endif
