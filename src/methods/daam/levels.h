/* levels.h - at which levels of noise an existing picture is looked at. */

#ifndef DS_METHODS_DAAM_LEVELS_H
#define DS_METHODS_DAAM_LEVELS_H

#include <stdint.h>

#include <diffuscope/option.h>

typedef struct daam_levels {
    int approach; /* ds_daam_approach */
    int64_t count;
    double from, to; /* shares of the schedule's time */
} daam_levels;
extern const ds_option ds__daam_level_rows[]; /* block of the first two */

#endif
