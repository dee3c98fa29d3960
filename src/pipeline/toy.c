/* toy.c - a network with a formula, so that samplers can be studied and tested alone. */

#include <diffuscope/sampler.h>

#include <math.h>

void ds_toy_network(float *out, const float *x, float timestep, int64_t n, int64_t width)
{
    float phase = timestep / 200.0f;

    for (int64_t row = 0; row < n; row += width) {
        for (int64_t i = 0; i < width; i++) {
            float left = x[row + (i + width - 1) % width];
            float here = x[row + i];

            out[row + i] = 0.6f * here + 0.2f * sinf(3.0f * here + phase) + 0.1f * left;
        }
    }
}
