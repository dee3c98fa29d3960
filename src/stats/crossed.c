/* crossed.c - see crossed.h. Sums run in index order and in double; the resamples are fixed by the sample. */

#include "stats/crossed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/rng.h>

#include "stats/student.h"
#include "stats/wilson.h"

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

/* The same sample with levels numbered densely. */
typedef struct dense {
    const double *x;
    const int64_t *prompt, *seed;
    int64_t n, prompts, seeds;
} dense;

/* NaN where no value was drawn. */
static double weighted_mean(const dense *s, const double *prompts, const double *seeds)
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
static void resample(double *means, int64_t *n, const dense *s, ds_over over, double *work)
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

static int by_level(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Numbers the levels that occur in `of` [n] from 0 on, in their order, as out [n]; returns how many there
 * are, or -1 without memory. Levels without a value are no units. */
static int64_t renumber(int64_t *out, const int64_t *of, int64_t n)
{
    int64_t *level = ds_calloc((size_t)n, sizeof *level), count = 0;

    if (level == NULL)
        return -1;
    memcpy(level, of, (size_t)n * sizeof *level);
    qsort(level, (size_t)n, sizeof *level, by_level);
    for (int64_t i = 0; i < n; i++)
        if (count == 0 || level[i] != level[count - 1])
            level[count++] = level[i];
    for (int64_t i = 0; i < n; i++)
        out[i] =
            (const int64_t *)bsearch(&of[i], level, (size_t)count, sizeof *level, by_level) - level;
    ds_free(level);
    return count;
}

/* Error of a mean of whole units, which differ in size: that of a ratio of sums. For one value per unit it
 * is SD / sqrt(units). unit[i] is below `units`; work [2,units]. */
static double error_of_units(const dense *s, const int64_t *unit, int64_t units, double mean,
                             double *work)
{
    double square = 0.0;

    memset(work, 0, (size_t)units * sizeof *work);
    for (int64_t i = 0; i < s->n; i++)
        work[unit[i]] += s->x[i] - mean;
    for (int64_t u = 0; u < units; u++)
        square += work[u] * work[u];
    return sqrt(square * (double)units / (double)(units - 1)) / (double)s->n;
}

/* Of the mean of values of which none hangs on another. */
static double error_of_values(const dense *s, double mean)
{
    double square = 0.0;

    for (int64_t i = 0; i < s->n; i++)
        square += (s->x[i] - mean) * (s->x[i] - mean);
    return sqrt(square / (double)(s->n - 1) / (double)s->n);
}

/* Over both: what prompts add and what seeds add, less what both count twice; no less than either alone. */
static double error_of(const ds_crossed_mean *m, const dense *s, double *work)
{
    const double mean = m->value.value;
    double a, b, own;

    if (m->over == DS_OVER_PROMPTS)
        return error_of_units(s, s->prompt, s->prompts, mean, work);
    if (m->over == DS_OVER_SEEDS)
        return error_of_units(s, s->seed, s->seeds, mean, work);
    a = error_of_units(s, s->prompt, s->prompts, mean, work);
    b = error_of_units(s, s->seed, s->seeds, mean, work);
    own = error_of_values(s, mean);
    return sqrt(fmax(fmax(a * a, b * b), a * a + b * b - own * own));
}

/* Values 0 and 1 alone? *hits counts the ones. */
static bool is_share(const dense *s, int64_t *hits)
{
    *hits = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->x[i] != 0.0 && s->x[i] != 1.0)
            return false;
        *hits += s->x[i] > 0.5;
    }
    return true;
}

/* Trials that count: all where each is a unit; all alike: as many as there are units; else by the error. */
static double trials_of(const ds_crossed_mean *m, const dense *s, int64_t hits)
{
    if (s->n == m->units || hits == 0 || hits == s->n)
        return (double)m->units;
    return ds__effective_trials(m->value.value, m->value.se, (double)(m->units - 1), (double)s->n);
}

static void bound(ds_crossed_mean *out, const dense *s, const double *means, int64_t n,
                  double *work)
{
    const double units = (double)out->units, tail = ds__resampled_tail(out->units);
    ds_value *v = &out->value;
    double wide, shrink;
    int64_t hits;

    v->se = error_of(out, s, work);
    wide = spread(means, n) * sqrt(units / (units - 1.0));
    shrink = out->over == DS_OVER_BOTH && wide > v->se ? v->se / wide : 1.0;
    if (is_share(s, &hits)) {
        out->kind = DS_INTERVAL_WILSON;
        ds__wilson(&v->low, &v->high, v->value, trials_of(out, s, hits));
    } else if (out->units < FEW) {
        out->kind = DS_INTERVAL_T;
        *v = ds__t_interval(v->value, v->se, units - 1.0, s->n);
    } else {
        out->kind = DS_INTERVAL_BOOTSTRAP;
        v->low = v->value + shrink * (percentile(means, n, tail) - v->value);
        v->high = v->value + shrink * (percentile(means, n, 1.0 - tail) - v->value);
    }
}

static int64_t units_of(const dense *s, ds_over over)
{
    if (over == DS_OVER_BOTH)
        return s->prompts < s->seeds ? s->prompts : s->seeds;
    return over == DS_OVER_PROMPTS ? s->prompts : s->seeds;
}

/* prompt and seed are put into `room` [2,n]. */
static ds_status tighten(dense *out, const ds_crossed *s, int64_t *room, ds_error *err)
{
    *out = (dense){ .x = s->x, .prompt = room, .seed = room + s->n, .n = s->n };
    out->prompts = renumber(room, s->prompt, s->n);
    out->seeds = renumber(room + s->n, s->seed, s->n);
    return out->prompts > 0 && out->seeds > 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "bootstrap: no memory for units");
}

static ds_status measure(ds_crossed_mean *out, const dense *s, ds_over over, ds_error *err)
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
        bound(out, s, work, n, work + RESAMPLES);
    }
    ds_free(work);
    return DS_OK;
}

ds_status ds__crossed_mean(ds_crossed_mean *out, const ds_crossed *s, ds_over over, ds_error *err)
{
    int64_t *room;
    dense tight;
    ds_status st;

    *out = (ds_crossed_mean){ .value = { NAN, NAN, NAN, NAN, s->n }, .over = over };
    if (s->n == 0)
        return DS_OK;
    if (s->n > UINT32_MAX)
        return ds_fail(err, DS_E_ARG, "bootstrap: expected at most %u values", UINT32_MAX);
    room = ds_calloc(2 * (size_t)s->n, sizeof *room);
    if (room == NULL)
        return ds_fail(err, DS_E_NOMEM, "bootstrap: no memory for %lld values", (long long)s->n);
    st = tighten(&tight, s, room, err);
    if (st == DS_OK)
        st = measure(out, &tight, over, err);
    ds_free(room);
    return st;
}
