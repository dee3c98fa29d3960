/* diffuscope/figure.h - maps as pictures: colours, overlays, figures with a colour bar, sheets of
 * panels.
 *
 * A map is a rectangle of finite numbers; NaN and infinity are refused with their place, since a
 * colour for them would be a lie. Text is UTF-8; letters.h says in which scripts. Thread rule: no
 * state. */

#ifndef DIFFUSCOPE_FIGURE_H
#define DIFFUSCOPE_FIGURE_H

#include <diffuscope/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- colours --------------------------------------------------------------------------------- */

typedef enum ds_colors {
    DS_COLORS_SEQUENTIAL = 0, /* dark to light in equal steps of lightness: amounts from 0 */
    DS_COLORS_DIVERGING,      /* blue below zero, grey at zero, orange above: signed values */
    DS_COLORS_JET             /* the rainbow of the DAAM package, for its preset alone */
} ds_colors;

#define DS_COLORS_LEVELS 256

/* Colour number `level` of 0 to 255; in the diverging map zero lies between 127 and 128, whose
 * colours differ by nothing that can be seen. */
DS_API void ds_colors_level(unsigned char rgb[3], ds_colors colors, int level);

/* Colour at x of [0,1], interpolated; what lies outside is clipped. */
DS_API void ds_colors_at(unsigned char rgb[3], ds_colors colors, double x);

/* ---- maps ------------------------------------------------------------------------------------ */

/* Borrowed. `se` holds the standard error of each value, or is NULL. */
typedef struct ds_map {
    const float *values; /* [height, width]; NULL: there is no map */
    const float *se;
    int64_t width, height;
} ds_map;

/* The range that a colour scale needs to show all these maps: from 0 (or the smallest value, if
 * that is negative) to the largest; for the diverging scale -m to m with the largest magnitude m.
 * Never empty: where all values are 0, it is 0 to 1 (or -1 to 1). Maps without values count for
 * nothing. DS_E_ARG names the place of a value that is not finite. */
DS_API ds_status ds_map_range(double *low, double *high, const ds_map *maps, int64_t count,
                              ds_colors colors, ds_error *err);

typedef enum ds_enlarge {
    DS_ENLARGE_SMOOTH = 0, /* bicubic, as PyTorch's, kept within the range of the values */
    DS_ENLARGE_BLOCKS      /* each value a block, so that the true resolution is seen */
} ds_enlarge;

/* Another size; `out` [height, width]. Coordinates as PyTorch's
 * interpolate(align_corners=False). */
DS_API ds_status ds_map_enlarge(float *out, const ds_map *map, int64_t width, int64_t height,
                                ds_enlarge how, ds_error *err);

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct ds_figure_options {
    size_t size;             /* sizeof: DS_FIGURE_OPTIONS_INIT sets it */
    const ds_image *picture; /* shown in grey below the map; NULL: none */
    ds_colors colors;
    double low, high; /* ends of the scale; both 0: from the maps, see ds_map_range */
    bool own_scales;  /* each panel of a sheet has its own scale, with its own colour bar */
    const char *unit; /* of the values: "nats per pixel"; NULL: none */
    double floor_se;  /* where |value| < floor_se * se, the map is hatched; 0: nowhere */
    ds_enlarge enlarge;
    double opacity;  /* of the map over the picture, 0 to 1 */
    bool heat_alpha; /* the DAAM package's way: colours below, picture above with 1 - heat */
    int64_t side;    /* pixels of the longer side of a map; 0: the picture's, at least 256, and at
                      * most 380 where there are more than two panels */
    bool from_least; /* the scale begins at the smallest value, not at 0; not for diverging */
} ds_figure_options;

#define DS_FIGURE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(ds_figure_options), .opacity = 0.65                                         \
    }

/* The map alone over the picture, without text. The ratio of the sides is the picture's, or the
 * map's if there is none. NULL options are the default. `out` is initialised by these calls, and
 * empty after a failure. */
DS_API ds_status ds_map_overlay(ds_image *out, const ds_map *map, const ds_figure_options *options,
                                ds_error *err);

/* A panel without a map shows its picture as it is. */
typedef struct ds_panel {
    const char *title; /* NULL: none */
    ds_map map;
    const ds_image *picture; /* NULL: that of the options */
} ds_panel;

/* One panel with its colour bar. */
DS_API ds_status ds_map_figure(ds_image *out, const char *title, const ds_map *map,
                               const ds_figure_options *options, ds_error *err);

/* Panels side by side in rows of `columns` (0: as is best), with one colour bar for all unless
 * own_scales. `title` may be NULL. */
DS_API ds_status ds_map_sheet(ds_image *out, const char *title, const ds_panel *panels,
                              int64_t count, int64_t columns, const ds_figure_options *options,
                              ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
