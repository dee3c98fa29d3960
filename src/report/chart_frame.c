/* chart_frame.c - what surrounds the data of a chart: grid, axes, names, legend. Text and lines
 * have the colour of the text around the drawing (currentColor), so that it suits light and
 * dark. */

#include "report/chart.h"

#include <math.h>
#include <stdio.h>

#include "report/html.h"

#define FAINT " stroke=\"currentColor\" stroke-opacity=\".16\""

double ds__text_estimate(const char *text, double size)
{
    double width = 0.0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if ((*p & 0xc0) != 0x80) /* letters beyond U+0800 are wide, most of them */
            width += *p >= 0xe0 ? 1.0 : 0.58;
    return width * size;
}

void ds__svg_begin(ds_buffer *b, double width, double height, const char *title)
{
    ds__buffer_printf(b,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ds\" role=\"img\" "
                      "width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" "
                      "font-family=\"DejaVu Sans,Verdana,sans-serif\" font-size=\"12\">\n<title>",
                      width, height, width, height);
    ds__html_text(b, title != NULL ? title : "chart");
    ds__buffer_text(b, "</title>\n<style>" DS_SVG_STYLE "</style>\n");
}

void ds__svg_text(ds_buffer *b, double x, double y, const char *anchor, const char *more,
                  const char *text)
{
    ds__buffer_printf(b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"currentColor\"%s>",
                      x, y, anchor, more);
    ds__html_text(b, text);
    ds__buffer_text(b, "</text>\n");
}

static void line(ds_buffer *b, double x1, double y1, double x2, double y2, const char *more)
{
    ds__buffer_printf(b, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"%s/>\n", x1, y1, x2,
                      y2, more);
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* Numbers along the left side, with faint lines across. */
static void numbers_left(const ds_plot *p, const ds__scale *s)
{
    for (int i = 0; i < s->ticks.count; i++) {
        double y = ds__scale_place(s, s->ticks.at[i]);

        line(p->out, p->left, y, p->right, y, FAINT);
        if (s->ticks.label[i][0] != '\0')
            ds__svg_text(p->out, p->left - 6.0, y + 4.0, "end", "", s->ticks.label[i]);
    }
}

/* Numbers that would touch the one before are left out. */
static void numbers_below(const ds_plot *p, const ds__scale *s)
{
    double free_from = -INFINITY;

    for (int i = 0; i < s->ticks.count; i++) {
        double x = ds__scale_place(s, s->ticks.at[i]);
        double half = 0.5 * ds__text_estimate(s->ticks.label[i], 12.0);

        line(p->out, x, p->top, x, p->bottom, FAINT);
        if (s->ticks.label[i][0] == '\0' || x - half < free_from)
            continue;
        ds__svg_text(p->out, x, p->bottom + 17.0, "middle", "", s->ticks.label[i]);
        free_from = x + half + 6.0;
    }
}

/* At most `width` units of it, with an ellipsis. */
static void cut_name(char *buf, size_t size, const char *name, double width)
{
    size_t n = 0;

    snprintf(buf, size, "%s", name);
    if (ds__text_estimate(buf, 12.0) <= width)
        return;
    for (double used = 14.0; buf[n] != '\0' && n + 4 < size && used < width; n++)
        used += ((unsigned char)buf[n] & 0xc0) == 0x80 ? 0.0
                : (unsigned char)buf[n] >= 0xe0        ? 12.0
                                                       : 7.0;
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--;
    snprintf(buf + n, size - n, "\xe2\x80\xa6");
}

static void names(const ds_plot *p)
{
    const double step = fabs(p->x.to - p->x.from) / (double)p->places;
    bool slanted = false;
    char text[256];

    for (int64_t i = 0; i < p->places && !p->chart->sideways; i++)
        slanted = slanted || ds__text_estimate(p->chart->x.names[i], 12.0) > step - 4.0;
    for (int64_t i = 0; i < p->places; i++) {
        const double at = ds__scale_place(&p->x, (double)i);
        char turn[96];

        cut_name(text, sizeof text, p->chart->x.names[i],
                 p->chart->sideways ? 0.4 * p->chart->width : 220.0);
        if (p->chart->sideways) {
            ds__svg_text(p->out, p->left - 6.0, at + 4.0, "end", "", text);
        } else if (slanted) {
            snprintf(turn, sizeof turn, " transform=\"rotate(-38 %.1f %.1f)\"", at + 4.0,
                     p->bottom + 14.0);
            ds__svg_text(p->out, at + 4.0, p->bottom + 14.0, "end", turn, text);
        } else {
            ds__svg_text(p->out, at, p->bottom + 17.0, "middle", "", text);
        }
    }
}

static void labels(const ds_plot *p)
{
    const ds_chart *c = p->chart;
    const char *left = c->sideways ? c->x.label : c->y.label;
    const char *below = c->sideways ? c->y.label : c->x.label;
    double middle = 0.5 * (p->top + p->bottom);
    char turn[96];

    if (below != NULL)
        ds__svg_text(p->out, 0.5 * (p->left + p->right), c->height - 8.0, "middle", "", below);
    if (left == NULL)
        return;
    snprintf(turn, sizeof turn, " transform=\"rotate(-90 14 %.1f)\"", middle);
    ds__svg_text(p->out, 14.0, middle, "middle", turn, left);
}

void ds__plot_frame(const ds_plot *p)
{
    const ds__scale *left = p->chart->sideways ? &p->x : &p->y;
    const ds__scale *below = p->chart->sideways ? &p->y : &p->x;
    const bool named = p->places > 0 && p->chart->x.names != NULL;

    if (left == &p->y || !named)
        numbers_left(p, left);
    if (below == &p->y || !named)
        numbers_below(p, below);
    if (named)
        names(p);
    labels(p);
    line(p->out, p->left, p->bottom, p->right, p->bottom, " stroke=\"currentColor\"");
    line(p->out, p->left, p->top, p->left, p->bottom, " stroke=\"currentColor\"");
    if (p->bar_series > 0 && p->y.low < 0.0) {
        ds_place a = ds__plot_place(p, p->x.low, 0.0), b = ds__plot_place(p, p->x.high, 0.0);

        line(p->out, a.x, a.y, b.x, b.y, " stroke=\"currentColor\"");
    }
}

void ds__plot_lines(const ds_plot *p)
{
    for (int64_t i = 0; i < p->chart->line_count; i++) {
        const ds_chart_line *l = &p->chart->lines[i];
        bool upright = l->vertical != p->chart->sideways;
        double at = ds__scale_place(l->vertical ? &p->x : &p->y, l->at);
        static const char dashed[] = " stroke=\"currentColor\" stroke-dasharray=\"5 4\"";

        if (upright)
            line(p->out, at, p->top, at, p->bottom, dashed);
        else
            line(p->out, p->left, at, p->right, at, dashed);
        if (l->name == NULL)
            continue;
        if (upright)
            ds__svg_text(p->out, at, p->top - 3.0, "middle", " font-style=\"italic\"", l->name);
        else
            ds__svg_text(p->out, p->right - 4.0, at - 5.0, "end", " font-style=\"italic\"",
                         l->name);
    }
}

/* ---- legend ---------------------------------------------------------------------------------- */

static double entry_width(const ds_series *s)
{
    return 46.0 + ds__text_estimate(s->name, 12.0);
}

static int rows_of_legend(const ds_chart *c)
{
    double x = 10.0;
    int rows = 0;

    for (int64_t i = 0; i < c->count; i++) {
        if (c->series[i].name == NULL)
            continue;
        rows += rows == 0;
        if (x + entry_width(&c->series[i]) > c->width && x > 10.0) {
            rows++;
            x = 10.0;
        }
        x += entry_width(&c->series[i]);
    }
    return rows;
}

double ds__plot_legend_height(const ds_chart *c)
{
    return 20.0 * rows_of_legend(c);
}

void ds__plot_legend(const ds_plot *p, double top)
{
    double x = 10.0, y = top + 8.0;

    for (int64_t i = 0; i < p->chart->count; i++) {
        const ds_series *s = &p->chart->series[i];

        if (s->name == NULL)
            continue;
        if (x + entry_width(s) > p->chart->width && x > 10.0) {
            x = 10.0;
            y += 20.0;
        }
        if (s->kind == DS_SERIES_BARS)
            ds__buffer_printf(p->out,
                              "<rect x=\"%.1f\" y=\"%.1f\" width=\"24\" height=\"10\" "
                              "fill=\"%s\"/>\n",
                              x, y - 5.0, ds__series_color(i));
        else if (s->kind == DS_SERIES_CURVE)
            ds__buffer_printf(p->out,
                              "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                              "stroke-width=\"2\"%s/>\n",
                              x, y, x + 24.0, y, ds__series_color(i), ds__series_dash(i));
        if (s->kind != DS_SERIES_BARS)
            ds__series_mark(p->out, i, x + 12.0, y);
        ds__svg_text(p->out, x + 30.0, y + 4.0, "start", "", s->name);
        x += entry_width(s);
    }
}
