/* chart_place.c - from values to places on a drawing. */

#include "report/chart.h"

#include <math.h>

double ds__scale_place(const ds__scale *s, double value)
{
    double v = fmin(fmax(value, s->low), s->high), share;

    if (s->log)
        share = log(v / s->low) / log(s->high / s->low);
    else
        share = (v - s->low) / (s->high - s->low);
    return s->from + share * (s->to - s->from);
}

ds_place ds__plot_place(const ds_plot *p, double x, double y)
{
    double a = ds__scale_place(&p->x, x), b = ds__scale_place(&p->y, y);

    return p->chart->sideways ? (ds_place){ b, a } : (ds_place){ a, b };
}
