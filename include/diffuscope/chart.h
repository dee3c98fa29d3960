/* diffuscope/chart.h - numbers as drawings: bars, curves, points, matrices, in SVG text.
 *
 * The drawing stands alone in a file, or inside a page of ds_page_chart(), where it follows the
 * page's light or dark colours. Series differ by colour, by dash and by the shape of their marks.
 * All numbers must be finite. Thread rule: no state. */

#ifndef DIFFUSCOPE_CHART_H
#define DIFFUSCOPE_CHART_H

#include <diffuscope/figure.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ds_series_kind {
    DS_SERIES_CURVE = 0, /* a line; low and high become a band */
    DS_SERIES_BARS,      /* bars from zero; low and high become error bars. x is ignored */
    DS_SERIES_POINTS     /* marks; low and high become error bars */
} ds_series_kind;

typedef struct ds_series {
    const char *name; /* in the legend; NULL: not there */
    ds_series_kind kind;
    int64_t count;
    const double *x;          /* NULL: 0, 1, 2 ... */
    const double *y;          /* [count] */
    const double *low, *high; /* ends of an interval around y, or both NULL */
} ds_series;

typedef struct ds_axis {
    const char *label;        /* with the unit: "information, nats"; NULL: none */
    bool log;                 /* logarithmic: all values above 0 */
    double low, high;         /* both 0: from the data */
    const char *const *names; /* of the places 0, 1, 2 ... of the x axis; NULL: numbers */
} ds_axis;

/* A straight line across: what chance gives, what a paper reports. */
typedef struct ds_chart_line {
    const char *name; /* written beside it; NULL: none */
    double at;
    bool vertical;
} ds_chart_line;

typedef struct ds_chart {
    size_t size;       /* sizeof: DS_CHART_INIT sets it */
    const char *title; /* NULL: none */
    ds_axis x, y;
    const ds_series *series;
    int64_t count;
    const ds_chart_line *lines;
    int64_t line_count;
    double width, height; /* in units of 1/96 inch */
    bool sideways;        /* bars run from left to right, with their names at the left */
} ds_chart;

#define DS_CHART_INIT                                                                              \
    {                                                                                              \
        .size = sizeof(ds_chart), .width = 640, .height = 400                                      \
    }

/* Free *out with ds_free. DS_E_ARG names the series of a number that cannot be drawn. */
DS_API ds_status ds_chart_svg(char **out, const ds_chart *chart, ds_error *err);

typedef struct ds_matrix {
    size_t size; /* sizeof: DS_MATRIX_INIT sets it */
    const char *title;
    int64_t rows, columns;
    const double *values;            /* [rows, columns]; NaN marks a place without a number */
    const double *se;                /* the same shape, or NULL */
    const char *const *row_names;    /* [rows] */
    const char *const *column_names; /* [columns] */
    const char *unit;                /* NULL: none */
    ds_colors colors;
    double low, high; /* both 0: from the values */
    double floor_se;  /* |value| < floor_se * se is written in brackets, without colour; 0: none */
} ds_matrix;

#define DS_MATRIX_INIT                                                                             \
    {                                                                                              \
        .size = sizeof(ds_matrix)                                                                  \
    }

/* A table of coloured cells with their numbers. */
DS_API ds_status ds_matrix_svg(char **out, const ds_matrix *matrix, ds_error *err);

/* Writes text to a file, under a temporary name first. */
DS_API ds_status ds_chart_save(const char *svg, const char *path, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
