/* matrix.c - a table of coloured cells, each with its number; see diffuscope/chart.h. */

#include "report/chart.h"

#include "base/options.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/colors.h"
#include "report/html.h"

#define HIGH 30.0 /* of a cell */
#define MOST 200  /* rows and columns */

typedef struct grid {
    const ds_matrix *m;
    ds_buffer *out;
    double low, high;
    double left, top, cell; /* where the cells begin; the width of one */
    bool slanted;           /* names of columns */
} grid;

static ds_status check(const ds_matrix *m, ds_error *err)
{
    ds_status st = ds__html_check(m->title, "title", err);

    if (st == DS_OK)
        st = ds__html_check(m->unit, "unit", err);
    if (st == DS_OK && (m->rows < 1 || m->columns < 1 || m->rows > MOST || m->columns > MOST))
        st =
            ds_fail(err, DS_E_ARG, "matrix: expected 1 to %d rows and columns, found %lld and %lld",
                    MOST, (long long)m->rows, (long long)m->columns);
    for (int64_t i = 0; st == DS_OK && i < m->rows; i++)
        st = ds__html_check(m->row_names[i], "name of a row", err);
    for (int64_t i = 0; st == DS_OK && i < m->columns; i++)
        st = ds__html_check(m->column_names[i], "name of a column", err);
    for (int64_t i = 0; st == DS_OK && i < m->rows * m->columns; i++)
        if (isinf(m->values[i]) ||
            (m->se != NULL && !isnan(m->values[i]) && !(m->se[i] >= 0.0 && isfinite(m->se[i]))))
            st = ds_fail(err, DS_E_ARG,
                         "matrix: expected finite numbers, found %g%s in row %lld, column %lld",
                         m->values[i], m->se != NULL ? " or its standard error" : "",
                         (long long)(i / m->columns), (long long)(i % m->columns));
    return st;
}

static void range(grid *g)
{
    const ds_matrix *m = g->m;
    double least = 0.0, most = 0.0;

    for (int64_t i = 0; i < m->rows * m->columns; i++)
        if (!isnan(m->values[i])) {
            least = fmin(least, m->values[i]);
            most = fmax(most, m->values[i]);
        }
    if (m->colors == DS_COLORS_DIVERGING) {
        most = fmax(most, -least);
        least = -most;
    }
    g->low = m->low != m->high ? m->low : least;
    g->high = m->low != m->high ? m->high : most;
    if (!(g->high > g->low))
        g->high = g->low + 1.0;
}

static void lay_out(grid *g)
{
    const ds_matrix *m = g->m;
    double rows = 0.0, columns = 0.0;

    for (int64_t i = 0; i < m->rows; i++)
        rows = fmax(rows, ds__text_estimate(m->row_names[i], 12.0));
    for (int64_t i = 0; i < m->columns; i++)
        columns = fmax(columns, ds__text_estimate(m->column_names[i], 12.0));
    g->cell = m->se != NULL ? 104.0 : 58.0;
    g->slanted = columns > g->cell - 6.0;
    g->left = fmin(rows, 260.0) + 20.0;
    g->top =
        (m->title != NULL ? 34.0 : 10.0) + (g->slanted ? fmin(columns, 200.0) * 0.7 + 14.0 : 22.0);
}

/* Dark letters on light cells and the other way round. */
static const char *letters_on(const unsigned char rgb[3])
{
    return ds__oklab_lightness(rgb) > 0.62 ? "#111216" : "#ffffff";
}

static void cell(const grid *g, int64_t r, int64_t c)
{
    const ds_matrix *m = g->m;
    const int64_t i = r * m->columns + c;
    const double x = g->left + (double)c * g->cell, y = g->top + (double)r * HIGH;
    bool below = m->se != NULL && fabs(m->values[i]) < m->floor_se * m->se[i];
    char value[24], se[24], text[80];
    unsigned char rgb[3];

    if (isnan(m->values[i]))
        return;
    ds_colors_at(rgb, m->colors, (m->values[i] - g->low) / (g->high - g->low));
    ds__number_text(value, sizeof value, m->values[i], 3);
    snprintf(text, sizeof text, "%s", value);
    if (m->se != NULL) {
        ds__number_text(se, sizeof se, m->se[i], 2);
        snprintf(text, sizeof text, below ? "(%s ± %s)" : "%s ± %s", value, se);
    }
    if (!below)
        ds__buffer_printf(g->out,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                          "fill=\"#%02x%02x%02x\"/>\n",
                          x + 0.5, y + 0.5, g->cell - 1.0, HIGH - 1.0, rgb[0], rgb[1], rgb[2]);
    ds__buffer_printf(g->out,
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"%s\" "
                      "font-size=\"11\"><title>",
                      x + 0.5 * g->cell, y + 0.5 * HIGH + 4.0,
                      below ? "currentColor" : letters_on(rgb));
    ds__html_text(g->out, m->row_names[r]);
    ds__buffer_text(g->out, ", ");
    ds__html_text(g->out, m->column_names[c]);
    ds__buffer_printf(g->out, "</title>%s</text>\n", text);
}

static void names(const grid *g)
{
    const ds_matrix *m = g->m;
    char turn[96];

    for (int64_t r = 0; r < m->rows; r++)
        ds__svg_text(g->out, g->left - 8.0, g->top + ((double)r + 0.5) * HIGH + 4.0, "end", "",
                     m->row_names[r]);
    for (int64_t c = 0; c < m->columns; c++) {
        double x = g->left + ((double)c + 0.5) * g->cell, y = g->top - 8.0;

        snprintf(turn, sizeof turn, " transform=\"rotate(-40 %.1f %.1f)\"", x, y);
        ds__svg_text(g->out, x, y, g->slanted ? "start" : "middle", g->slanted ? turn : "",
                     m->column_names[c]);
    }
}

/* The scale of colours as a strip of 64 pieces, its ends and its unit. */
static void legend(const grid *g, double top)
{
    const ds_matrix *m = g->m;
    char text[24], note[96];

    for (int i = 0; i < 64; i++) {
        unsigned char rgb[3];

        ds_colors_at(rgb, m->colors, (i + 0.5) / 64.0);
        ds__buffer_printf(g->out,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"3.2\" height=\"10\" "
                          "fill=\"#%02x%02x%02x\"/>\n",
                          g->left + 3.0 * i, top, rgb[0], rgb[1], rgb[2]);
    }
    ds__number_text(text, sizeof text, g->low, 3);
    ds__svg_text(g->out, g->left, top + 24.0, "start", "", text);
    ds__number_text(text, sizeof text, g->high, 3);
    ds__svg_text(g->out, g->left + 192.0, top + 24.0, "end", "", text);
    if (m->unit != NULL)
        ds__svg_text(g->out, g->left + 96.0, top + 24.0, "middle", "", m->unit);
    if (m->floor_se > 0.0 && m->se != NULL) {
        ds__number_text(text, sizeof text, m->floor_se, 3);
        snprintf(note, sizeof note, "in brackets: below %s standard errors", text);
        ds__svg_text(g->out, g->left, top + 42.0, "start", "", note);
    }
}

ds_status ds_matrix_svg(char **out, const ds_matrix *given, ds_error *err)
{
    const ds_matrix defaults = DS_MATRIX_INIT;
    ds_matrix taken;
    const ds_matrix *matrix = &taken;
    ds_buffer b = { 0 };
    grid g = { .m = matrix, .out = &b };
    ds_status st =
        ds__options_take(&taken, sizeof taken, &defaults, given, "matrix", "DS_MATRIX_INIT", err);
    double width, bottom;

    *out = NULL;
    if (st == DS_OK)
        st = check(matrix, err);
    if (st != DS_OK)
        return st;
    range(&g);
    lay_out(&g);
    bottom = g.top + (double)matrix->rows * HIGH;
    width = g.left + (double)matrix->columns * g.cell + (g.slanted ? 110.0 : 12.0);
    ds__svg_begin(&b, fmax(width, g.left + 260.0), bottom + 64.0, matrix->title);
    if (matrix->title != NULL)
        ds__svg_text(&b, 10.0, 20.0, "start", " font-size=\"15\" font-weight=\"bold\"",
                     matrix->title);
    names(&g);
    for (int64_t r = 0; r < matrix->rows; r++)
        for (int64_t c = 0; c < matrix->columns; c++)
            cell(&g, r, c);
    legend(&g, bottom + 12.0);
    ds__buffer_text(&b, "</svg>\n");
    return ds__buffer_take(&b, out, NULL, "matrix", err);
}
