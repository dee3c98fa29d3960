/* overlay.c - a map over its picture, without text. Pure functions.
 *
 * The picture is turned to grey in the middle of the levels, so that neither its colours nor
 * its contrast can be taken for values of the map; the map's colour is laid over it with the same
 * opacity everywhere. Where a value is below the floor of its standard error, the grey picture
 * stays, with slanted lines. */

#include "report/figure.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

#include "report/canvas.h"
#include "report/colors.h"
#include "report/map.h"

#define LEAST_SIDE 256
#define MOST_SIDE  4096

ds_status ds__figure_options(ds_figure_options *out, const ds_figure_options *given, ds_error *err)
{
    const ds_figure_options defaults = DS_FIGURE_OPTIONS_INIT;
    ds_status st = ds__options_take(out, sizeof *out, &defaults, given, "figure options",
                                    "DS_FIGURE_OPTIONS_INIT", err);

    if (st != DS_OK)
        return st;
    if (!(out->opacity >= 0.0 && out->opacity <= 1.0))
        return ds_fail(err, DS_E_ARG, "figure: expected an opacity of 0 to 1, found %g",
                       out->opacity);
    if (!(out->floor_se >= 0.0 && isfinite(out->floor_se)))
        return ds_fail(err, DS_E_ARG, "figure: expected a floor of 0 or more, found %g",
                       out->floor_se);
    if (!isfinite(out->low) || !isfinite(out->high) || out->low > out->high ||
        (out->low == out->high && out->low != 0.0))
        return ds_fail(err, DS_E_ARG, "figure: expected a scale from low to high, found %g to %g",
                       out->low, out->high);
    if (out->side < 0 || out->side > MOST_SIDE)
        return ds_fail(err, DS_E_ARG, "figure: expected a side of 0 to %d pixels, found %lld",
                       MOST_SIDE, (long long)out->side);
    if (out->picture != NULL && out->picture->rgb == NULL)
        return ds_fail(err, DS_E_ARG, "figure: expected a picture, found an empty one");
    return DS_OK;
}

ds_status ds__figure_scale(ds_figure_options *o, const ds_map *maps, int64_t count, ds_error *err)
{
    double least = INFINITY;
    ds_status st;

    if (o->low != o->high)
        return DS_OK;
    st = ds_map_range(&o->low, &o->high, maps, count, o->colors, err);
    for (int64_t k = 0; st == DS_OK && k < count; k++)
        for (int64_t i = 0; maps[k].values != NULL && i < maps[k].width * maps[k].height; i++)
            least = fmin(least, maps[k].values[i]);
    if (o->from_least && o->colors != DS_COLORS_DIVERGING && least < o->high)
        o->low = least;
    return st;
}

void ds__figure_size(int64_t *width, int64_t *height, const ds_map *map, const ds_image *picture,
                     int64_t side)
{
    int64_t w = picture != NULL ? picture->width : map->width;
    int64_t h = picture != NULL ? picture->height : map->height;
    int64_t longer = w > h ? w : h;

    if (side == 0) {
        side = longer;
        if (side < LEAST_SIDE) /* a whole multiple, so that all blocks are equal */
            side = (LEAST_SIDE + longer - 1) / longer * longer;
        side = side > MOST_SIDE ? MOST_SIDE : side;
    }
    *width = (w * side + longer / 2) / longer;
    *height = (h * side + longer / 2) / longer;
    *width = *width < 1 ? 1 : *width;
    *height = *height < 1 ? 1 : *height;
}

static ds_status enlarge_blocks(ds_image *out, const ds_image *in, int64_t width, int64_t height,
                                ds_error *err)
{
    ds_status st = ds_image_init(out, width, height, err);

    for (int64_t y = 0; st == DS_OK && y < height; y++)
        for (int64_t x = 0; x < width; x++)
            memcpy(out->rgb + 3 * (y * width + x),
                   in->rgb + 3 * (y * in->height / height * in->width + x * in->width / width), 3);
    return st;
}

ds_status ds__figure_picture(ds_image *out, const ds_image *picture, int64_t width, int64_t height,
                             ds_error *err)
{
    if (width >= 2 * picture->width)
        return enlarge_blocks(out, picture, width, height, err);
    return ds_image_resize(out, picture, width, height, DS_FILTER_LANCZOS, err);
}

bool ds__map_below_floor(const ds_map *map, int64_t x, int64_t y, double floor_se)
{
    int64_t i = y * map->width + x;

    return floor_se > 0.0 && map->se != NULL &&
           fabs(map->values[i]) < floor_se * (double)map->se[i];
}

static unsigned char grey(const unsigned char *rgb)
{
    return (unsigned char)(51.5 + 0.6 * (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]));
}

static void mix(unsigned char *p, const unsigned char *over, double opacity)
{
    for (int c = 0; c < 3; c++)
        p[c] = (unsigned char)(p[c] + (over[c] - p[c]) * opacity + 0.5);
}

/* `on` holds the picture in its colours, or white if there is none; `values` has its size. */
static void paint(ds_image *on, const float *values, const ds_map *map, const ds_figure_options *o)
{
    static const unsigned char line[3] = { 90, 90, 90 }, paper[3] = { 215, 215, 215 };
    unsigned char table[DS_COLORS_LEVELS][3];

    ds__colors_table(table, o->colors);
    for (int64_t i = 0; i < on->width * on->height; i++) {
        int64_t x = i % on->width, y = i / on->width;
        unsigned char *p = on->rgb + 3 * i;
        int level = ds__colors_index(values[i], o->low, o->high);

        if (o->heat_alpha && o->picture != NULL) {
            mix(p, table[level], level / (double)(DS_COLORS_LEVELS - 1));
            continue;
        }
        if (o->picture != NULL)
            memset(p, grey(p), 3);
        if (!ds__map_below_floor(map, x * map->width / on->width, y * map->height / on->height,
                                 o->floor_se))
            mix(p, table[level], o->picture != NULL ? o->opacity : 1.0);
        else if (ds__canvas_hatched(x, y))
            memcpy(p, line, 3);
        else if (o->picture == NULL)
            memcpy(p, paper, 3);
    }
}

static ds_status overlay(ds_image *out, const ds_map *map, const ds_figure_options *o,
                         ds_error *err)
{
    int64_t width, height;
    float *values = NULL;
    ds_status st;

    ds__figure_size(&width, &height, map, o->picture, o->side);
    if (o->picture != NULL)
        st = ds__figure_picture(out, o->picture, width, height, err);
    else
        st = ds_image_init(out, width, height, err);
    if (st == DS_OK)
        values = ds_calloc((size_t)(width * height), sizeof *values);
    if (st == DS_OK && values == NULL)
        st = ds_fail(err, DS_E_NOMEM, "figure: no memory for %lld by %lld values", (long long)width,
                     (long long)height);
    if (st == DS_OK)
        st = ds_map_enlarge(values, map, width, height, o->enlarge, err);
    if (st == DS_OK)
        paint(out, values, map, o);
    ds_free(values);
    return st;
}

ds_status ds_map_overlay(ds_image *out, const ds_map *map, const ds_figure_options *options,
                         ds_error *err)
{
    ds_figure_options o;
    ds_status st = ds__figure_options(&o, options, err);

    *out = (ds_image){ 0 };
    if (st == DS_OK)
        st = ds__map_check(map, err);
    if (st == DS_OK)
        st = ds__figure_scale(&o, map, 1, err);
    if (st == DS_OK)
        st = overlay(out, map, &o, err);
    if (st != DS_OK)
        ds_image_clear(out);
    return st;
}
