/* finite.h - numbers that are no numbers. A network whose weights are damaged, or whose values leave the range of
 * its arithmetic, answers NaN or infinity; a maximum or a clip then makes a zero of it, and a picture black. So
 * what a network gives is looked at where it leaves the network. */

#ifndef DS_BASE_FINITE_H
#define DS_BASE_FINITE_H

#include <math.h>
#include <stdint.h>

/* The index of the first of n numbers that is NaN or infinite; -1 if none is. */
static inline int64_t ds__not_finite(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return i;
    return -1;
}

#endif
