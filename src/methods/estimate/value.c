/* value.c - totals, maps, errors and curves from an estimate's sums. See estimate.h. */

#include "methods/estimate/impl.h"

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

/* ---- replicate means ------------------------------------------------------------------------- */

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

/* What replicate values become before anything is made of them: y'[r] = sum_s turn[r,s] y[s] over
 * the replicates with draws, the identity without phases. */
typedef struct readout {
    int64_t count;      /* replicates with draws ... */
    int64_t *replicate; /* ... and which they are */
    double *turn;       /* [count,count]; NULL: the identity */
    double *y, *out;    /* [count] */
    int fitted;         /* parameters of the regression beside the mean */
} readout;

static void readout_free(readout *o)
{
    ds_free(o->replicate);
    ds_free(o->turn);
    ds_free(o->y);
}

#define MOST_TERMS 5 /* of the regression: 1 and two harmonics */

/* Inverse of a symmetric positive matrix by Gauss and Jordan; false if it is as good as
 * singular. */
static bool invert(double out[MOST_TERMS][MOST_TERMS], double m[MOST_TERMS][MOST_TERMS], int n)
{
    const double least = 0.05 * m[0][0];

    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            out[i][j] = i == j;
    for (int p = 0; p < n; p++) {
        double pivot = m[p][p];

        if (!(pivot > least))
            return false;
        for (int j = 0; j < n; j++) {
            m[p][j] /= pivot;
            out[p][j] /= pivot;
        }
        for (int i = 0; i < n; i++) {
            double f = i == p ? 0.0 : m[i][p];

            for (int j = 0; f != 0.0 && j < n; j++) {
                m[i][j] -= f * m[p][j];
                out[i][j] -= f * out[p][j];
            }
        }
    }
    return true;
}

/* 1, cos, sin, cos 2, sin 2 of the phase of a replicate. Its lattice lies at U / N (draws.h), so
 * that the phase is U at the first level, however many nodes there are, and doubles with them. */
static void regressors(double *x, const ds_estimator *e, int64_t r, int terms)
{
    double phase = 2.0 * M_PI * ldexp(ds__plan_shift(&e->plan, r), (int)e->level - 1);

    x[0] = 1.0;
    for (int h = 1; 2 * h < terms; h++) {
        x[2 * h - 1] = cos(h * phase);
        x[2 * h] = sin(h * phase);
    }
}

/* turn = 1 (row 0 of the pseudo-inverse) + kappa (I - projection): estimate plus scaled
 * residuals. */
static void regress(readout *o, const ds_estimator *e)
{
    const double n = (double)o->count;
    const int terms = o->count >= 9 ? 5 : 3;
    double gram[MOST_TERMS][MOST_TERMS] = { { 0 } }, inverse[MOST_TERMS][MOST_TERMS], kappa;

    for (int64_t r = 0; r < o->count; r++) {
        double x[MOST_TERMS];

        regressors(x, e, o->replicate[r], terms);
        for (int i = 0; i < terms * terms; i++)
            gram[i / terms][i % terms] += x[i / terms] * x[i % terms];
    }
    if (!invert(inverse, gram, terms))
        return;
    o->turn = ds_calloc((size_t)(o->count * o->count), sizeof *o->turn);
    if (o->turn == NULL)
        return; /* the plain mean is as right, if less precise */
    o->fitted = terms - 1;
    kappa = sqrt((n - 1.0) * n * inverse[0][0] / (n - terms));
    for (int64_t r = 0; r < o->count; r++)
        for (int64_t s = 0; s < o->count; s++) {
            double x[MOST_TERMS], z[MOST_TERMS], mean = 0.0, hat = 0.0;

            regressors(x, e, o->replicate[r], terms);
            regressors(z, e, o->replicate[s], terms);
            for (int i = 0; i < terms; i++) {
                mean += inverse[0][i] * z[i];
                for (int k = 0; k < terms; k++)
                    hat += x[i] * inverse[i][k] * z[k];
            }
            o->turn[r * o->count + s] = mean + kappa * ((r == s) - hat);
        }
}

static bool readout_new(readout *o, const ds_estimator *e)
{
    *o = (readout){ .replicate = ds_calloc((size_t)e->replicates, sizeof *o->replicate),
                    .y = ds_calloc(2 * (size_t)e->replicates, sizeof *o->y) };
    if (o->replicate == NULL || o->y == NULL) {
        readout_free(o);
        return false;
    }
    o->out = o->y + e->replicates;
    for (int64_t r = 0; r < e->replicates; r++)
        if (e->drawn[r] > 0)
            o->replicate[o->count++] = r;
    if (e->plan.phases && o->count >= 6 && e->level > 0 &&
        e->plan.nodes << (e->level - 1) < DS_LATTICE_FINE)
        regress(o, e);
    return true;
}

/* From y to out. */
static void turn(readout *o)
{
    for (int64_t r = 0; r < o->count; r++) {
        o->out[r] = o->turn == NULL ? o->y[r] : 0.0;
        for (int64_t s = 0; o->turn != NULL && s < o->count; s++)
            o->out[r] += o->turn[r * o->count + s] * o->y[s];
    }
}

/* out[] of a pixel, or of the total for j == -1. */
static void read_pixel(readout *o, const ds_estimator *e, quantity q, int64_t j)
{
    for (int64_t i = 0; i < o->count; i++) {
        int64_t r = o->replicate[i];
        const double *plus = e->sum + (r * e->terms + q.plus) * e->pixels;
        const double *minus = q.minus >= 0 ? e->sum + (r * e->terms + q.minus) * e->pixels : NULL;
        double v = 0.0;

        for (int64_t p = j < 0 ? 0 : j; p < (j < 0 ? e->pixels : j + 1); p++)
            v += minus != NULL ? plus[p] - minus[p] : plus[p];
        o->y[i] = v / (double)e->drawn[r];
    }
    turn(o);
}

/* The mean over all draws of the range (count 0: all): replicates of recorded draws may differ by
 * one draw. */
static double mean_of(const readout *o, const ds_estimator *e, int64_t first, int64_t count)
{
    double sum = 0.0;
    int64_t n = 0;

    for (int64_t i = 0; i < o->count; i++) {
        int64_t r = o->replicate[i];

        if (r < first || (count > 0 && r >= first + count))
            continue;
        sum += o->out[i] * (double)e->drawn[r];
        n += e->drawn[r];
    }
    return n > 0 ? sum / (double)n : NAN;
}

static void mean_map(const ds_estimator *e, double *map, quantity q, int64_t first, int64_t count)
{
    readout o;
    bool good = readout_new(&o, e);

    for (int64_t j = 0; j < e->pixels; j++) {
        if (good)
            read_pixel(&o, e, q, j);
        map[j] = good ? mean_of(&o, e, first, count) : NAN;
    }
    if (good)
        readout_free(&o);
}

double ds__estimate_total(const ds_estimator *e, int64_t pair, ds_info_form form, int64_t first,
                          int64_t count)
{
    double total = NAN;
    readout o;

    if (!readout_new(&o, e))
        return NAN;
    read_pixel(&o, e, quantity_of(e, pair, form), -1);
    total = mean_of(&o, e, first, count);
    readout_free(&o);
    return total;
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

/* ---- errors ---------------------------------------------------------------------------------- */

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

ds_value ds__replicate_value_fitted(const double *x, int64_t n, int fitted)
{
    ds_value v = { 0.0, NAN, NAN, NAN, 0 };
    double square = 0.0;

    for (int64_t i = 0; i < n; i++)
        v.value += x[i] / (double)n;
    if (n < 2 + fitted)
        return v;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - v.value) * (x[i] - v.value);
    v.se = sqrt(square / (double)(n - 1) / (double)n);
    v.low = v.value - student(n - 1 - fitted) * v.se;
    v.high = v.value + student(n - 1 - fitted) * v.se;
    return v;
}

ds_value ds__replicate_value(const double *x, int64_t n)
{
    return ds__replicate_value_fitted(x, n, 0);
}

/* The interval of a run that its own standard error stopped, which is more often too small than too
 * large then: Student's of a degree of freedom less. */
static void stopped(ds_value *v, int64_t freedom)
{
    v->low = v->value - student(freedom) * v->se;
    v->high = v->value + student(freedom) * v->se;
}

/* Of the total of one quantity less that of another, if there is one. */
static ds_value value_of(const ds_estimator *e, quantity q, const quantity *less)
{
    ds_value v = { NAN, NAN, NAN, NAN, 0 };
    double shift, *first;
    readout o;

    if (!readout_new(&o, e))
        return v;
    first = ds_calloc((size_t)o.count + 1, sizeof *first);
    if (o.count > 0 && first != NULL) {
        if (less != NULL)
            read_pixel(&o, e, *less, -1);
        for (int64_t i = 0; less != NULL && i < o.count; i++)
            first[i] = o.out[i];
        read_pixel(&o, e, q, -1);
        for (int64_t i = 0; i < o.count; i++)
            o.out[i] -= first[i];
        v = ds__replicate_value_fitted(o.out, o.count, o.fitted);
        if (e->met && o.count > o.fitted + 2)
            stopped(&v, o.count - o.fitted - 2);
        shift = mean_of(&o, e, 0, 0) - v.value;
        v.value += shift;
        v.low += shift;
        v.high += shift;
    }
    ds_free(first);
    readout_free(&o);
    return v;
}

ds_value ds__estimate_value(const ds_estimator *e, int64_t pair, ds_info_form form)
{
    return value_of(e, quantity_of(e, pair, form), NULL);
}

ds_value ds__estimate_difference(const ds_estimator *e, int64_t pair, int64_t less,
                                 ds_info_form form)
{
    quantity q = quantity_of(e, less, form);

    return value_of(e, quantity_of(e, pair, form), &q);
}

void ds__estimate_se_map(const ds_estimator *e, double *se, int64_t pair, ds_info_form form)
{
    quantity q = quantity_of(e, pair, form);
    readout o;
    bool good = readout_new(&o, e);

    for (int64_t j = 0; j < e->pixels; j++) {
        if (good)
            read_pixel(&o, e, q, j);
        se[j] = good ? ds__replicate_value(o.out, o.count).se : NAN;
    }
    if (good)
        readout_free(&o);
}

double ds__estimate_quantile(const ds_estimator *e)
{
    double t = NAN;
    readout o;

    if (!readout_new(&o, e))
        return NAN;
    if (o.count > 1 + o.fitted)
        t = student(o.count - 1 - o.fitted);
    readout_free(&o);
    return t;
}

bool ds__estimate_reached(const ds_estimator *e, const ds_goal *goal)
{
    for (int64_t p = 0; p < e->pairs; p++)
        for (int f = DS_INFO_O; f <= DS_INFO_S; f++) {
            ds_value v;

            if ((goal->forms & 1u << f) == 0)
                continue;
            v = ds__estimate_value(e, p, (ds_info_form)f);
            if (!(v.se <= goal->se * fmax(fabs(v.value), goal->floor)))
                return false;
        }
    return goal->se > 0;
}

/* ---- the trace ------------------------------------------------------------------------------- */

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

/* What each draw contributes to the pairs' integrals, each scaled to 1. */
static void shares(const ds_estimator *e, double *mass)
{
    for (int64_t p = 0; p < e->pairs; p++) {
        double integral = 0.0;

        for (int64_t i = 0; i < e->trace_count; i++) {
            ds_trace_row r = ds__estimate_trace(e, i);

            integral += r.weight * r.difference[p];
        }
        for (int64_t i = 0; integral > 0.0 && i < e->trace_count; i++) {
            ds_trace_row r = ds__estimate_trace(e, i);

            mass[i] += r.weight * r.difference[p] / integral;
        }
    }
}

/* The weight of a draw over their number is the distance to its neighbours. */
ds_status ds__estimate_fit(const ds_estimator *e, ds_density *d, const ds_density *base,
                           ds_error *err)
{
    size_t n = (size_t)e->trace_count;
    double *u = ds_calloc(3 * n + 1, sizeof *u), *mass = u + n, *width = mass + n;
    ds_status st;

    if (u == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a pilot's draws");
    shares(e, mass);
    for (size_t i = 0; i < n; i++) {
        ds_trace_row r = ds__estimate_trace(e, (int64_t)i);

        u[i] = r.logsnr;
        width[i] = r.weight / (double)n;
    }
    st = ds__density_fit(d, base, u, mass, width, e->trace_count, err);
    ds_free(u);
    return st;
}
