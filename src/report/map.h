/* map.h - what figures and pages share about maps. */

#ifndef DS_REPORT_MAP_H
#define DS_REPORT_MAP_H

#include <diffuscope/figure.h>

#define DS_MAP_SIDE 16384

/* Size, finite values, standard errors of at least 0; DS_E_ARG names the place. */
ds_status ds__map_check(const ds_map *map, ds_error *err);

#endif
