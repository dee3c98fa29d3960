/* rng_twister.c - PyTorch's CPU generator: MT19937 and the transforms of torch.rand, torch.randn.
 *
 * M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998).
 *
 * torch.randn has two paths that differ in more than rounding.
 *
 * n < 16: Box-Muller in double on 53-bit uniforms; the second number of a pair is kept for later,
 * even across longer draws in between.
 *
 * n >= 16: all n uniforms are drawn first. Then each block of 16 turns its lower half u and upper
 * half v into r cos(t) and r sin(t), with r = sqrt(-2 log(1 - u)), t = 2 pi v. If 16 does not
 * divide n, the last 16 numbers are drawn and turned afresh. On AVX2 the logarithm and the sine
 * are Cephes' single-precision polynomials (S. L. Moshier), and the compiler has fused products
 * with the sums that follow them. fmaf stands here exactly where that happened: its place is part
 * of the result. */

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { WORDS = 624, SHIFT = 397, BLOCK = 16, HALF = 8 };

void ds__twister_seed(ds_rng *rng)
{
    rng->word[0] = (uint32_t)rng->seed; /* PyTorch drops the upper half of the seed */
    for (uint32_t i = 1; i < WORDS; i++) {
        uint32_t w = rng->word[i - 1];

        rng->word[i] = 1812433253u * (w ^ w >> 30) + i;
    }
    rng->next = WORDS;
}

static void renew(uint32_t *word)
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t low = word[(i + 1) % WORDS];
        uint32_t mixed = (word[i] & 0x80000000u) | (low & 0x7fffffffu);

        word[i] = word[(i + SHIFT) % WORDS] ^ mixed >> 1 ^ (low & 1 ? 0x9908b0dfu : 0);
    }
}

uint32_t ds__twister_next(ds_rng *rng)
{
    uint32_t w;

    if (rng->next == WORDS) {
        renew(rng->word);
        rng->next = 0;
    }
    w = rng->word[rng->next++];
    w ^= w >> 11;
    w ^= w << 7 & 0x9d2c5680u;
    w ^= w << 15 & 0xefc60000u;
    return w ^ w >> 18;
}

/* The low 24 bits make a float in [0, 1). */
static float uniform(ds_rng *rng)
{
    return (float)(ds__twister_next(rng) & 0xffffffu) * 0x1p-24f;
}

/* The low 53 of 64 bits make a double in [0, 1). */
static double uniform_double(ds_rng *rng)
{
    const uint64_t high = ds__twister_next(rng), both = high << 32 | ds__twister_next(rng);

    return (double)(both & 0x1fffffffffffffu) * 0x1p-53;
}

void ds__twister_uniform(ds_rng *rng, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = uniform(rng);
}

static double normal_double(ds_rng *rng)
{
    double u, v, r, t;

    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare;
    }
    u = uniform_double(rng);
    v = uniform_double(rng);
    r = sqrt(-2.0 * log1p(-v));
    t = 2.0 * 3.14159265358979323846 * u;
    rng->spare = r * sin(t);
    rng->has_spare = true;
    return r * cos(t);
}

/* log(x) for x in (0, 1], x = m 2^e with m in [sqrt(1/2), sqrt(2)), f = m - 1:
 * log x = f - f^2/2 + f^3 P(f) + e log 2, with log 2 split in two. */
static float poly_log(float x)
{
    static const float p[] = { -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f,
                               1.4249322787e-1f,  -1.6668057665e-1f, 2.0000714765e-1f,
                               -2.4999993993e-1f, 3.3333331174e-1f };
    int exponent;
    float f = frexpf(x, &exponent);
    float e = (float)exponent, y = 7.0376836292e-2f, z;

    if (f < 0.707106781186547524f) {
        e -= 1.0f;
        f = (f - 1.0f) + f;
    } else {
        f -= 1.0f;
    }
    z = f * f;
    for (size_t i = 0; i < DS_COUNT(p); i++)
        y = fmaf(y, f, p[i]);
    y = fmaf(y * f, z, e * -2.12194440e-4f);
    y = fmaf(z, -0.5f, y);
    return fmaf(e, 0.693359375f, f + y);
}

/* sin(t) and cos(t) for t in [0, 2 pi]: t minus the nearest even multiple j of pi/4, which is
 * subtracted in three parts, then a polynomial for sine and one for cosine on [-pi/4, pi/4]. */
static void poly_sincos(float t, float *sine, float *cosine)
{
    int j = ((int)(t * 1.27323954473516f) + 1) & ~1;
    float k = (float)j, x, z, c, s;

    x = fmaf(k, -0.78515625f, t);
    x = fmaf(k, -2.4187564849853515625e-4f, x);
    x = fmaf(k, -3.77489497744594108e-8f, x);
    z = x * x;

    c = fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    c = fmaf(c, z, 4.166664568298827e-2f);
    c = fmaf(c * z, z, z * -0.5f) + 1.0f;
    s = fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f);
    s = fmaf(s, z, -1.6666654611e-1f);
    s = fmaf(s * z, x, x);

    *sine = j & 2 ? c : s;
    *cosine = j & 2 ? s : c;
    if (j & 4)
        *sine = -*sine;
    if (!((j - 2) & 4))
        *cosine = -*cosine;
}

/* PyTorch multiplies by the standard deviation 1 and adds the mean 0: only -0 notices, it becomes
 * 0. */
static void normal_block(float x[BLOCK])
{
    for (int i = 0; i < HALF; i++) {
        float r = sqrtf(-2.0f * poly_log(1.0f - x[i]));
        float s, c;

        poly_sincos(6.2831855f * x[i + HALF], &s, &c);
        x[i] = r * c + 0.0f;
        x[i + HALF] = r * s + 0.0f;
    }
}

void ds__twister_normal(ds_rng *rng, float *out, int64_t n)
{
    if (n < BLOCK) {
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)normal_double(rng);
        return;
    }
    ds__twister_uniform(rng, out, n);
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK)
        normal_block(out + i);
    if (n % BLOCK != 0) {
        ds__twister_uniform(rng, out + n - BLOCK, BLOCK);
        normal_block(out + n - BLOCK);
    }
}
