/* crossed.c - see crossed.h. Sums run in index order and in double; the resamples are fixed by the sample. */

#include "stats/crossed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/rng.h>
#include <diffuscope/stats.h>

#include "stats/student.h"

enum { RESAMPLES = 2000, SEED = 1, FEW = 10 };

const char *ds__over_words(ds_over over)
{
    static const char *const words[] = { "over prompts and seeds", "over prompts", "over seeds" };

    return words[over];
}

const char *ds__interval_words(ds_interval_kind kind)
{
    static const char *const words[] = { "none", "t", "bootstrap", "Wilson" };

    return words[kind];
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const double *sorted, int64_t n, double p)
{
    const double at = p * (double)(n - 1);
    const int64_t i = (int64_t)at;

    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

/* How often each of n units is drawn in n draws. */
static void draw(double *weight, int64_t n, ds_rng *rng)
{
    memset(weight, 0, (size_t)n * sizeof *weight);
    for (int64_t i = 0; i < n; i++)
        weight[(int64_t)(((uint64_t)ds_rng_u32(rng) * (uint64_t)n) >> 32)] += 1.0;
}

static void ones(double *weight, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        weight[i] = 1.0;
}

/* NaN where no value was drawn. */
static double weighted_mean(const ds_crossed *s, const double *prompts, const double *seeds)
{
    double sum = 0.0, all = 0.0;

    for (int64_t i = 0; i < s->n; i++) {
        const double w = prompts[s->prompt[i]] * seeds[s->seed[i]];

        sum += w * s->x[i];
        all += w;
    }
    return all > 0.0 ? sum / all : NAN;
}

/* Means of RESAMPLES resamples, sorted; *n of them are defined. work [prompts + seeds]. */
static void resample(double *means, int64_t *n, const ds_crossed *s, ds_over over, double *work)
{
    double *prompts = work, *seeds = work + s->prompts;
    ds_rng rng;

    *n = 0;
    ones(prompts, s->prompts);
    ones(seeds, s->seeds);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, SEED);
    for (int k = 0; k < RESAMPLES; k++) {
        if (over != DS_OVER_SEEDS)
            draw(prompts, s->prompts, &rng);
        if (over != DS_OVER_PROMPTS)
            draw(seeds, s->seeds, &rng);
        means[*n] = weighted_mean(s, prompts, seeds);
        *n += !isnan(means[*n]);
    }
    qsort(means, (size_t)*n, sizeof *means, by_value);
}

static double spread(const double *x, int64_t n)
{
    double mean = 0.0, square = 0.0;

    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(square / (double)(n - 1)) : NAN;
}

/* Numbers the levels that occur from 0 on, as out [n]; `of` counts `all`. Returns how many there are, or
 * -1 without memory. Levels without a value are no units. */
static int64_t renumber(int64_t *out, const int64_t *of, int64_t n, int64_t all)
{
    int64_t *number = ds_calloc((size_t)all + 1, sizeof *number), count = 0;

    if (number == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        if (number[of[i]] == 0)
            number[of[i]] = ++count;
        out[i] = number[of[i]] - 1;
    }
    ds_free(number);
    return count;
}

/* Values 0 and 1 alone? *hits counts the ones. */
static bool is_share(const ds_crossed *s, int64_t *hits)
{
    *hits = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->x[i] != 0.0 && s->x[i] != 1.0)
            return false;
        *hits += s->x[i] > 0.5;
    }
    return true;
}

static void take_wilson(ds_crossed_mean *out, int64_t hits, int64_t n)
{
    const ds_value v = ds_stats_share(hits, n);

    out->kind = DS_INTERVAL_WILSON;
    out->value.low = v.low;
    out->value.high = v.high;
}

static void bound(ds_crossed_mean *out, const ds_crossed *s, const double *means, int64_t n)
{
    const double units = (double)out->units, tail = ds__resampled_tail(out->units);
    ds_value *v = &out->value;
    int64_t hits;
    const bool share = is_share(s, &hits);

    v->se = spread(means, n) * sqrt(units / (units - 1.0));
    if (share && s->n == out->units) {
        take_wilson(out, hits, s->n);
    } else if (share && (hits == 0 || hits == s->n)) {
        take_wilson(out, hits == 0 ? 0 : out->units, out->units);
    } else if (out->units < FEW) {
        out->kind = DS_INTERVAL_T;
        *v = ds__t_interval(v->value, v->se, units - 1.0, s->n);
    } else {
        out->kind = DS_INTERVAL_BOOTSTRAP;
        v->low = percentile(means, n, tail);
        v->high = percentile(means, n, 1.0 - tail);
    }
}

static int64_t units_of(const ds_crossed *s, ds_over over)
{
    if (over == DS_OVER_BOTH)
        return s->prompts < s->seeds ? s->prompts : s->seeds;
    return over == DS_OVER_PROMPTS ? s->prompts : s->seeds;
}

/* The same sample with levels numbered densely; prompt and seed are in `room` [2,n]. */
static ds_status tighten(ds_crossed *out, const ds_crossed *s, int64_t *room, ds_error *err)
{
    *out = *s;
    out->prompts = renumber(room, s->prompt, s->n, s->prompts);
    out->seeds = renumber(room + s->n, s->seed, s->n, s->seeds);
    out->prompt = room;
    out->seed = room + s->n;
    return out->prompts > 0 && out->seeds > 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "bootstrap: no memory for units");
}

static ds_status measure(ds_crossed_mean *out, const ds_crossed *s, ds_over over, ds_error *err)
{
    double *work = ds_calloc((size_t)(s->prompts + s->seeds) + RESAMPLES, sizeof *work), sum = 0.0;
    int64_t n;

    if (work == NULL)
        return ds_fail(err, DS_E_NOMEM, "bootstrap: no memory for %lld values", (long long)s->n);
    for (int64_t i = 0; i < s->n; i++)
        sum += s->x[i];
    out->value.value = sum / (double)s->n;
    if (over == DS_OVER_BOTH && s->prompts < 2)
        out->over = DS_OVER_SEEDS;
    else if (over == DS_OVER_BOTH && s->seeds < 2)
        out->over = DS_OVER_PROMPTS;
    out->units = units_of(s, out->over);
    if (out->units > 1) {
        resample(work, &n, s, out->over, work + RESAMPLES);
        bound(out, s, work, n);
    }
    ds_free(work);
    return DS_OK;
}

ds_status ds__crossed_mean(ds_crossed_mean *out, const ds_crossed *s, ds_over over, ds_error *err)
{
    int64_t *room;
    ds_crossed tight;
    ds_status st;

    *out = (ds_crossed_mean){ .value = { NAN, NAN, NAN, NAN, s->n }, .over = over };
    if (s->n == 0)
        return DS_OK;
    if (s->prompts > UINT32_MAX || s->seeds > UINT32_MAX)
        return ds_fail(err, DS_E_ARG, "bootstrap: expected at most %u prompts and seeds",
                       UINT32_MAX);
    room = ds_calloc(2 * (size_t)s->n, sizeof *room);
    if (room == NULL)
        return ds_fail(err, DS_E_NOMEM, "bootstrap: no memory for %lld values", (long long)s->n);
    st = tighten(&tight, s, room, err);
    if (st == DS_OK)
        st = measure(out, &tight, over, err);
    ds_free(room);
    return st;
}
