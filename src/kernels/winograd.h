/* winograd.h - Winograd's convolution F(4x4, 3x3): the numbers that its stages share.
 *
 * One axis: 4 results of a filter g with 3 taps on 6 inputs d are A^T ((G g) * (B^T d)), where the
 * product * is element by element. The six rows belong to the points 0, a, -a, b, -b and infinity
 * at which the polynomials are multiplied (Lavin and Gray, arXiv:1509.09308). Points 5/8 and 3/2
 * are exact in binary and leave an error that is a quarter of that of the usual 1 and 2: about
 * 1.6e-6 of the result's root mean square in float32. */

#ifndef DS_KERNELS_WINOGRAD_H
#define DS_KERNELS_WINOGRAD_H

#include "kernels/kernels.h"
#include "kernels/simd.h"

#define WINO_IN   6  /* inputs of a tile, one axis */
#define WINO_OUT  4  /* results */
#define WINO_CELL 36 /* products of a tile */

#define WINO_A  0.625f
#define WINO_B  1.5f
#define WINO_A2 (WINO_A * WINO_A)
#define WINO_B2 (WINO_B * WINO_B)

/* Whether a convolution is computed this way: 3x3, stride 1, and maps of 8x8 tiles or more. Below
 * that constant weights, transformed four times the size of the plain ones, cost more to read than
 * the saved arithmetic; variable weights are transformed in scratch by each run, so there the tiles
 * of all images count. BF16 maps are read and written, but the products are float32 even then: they
 * are few enough to be faster than direct BF16 ones. */
bool ds__winograd_pays(const ds_kernel_desc *desc);

/* Tiles of 4x4 results in one image. */
static inline int64_t ds__tiles_of_image(const ds_tiles *t)
{
    return (t->oh + WINO_OUT - 1) / WINO_OUT * ((t->ow + WINO_OUT - 1) / WINO_OUT);
}

/* Rows of a stripe for `total` tiles of at most `channels` channels: equal stripes, the last one at
 * most a little shorter. */
int64_t ds__winograd_rows(int64_t total, int64_t channels);

/* The convolution and its adjoint to the input; winograd.c. */
ds_status ds__winograd_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err);

/* The adjoint to the weights; winograd_weights.c. */
ds_status ds__winograd_weights_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err);

#endif
