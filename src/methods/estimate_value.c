/* estimate_value.c - totals, maps, errors and curves from an estimate's sums. See estimate.h. */

#include "methods/estimate_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ds_estimate_state ds__estimate_state(const ds_estimator *e)
{
    const ds_source *s = e->source;
    ds_estimate_state out = { .conditions = e->conditions,
                              .pairs = e->pairs,
                              .channels = s->channels,
                              .height = s->height,
                              .width = s->width,
                              .level = e->level,
                              .draws = e->trace_count,
                              .calls = e->trace_count * e->conditions + e->pilot_calls,
                              .pilot_calls = e->pilot_calls,
                              .seconds = e->seconds,
                              .met = e->met };

    for (int64_t r = 0; r < e->replicates; r++)
        out.replicates += e->drawn[r] > 0;
    return out;
}

/* ---- replicate means --------------------------------------------------------------------------
 */

/* A quantity is a linear combination of two terms at most. */
typedef struct quantity {
    int64_t plus, minus; /* terms; minus -1: none */
} quantity;

static quantity quantity_of(const ds_estimator *e, int64_t pair, ds_info_form form)
{
    if (form == DS_INFO_O)
        return (quantity){ e->conditions + pair, -1 };
    return (quantity){ e->pair[pair].without, e->pair[pair].with };
}

static double replicate_pixel(const ds_estimator *e, quantity q, int64_t r, int64_t j)
{
    const double *sum = e->sum + r * e->terms * e->pixels;
    double v = sum[q.plus * e->pixels + j];

    if (q.minus >= 0)
        v -= sum[q.minus * e->pixels + j];
    return v / (double)e->drawn[r];
}

static double replicate_total(const ds_estimator *e, quantity q, int64_t r)
{
    double total = 0.0;

    for (int64_t j = 0; j < e->pixels; j++)
        total += replicate_pixel(e, q, r, j);
    return total;
}

static int64_t past(const ds_estimator *e, int64_t first, int64_t count)
{
    return count == 0 || first + count > e->replicates ? e->replicates : first + count;
}

/* The mean over all draws of the range: replicates of recorded draws may differ by one draw. */
static void mean_map(const ds_estimator *e, double *map, quantity q, int64_t first, int64_t count)
{
    int64_t n = 0;

    memset(map, 0, (size_t)e->pixels * sizeof *map);
    for (int64_t r = first; r < past(e, first, count); r++) {
        n += e->drawn[r];
        for (int64_t j = 0; j < e->pixels && e->drawn[r] > 0; j++)
            map[j] += replicate_pixel(e, q, r, j) * (double)e->drawn[r];
    }
    for (int64_t j = 0; j < e->pixels; j++)
        map[j] = n > 0 ? map[j] / (double)n : NAN;
}

double ds__estimate_total(const ds_estimator *e, int64_t pair, ds_info_form form, int64_t first,
                          int64_t count)
{
    quantity q = quantity_of(e, pair, form);
    double total = 0.0;
    int64_t n = 0;

    for (int64_t r = first; r < past(e, first, count); r++)
        if (e->drawn[r] > 0) {
            total += replicate_total(e, q, r) * (double)e->drawn[r];
            n += e->drawn[r];
        }
    return n > 0 ? total / (double)n : NAN;
}

void ds__estimate_map(const ds_estimator *e, double *map, int64_t pair, ds_info_form form,
                      int64_t first, int64_t count)
{
    mean_map(e, map, quantity_of(e, pair, form), first, count);
}

void ds__estimate_error_map(const ds_estimator *e, double *map, int64_t k, int64_t first,
                            int64_t count)
{
    mean_map(e, map, (quantity){ k, -1 }, first, count);
}

/* ---- errors -----------------------------------------------------------------------------------
 */

/* 97.5 % point of Student's t: a table, and beyond it the expansion about the normal one
 * (Abramowitz and Stegun 26.7.5), good to 1e-4 there. */
static double student(int64_t freedom)
{
    static const double table[] = { 12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                    2.4469,  2.3646, 2.3060, 2.2622, 2.2281 };
    const double z = 1.959964, n = (double)freedom, z3 = z * z * z, z5 = z3 * z * z;

    if (freedom <= (int64_t)DS_COUNT(table))
        return table[freedom - 1];
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

ds_info_value ds__replicate_value(const double *x, int64_t n)
{
    ds_info_value v = { 0.0, NAN, NAN, NAN };
    double square = 0.0;

    for (int64_t i = 0; i < n; i++)
        v.value += x[i] / (double)n;
    if (n < 2)
        return v;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - v.value) * (x[i] - v.value);
    v.se = sqrt(square / (double)(n - 1) / (double)n);
    v.low = v.value - student(n - 1) * v.se;
    v.high = v.value + student(n - 1) * v.se;
    return v;
}

ds_info_value ds__estimate_value(const ds_estimator *e, int64_t pair, ds_info_form form)
{
    quantity q = quantity_of(e, pair, form);
    double *x = ds_calloc((size_t)e->replicates, sizeof *x), shift;
    ds_info_value v = { NAN, NAN, NAN, NAN };
    int64_t n = 0;

    if (x == NULL)
        return v;
    for (int64_t r = 0; r < e->replicates; r++)
        if (e->drawn[r] > 0)
            x[n++] = replicate_total(e, q, r);
    if (n > 0) {
        v = ds__replicate_value(x, n);
        shift = ds__estimate_total(e, pair, form, 0, 0) - v.value;
        v.value += shift;
        v.low += shift;
        v.high += shift;
    }
    ds_free(x);
    return v;
}

void ds__estimate_se_map(const ds_estimator *e, double *se, int64_t pair, ds_info_form form)
{
    quantity q = quantity_of(e, pair, form);

    for (int64_t j = 0; j < e->pixels; j++) {
        double mean = 0.0, square = 0.0;
        int64_t n = 0;

        for (int64_t r = 0; r < e->replicates; r++) { /* Welford */
            double x, step;

            if (e->drawn[r] == 0)
                continue;
            x = replicate_pixel(e, q, r, j);
            step = x - mean;
            mean += step / (double)++n;
            square += step * (x - mean);
        }
        se[j] = n > 1 ? sqrt(square / (double)(n - 1) / (double)n) : NAN;
    }
}

bool ds__estimate_reached(const ds_estimator *e, const ds_goal *goal)
{
    for (int64_t p = 0; p < e->pairs; p++)
        for (int f = DS_INFO_O; f <= DS_INFO_S; f++) {
            ds_info_value v;

            if ((goal->forms & 1u << f) == 0)
                continue;
            v = ds__estimate_value(e, p, (ds_info_form)f);
            if (!(v.se <= goal->se * fmax(fabs(v.value), goal->floor)))
                return false;
        }
    return goal->se > 0;
}

/* ---- the trace --------------------------------------------------------------------------------
 */

int64_t ds__estimate_trace_count(const ds_estimator *e)
{
    return e->trace_count;
}

ds_trace_row ds__estimate_trace(const ds_estimator *e, int64_t i)
{
    const double *row = e->trace + i * (DS_TRACE_HEAD + e->terms);

    return (ds_trace_row){ (int64_t)row[0], row[1], row[2], row + DS_TRACE_HEAD,
                           row + DS_TRACE_HEAD + e->conditions };
}

typedef struct point {
    double u, value;
} point;

static int by_u(const void *a, const void *b)
{
    double x = ((const point *)a)->u, y = ((const point *)b)->u;

    return x < y ? -1 : x > y;
}

/* Points at the same log-SNR become their mean. Returns how many are left. */
static int64_t merge_points(point *at, int64_t n)
{
    int64_t kept = 0;

    qsort(at, (size_t)n, sizeof *at, by_u);
    for (int64_t i = 0; i < n;) {
        double sum = 0.0;
        int64_t same = 0;

        while (i + same < n && at[i + same].u == at[i].u)
            sum += at[i + same++].value;
        at[kept++] = (point){ at[i].u, sum / (double)same };
        i += same;
    }
    return kept;
}

static void mean_curve(const ds_estimator *e, point *at)
{
    for (int64_t i = 0; i < e->trace_count; i++)
        at[i] = (point){ ds__estimate_trace(e, i).logsnr, 0.0 };
    for (int64_t p = 0; p < e->pairs; p++) {
        double integral = 0.0;

        for (int64_t i = 0; i < e->trace_count; i++) {
            ds_trace_row r = ds__estimate_trace(e, i);

            integral += r.weight * r.difference[p] / (double)e->trace_count;
        }
        for (int64_t i = 0; integral > 0.0 && i < e->trace_count; i++)
            at[i].value += ds__estimate_trace(e, i).difference[p] / integral;
    }
}

ds_status ds__estimate_fit(const ds_estimator *e, ds_density *d, const ds_density *base,
                           ds_error *err)
{
    size_t n = (size_t)e->trace_count;
    point *at = ds_calloc(n + 1, sizeof *at);
    double *u = ds_calloc(n + 1, sizeof *u), *value = ds_calloc(n + 1, sizeof *value);
    ds_status st = DS_OK;
    int64_t kept;

    if (at == NULL || u == NULL || value == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "no memory for a pilot's curve");
    } else {
        mean_curve(e, at);
        kept = merge_points(at, e->trace_count);
        for (int64_t i = 0; i < kept; i++) {
            u[i] = at[i].u;
            value[i] = at[i].value;
        }
        st = ds__density_fit(d, base, u, value, kept, err);
    }
    ds_free(at);
    ds_free(u);
    ds_free(value);
    return st;
}
