/* figure.h - what the files that draw maps share. */

#ifndef DS_REPORT_FIGURE_H
#define DS_REPORT_FIGURE_H

#include <diffuscope/figure.h>

/* The options that the caller gave, or the default; DS_E_ARG for what makes no sense. */
ds_status ds__figure_options(ds_figure_options *out, const ds_figure_options *given, ds_error *err);

/* Sets o->low and o->high for these maps unless the caller gave them. */
ds_status ds__figure_scale(ds_figure_options *o, const ds_map *maps, int64_t count, ds_error *err);

/* Pixels of a map or a picture in a figure. */
void ds__figure_size(int64_t *width, int64_t *height, const ds_map *map, const ds_image *picture,
                     int64_t side);

/* A picture of this size: blocks when it grows to twice or more, for then its pixels are the truth;
 * Lanczos otherwise. */
ds_status ds__figure_picture(ds_image *out, const ds_image *picture, int64_t width, int64_t height,
                             ds_error *err);

/* Is the value of this map at (x, y) too near to zero, as its standard error says? */
bool ds__map_below_floor(const ds_map *map, int64_t x, int64_t y, double floor_se);

#endif
