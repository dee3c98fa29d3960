/* chart_series.c - curves with bands, bars and points with their intervals. */

#include "report/chart.h"

#include <math.h>
#include <stdio.h>

#include "report/html.h"

/* With more points than this, a curve has no marks. */
#define MARKED 40

/* Contrast of 3 or more on white and on our dark page. Chosen by search: to normal eyes and with
 * each kind of colour blindness (Machado, Oliveira, Fernandes 2009), the first four are at least
 * 0.148 apart in OKLab and the first six 0.116; all differ by mark and dash as well. */
const char *ds__series_color(int64_t i)
{
    static const char *const color[] = { "#6294e6", "#e66c3e", "#925177", "#5b4de2",
                                         "#c42e22", "#b98094", "#8169b5", "#ba5a60" };

    return color[i % (int64_t)DS_COUNT(color)];
}

const char *ds__series_dash(int64_t i)
{
    static const char *const dash[] = { "", " stroke-dasharray=\"7 3\"",
                                        " stroke-dasharray=\"2 3\"",
                                        " stroke-dasharray=\"8 3 2 3\"" };

    return dash[i % (int64_t)DS_COUNT(dash)];
}

void ds__series_mark(ds_buffer *b, int64_t i, double x, double y)
{
    static const char *const shape[] = { "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", /* disc */
                                         "M-3.3-3.3h6.6v6.6h-6.6z", "M0-4.4L4.2 3.2H-4.2z",
                                         "M0-4.6L4.6 0L0 4.6L-4.6 0z", "M0 4.4L4.2-3.2H-4.2z" };

    ds__buffer_printf(b, "<path transform=\"translate(%.1f %.1f)\" d=\"%s\" fill=\"%s\"/>\n", x, y,
                      shape[i % (int64_t)DS_COUNT(shape)], ds__series_color(i));
}

/* What a browser tells under the pointer. */
static void tell(const ds_plot *p, const ds_series *s, int64_t i, double x)
{
    char a[24], b[24], c[24];

    ds__buffer_text(p->out, "<title>");
    if (s->name != NULL) {
        ds__html_text(p->out, s->name);
        ds__buffer_text(p->out, ", ");
    }
    if (p->places > 0 && p->chart->x.names != NULL) {
        ds__html_text(p->out, p->chart->x.names[i]);
    } else {
        ds__number_text(a, sizeof a, x, 4);
        ds__buffer_text(p->out, a);
    }
    ds__number_text(a, sizeof a, s->y[i], 4);
    ds__buffer_printf(p->out, ": %s", a);
    if (s->low != NULL) {
        ds__number_text(b, sizeof b, s->low[i], 4);
        ds__number_text(c, sizeof c, s->high[i], 4);
        ds__buffer_printf(p->out, " [%s, %s]", b, c);
    }
    ds__buffer_text(p->out, "</title>\n");
}

static double x_of(const ds_series *s, int64_t i)
{
    return s->x != NULL && s->kind != DS_SERIES_BARS ? s->x[i] : (double)i;
}

/* From low to high with a short bar at each end; `shift` moves it along the x axis. */
static void interval(const ds_plot *p, double x, double low, double high, double shift,
                     const char *color)
{
    ds_place a = ds__plot_place(p, x, low), b = ds__plot_place(p, x, high);

    if (p->chart->sideways)
        ds__buffer_printf(p->out,
                          "<path d=\"M%.1f %.1fv6m0-3H%.1fm0-3v6\" stroke=\"%s\" fill=\"none\" "
                          "stroke-width=\"1.4\"/>\n",
                          a.x, a.y + shift - 3.0, b.x, color);
    else
        ds__buffer_printf(p->out,
                          "<path d=\"M%.1f %.1fh6m-3 0V%.1fm-3 0h6\" stroke=\"%s\" fill=\"none\" "
                          "stroke-width=\"1.4\"/>\n",
                          a.x + shift - 3.0, a.y, b.y, color);
}

static void bars(const ds_plot *p, int64_t k, int slot)
{
    const ds_series *s = &p->chart->series[k];
    double room = fabs(p->x.to - p->x.from) / (double)p->places;
    double width = 0.78 * room / p->bar_series;
    double shift = ((double)slot - 0.5 * (p->bar_series - 1)) * width;

    for (int64_t i = 0; i < s->count; i++) {
        ds_place foot = ds__plot_place(p, (double)i, 0.0);
        ds_place top = ds__plot_place(p, (double)i, s->y[i]);
        double w = fmax(width - 1.0, 0.5);

        if (p->chart->sideways)
            ds__buffer_printf(p->out,
                              "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                              "fill=\"%s\">",
                              fmin(foot.x, top.x), foot.y + shift - 0.5 * w, fabs(top.x - foot.x),
                              w, ds__series_color(k));
        else
            ds__buffer_printf(p->out,
                              "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                              "fill=\"%s\">",
                              foot.x + shift - 0.5 * w, fmin(foot.y, top.y), w,
                              fabs(top.y - foot.y), ds__series_color(k));
        tell(p, s, i, (double)i);
        ds__buffer_text(p->out, "</rect>\n");
        if (s->low != NULL)
            interval(p, (double)i, s->low[i], s->high[i], shift, "currentColor");
    }
}

static void band(const ds_plot *p, int64_t k)
{
    const ds_series *s = &p->chart->series[k];

    ds__buffer_printf(p->out, "<path fill=\"%s\" fill-opacity=\".2\" d=\"", ds__series_color(k));
    for (int64_t i = 0; i < s->count; i++) {
        ds_place a = ds__plot_place(p, x_of(s, i), s->high[i]);

        ds__buffer_printf(p->out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', a.x, a.y);
    }
    for (int64_t i = s->count - 1; i >= 0; i--) {
        ds_place a = ds__plot_place(p, x_of(s, i), s->low[i]);

        ds__buffer_printf(p->out, "L%.1f %.1f", a.x, a.y);
    }
    ds__buffer_text(p->out, "z\"/>\n");
}

static void points(const ds_plot *p, int64_t k, bool intervals)
{
    const ds_series *s = &p->chart->series[k];

    for (int64_t i = 0; i < s->count; i++) {
        ds_place a = ds__plot_place(p, x_of(s, i), s->y[i]);

        if (intervals && s->low != NULL)
            interval(p, x_of(s, i), s->low[i], s->high[i], 0.0, ds__series_color(k));
        ds__buffer_text(p->out, "<g>");
        tell(p, s, i, x_of(s, i));
        ds__series_mark(p->out, k, a.x, a.y);
        ds__buffer_text(p->out, "</g>\n");
    }
}

static void curve(const ds_plot *p, int64_t k)
{
    const ds_series *s = &p->chart->series[k];

    if (s->count == 0)
        return;
    if (s->low != NULL)
        band(p, k);
    ds__buffer_printf(p->out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"",
                      ds__series_color(k), ds__series_dash(k));
    for (int64_t i = 0; i < s->count; i++) {
        ds_place a = ds__plot_place(p, x_of(s, i), s->y[i]);

        ds__buffer_printf(p->out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', a.x, a.y);
    }
    ds__buffer_text(p->out, "\"/>\n");
    if (s->count <= MARKED)
        points(p, k, false);
}

void ds__plot_series(const ds_plot *p)
{
    int slot = 0;

    for (int64_t k = 0; k < p->chart->count; k++)
        switch (p->chart->series[k].kind) {
        case DS_SERIES_BARS:
            bars(p, k, slot++);
            break;
        case DS_SERIES_POINTS:
            points(p, k, true);
            break;
        case DS_SERIES_CURVE:
        default:
            curve(p, k);
        }
}
