/* impl.h - what the files of component attribution share. */

#ifndef DS_METHODS_COMPONENT_IMPL_H
#define DS_METHODS_COMPONENT_IMPL_H

#include "methods/component/measure.h"

double ds__objective_slope(const ds_objective *o, const ds_noise *noise, double t);
double ds__objective_unit(const ds_objective *o, int64_t channels, int64_t places);
void ds__objective_cotangent(float *out, const ds_objective *o, const ds_noise *noise,
                             const float *concept_, const float *other, float t, double weight,
                             int64_t channels, int64_t places);

#endif
