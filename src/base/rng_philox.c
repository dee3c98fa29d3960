/* rng_philox.c - PyTorch's CUDA generator: Philox 4x32-10, one counter per element.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 *
 * A GPU thread owns one element i of the tensor: key = seed, counter = (draws so far, 0, i, 0).
 * Two of the four words make a number by Box-Muller. The GPU computes that in float32 with its own
 * log and sin; here it is done in double with the same float32 constants, as in A1111's imitation
 * on the CPU, which agrees with the GPU to about 1e-6. A tensor with more elements than the card
 * has threads would use the other two words and further counters, in an order that depends on the
 * card; that is not imitated. */

#include "base/rng.h"

#include <math.h>

#define TWO_POW_M32    2.3283064e-10f
#define TWO_PI_POW_M32 1.4629181e-9f /* float32(2 pi) 2^-32 */

static void philox_round(uint32_t c[4], const uint32_t key[2])
{
    uint64_t a = (uint64_t)c[0] * 0xd2511f53u;
    uint64_t b = (uint64_t)c[2] * 0xcd9e8d57u;

    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ key[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ key[1];
    c[3] = (uint32_t)a;
}

void ds__philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t k[2] = { key[0], key[1] };

    for (int i = 0; i < 4; i++)
        out[i] = counter[i];
    for (int round = 0; round < 10; round++) {
        philox_round(out, k);
        k[0] += 0x9e3779b9u;
        k[1] += 0xbb67ae85u;
    }
}

/* The block of element i in the present draw. */
static void block_of(const ds_rng *rng, uint32_t out[4], int64_t i)
{
    const uint32_t key[2] = { (uint32_t)rng->seed, (uint32_t)(rng->seed >> 32) };
    const uint32_t counter[4] = { (uint32_t)rng->offset, (uint32_t)(rng->offset >> 32), (uint32_t)i,
                                  (uint32_t)((uint64_t)i >> 32) };

    ds__philox(out, counter, key);
}

uint32_t ds__philox_next(ds_rng *rng)
{
    uint32_t w[4];

    block_of(rng, w, 0);
    rng->offset++;
    return w[0];
}

void ds__philox_normal(ds_rng *rng, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t w[4];
        double u, v;

        block_of(rng, w, i);
        u = (double)w[0] * TWO_POW_M32 + TWO_POW_M32 / 2;
        v = (double)w[1] * TWO_PI_POW_M32 + TWO_PI_POW_M32 / 2;
        out[i] = (float)(sqrt(-2.0 * log(u)) * sin(v));
    }
    rng->offset++;
}

/* The GPU's uniforms lie in (0, 1]; PyTorch wants [0, 1) and turns 1 into 0. */
void ds__philox_uniform(ds_rng *rng, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t w[4];

        block_of(rng, w, i);
        out[i] = fmaf((float)w[0], TWO_POW_M32, TWO_POW_M32 / 2);
        if (out[i] >= 1.0f)
            out[i] = 0.0f;
    }
    rng->offset++;
}
