/* chart.c - checks, ranges and room of a chart; see diffuscope/chart.h. Pure functions. */

#include "report/chart.h"

#include "base/options.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/html.h"

#define MOST_SERIES 64
#define MOST_POINTS 100000

/* ---- checks ---------------------------------------------------------------------------------- */

static ds_status check_values(const ds_chart *c, int64_t k, const double *v, const char *what,
                              bool positive, ds_error *err)
{
    const ds_series *s = &c->series[k];

    for (int64_t i = 0; v != NULL && i < s->count; i++)
        if (!isfinite(v[i]) || (positive && !(v[i] > 0.0)))
            return ds_fail(err, DS_E_ARG,
                           "chart: expected %s numbers, found %s = %g at place %lld of series "
                           "%lld%s%.60s",
                           positive ? "positive" : "finite", what, v[i], (long long)i, (long long)k,
                           s->name != NULL ? ", " : "", s->name != NULL ? s->name : "");
    return DS_OK;
}

static ds_status check_series(const ds_chart *c, int64_t k, ds_error *err)
{
    const ds_series *s = &c->series[k];
    ds_status st = ds__html_check(s->name, "name of a series", err);

    if (st == DS_OK && (s->count < 0 || s->count > MOST_POINTS || s->y == NULL))
        st = ds_fail(err, DS_E_ARG, "chart: expected 0 to %d values in series %lld, found %lld%s",
                     MOST_POINTS, (long long)k, (long long)s->count,
                     s->y == NULL ? " and no pointer" : "");
    if (st == DS_OK && (s->low == NULL) != (s->high == NULL))
        st = ds_fail(err, DS_E_ARG, "chart: series %lld has one end of its intervals alone",
                     (long long)k);
    if (st == DS_OK && s->kind == DS_SERIES_BARS && c->y.log)
        st = ds_fail(err, DS_E_ARG, "chart: bars begin at zero, which a logarithmic axis lacks");
    if (st == DS_OK)
        st = check_values(c, k, s->y, "y", c->y.log, err);
    if (st == DS_OK)
        st = check_values(c, k, s->x, "x", c->x.log, err);
    if (st == DS_OK)
        st = check_values(c, k, s->low, "low", false, err);
    return st == DS_OK ? check_values(c, k, s->high, "high", false, err) : st;
}

static ds_status check_axis(const ds_axis *a, ds_error *err)
{
    ds_status st = ds__html_check(a->label, "label of an axis", err);

    if (st == DS_OK && (!isfinite(a->low) || !isfinite(a->high) || a->low > a->high ||
                        (a->low == a->high && a->low != 0.0)))
        st = ds_fail(err, DS_E_ARG, "chart: expected an axis from low to high, found %g to %g",
                     a->low, a->high);
    if (st == DS_OK && a->log && a->high > a->low && !(a->low > 0.0))
        st = ds_fail(err, DS_E_ARG, "chart: expected a logarithmic axis from above 0, found %g",
                     a->low);
    return st;
}

static ds_status check(const ds_chart *c, ds_error *err)
{
    ds_status st = ds__html_check(c->title, "title", err);

    if (st == DS_OK &&
        !(c->width >= 120.0 && c->height >= 100.0 && c->width <= 10000.0 && c->height <= 10000.0))
        st = ds_fail(err, DS_E_ARG, "chart: expected 120 by 100 to 10000 units, found %g by %g",
                     c->width, c->height);
    if (st == DS_OK && (c->count < 1 || c->count > MOST_SERIES))
        st = ds_fail(err, DS_E_ARG, "chart: expected 1 to %d series, found %lld", MOST_SERIES,
                     (long long)c->count);
    if (st == DS_OK)
        st = check_axis(&c->x, err);
    if (st == DS_OK)
        st = check_axis(&c->y, err);
    for (int64_t k = 0; st == DS_OK && k < c->count; k++)
        st = check_series(c, k, err);
    for (int64_t i = 0; st == DS_OK && i < c->line_count; i++) {
        const ds_axis *a = c->lines[i].vertical ? &c->x : &c->y;

        st = ds__html_check(c->lines[i].name, "name of a line", err);
        if (st == DS_OK && (!isfinite(c->lines[i].at) || (a->log && !(c->lines[i].at > 0.0))))
            st = ds_fail(err, DS_E_ARG, "chart: no line can be drawn at %g", c->lines[i].at);
    }
    return st;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void include(ds__scale *s, double v)
{
    if (s->log && !(v > 0.0))
        return;
    s->low = fmin(s->low, v);
    s->high = fmax(s->high, v);
}

static void gather(ds_plot *p)
{
    const ds_chart *c = p->chart;

    for (int64_t k = 0; k < c->count; k++) {
        const ds_series *s = &c->series[k];

        p->bar_series += s->kind == DS_SERIES_BARS;
        if (c->x.names != NULL || s->kind == DS_SERIES_BARS)
            p->places = s->count > p->places ? s->count : p->places;
        if (s->kind == DS_SERIES_BARS)
            include(&p->y, 0.0);
        for (int64_t i = 0; i < s->count; i++) {
            include(&p->x, s->x != NULL && s->kind != DS_SERIES_BARS ? s->x[i] : (double)i);
            include(&p->y, s->y[i]);
            if (s->low != NULL) {
                include(&p->y, s->low[i]);
                include(&p->y, s->high[i]);
            }
        }
    }
    for (int64_t i = 0; i < c->line_count; i++)
        include(c->lines[i].vertical ? &p->x : &p->y, c->lines[i].at);
    if (p->places > 0) {
        p->x.low = -0.5;
        p->x.high = (double)p->places - 0.5;
    }
}

/* The ends of a scale: the caller's; or those of the data with a margin, a share of their span; or
 * round numbers around them if that is 0. */
static void settle(ds__scale *s, const ds_axis *a, bool places, double margin, int steps)
{
    if (!(s->low <= s->high)) /* no data */
        s->low = s->high = s->log ? 1.0 : 0.0;
    if (a->low != a->high) {
        s->low = a->low;
        s->high = a->high;
    } else if (s->log) {
        s->low /= 1.2;
        s->high *= 1.2;
    } else if (!places) {
        double span = s->high - s->low;
        double more = span > 0.0 ? margin * span : s->low != 0.0 ? 0.5 * fabs(s->low) : 1.0;

        s->low -= more;
        s->high += more;
        if (margin == 0.0)
            ds__ticks_widen(&s->low, &s->high, steps);
    }
    if (s->log)
        ds__ticks_log(&s->ticks, s->low, s->high, steps);
    else
        ds__ticks_linear(&s->ticks, s->low, s->high, steps);
}

/* ---- room ------------------------------------------------------------------------------------ */

static double widest_label(const ds__scale *s)
{
    double widest = 0.0;

    for (int i = 0; i < s->ticks.count; i++)
        widest = fmax(widest, ds__text_estimate(s->ticks.label[i], 12.0));
    return widest;
}

static double widest_name(const ds_plot *p)
{
    double widest = 0.0;

    for (int64_t i = 0; i < p->places && p->chart->x.names != NULL; i++)
        widest = fmax(widest, ds__text_estimate(p->chart->x.names[i], 12.0));
    return widest;
}

/* Names that do not fit below their places are slanted, and need their height. */
static double room_below(const ds_plot *p)
{
    double width = (p->right - p->left) / (double)(p->places > 0 ? p->places : 1);
    double name = widest_name(p);

    return p->places > 0 && p->chart->x.names != NULL && name > width - 4.0
               ? fmin(0.62 * name, 140.0) + 18.0
               : 24.0;
}

static void lay_out(ds_plot *p)
{
    const ds_chart *c = p->chart;
    const bool sideways = c->sideways;
    const char *left = sideways ? c->x.label : c->y.label;
    const char *below = sideways ? c->y.label : c->x.label;
    double names = sideways && c->x.names != NULL ? fmin(widest_name(p), 0.4 * c->width)
                                                  : widest_label(sideways ? &p->x : &p->y);

    p->left = 14.0 + names + (left != NULL ? 20.0 : 0.0);
    p->right = c->width - 18.0;
    p->top = (c->title != NULL ? 38.0 : 14.0) + ds__plot_legend_height(c);
    for (int64_t i = 0; i < c->line_count; i++)
        if (c->lines[i].vertical != sideways && c->lines[i].name != NULL) {
            p->top += 12.0;
            break;
        }
    p->bottom = c->height - (sideways ? 24.0 : room_below(p)) - (below != NULL ? 20.0 : 0.0) - 4.0;
    p->bottom = fmax(p->bottom, p->top + 20.0);
    p->x.from = sideways ? p->top : p->left;
    p->x.to = sideways ? p->bottom : p->right;
    p->y.from = sideways ? p->left : p->bottom;
    p->y.to = sideways ? p->right : p->top;
}

/* ---- the drawing ----------------------------------------------------------------------------- */

ds_status ds_chart_svg(char **out, const ds_chart *given, ds_error *err)
{
    const ds_chart defaults = DS_CHART_INIT;
    ds_chart taken;
    const ds_chart *chart = &taken;
    ds_buffer b = { 0 };
    ds_plot p = { .chart = chart, .out = &b };
    ds_status st =
        ds__options_take(&taken, sizeof taken, &defaults, given, "chart", "DS_CHART_INIT", err);

    *out = NULL;
    if (st == DS_OK)
        st = check(chart, err);
    if (st != DS_OK)
        return st;
    p.x = (ds__scale){ .low = INFINITY, .high = -INFINITY, .log = chart->x.log };
    p.y = (ds__scale){ .low = INFINITY, .high = -INFINITY, .log = chart->y.log };
    gather(&p);
    for (int64_t i = 0; st == DS_OK && chart->x.names != NULL && i < p.places; i++)
        st = ds__html_check(chart->x.names[i], "name of a place", err);
    if (st != DS_OK)
        return st;
    settle(&p.x, &chart->x, p.places > 0, 0.02, chart->sideways ? 6 : (int)(chart->width / 90.0));
    settle(&p.y, &chart->y, false, 0.0, chart->sideways ? (int)(chart->width / 110.0) : 5);
    lay_out(&p);
    ds__svg_begin(&b, chart->width, chart->height, chart->title);
    if (chart->title != NULL)
        ds__svg_text(&b, 10.0, 20.0, "start", " font-size=\"15\" font-weight=\"bold\"",
                     chart->title);
    ds__plot_legend(&p, chart->title != NULL ? 32.0 : 10.0);
    ds__plot_frame(&p);
    ds__plot_series(&p);
    ds__plot_lines(&p);
    ds__buffer_text(&b, "</svg>\n");
    return ds__buffer_take(&b, out, NULL, "chart", err);
}

ds_status ds_chart_save(const char *svg, const char *path, ds_error *err)
{
    return ds__file_write(path, svg, strlen(svg), err);
}
