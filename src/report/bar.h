/* bar.h - the colour bar of a figure, with its numbers and unit. */

#ifndef DS_REPORT_BAR_H
#define DS_REPORT_BAR_H

#include <diffuscope/figure.h>

#include "report/text.h"

int64_t ds__bar_height(const ds_figure_options *o);

/* Draws it with its upper left corner at x, y, no wider than `width`. o->low and o->high are the
 * ends. The colours are those that the map has over a picture of middle grey. */
ds_status ds__bar_draw(ds_writer *w, ds_image *on, int64_t x, int64_t y, int64_t width,
                       const ds_figure_options *o, ds_error *err);

#endif
