/* sampler_unipc.c - unipc: W. Zhao et al., "UniPC: a unified predictor-corrector framework for fast
 * sampling of diffusion models", arXiv:2302.04867, algorithms 5 to 8. Levels are those of
 * sampler_dpm.c.
 *
 * From level s to t with h = lambda_t - lambda_s (taken negative for the clean latent m, positive for
 * the noise: predict_x0), and differences D_k = (m_k - m_0) / r_k of the last calls' answers:
 *   predict   x_t = c x_s - f (e m_0 + B sum_k rho_k D_k),   e = exp(h) - 1,  B = e (bh2) or h (bh1)
 *   correct   the same with the answer at t as one more difference, of r = 1
 * where c = sigma_t / sigma_s, f = alpha_t for the clean latent, and with alpha and sigma exchanged for
 * the noise. The rho solve sum_k r_k^(i-1) rho_k = b_i, i = 1 .. order. */

#include "pipeline/sampler_impl.h"

#include <math.h>
#include <string.h>

enum { ORDER = 3 };

/* A step from call `from` (its level and its answers in s->past, newest first) to the next level. */
typedef struct transition {
    int order;
    float keep, scale, growth, weight; /* c, f, e, B above */
    float ratio[ORDER]; /* r_k of the difference to the k-th answer before; r_0 = 1 */
    float b[ORDER];
} transition;

static int order_of(const ds_sampler *s, int call)
{
    const ds_schedule_config *c = &s->config;
    int order = c->solver_order, taken = call - s->first, left = s->count - call;

    if (c->lower_order_final && left < order)
        order = left;
    return order < taken + 1 ? order : taken + 1;
}

static void right_sides(transition *t, float h)
{
    float phi = t->growth / h - 1.0f, factorial = 1.0f;

    for (int i = 0; i < t->order; i++) {
        t->b[i] = phi * factorial / t->weight;
        factorial *= (float)(i + 2);
        phi = phi / h - 1.0f / factorial;
    }
}

static transition between(const ds_sampler *s, int from)
{
    ds_level at = ds__level_at(s, from), to = ds__level_at(s, from + 1);
    bool data = s->config.data_solver;
    float h = to.lambda - at.lambda, hh = data ? -h : h;
    transition t = { .order = order_of(s, from), .ratio = { 1.0f } };

    t.keep = data ? to.sigma / at.sigma : to.alpha / at.alpha;
    t.scale = data ? to.alpha : to.sigma;
    t.growth = expm1f(hh);
    t.weight = s->config.bh1 ? hh : t.growth;
    for (int k = 1; k < t.order; k++)
        t.ratio[k] = (ds__level_at(s, from - k).lambda - at.lambda) / h;
    right_sides(&t, hh);
    return t;
}

/* rho[0 .. n-1] with sum_k node[k]^i rho[k] = b[i], i = 0 .. n-1; by elimination, since n <= 3. */
static void solve(float *rho, const float *node, const float *b, int n)
{
    double m[ORDER][ORDER + 1];

    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++)
            m[i][k] = pow((double)node[k], i);
        m[i][n] = (double)b[i];
    }
    for (int p = 0; p < n; p++)
        for (int i = p + 1; i < n; i++) {
            double f = m[i][p] / m[p][p];

            for (int k = p; k <= n; k++)
                m[i][k] -= f * m[p][k];
        }
    for (int i = n - 1; i >= 0; i--) {
        double sum = m[i][n];

        for (int k = i + 1; k < n; k++)
            sum -= m[i][k] * (double)rho[k];
        rho[i] = (float)(sum / m[i][i]);
    }
}

/* s->x from x. rho[k] belongs to the answer k before the newest; rho[0] to `ahead`, the answer at the
 * end of the step, if there is one. */
static void move(ds_sampler *s, const float *x, const transition *t, const float *rho,
                 const float *ahead)
{
    const float *m0 = s->past[0];

    for (int64_t i = 0; i < s->n; i++) {
        float sum = 0.0f;

        for (int k = 1; k < t->order; k++)
            sum += rho[k] * ((s->past[k][i] - m0[i]) / t->ratio[k]);
        if (ahead != NULL)
            sum += rho[0] * (ahead[i] - m0[i]);
        s->x[i] = t->keep * x[i] - t->scale * t->growth * m0[i] - t->scale * t->weight * sum;
    }
}

/* The orders 2 of the predictor and 1 of the corrector have rho = 1/2, which the equations give only in
 * the limit h -> 0. */
static void predict(ds_sampler *s, int call)
{
    transition t = between(s, call);
    float rho[ORDER] = { 0.0f, 0.5f };

    if (t.order > 2)
        solve(rho + 1, t.ratio + 1, t.b, t.order - 1);
    move(s, s->saved, &t, rho, NULL);
}

static void correct(ds_sampler *s, int call, const float *ahead)
{
    transition t = between(s, call - 1);
    float rho[ORDER] = { 0.5f };

    if (t.order > 1)
        solve(rho, t.ratio, t.b, t.order);
    move(s, s->saved, &t, rho, ahead);
}

void ds__unipc(ds_sampler *s, int call, const float *output, ds_rng *rng)
{
    ds_level at = ds__level_at(s, call);
    float *answer = s->work;
    size_t bytes = (size_t)s->n * sizeof *answer;

    (void)rng;
    ds__to_clean(s, s->x0, output, at);
    for (int64_t i = 0; i < s->n; i++)
        answer[i] = s->config.data_solver ? s->x0[i] : (s->x[i] - at.alpha * s->x0[i]) / at.sigma;
    if (call > s->first)
        correct(s, call, answer);
    memcpy(ds__sampler_remember(s), answer, bytes);
    memcpy(s->saved, s->x, bytes);
    predict(s, call);
}
