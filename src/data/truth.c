/* truth.c - opens a folder of known pictures, whichever kind it is, and paints its masks. */

#include "data/truth.h"

#include "base/options.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/image.h>
#include <diffuscope/rle.h>

/* "instances.json", "instances_val2017.json": the first one by name, since folders have no
 * order. */
static const char *find_instances(ds_truth *t, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    char best[256] = "";

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        size_t n = strlen(e->d_name);

        if (strncmp(e->d_name, "instances", 9) == 0 && n > 5 && n < sizeof best &&
            strcmp(e->d_name + n - 5, ".json") == 0 &&
            (best[0] == '\0' || strcmp(e->d_name, best) < 0))
            strcpy(best, e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return best[0] != '\0' ? ds__arena_printf(&t->arena, "%s/%s", folder, best) : NULL;
}

static ds_status read_folder(ds_truth *t, const ds_truth_options *o, ds_error *err)
{
    const char *lines = ds__arena_printf(&t->arena, "%s/captions.jsonl", t->folder);
    const char *deeper = ds__arena_printf(&t->arena, "%s/annotations", t->folder);
    const char *instances;
    ds_status st;

    if (lines == NULL || deeper == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", t->folder);
    if (o->rows == NULL && access(lines, F_OK) == 0)
        return ds__truth_world(t, lines, err);
    instances = find_instances(t, t->folder);
    if (instances == NULL)
        instances = find_instances(t, deeper);
    if (instances != NULL)
        return ds__truth_coco(t, instances, o, err);
    if (o->rows != NULL)
        return ds_fail(err, DS_E_NOMATCH,
                       "%s: expected instances*.json here or in annotations/, for the masks of %s",
                       t->folder, o->rows);
    st = ds__truth_experiments(t, err);
    if (st == DS_OK && t->count == 0)
        st =
            ds_fail(err, DS_E_NOMATCH,
                    "%s: expected captions.jsonl (an export of the world), instances*.json here or "
                    "in annotations/ (COCO), or folders with prompt.txt (DAAM)",
                    t->folder);
    return st;
}

ds_status ds_truth_open(ds_truth **out, const char *folder, const ds_truth_options *options,
                        ds_error *err)
{
    const ds_truth_options none = DS_TRUTH_OPTIONS_INIT;
    ds_truth_options o;
    ds_truth *t;
    ds_status st = ds__options_take(&o, sizeof o, &none, options, "truth options",
                                    "DS_TRUTH_OPTIONS_INIT", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    t = ds_calloc(1, sizeof *t);
    if (t == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", folder);
    t->root = json_array();
    t->folder = ds__arena_printf(&t->arena, "%s", folder);
    if (t->root == NULL || t->folder == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s", folder);
    else
        st = read_folder(t, &o, err);
    if (st == DS_OK && t->count == 0)
        st = ds_fail(err, DS_E_NOMATCH, "%s: no picture with a caption", folder);
    if (st != DS_OK) {
        ds_truth_close(t);
        return st;
    }
    *out = t;
    return DS_OK;
}

void ds_truth_close(ds_truth *t)
{
    if (t == NULL)
        return;
    json_decref(t->root);
    ds_free(t->entries);
    ds__arena_free(&t->arena);
    ds_free(t);
}

int64_t ds_truth_count(const ds_truth *t)
{
    return t->count;
}

const ds_truth_scene *ds_truth_at(const ds_truth *t, int64_t i)
{
    return &t->entries[i].scene;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* To [0, width]; NaN, of coordinates beyond all measure, is 0. */
static int64_t clipped(double x, int64_t width)
{
    return x > 0.0 ? x < (double)width ? (int64_t)x : width : 0;
}

/* Sets pixels of a row whose centre lies between pairs of crossings. */
static void fill_row(uint8_t *row, int64_t width, double *cross, int64_t n)
{
    qsort(cross, (size_t)n, sizeof *cross, by_value);
    for (int64_t k = 0; k + 1 < n; k += 2) {
        double from = ceil(cross[k] - 0.5), to = ceil(cross[k + 1] - 0.5); /* centre x + 0.5 */
        int64_t x0 = clipped(from, width), x1 = clipped(to, width);

        for (int64_t x = x0; x < x1; x++)
            row[x] = 1;
    }
}

void ds_polygon_fill(uint8_t *mask, int64_t height, int64_t width, const double *xy, int64_t n)
{
    double *cross = ds_calloc((size_t)n + 1, sizeof *cross);

    for (int64_t y = 0; cross != NULL && y < height; y++) {
        double at = (double)y + 0.5;
        int64_t found = 0;

        for (int64_t i = 0; i < n; i++) {
            const double *p = xy + 2 * i, *q = xy + 2 * ((i + 1) % n);

            if ((p[1] <= at) != (q[1] <= at))
                cross[found++] = p[0] + (at - p[1]) * (q[0] - p[0]) / (q[1] - p[1]);
        }
        fill_row(mask + y * width, width, cross, found);
    }
    ds_free(cross);
}

static ds_status paint_polygons(uint8_t *mask, const json_t *shape, int64_t height, int64_t width,
                                const char *where, ds_error *err)
{
    size_t k;
    json_t *ring;

    json_array_foreach (shape, k, ring) {
        size_t n = json_array_size(ring);
        double *xy = n >= 6 && n % 2 == 0 ? ds_calloc(n, sizeof *xy) : NULL;

        if (n < 6 || n % 2 != 0)
            return ds_fail(err, DS_E_FORMAT,
                           "%s: expected a polygon of three points or more, found %zu numbers",
                           where, n);
        if (xy == NULL)
            return ds_fail(err, DS_E_NOMEM, "%s: a polygon of %zu points", where, n / 2);
        for (size_t i = 0; i < n; i++)
            xy[i] = json_number_value(json_array_get(ring, i));
        ds_polygon_fill(mask, height, width, xy, (int64_t)n / 2);
        ds_free(xy);
    }
    return DS_OK;
}

static ds_status fill_counts(uint8_t *mask, const json_t *counts, int64_t height, int64_t width,
                             ds_error *err)
{
    size_t n = json_array_size(counts);
    uint32_t *runs = ds_calloc(n + 1, sizeof *runs);
    ds_status st = DS_OK;

    if (runs == NULL)
        return ds_fail(err, DS_E_NOMEM, "%zu runs", n);
    for (size_t i = 0; st == DS_OK && i < n; i++) {
        json_int_t run = json_integer_value(json_array_get(counts, i));

        if (run < 0 || run > UINT32_MAX || !json_is_integer(json_array_get(counts, i)))
            st = ds_fail(err, DS_E_FORMAT, "run %zu is no length", i);
        runs[i] = (uint32_t)run;
    }
    if (st == DS_OK)
        st = ds_rle_fill(mask, runs, (int64_t)n, height, width, err);
    ds_free(runs);
    return st;
}

static ds_status paint_runs(uint8_t *mask, const json_t *shape, int64_t height, int64_t width,
                            const char *where, ds_error *err)
{
    const json_t *size = json_object_get(shape, "size"), *counts = json_object_get(shape, "counts");
    int64_t h = json_integer_value(json_array_get(size, 0));
    int64_t w = json_integer_value(json_array_get(size, 1));
    uint8_t *own;
    ds_error why = { 0 };
    ds_status st;

    if (h != height || w != width)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: the mask has %lld x %lld pixels, the picture %lld x %lld", where,
                       (long long)w, (long long)h, (long long)width, (long long)height);
    own = ds_calloc((size_t)(h * w) + 1, 1);
    if (own == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: a mask", where);
    st = json_is_string(counts) ? ds_rle_decode(own, json_string_value(counts), h, w, &why)
                                : fill_counts(own, counts, h, w, &why);
    for (int64_t i = 0; st == DS_OK && i < h * w; i++)
        mask[i] |= own[i];
    ds_free(own);
    return st == DS_OK ? st : ds_fail(err, st, "%s: %s", where, why.text);
}

static ds_status paint_opaque(uint8_t *mask, const char *path, int64_t height, int64_t width,
                              ds_error *err)
{
    unsigned char *opacity;
    int64_t w, h;
    ds_status st = ds_png_opacity(&opacity, &w, &h, path, err);

    if (st == DS_OK && (h != height || w != width))
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: expected %lld x %lld pixels, as the others, found "
                     "%lld x %lld",
                     path, (long long)width, (long long)height, (long long)w, (long long)h);
    for (int64_t i = 0; st == DS_OK && i < h * w; i++)
        mask[i] |= opacity[i] > 0;
    ds_free(opacity);
    return st;
}

ds_status ds__truth_paint(uint8_t *mask, const json_t *shape, int64_t height, int64_t width,
                          const char *where, ds_error *err)
{
    if (json_is_string(shape))
        return paint_opaque(mask, json_string_value(shape), height, width, err);
    if (json_is_array(shape))
        return paint_polygons(mask, shape, height, width, where, err);
    if (json_is_object(shape))
        return paint_runs(mask, shape, height, width, where, err);
    return ds_fail(err, DS_E_FORMAT, "%s: expected a mask as polygons or as runs", where);
}

ds_status ds_truth_mask(const ds_truth *t, uint8_t *mask, int64_t i, int64_t entity, ds_error *err)
{
    const ds__truth_entry *e = &t->entries[i];
    ds_status st = DS_OK;

    memset(mask, 0, (size_t)(e->scene.width * e->scene.height));
    for (int64_t k = 0; st == DS_OK && k < e->part_count; k++)
        if (e->parts[k].entity == entity)
            st = ds__truth_paint(mask, e->parts[k].shape, e->scene.height, e->scene.width,
                                 e->scene.name, err);
    return st;
}
