/* density.c - densities of log-SNR and their quantiles. See density.h. */

#include "methods/estimate/density.h"

#include <math.h>

static double logistic(double s)
{
    return 1.0 / (1.0 + exp(-s));
}

ds_status ds__density_uniform(ds_density *d, double low, double high, ds_error *err)
{
    if (!isfinite(low) || !isfinite(high) || low >= high)
        return ds_fail(err, DS_E_ARG, "log-SNRs from %g to %g: expected a range", low, high);
    *d = (ds_density){ .kind = DS_DENSITY_UNIFORM, .low = low, .high = high };
    return DS_OK;
}

ds_status ds__density_logistic(ds_density *d, double loc, double scale, double low, double high,
                               ds_error *err)
{
    if (!(scale > 0) || !isfinite(loc) || !isfinite(scale))
        return ds_fail(err, DS_E_ARG, "logistic density: expected a positive scale, found %g",
                       scale);
    if (ds__density_uniform(d, low, high, err) != DS_OK)
        return DS_E_ARG;
    d->kind = DS_DENSITY_LOGISTIC;
    d->loc = loc;
    d->scale = scale;
    return DS_OK;
}

/* Share of the untruncated logistic inside the range. */
static double logistic_mass(const ds_density *d)
{
    return logistic((d->high - d->loc) / d->scale) - logistic((d->low - d->loc) / d->scale);
}

double ds__density_at(const ds_density *d, double u)
{
    double width = (d->high - d->low) / DS_DENSITY_CELLS, s;
    int64_t c;

    if (u < d->low || u > d->high)
        return 0.0;
    switch (d->kind) {
    case DS_DENSITY_UNIFORM:
        return 1.0 / (d->high - d->low);
    case DS_DENSITY_LOGISTIC:
        s = (u - d->loc) / d->scale;
        return logistic(s) * logistic(-s) / (d->scale * logistic_mass(d));
    case DS_DENSITY_FITTED:
        break;
    }
    s = (u - d->low) / width;
    c = s >= DS_DENSITY_CELLS ? DS_DENSITY_CELLS - 1 : (int64_t)s;
    return d->q[c] + (d->q[c + 1] - d->q[c]) * (s - (double)c);
}

/* Inside a cell the integral is q0 s + (q1 - q0) s^2 / 2 in units of the cell's width; solved for s
 * in the form that does not cancel. */
static double fitted_quantile(const ds_density *d, double p)
{
    double width = (d->high - d->low) / DS_DENSITY_CELLS, q0, slope, rest, root;
    int64_t low = 0, high = DS_DENSITY_CELLS;

    while (high - low > 1) {
        int64_t middle = (low + high) / 2;

        if (d->below[middle] <= p)
            low = middle;
        else
            high = middle;
    }
    q0 = d->q[low];
    slope = d->q[low + 1] - q0;
    rest = fmax((p - d->below[low]) / width, 0.0);
    root = sqrt(fmax(q0 * q0 + 2.0 * slope * rest, 0.0));
    return d->low + width * ((double)low + fmin(2.0 * rest / (q0 + root), 1.0));
}

double ds__density_quantile(const ds_density *d, double p, double *weight)
{
    double u = d->low, below;

    switch (d->kind) {
    case DS_DENSITY_UNIFORM:
        u = d->low + p * (d->high - d->low);
        break;
    case DS_DENSITY_LOGISTIC:
        below = logistic((d->low - d->loc) / d->scale) + p * logistic_mass(d);
        u = d->loc + d->scale * (log(below) - log1p(-below));
        break;
    case DS_DENSITY_FITTED:
        u = fitted_quantile(d, p);
        break;
    }
    u = fmin(fmax(u, d->low), d->high);
    *weight = 1.0 / ds__density_at(d, u);
    return u;
}

static ds_status check_masses(const double *u, const double *mass, const double *width,
                              int64_t count, ds_error *err)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(u[i]) || !isfinite(mass[i]) || mass[i] < 0.0 || !isfinite(width[i]) ||
            !(width[i] > 0.0))
            return ds_fail(err, DS_E_ARG,
                           "pilot: expected masses from 0 and positive widths, found mass %g, "
                           "width %g at log-SNR %g",
                           mass[i], width[i], u[i]);
    return DS_OK;
}

ds_status ds__density_fit(ds_density *d, const ds_density *base, const double *u,
                          const double *mass, const double *width, int64_t count, ds_error *err)
{
    const double step = (base->high - base->low) / DS_DENSITY_CELLS;
    ds_density out = *base, bump;
    double total = 0.0;

    if (check_masses(u, mass, width, count, err) != DS_OK)
        return DS_E_ARG;
    for (int64_t i = 0; i < count; i++)
        total += mass[i];
    for (int64_t c = 0; c <= DS_DENSITY_CELLS; c++)
        out.q[c] = 0.5 * ds__density_at(base, base->low + step * (double)c);
    for (int64_t i = 0; total > 0.0 && i < count; i++) {
        if (ds__density_logistic(&bump, u[i], width[i], base->low, base->high, err) != DS_OK)
            return DS_E_ARG;
        for (int64_t c = 0; c <= DS_DENSITY_CELLS; c++)
            out.q[c] += 0.5 * mass[i] / total * ds__density_at(&bump, base->low + step * (double)c);
    }
    *d = *base;
    return total > 0.0 ? ds__density_table(d, out.q, err) : DS_OK;
}

ds_status ds__density_table(ds_density *d, const double *q, ds_error *err)
{
    double width = (d->high - d->low) / DS_DENSITY_CELLS, total = 0.0;

    for (int64_t c = 0; c <= DS_DENSITY_CELLS; c++)
        if (!(q[c] > 0.0) || !isfinite(q[c]))
            return ds_fail(err, DS_E_FORMAT,
                           "density of log-SNR: expected positive numbers, "
                           "found %g",
                           q[c]);
    for (int64_t c = 0; c < DS_DENSITY_CELLS; c++)
        total += 0.5 * (q[c] + q[c + 1]) * width;
    total = fabs(total - 1.0) < 1e-12 ? 1.0 : total; /* a saved table gives the very same density */
    for (int64_t c = 0; c <= DS_DENSITY_CELLS; c++)
        d->q[c] = q[c] / total;
    d->below[0] = 0.0;
    for (int64_t c = 0; c < DS_DENSITY_CELLS; c++)
        d->below[c + 1] = d->below[c] + 0.5 * (d->q[c] + d->q[c + 1]) * width;
    d->below[DS_DENSITY_CELLS] = 1.0;
    d->kind = DS_DENSITY_FITTED;
    return DS_OK;
}
