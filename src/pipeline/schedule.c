/* schedule.c - alphas and sigmas of the training schedule, and the spacing of time steps.
 *
 * float32 where PyTorch computes in float32, double where NumPy does: the time steps of a karras
 * schedule are interpolated from these tables and shall agree to the last digit. */

#include "pipeline/schedule.h"

#include <math.h>

void ds__schedule_stable_diffusion(ds_schedule_config *c)
{
    c->beta_start = 0.00085;
    c->beta_end = 0.012;
    c->beta_kind = DS_BETA_SCALED_LINEAR;
    c->steps_offset = 1;
    c->clip = 0;
    c->alpha_to_one = 0;
    c->skip_prk = 1;
}

/* torch.linspace on a CPU with AVX2: the upper half is counted down from the end, and within a
 * block of eight the step is added up from the block's first number, which is a fused multiply-add.
 */
static void linspace(float *out, int n, float from, float to)
{
    enum { LANES = 8 };
    float step = (to - from) / (float)(n - 1);

    for (int i = 0; i < n; i++) {
        int first = i - i % LANES;
        float base;

        if (first + LANES > n)
            first = i;
        base = first < n / 2 ? fmaf(step, (float)first, from)
                             : fmaf(-step, (float)(n - 1 - first), to);
        out[i] = base + (float)(i - first) * step;
    }
}

/* A. Nichol and P. Dhariwal, arXiv:2102.09672, eq. 17. */
static double cosine_bar(double t)
{
    double c = cos((t + 0.008) / 1.008 * 3.14159265358979323846 / 2);

    return c * c;
}

static void betas(float *beta, const ds_schedule_config *c)
{
    int n = c->train_steps;

    switch (c->beta_kind) {
    case DS_BETA_LINEAR:
        linspace(beta, n, (float)c->beta_start, (float)c->beta_end);
        break;
    case DS_BETA_SCALED_LINEAR:
        linspace(beta, n, (float)sqrt(c->beta_start), (float)sqrt(c->beta_end));
        for (int i = 0; i < n; i++)
            beta[i] *= beta[i];
        break;
    default:
        for (int i = 0; i < n; i++) {
            double b = 1 - cosine_bar((i + 1) / (double)n) / cosine_bar(i / (double)n);

            beta[i] = (float)fmin(b, 0.999);
        }
    }
}

/* PyTorch multiplies up in double and rounds each product. */
static void products(float *bar, const float *beta, int n)
{
    double product = 1;

    for (int i = 0; i < n; i++) {
        product *= 1.0f - beta[i];
        bar[i] = (float)product;
    }
}

/* Shifts and scales sqrt(alpha_bar) so that the last one is 0 and the first stays.
 * S. Lin et al., arXiv:2305.08891, algorithm 1. `scratch` has n numbers. */
static void zero_terminal_snr(float *beta, float *scratch, int n)
{
    float first, last, scale;

    products(scratch, beta, n);
    first = sqrtf(scratch[0]);
    last = sqrtf(scratch[n - 1]);
    scale = first / (first - last);
    for (int i = 0; i < n; i++) {
        float root = (sqrtf(scratch[i]) - last) * scale;

        scratch[i] = root * root;
    }
    beta[0] = 1.0f - scratch[0];
    for (int i = 1; i < n; i++)
        beta[i] = 1.0f - scratch[i] / scratch[i - 1];
}

static float polynomial(const float *c, int degree, float x)
{
    float y = c[degree];

    for (int i = degree - 1; i >= 0; i--)
        y = fmaf(y, x, c[i]);
    return y;
}

/* numpy.log of a float32 array, to the last bit: a rational minimax function of the mantissa minus
 * 1 with the coefficients that NumPy uses, whose error of up to 4 units shows in the time steps. */
static float numpy_log(float x)
{
    static const float p[] = {
        0.0f, 1.0f, 2.112677543f, 1.480000634f, 0.3808837741f, 0.02589979118f
    };
    static const float q[] = { 1.0f,          2.612677543f,  2.453006072f,
                               0.9864942959f, 0.1546476374f, 0.005875095403f };
    int exponent;
    float m = frexpf(x, &exponent);

    if (m <= 0.707106781f) {
        m *= 2.0f;
        exponent--;
    }
    m -= 1.0f;
    return fmaf((float)exponent, 0.693147181f, polynomial(p, 5, m) / polynomial(q, 5, m));
}

/* exp(x) = 2^k exp(r), |r| <= log(2) / 2, with log 2 split in two and SLEEF's minimax polynomial.
 */
float ds__torch_exp(float x)
{
    static const float p[] = { 0.5f,           0.1666666716f,   0.04166648537f,
                               0.00833336078f, 0.001393043553f, 0.0001985276176f };
    float k = rintf(x * 1.442695041f);
    float r = fmaf(k, -1.428606765e-06f, fmaf(k, -0.6931457520f, x));

    if (x < -104.0f)
        return 0.0f;
    return ldexpf(1.0f + fmaf(r * r, polynomial(p, 5, r), r), (int)k);
}

ds_status ds__schedule_new(ds_schedule *s, const ds_schedule_config *c, ds_sampler_kind kind,
                           ds_error *err)
{
    int n = c->train_steps;
    bool by_sigma =
        kind == DS_EULER || kind == DS_EULER_A || kind == DS_DPMPP_2M || kind == DS_UNIPC;

    s->count = n;
    s->alpha_bar = ds_calloc((size_t)n * 3, sizeof *s->alpha_bar);
    if (s->alpha_bar == NULL)
        return ds_fail(err, DS_E_NOMEM, "noise schedule: %d training steps", n);
    s->sigma = s->alpha_bar + n;
    s->log_sigma = s->sigma + n;
    betas(s->sigma, c); /* on loan */
    if (c->zero_snr)
        zero_terminal_snr(s->sigma, s->log_sigma, n);
    products(s->alpha_bar, s->sigma, n);
    if (c->zero_snr && by_sigma)
        s->alpha_bar[n - 1] = 0x1p-24f; /* keeps the largest sigma finite, as diffusers does */
    for (int i = 0; i < n; i++) {
        float a = s->alpha_bar[i];

        /* A zero is meant only at the noisy end. */
        if (!(a < 1.0f && (a > 0.0f || (a == 0.0f && c->zero_snr && i == n - 1))))
            return ds_fail(err, DS_E_FORMAT,
                           "noise schedule: the product of alphas is %g at time step %d of %d, "
                           "expected a number between 0 and 1",
                           (double)a, i, n);
        s->sigma[i] = sqrtf((1.0f - a) / a);
        s->log_sigma[i] = numpy_log(s->sigma[i]);
    }
    return DS_OK;
}

void ds__schedule_free(ds_schedule *s)
{
    ds_free(s->alpha_bar);
    s->alpha_bar = NULL;
}

/* ---- time steps ------------------------------------------------------------------------------ */

static int leading(float *t, int count, int most, int ratio, int offset)
{
    for (int i = 0; i < most; i++)
        t[i] = (float)((count - 1 - i) * ratio + offset);
    return most;
}

/* numpy.arange(from, 0, -ratio), which adds multiples of the difference of its first two. */
static int trailing(float *t, int most, int from, double ratio)
{
    double second = from - ratio, delta = second - from;
    int count = (int)ceil(from / ratio);

    if (count > most)
        count = most; /* rounding of the ratio may add a step at t = 0 */
    for (int i = 0; i < count; i++)
        t[i] = (float)(rint(i == 1 ? second : from + i * delta) - 1);
    return count;
}

/* The `most` latest of `count` evenly spaced steps from 0 to last. */
static int even(float *t, int count, int most, int last, bool whole)
{
    double step = count > 1 ? (double)last / (count - 1) : 0;

    for (int i = 0; i < most; i++) {
        int k = count - 1 - i;
        double v = i == 0 && count > 1 ? last : k * step;

        t[i] = (float)(whole ? rint(v) : v);
    }
    return most;
}

int ds__timesteps(float *t, const ds_schedule_config *c, int steps, bool whole)
{
    switch (c->spacing) {
    case DS_LEADING:
        return leading(t, steps, steps, c->train_steps / steps, c->steps_offset);
    case DS_TRAILING:
        return trailing(t, steps, c->train_steps, (double)c->train_steps / steps);
    default:
        return even(t, steps, steps, c->train_steps - 1, whole);
    }
}

int ds__timesteps_dpm(float *t, const ds_schedule_config *c, const ds_schedule *s, int steps)
{
    int usable = 0, count, kept = 0;

    for (int i = 0; i < s->count; i++)
        if (-s->log_sigma[i] >= c->lambda_min)
            usable = i + 1;
    if (usable == 0)
        return 0;
    switch (c->spacing) {
    case DS_LEADING:
        count = leading(t, steps + 1, steps, usable / (steps + 1), c->steps_offset);
        break;
    case DS_TRAILING:
        count = trailing(t, steps, usable, (double)c->train_steps / steps);
        break;
    default:
        count = even(t, steps + 1, steps, usable - 1, true);
    }
    for (int i = 0; i < count; i++) /* each step once, up to 0.21 */
        if (!c->old || kept == 0 || t[i] != t[kept - 1])
            t[kept++] = t[i];
    return kept;
}

double ds__sigma_at(const ds_schedule *s, float t)
{
    int low;
    double slope;

    if (t <= 0)
        return (double)s->sigma[0];
    if (t >= (float)(s->count - 1))
        return (double)s->sigma[s->count - 1];
    low = (int)t;
    slope = (double)s->sigma[low + 1] - (double)s->sigma[low];
    return slope * ((double)t - low) + (double)s->sigma[low];
}

double ds__time_of(const ds_schedule *s, double sigma)
{
    float log_sigma = (float)log(fmax(sigma, 1e-10)), w;
    int low = 0;

    for (int i = 0; i < s->count; i++)
        if (log_sigma >= s->log_sigma[i])
            low = i;
    if (low > s->count - 2)
        low = s->count - 2;
    w = (s->log_sigma[low] - log_sigma) / (s->log_sigma[low] - s->log_sigma[low + 1]);
    w = fminf(fmaxf(w, 0.0f), 1.0f);
    return (double)(1.0f - w) * low + (double)w * (low + 1);
}

void ds__karras(double *sigma, int n, double first, double last)
{
    const double rho = 7;
    double from = pow(first, 1 / rho), to = pow(last, 1 / rho);
    double step = n > 1 ? 1.0 / (n - 1) : 0;

    for (int i = 0; i < n; i++)
        sigma[i] = pow(from + (i == n - 1 && n > 1 ? 1.0 : i * step) * (to - from), rho);
}

void ds__exponential(double *sigma, int n, double first, double last)
{
    double from = log(first), step = n > 1 ? (log(last) - from) / (n - 1) : 0;

    for (int i = 0; i < n; i++)
        sigma[i] = exp(i == n - 1 && n > 1 ? log(last) : from + i * step);
}
