/* draws.c - see draws.h. */

#include "methods/estimate/draws.h"

#include <diffuscope/rng.h>

#include <math.h>
#include <string.h>

#define MOST_REPLICATES     512
#define RECORDED_REPLICATES 64

/* SplitMix64's output function (Steele, Lea, Flood 2014): unrelated keys from related numbers. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static ds_rng generator(const ds_draw_plan *plan, int64_t replicate, int64_t node)
{
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CUDA,
                mix(mix(mix(plan->seed) + (uint64_t)replicate) + (uint64_t)node));
    return rng;
}

static ds_status check_recorded(const ds_draw_plan *plan, int64_t channels, int64_t height,
                                int64_t width, ds_error *err)
{
    ds_tensor *snr, *weight, *eps;
    ds_status st = ds_bundle_expect(plan->recorded, "logsnr", DS_DIMS(-1), &snr, err);

    if (st == DS_OK)
        st = ds_bundle_expect(plan->recorded, "weight", DS_DIMS(snr->dim[0]), &weight, err);
    if (st == DS_OK)
        st = ds_bundle_expect(plan->recorded, "eps", DS_DIMS(snr->dim[0], channels, height, width),
                              &eps, err);
    if (st != DS_OK)
        return st;
    if (snr->dim[0] < 1)
        return ds_fail(err, DS_E_SHAPE, "recorded draws: expected at least one, found none");
    if (snr->dtype != DS_DTYPE_F32 || weight->dtype != DS_DTYPE_F32 || eps->dtype != DS_DTYPE_F32)
        return ds_fail(err, DS_E_SHAPE, "recorded draws: expected logsnr, weight, eps of F32");
    for (int64_t i = 0; i < snr->dim[0]; i++)
        if (!isfinite(((float *)snr->data)[i]) || !isfinite(((float *)weight->data)[i]))
            return ds_fail(err, DS_E_FORMAT, "recorded draw %lld: log-SNR %g, weight %g",
                           (long long)i, (double)((float *)snr->data)[i],
                           (double)((float *)weight->data)[i]);
    if (plan->parts != 1)
        return ds_fail(err, DS_E_ARG, "recorded draws cannot be shared out over processes");
    return DS_OK;
}

ds_status ds__plan_check(const ds_draw_plan *plan, int64_t channels, int64_t height, int64_t width,
                         ds_error *err)
{
    if (plan->recorded != NULL)
        return check_recorded(plan, channels, height, width, err);
    if (plan->replicates < 1 || plan->replicates > MOST_REPLICATES || plan->nodes < 1 ||
        plan->nodes > 1 << 20)
        return ds_fail(
            err, DS_E_ARG, "expected 1 to %d replicates of 1 to %d log-SNRs, found %lld of %lld",
            MOST_REPLICATES, 1 << 20, (long long)plan->replicates, (long long)plan->nodes);
    if (plan->phases && plan->replicates % 2 == 0)
        return ds_fail(err, DS_E_ARG,
                       "%lld replicates: their phases stay apart when lattices are "
                       "doubled only if their number is odd",
                       (long long)plan->replicates);
    if (plan->parts < 1 || plan->parts > plan->replicates || plan->part < 0 ||
        plan->part >= plan->parts)
        return ds_fail(err, DS_E_ARG,
                       "part %lld of %lld: expected 0 to parts - 1, and at most as "
                       "many parts as there are replicates, %lld",
                       (long long)plan->part, (long long)plan->parts, (long long)plan->replicates);
    return DS_OK;
}

static int64_t recorded_count(const ds_draw_plan *plan)
{
    return ds_bundle_find(plan->recorded, "logsnr")->dim[0];
}

int64_t ds__plan_replicates(const ds_draw_plan *plan)
{
    int64_t n;

    if (plan->recorded == NULL)
        return plan->replicates;
    n = recorded_count(plan);
    return n < RECORDED_REPLICATES ? n : RECORDED_REPLICATES;
}

bool ds__plan_owns(const ds_draw_plan *plan, int64_t replicate)
{
    return replicate % plan->parts == plan->part;
}

static int64_t own_replicates(const ds_draw_plan *plan)
{
    return (plan->replicates - plan->part + plan->parts - 1) / plan->parts;
}

/* New draws of one replicate. */
static int64_t per_replicate(const ds_draw_plan *plan, int64_t level)
{
    int64_t nodes = level == 0 ? plan->nodes : plan->nodes << (level - 1);

    return plan->antithetic ? 2 * nodes : nodes;
}

int64_t ds__plan_draws(const ds_draw_plan *plan, int64_t level)
{
    if (plan->recorded != NULL)
        return level == 0 ? recorded_count(plan) : 0;
    return own_replicates(plan) * per_replicate(plan, level);
}

int64_t ds__plan_batch(const ds_draw_plan *plan, int64_t most)
{
    int64_t all = ds__plan_draws(plan, 0);
    int64_t one = plan->recorded != NULL ? all : per_replicate(plan, 0), best = 1;

    for (int64_t b = 1; b <= most && b <= one; b++)
        if (one % b == 0)
            best = b;
    if (2 * best >= most)
        return best;
    for (int64_t b = 1; b <= most && b <= all; b++)
        if (all % b == 0)
            best = b;
    return best;
}

static ds_draw recorded_draw(const ds_draw_plan *plan, int64_t s)
{
    const float *snr = ds_bundle_find(plan->recorded, "logsnr")->data;
    const float *weight = ds_bundle_find(plan->recorded, "weight")->data;
    int64_t n = recorded_count(plan);

    return (ds_draw){ s * ds__plan_replicates(plan) / n, s, 1.0, snr[s], weight[s] };
}

double ds__plan_shift(const ds_draw_plan *plan, int64_t replicate)
{
    ds_rng rng = generator(plan, plan->phases ? -1 : replicate, -1);
    double u = (double)ds_rng_u32(&rng) * 0x1p-32 + 0x1p-33;

    if (plan->phases)
        u += (double)replicate / (double)plan->replicates;
    return u - floor(u);
}

ds_draw ds__plan_draw(const ds_draw_plan *plan, int64_t level, int64_t s)
{
    ds_draw d = { 0 };
    int64_t each, before, n;
    double p, shift;

    if (plan->recorded != NULL)
        return recorded_draw(plan, s);
    each = per_replicate(plan, level);
    before = level == 0 ? 0 : plan->nodes << (level - 1);
    d.replicate = plan->part + s / each * plan->parts;
    n = plan->antithetic ? s % each / 2 : s % each;
    d.sign = plan->antithetic && s % 2 == 1 ? -1.0 : 1.0;
    d.node = before + n;
    shift = ds__plan_shift(plan, d.replicate);
    p = shift / (double)plan->nodes +
        (level == 0 ? (double)n / (double)plan->nodes : ((double)n + 0.5) / (double)before);
    d.logsnr = ds__density_quantile(&plan->density, p - floor(p), &d.weight);
    return d;
}

void ds__plan_noise(const ds_draw_plan *plan, float *noise, const ds_draw *d, int64_t count)
{
    ds_rng rng;

    if (plan->recorded != NULL) {
        const float *eps = ds_bundle_find(plan->recorded, "eps")->data;

        memcpy(noise, eps + d->node * count, (size_t)count * sizeof *noise);
        return;
    }
    rng = generator(plan, d->replicate, d->node);
    ds_rng_normal(&rng, noise, count);
    if (d->sign < 0)
        for (int64_t i = 0; i < count; i++)
            noise[i] = -noise[i];
}
