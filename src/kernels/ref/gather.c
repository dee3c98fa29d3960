/* gather.c - rows of a table, and the embedding of timesteps: the specification. */

#include "kernels/part.h"

#include <math.h>

void ds__gather_ref(float *dst, const float *table, const int32_t *ids, int64_t count, int64_t c)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < c; k++)
            dst[i * c + k] = table[ids[i] * c + k];
}

void ds__gather_adj_ref(float *dtable, const float *dy, const int32_t *ids, int64_t count,
                        int64_t c)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < c; k++)
            dtable[ids[i] * c + k] += dy[i * c + k];
}

/* diffusers' get_timestep_embedding. It works in float32, and with angles up to 1000 the rounding
 * of the angle shows in the fourth digit after the point: each step is rounded here as it is there.
 *   f_i = exp(-log(max_period) i / (half - freq_shift)),  [sin(scale t f) | cos(scale t f)], 0 if
 * odd */
void ds__timestep_embedding_ref(float *dst, const float *t, int64_t n, int64_t dim, bool flip,
                                float freq_shift, float scale, float max_period)
{
    const int64_t half = dim / 2;
    const float slope = (float)-log(max_period);

    for (int64_t b = 0; b < n; b++, dst += dim) {
        for (int64_t i = 0; i < half; i++) {
            const float f = expf(slope * (float)i / ((float)half - freq_shift));
            const float angle = scale * (t[b] * f);

            dst[flip ? half + i : i] = sinf(angle);
            dst[flip ? i : half + i] = cosf(angle);
        }
        if (dim % 2 != 0)
            dst[dim - 1] = 0.0f;
    }
}
