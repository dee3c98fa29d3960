/* stats.c - estimates with intervals. Sums run in index order and in double. */

#include <diffuscope/rng.h>
#include <diffuscope/stats.h>

#include <math.h>
#include <stdlib.h>

#include "stats/student.h"
#include "stats/wilson.h"

enum { RESAMPLES = 2000, SEED = 1, FEW = 10 };
#define Z 1.959963984540054 /* of the normal distribution at 97.5 % */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Percentile p in [0,1] of sorted values, linear between neighbours. */
static double percentile(const double *sorted, int64_t n, double p)
{
    double at = p * (double)(n - 1);
    int64_t i = (int64_t)at;

    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

/* A uniform number below n; the bias of the product is below n / 2^32. */
static int64_t below(ds_rng *rng, int64_t n)
{
    return (int64_t)(((uint64_t)ds_rng_u32(rng) * (uint64_t)n) >> 32);
}

ds_status ds_bootstrap(ds_value *out, ds_statistic *fn, void *user, int64_t units, ds_error *err)
{
    int64_t *pick, defined = 0;
    double *value;
    ds_rng rng;

    *out = (ds_value){ NAN, NAN, NAN, NAN, units };
    if (units < 0 || units > UINT32_MAX)
        return ds_fail(err, DS_E_ARG, "bootstrap: %lld units", (long long)units);
    if (units == 0)
        return DS_OK;
    pick = ds_calloc((size_t)units, sizeof *pick);
    value = ds_calloc(RESAMPLES, sizeof *value);
    if (pick == NULL || value == NULL) {
        ds_free(pick);
        ds_free(value);
        return ds_fail(err, DS_E_NOMEM, "bootstrap: %lld units", (long long)units);
    }
    for (int64_t i = 0; i < units; i++)
        pick[i] = i;
    out->value = fn(user, pick, units);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, SEED);
    for (int k = 0; units > 1 && k < RESAMPLES && !isnan(out->value); k++) {
        for (int64_t i = 0; i < units; i++)
            pick[i] = below(&rng, units);
        value[defined] = fn(user, pick, units);
        defined += !isnan(value[defined]);
    }
    if (defined > 0) {
        qsort(value, (size_t)defined, sizeof *value, by_value);
        const double tail = ds__resampled_tail(units);

        out->low = percentile(value, defined, tail);
        out->high = percentile(value, defined, 1.0 - tail);
    }
    ds_free(pick);
    ds_free(value);
    return DS_OK;
}

/* ---- values by unit -------------------------------------------------------------------------- */

/* Values sorted by unit: unit u owns order[start[u] .. start[u+1]). */
typedef struct groups {
    int64_t units;
    int64_t *start, *order;
} groups;

static void groups_free(groups *g)
{
    ds_free(g->start);
    ds_free(g->order);
}

typedef struct tagged {
    int64_t unit, index;
} tagged;

static int by_unit(const void *a, const void *b)
{
    const tagged *x = a, *y = b;

    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static ds_status groups_make(groups *g, const int64_t *unit, int64_t n, ds_error *err)
{
    tagged *t = ds_calloc((size_t)n + 1, sizeof *t);

    *g = (groups){ 0 };
    g->start = ds_calloc((size_t)n + 1, sizeof *g->start);
    g->order = ds_calloc((size_t)n + 1, sizeof *g->order);
    if (t == NULL || g->start == NULL || g->order == NULL) {
        ds_free(t);
        groups_free(g);
        return ds_fail(err, DS_E_NOMEM, "statistics: %lld values", (long long)n);
    }
    for (int64_t i = 0; i < n; i++)
        t[i] = (tagged){ unit != NULL ? unit[i] : i, i };
    qsort(t, (size_t)n, sizeof *t, by_unit);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || t[i].unit != t[i - 1].unit)
            g->start[g->units++] = i;
        g->order[i] = t[i].index;
    }
    g->start[g->units] = n;
    ds_free(t);
    return DS_OK;
}

/* ---- means ----------------------------------------------------------------------------------- */

typedef struct mean_user {
    const double *sum; /* [units] */
    const int64_t *start;
} mean_user;

static double mean_of(void *user, const int64_t *pick, int64_t n)
{
    const mean_user *u = user;
    double sum = 0.0;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += u->sum[pick[i]];
        count += u->start[pick[i] + 1] - u->start[pick[i]];
    }
    return sum / (double)count;
}

/* Resamples of few units do not reach as far as the truth may lie: value +- t se, the error being that of a
 * ratio of sums, for units that differ in size. */
static void few_bounds(ds_value *v, const double *sum, const groups *g, int64_t n)
{
    const double units = (double)g->units;
    double square = 0.0, half;

    for (int64_t u = 0; u < g->units; u++) {
        const double d = sum[u] - v->value * (double)(g->start[u + 1] - g->start[u]);

        square += d * d;
    }
    half = ds__t_quantile(0.975, units - 1.0) * sqrt(square * units / (units - 1.0)) / (double)n;
    v->low = v->value - half;
    v->high = v->value + half;
}

ds_status ds_stats_difference(ds_value *out, const double *x, const double *y, const int64_t *unit,
                              int64_t n, ds_error *err)
{
    groups g;
    double *sum;
    ds_status st = groups_make(&g, unit, n, err);

    *out = (ds_value){ NAN, NAN, NAN, NAN, n };
    if (st != DS_OK)
        return st;
    sum = ds_calloc((size_t)g.units + 1, sizeof *sum);
    if (sum == NULL)
        st = ds_fail(err, DS_E_NOMEM, "statistics: %lld units", (long long)g.units);
    for (int64_t u = 0; st == DS_OK && u < g.units; u++)
        for (int64_t i = g.start[u]; i < g.start[u + 1]; i++)
            sum[u] += x[g.order[i]] - (y != NULL ? y[g.order[i]] : 0.0);
    if (st == DS_OK)
        st = ds_bootstrap(out, mean_of, &(mean_user){ sum, g.start }, g.units, err);
    if (st == DS_OK && g.units > 1 && g.units < FEW)
        few_bounds(out, sum, &g, n);
    out->count = n;
    ds_free(sum);
    groups_free(&g);
    return st;
}

ds_status ds_stats_mean(ds_value *out, const double *x, const int64_t *unit, int64_t n,
                        ds_error *err)
{
    return ds_stats_difference(out, x, NULL, unit, n, err);
}

/* hypot would do, but binds the library to glibc 2.35; in long double nothing is lost on x86. */
double ds_stats_joint_error(double a, double b)
{
    return (double)sqrtl((long double)a * a + (long double)b * b);
}

ds_value ds_stats_share(int64_t hits, int64_t n)
{
    ds_value v = { (double)hits / (double)n, NAN, NAN, NAN, n };

    if (n <= 0)
        return (ds_value){ NAN, NAN, NAN, NAN, 0 };
    ds__wilson(&v.low, &v.high, v.value, (double)n);
    return v;
}

/* ---- correlations ---------------------------------------------------------------------------- */

/* Tested on the values, since a variance of equal ones may be rounding noise. */
static bool constant(const double *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return false;
    return true;
}

static double pearson(const double *x, const double *y, int64_t n)
{
    double mx = 0.0, my = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;

    if (constant(x, n) || constant(y, n))
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : NAN;
}

static double kendall(const double *x, const double *y, int64_t n)
{
    int64_t agree = 0, in_x = 0, in_y = 0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);

            agree += a * b;
            in_x += a != 0;
            in_y += b != 0;
        }
    return in_x > 0 && in_y > 0 ? (double)agree / sqrt((double)in_x * (double)in_y) : NAN;
}

typedef struct ranked {
    double value;
    int64_t index;
} ranked;

static int by_ranked(const void *a, const void *b)
{
    return by_value(&((const ranked *)a)->value, &((const ranked *)b)->value);
}

/* Ranks 1 .. n; equal values share the mean of theirs. */
static void rank(double *out, const double *x, int64_t n, ranked *work)
{
    for (int64_t i = 0; i < n; i++)
        work[i] = (ranked){ x[i], i };
    qsort(work, (size_t)n, sizeof *work, by_ranked);
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && !(work[j].value > work[i].value); j++)
            ;
        for (int64_t k = i; k < j; k++)
            out[work[k].index] = (double)(i + 1 + j) / 2.0;
    }
}

/* ranks [2,n] and work [n] are written for Spearman's. */
static double coefficient(ds_correlation kind, const double *x, const double *y, int64_t n,
                          double *ranks, ranked *work)
{
    if (kind == DS_KENDALL)
        return kendall(x, y, n);
    if (kind == DS_PEARSON)
        return pearson(x, y, n);
    rank(ranks, x, n, work);
    rank(ranks + n, y, n, work);
    return pearson(ranks, ranks + n, n);
}

double ds_stats_coefficient(ds_correlation kind, const float *x, const float *y, int64_t n)
{
    double *both = ds_calloc(4 * (size_t)n + 1, sizeof *both), r = NAN;
    ranked *work = ds_calloc((size_t)n + 1, sizeof *work);

    for (int64_t i = 0; both != NULL && i < n; i++) {
        both[i] = (double)x[i];
        both[n + i] = (double)y[i];
    }
    if (both != NULL && work != NULL)
        r = coefficient(kind, both, both + n, n, both + 2 * n, work);
    ds_free(both);
    ds_free(work);
    return r;
}

typedef struct corr_user {
    ds_correlation kind;
    const double *x, *y;
    const groups *g;
    int64_t room;  /* values in a resample at most */
    double *a, *b; /* [room] the resample */
    double *ranks; /* [2,room] */
    ranked *work;  /* [room] */
} corr_user;

static double corr_of(void *user, const int64_t *pick, int64_t n)
{
    corr_user *u = user;
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = u->g->start[pick[i]]; j < u->g->start[pick[i] + 1]; j++, m++) {
            u->a[m] = u->x[u->g->order[j]];
            u->b[m] = u->y[u->g->order[j]];
        }
    return coefficient(u->kind, u->a, u->b, m, u->ranks, u->work);
}

ds_status ds_stats_correlation(ds_value *out, ds_correlation kind, const double *x, const double *y,
                               const int64_t *unit, int64_t n, ds_error *err)
{
    groups g;
    corr_user u = { kind, x, y, &g, 0, NULL, NULL, NULL, NULL };
    int64_t longest = 0;
    size_t room = 0;
    double *block = NULL;
    ds_status st = groups_make(&g, unit, n, err);

    *out = (ds_value){ NAN, NAN, NAN, NAN, n };
    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < g.units; i++)
        longest = g.start[i + 1] - g.start[i] > longest ? g.start[i + 1] - g.start[i] : longest;
    if (ds_mul_size((size_t)longest, (size_t)g.units, &room) && room < SIZE_MAX / 4) {
        block = ds_calloc(4 * room + 1, sizeof *block);
        u.work = ds_calloc(room + 1, sizeof *u.work);
    }
    if (block == NULL || u.work == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "correlation: %lld values", (long long)n);
    } else {
        u.a = block;
        u.b = block + room;
        u.ranks = block + 2 * room;
        st = ds_bootstrap(out, corr_of, &u, g.units, err);
        if (g.units < FEW)
            out->low = out->high = NAN;
    }
    out->count = n;
    ds_free(block);
    ds_free(u.work);
    groups_free(&g);
    return st;
}

/* ---- area under the curve -------------------------------------------------------------------- */

/* Where |theta - auc| = z sd(theta) on one side of auc: by bisection between auc and `end`. */
static double auc_bound(double auc, double end, double m, double n)
{
    double half = (m + n) / 2.0 - 1.0, near = auc, far = end;

    for (int k = 0; k < 60; k++) {
        double t = (near + far) / 2.0;
        double var =
            t * (1.0 - t) / (m * n) * (1.0 + half * (1.0 - t) / (2.0 - t) + half * t / (1.0 + t));

        if ((t - auc) * (t - auc) < Z * Z * var)
            near = t;
        else
            far = t;
    }
    return far;
}

ds_status ds_stats_auc(ds_value *out, const double *high, int64_t n_high, const double *low,
                       int64_t n_low, ds_error *err)
{
    double m = (double)n_high, n = (double)n_low, above = 0.0, auc;
    double *sorted = ds_calloc((size_t)n_low + 1, sizeof *sorted);

    *out = (ds_value){ NAN, NAN, NAN, NAN, n_high + n_low };
    if (sorted == NULL)
        return ds_fail(err, DS_E_NOMEM, "AUC: %lld values", (long long)n_low);
    for (int64_t i = 0; i < n_low; i++)
        sorted[i] = low[i];
    qsort(sorted, (size_t)n_low, sizeof *sorted, by_value);
    for (int64_t i = 0; i < n_high; i++) {
        int64_t less = 0, upto = n_low; /* first not below, first above high[i] */

        for (int64_t end = n_low; less < end;) {
            int64_t mid = less + (end - less) / 2;

            if (sorted[mid] < high[i])
                less = mid + 1;
            else
                end = mid;
        }
        for (int64_t first = less; first < upto;) {
            int64_t mid = first + (upto - first) / 2;

            if (sorted[mid] > high[i])
                upto = mid;
            else
                first = mid + 1;
        }
        above += 0.5 * (double)(less + upto);
    }
    ds_free(sorted);
    if (n_high <= 0 || n_low <= 0)
        return DS_OK;
    auc = above / (m * n);
    out->value = auc;
    out->low = auc > 0.0 ? auc_bound(auc, 0.0, m, n) : 0.0;
    out->high = auc < 1.0 ? auc_bound(auc, 1.0, m, n) : 1.0;
    return DS_OK;
}
