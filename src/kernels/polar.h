/* polar.h - the polynomials of the polar factor (ds_simd.polar), from scripts/polar-numbers.
 *
 * A step takes each singular value s <= 1 to s (c0 + c1 s^2 + c2 s^4 + c3 s^6 + c4 s^8). The first one
 * is the best of its degree on [0.00227, 1], each other on what the one before it leaves, a hundredth
 * wider for rounding (Amsel et al., arXiv 2505.16932, whose polynomials have degree 5). Together they
 * leave values of 0.8 .. 1.2, and 397 s where s is small. Degree 9 gains most per matrix product: a
 * factor of 5 for 3 or 4 of them. */

#ifndef DS_KERNELS_POLAR_H
#define DS_KERNELS_POLAR_H

enum { DS_POLAR_STEPS = 3 };

static const double ds__polar_step[DS_POLAR_STEPS][5] = {
    { 14.8996648, -145.755673, 484.895797, -623.185522, 271.111853 },
    { 6.61188405, -15.6532321, 13.0219589, -4.21539381, 0.463199183 },
    { 4.02887869, -8.18776374, 7.32698359, -2.71480391, 0.350324628 },
};

/* Below (and above its inverse) a sum of squares counts as zero: its square must fit float32. */
#define DS_POLAR_LEAST 1e-30f

/* Above 1, so that rounding does not lift the largest eigenvalue over its bound. */
#define DS_POLAR_MARGIN 1.01f

#endif
