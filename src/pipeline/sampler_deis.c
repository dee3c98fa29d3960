/* sampler_deis.c - deis: Q. Zhang and Y. Chen, "Fast sampling of diffusion models with exponential
 * integrator", arXiv:2204.13902, the variant whose polynomial is in log rho, rho = sigma / alpha:
 *   x_t = alpha_t (x_s / alpha_s + sum_j C_j eps_j),   C_j = integral of the j-th Lagrange polynomial
 *   over rho from rho_s to rho_t
 * over the answers (as noise) of the last calls. Levels are those of sampler_dpm.c. */

#include "pipeline/sampler_impl.h"

#include <math.h>
#include <string.h>

/* Antiderivative in t of the polynomial in log t that is 1 at b and 0 at c (and d). In double: the
 * weights are small differences of these, and single precision would leave 1e-3 of them. */
static double linear(double t, double b, double c)
{
    return t * (log(t) - log(c) - 1) / (log(b) - log(c));
}

static double quadratic(double t, double b, double c, double d)
{
    double lt = log(t), lb = log(b), lc = log(c), ld = log(d);
    double top = t * (lc * (ld - lt + 1) - ld * lt + ld + lt * lt - 2 * lt + 2);

    return top / ((lb - lc) * (lb - ld));
}

static int order_of(const ds_sampler *s, int call)
{
    const ds_schedule_config *c = &s->config;
    int order = c->solver_order < s->kept ? c->solver_order : s->kept;
    int left = s->count - call;

    return c->lower_order_final && s->count < 15 && left < order ? left : order;
}

/* Weights of the last answers, newest first. */
static void weights(float w[3], const ds_sampler *s, int call, int order)
{
    const float *sigma = s->sigma + call; /* rho of this call; of the next at [1] */
    double now = (double)sigma[0], to = (double)sigma[1];

    for (int j = 0; j < order; j++) {
        double own = (double)sigma[-j], next = (double)sigma[-((j + 1) % order)];
        double third = (double)sigma[-((j + 2) % order)];

        w[j] = (float)(order == 2
                           ? linear(to, own, next) - linear(now, own, next)
                           : quadratic(to, own, next, third) - quadratic(now, own, next, third));
    }
}

void ds__deis(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    ds_level at = ds__level_at(s, call), to = ds__level_at(s, call + 1);
    float *newest = ds__sampler_remember(s), w[3] = { 0 };
    const float *e1 = s->past[1], *e2 = s->past[2];
    int order = order_of(s, call);

    (void)rng;
    ds__to_clean(s, s->x0, output, at);
    for (int64_t i = 0; i < s->n; i++)
        newest[i] = (s->x[i] - at.alpha * s->x0[i]) / at.sigma;
    if (order == 1) {
        float of_eps = to.sigma * (ds__torch_exp(to.lambda - at.lambda) - 1.0f);

        for (int64_t i = 0; i < s->n; i++)
            s->x[i] = to.alpha / at.alpha * s->x[i] - of_eps * newest[i];
        return;
    }
    weights(w, s, call, order);
    for (int64_t i = 0; i < s->n; i++) {
        float sum = s->x[i] / at.alpha + w[0] * newest[i] + w[1] * e1[i];

        s->x[i] = to.alpha * (order == 3 ? sum + w[2] * e2[i] : sum);
    }
}
