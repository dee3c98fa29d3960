/* clock.h - time that passes. */

#ifndef DS_BASE_CLOCK_H
#define DS_BASE_CLOCK_H

#include <time.h>

/* Seconds of the monotonic clock, whose zero is anywhere. */
static inline double ds__seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
