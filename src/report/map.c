/* map.c - checks, ranges and other sizes of maps. Pure functions. */

#include <diffuscope/figure.h>

#include <math.h>

#include "report/map.h"

ds_status ds__map_check(const ds_map *map, ds_error *err)
{
    if (map->values == NULL || map->width < 1 || map->height < 1 || map->width > DS_MAP_SIDE ||
        map->height > DS_MAP_SIDE)
        return ds_fail(err, DS_E_ARG,
                       "expected a map of 1 to %d values a side, found %lld by %lld%s", DS_MAP_SIDE,
                       (long long)map->width, (long long)map->height,
                       map->values == NULL ? " and no values" : "");
    for (int64_t i = 0; i < map->width * map->height; i++) {
        if (!isfinite(map->values[i]))
            return ds_fail(
                err, DS_E_ARG, "map: expected finite values, found %g at column %lld, row %lld",
                (double)map->values[i], (long long)(i % map->width), (long long)(i / map->width));
        if (map->se != NULL && !(isfinite(map->se[i]) && map->se[i] >= 0.0f))
            return ds_fail(err, DS_E_ARG,
                           "map: expected finite standard errors of at least 0, found %g at column "
                           "%lld, row %lld",
                           (double)map->se[i], (long long)(i % map->width),
                           (long long)(i / map->width));
    }
    return DS_OK;
}

ds_status ds_map_range(double *low, double *high, const ds_map *maps, int64_t count,
                       ds_colors colors, ds_error *err)
{
    double least = 0.0, most = 0.0, m;

    for (int64_t k = 0; k < count; k++) {
        ds_status st = maps[k].values != NULL ? ds__map_check(&maps[k], err) : DS_OK;

        if (st != DS_OK)
            return st;
        for (int64_t i = 0; maps[k].values != NULL && i < maps[k].width * maps[k].height; i++) {
            least = fmin(least, maps[k].values[i]);
            most = fmax(most, maps[k].values[i]);
        }
    }
    m = fmax(-least, most);
    if (colors == DS_COLORS_DIVERGING) {
        *high = m > 0.0 ? m : 1.0;
        *low = -*high;
    } else {
        *low = least;
        *high = m > 0.0 ? most : 1.0;
    }
    return DS_OK;
}

/* The four neighbours of a place between values, and their weights: cubic convolution with slope
 * -3/4 at 1, as PyTorch's bicubic. Indices stop at the edge. */
typedef struct taps {
    int64_t at[4];
    double weight[4];
} taps;

static taps taps_of(int64_t i, int64_t in, int64_t out)
{
    const double slope = -0.75;
    double x = ((double)i + 0.5) * (double)in / (double)out - 0.5, first = floor(x), t = x - first;
    taps r;

    for (int k = 0; k < 4; k++) {
        double d = fabs(t - (k - 1));
        int64_t at = (int64_t)first + k - 1;

        r.at[k] = at < 0 ? 0 : at >= in ? in - 1 : at;
        r.weight[k] = d <= 1.0 ? ((slope + 2.0) * d - (slope + 3.0)) * d * d + 1.0
                               : slope * (((d - 5.0) * d + 8.0) * d - 4.0);
    }
    return r;
}

static void smooth(float *out, const ds_map *map, int64_t width, int64_t height, float *rows)
{
    float least = map->values[0], most = least;

    for (int64_t i = 1; i < map->width * map->height; i++) {
        least = fminf(least, map->values[i]);
        most = fmaxf(most, map->values[i]);
    }
    for (int64_t x = 0; x < width; x++) {
        const taps t = taps_of(x, map->width, width);

        for (int64_t y = 0; y < map->height; y++) {
            const float *row = map->values + y * map->width;
            double sum = 0.0;

            for (int k = 0; k < 4; k++)
                sum += t.weight[k] * row[t.at[k]];
            rows[y * width + x] = (float)sum;
        }
    }
    for (int64_t y = 0; y < height; y++) {
        const taps t = taps_of(y, map->height, height);

        for (int64_t x = 0; x < width; x++) {
            double sum = 0.0;

            for (int k = 0; k < 4; k++)
                sum += t.weight[k] * rows[t.at[k] * width + x];
            out[y * width + x] = fminf(fmaxf((float)sum, least), most);
        }
    }
}

static void blocks(float *out, const ds_map *map, int64_t width, int64_t height)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            out[y * width + x] =
                map->values[y * map->height / height * map->width + x * map->width / width];
}

ds_status ds_map_enlarge(float *out, const ds_map *map, int64_t width, int64_t height,
                         ds_enlarge how, ds_error *err)
{
    ds_status st = ds__map_check(map, err);
    float *rows;

    if (st != DS_OK)
        return st;
    if (width < 1 || height < 1 || width > DS_MAP_SIDE || height > DS_MAP_SIDE)
        return ds_fail(err, DS_E_ARG, "expected a size of 1 to %d a side, found %lld by %lld",
                       DS_MAP_SIDE, (long long)width, (long long)height);
    if (how == DS_ENLARGE_BLOCKS) {
        blocks(out, map, width, height);
        return DS_OK;
    }
    rows = ds_calloc((size_t)(map->height * width), sizeof *rows);
    if (rows == NULL)
        return ds_fail(err, DS_E_NOMEM, "map: no memory to enlarge it");
    smooth(out, map, width, height, rows);
    ds_free(rows);
    return DS_OK;
}
