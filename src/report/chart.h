/* chart.h - the parts of a drawing: scales, the frame with its axes, the series. */

#ifndef DS_REPORT_CHART_H
#define DS_REPORT_CHART_H

#include <diffuscope/chart.h>

#include "base/buffer.h"
#include "report/ticks.h"

/* From values to places along one side. */
typedef struct ds__scale {
    double low, high; /* values */
    bool log;
    double from, to; /* places, in the units of the drawing; from > to for an axis that goes up */
    ds_ticks ticks;
} ds__scale;

/* A chart with its room laid out. */
typedef struct ds_plot {
    const ds_chart *chart;
    ds_buffer *out;
    ds__scale x, y; /* sideways: x runs from top to bottom, y from left to right */
    double left, top, right, bottom;
    int64_t places; /* of names on the x axis; 0: numbers */
    int bar_series; /* number of series of bars */
} ds_plot;

typedef struct ds_place {
    double x, y;
} ds_place;

double ds__scale_place(const ds__scale *s, double value); /* clipped to the ends */
ds_place ds__plot_place(const ds_plot *p, double x, double y);

/* Estimated width of a text in a sans-serif type of this size. */
double ds__text_estimate(const char *text, double size);

/* <text> at x, y; anchor "start", "middle" or "end"; `more` holds further attributes. */
void ds__svg_text(ds_buffer *b, double x, double y, const char *anchor, const char *more,
                  const char *text);

/* Opening tag with size, title and the colours of a drawing that stands alone. */
void ds__svg_begin(ds_buffer *b, double width, double height, const char *title);

void ds__plot_frame(const ds_plot *p); /* grid, axes, names */
void ds__plot_lines(const ds_plot *p); /* straight lines across */
void ds__plot_legend(const ds_plot *p, double top);
double ds__plot_legend_height(const ds_chart *c);
void ds__plot_series(const ds_plot *p);

/* The mark, colour and dash of series i. */
const char *ds__series_color(int64_t i);
const char *ds__series_dash(int64_t i);
void ds__series_mark(ds_buffer *b, int64_t i, double x, double y);

#endif
