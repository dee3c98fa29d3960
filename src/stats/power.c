/* power.c - see power.h. */

#include "stats/power.h"

#include <math.h>

#include "stats/student.h"

/* T = (Z + effect) / u with Z normal and u = sqrt(chi^2(df) / df), whose density is
 *
 *   f(u) = 2 (df/2)^(df/2) / Gamma(df/2)  u^(df-1) exp(-df u^2 / 2).
 *
 * Its integral over u, by Simpson's rule, of P(Z > t u - effect) + P(Z < -t u - effect). The spread of u
 * is about 1 / sqrt(2 df): beyond 12 of them nothing is left. */
double ds__power(double effect, double df, double level)
{
    enum { PARTS = 2000 };
    const double t = ds__t_quantile(1.0 - level / 2.0, df);
    const double reach = 12.0 / sqrt(2.0 * df);
    const double from = fmax(0.0, 1.0 - reach), step = (1.0 + reach - from) / PARTS;
    int sign;
    const double front = log(2.0) + df / 2.0 * log(df / 2.0) - lgamma_r(df / 2.0, &sign);
    double sum = 0.0;

    for (int i = 0; i <= PARTS; i++) {
        const double u = from + step * i, weight = i == 0 || i == PARTS ? 1.0 : i % 2 ? 4.0 : 2.0;
        const double power = u > 0.0 ? (df - 1.0) * log(u) : df > 1.0 ? -INFINITY : 0.0;
        const double density = exp(front + power - df * u * u / 2.0);

        sum +=
            weight * density * (ds__normal_cdf(effect - t * u) + ds__normal_cdf(-effect - t * u));
    }
    return sum * step / 3.0;
}

double ds__power_effect(double df, double level, double chance)
{
    double low = 0.0, high = 4.0;

    if (!(df >= 1.0) || !(level > 0.0 && level < 1.0) || !(chance > level && chance < 1.0))
        return NAN;
    while (high < 1e9 && ds__power(high, df, level) < chance)
        high *= 2.0;
    for (int k = 0; k < 60; k++) {
        const double x = (low + high) / 2.0;

        if (ds__power(x, df, level) < chance)
            low = x;
        else
            high = x;
    }
    return (low + high) / 2.0;
}
