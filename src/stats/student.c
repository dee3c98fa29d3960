/* student.c - see student.h. The cumulative distribution of t is an incomplete beta function; quantiles
 * are found by bisection on it, which is slow (some microseconds) and cannot go astray. */

#include "stats/student.h"

#include <math.h>

double ds__normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0));
}

/* The x with cdf(x) = p, for p <= 1/2 by bisection between -40 and 0, where the tail keeps its digits. */
double ds__normal_quantile(double p)
{
    double low = -40.0, high = 0.0;

    if (!(p > 0.0 && p < 1.0))
        return p == 0.0 ? -INFINITY : p == 1.0 ? INFINITY : NAN;
    if (p > 0.5)
        return -ds__normal_quantile(1.0 - p);
    for (int k = 0; k < 80; k++) {
        const double x = (low + high) / 2.0;

        if (ds__normal_cdf(x) < p)
            low = x;
        else
            high = x;
    }
    return (low + high) / 2.0;
}

/* Regularised incomplete beta I_x(a, b) for x below the mean, by its continued fraction
 *
 *   x^a (1-x)^b / (a B(a,b)) * 1 / (1 + d_1 / (1 + d_2 / (1 + ...))),
 *
 * evaluated by the modified method of Lentz (W. H. Press and others, Numerical Recipes, section 6.4,
 * gives formula and method; DLMF 8.17.22). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), value;

    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m < 2000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[2] = { even, odd };
        double change = 1.0;

        for (int k = 0; k < 2; k++) {
            d = 1.0 + terms[k] * d;
            c = 1.0 + terms[k] / c;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1.0) < 1e-15)
            break;
    }
    return value;
}

static double log_gamma(double x)
{
    int sign; /* lgamma would write to a global */

    return lgamma_r(x, &sign);
}

static double incomplete_beta(double a, double b, double x)
{
    double front;

    if (x <= 0.0 || x >= 1.0)
        return x <= 0.0 ? 0.0 : 1.0;
    if (x > (a + 1.0) / (a + b + 2.0))
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    return front * beta_fraction(a, b, x) / a;
}

/* Above |t|, one side: half of I_{df / (df + t^2)}(df / 2, 1 / 2). */
static double tail(double t, double df)
{
    if (isinf(df))
        return ds__normal_cdf(-fabs(t));
    return 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t));
}

double ds__t_cdf(double t, double df)
{
    return t > 0.0 ? 1.0 - tail(t, df) : tail(t, df);
}

double ds__t_p_value(double t, double df)
{
    return isnan(t) || !(df > 0.0) ? NAN : 2.0 * tail(t, df);
}

double ds__t_quantile(double p, double df)
{
    double low = 0.0, high = 1.0;

    if (!(p > 0.0 && p < 1.0) || !(df > 0.0))
        return NAN;
    if (p < 0.5)
        return -ds__t_quantile(1.0 - p, df);
    while (high < 1e300 && tail(high, df) > 1.0 - p)
        high *= 2.0;
    for (int k = 0; k < 100; k++) {
        const double t = (low + high) / 2.0;

        if (tail(t, df) > 1.0 - p)
            low = t;
        else
            high = t;
    }
    return (low + high) / 2.0;
}

ds_value ds__t_interval(double value, double se, double df, int64_t count)
{
    const double half = df >= 1.0 ? ds__t_quantile(0.975, df) * se : NAN;

    return (ds_value){ value, df >= 1.0 ? se : NAN, value - half, value + half, count };
}

ds_value ds__within_one(ds_value v)
{
    v.low = isnan(v.low) ? v.low : fmax(0.0, v.low);
    v.high = isnan(v.high) ? v.high : fmin(1.0, v.high);
    return v;
}

ds_value ds__t_mean(const double *x, int64_t n)
{
    double mean = 0.0, square = 0.0;

    if (n <= 0)
        return (ds_value){ NAN, NAN, NAN, NAN, 0 };
    for (int64_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return ds__t_interval(mean, n > 1 ? sqrt(square / ((double)n * (double)(n - 1))) : NAN,
                          (double)(n - 1), n);
}

double ds__resampled_tail(int64_t n)
{
    const double units = (double)n;

    return ds__normal_cdf(-sqrt(units / (units - 1.0)) * ds__t_quantile(0.975, units - 1.0));
}
