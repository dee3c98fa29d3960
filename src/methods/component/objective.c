/* objective.c - J and its cotangents. See measure.h. */

#include "methods/component/measure.h"

#include "methods/component/impl.h"

/* d f / d answer at t, f being what J compares. With eps = s answer + ..., and
 * v = (eps - sigma z) / alpha, x0 = (z - sigma eps) / alpha; a network of v has s = alpha. */
double ds__objective_slope(const ds_objective *o, const ds_noise *noise, double t)
{
    const ds_noise_level at = ds_noise_at(noise, t);
    const double s = ds_noise_slope(noise, at);

    switch (o->on) {
    case DS_ON_V:
        return s / at.alpha;
    case DS_ON_EPS:
        return s;
    case DS_ON_X0:
        return s * at.sigma / at.alpha;
    case DS_ON_OUTPUT:
        break;
    }
    return 1.0;
}

/* Erase: a sum over elements. Amplify: a mean over those of the mask. */
double ds__objective_unit(const ds_objective *o, int64_t channels, int64_t places)
{
    double covered = 0.0;

    if (o->goal == DS_GOAL_ERASE)
        return 1.0;
    for (int64_t i = 0; i < places; i++)
        covered += o->mask == NULL ? 1.0 : o->mask[i] * o->mask[i];
    return covered > 0.0 ? 1.0 / (covered * (double)channels) : 0.0;
}

void ds__objective(double *j, const ds_objective *o, const ds_noise *noise, const float *concept_,
                   const float *other, const float *t, int64_t n, int64_t channels, int64_t places)
{
    const double unit = ds__objective_unit(o, channels, places);

    for (int64_t b = 0; b < n; b++) {
        const double slope = ds__objective_slope(o, noise, t[b]);
        const float *x = concept_ + b * channels * places, *y = other + b * channels * places;
        double sum = 0.0;

        for (int64_t i = 0; i < channels * places; i++) {
            double d = (double)x[i] - y[i];

            if (o->mask != NULL)
                d *= o->mask[i % places];
            sum += d * d;
        }
        j[b] = unit * slope * slope * sum;
    }
}

/* dJ/d concept = 2 unit slope^2 M^2 (concept - other), times `weight`. */
void ds__objective_cotangent(float *out, const ds_objective *o, const ds_noise *noise,
                             const float *concept_, const float *other, float t, double weight,
                             int64_t channels, int64_t places)
{
    const double slope = ds__objective_slope(o, noise, t);
    const double factor = 2.0 * weight * slope * slope * ds__objective_unit(o, channels, places);

    for (int64_t i = 0; i < channels * places; i++) {
        double m = o->mask != NULL ? o->mask[i % places] : 1.0;

        out[i] = (float)(factor * m * m * ((double)concept_[i] - other[i]));
    }
}

/* eps = s answer + r z is linear in both: the answer whose eps is the given one. */
void ds__target(float *out, const ds_noise *noise, const float *z, const float *eps, float t,
                int64_t count)
{
    const ds_noise_level at = ds_noise_at(noise, t);
    const double s = ds_noise_slope(noise, at);
    const float nothing[1] = { 0 }, one[1] = { 1 };
    float r;

    ds_noise_to_eps(noise, &r, nothing, one, at, 1);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((eps[i] - (double)r * z[i]) / s);
}
