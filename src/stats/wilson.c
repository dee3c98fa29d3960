/* wilson.c - see wilson.h. */

#include "stats/wilson.h"

#include <math.h>

#include "stats/student.h"

#define Z 1.959963984540054 /* of the normal distribution at 97.5 % */

void ds__wilson(double *low, double *high, double p, double n)
{
    const double z2 = Z * Z / n, centre = (p + z2 / 2.0) / (1.0 + z2);
    const double half = Z / (1.0 + z2) * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n));

    *low = p > 0.0 ? centre - half : 0.0;
    *high = p < 1.0 ? centre + half : 1.0;
}

double ds__effective_trials(double p, double se, double df, double most)
{
    const double t = ds__t_quantile(0.975, df);

    return se > 0.0 ? fmin(most, p * (1.0 - p) / (se * se)) * (Z / t) * (Z / t) : most;
}
