/* region.c - the part of the picture that an objective looks at: a rectangle, a picture, or where a word
 * acts. See work.h. */

#include <stdio.h>
#include <string.h>

#include <diffuscope/daam.h>
#include <diffuscope/image.h>

#include "methods/component/work.h"

enum { WORD_STEPS = 10 };

/* The word of "word:WORD", or NULL. */
static const char *word_of(const component_work *w)
{
    const char *r = w->q.region;

    return r != NULL && strncmp(r, "word:", 5) == 0 ? r + 5 : NULL;
}

static ds_status check_word(const component_work *w, const ds_job *j, ds_error *err)
{
    const char *word = word_of(w);

    for (int64_t i = 0; i < w->pairs; i++)
        if (word[0] == '\0' || strstr(w->texts.text[2 * i], word) == NULL)
            return ds_fail(err, DS_E_NOMATCH, "%s %.60s: the word does not stand in \"%.100s\"",
                           ds__job_name(j, "region"), w->q.region, w->texts.text[2 * i]);
    return DS_OK;
}

static ds_status region_mask(component_work *w, ds_job *j, ds_error *err)
{
    const int64_t f = w->info.factor;
    double x, y, dx, dy;
    char end;
    bool any = false;

    if (sscanf(w->q.region, "%lf,%lf,%lf,%lf%c", &x, &y, &dx, &dy, &end) != 4 || !(dx > 0) ||
        !(dy > 0))
        return ds_fail(err, DS_E_ARG, "%s %.60s: expected X,Y,WIDTH,HEIGHT in pixels",
                       ds__job_name(j, "region"), w->q.region);
    for (int64_t i = 0; i < w->height * w->width; i++) {
        double left = (double)(i % w->width * f), top = (double)(i / w->width * f);

        w->mask[i] = x < left + (double)f && left < x + dx && y < top + (double)f && top < y + dy;
        any = any || w->mask[i] > 0.0f;
    }
    return any ? DS_OK
               : ds_fail(err, DS_E_ARG, "%s %.60s lies outside of a picture of %lld by %lld",
                         ds__job_name(j, "region"), w->q.region, (long long)(w->width * f),
                         (long long)(w->height * f));
}

static ds_status picture_mask(component_work *w, ds_error *err)
{
    ds_image file, small = { 0 };
    bool any = false;
    ds_status st = ds_image_load(&file, w->q.mask, err);

    if (st == DS_OK)
        st = ds_image_resize(&small, &file, w->width, w->height, DS_FILTER_BICUBIC, err);
    for (int64_t i = 0; st == DS_OK && i < w->height * w->width; i++) {
        w->mask[i] =
            (float)(small.rgb[3 * i] + small.rgb[3 * i + 1] + small.rgb[3 * i + 2]) / 765.0f;
        any = any || w->mask[i] > 0.0f;
    }
    ds_image_clear(&file);
    ds_image_clear(&small);
    if (st == DS_OK && !any)
        st = ds_fail(err, DS_E_ARG, "mask %s is black everywhere", w->q.mask);
    return st;
}

ds_status ds__component_mask(component_work *w, ds_job *j, ds_error *err)
{
    if (w->q.region == NULL && w->q.mask == NULL)
        return DS_OK;
    if (w->q.region != NULL && w->q.mask != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "region"),
                       ds__job_name(j, "mask"));
    if (word_of(w) != NULL)
        return check_word(w, j, err);
    w->mask = ds_calloc((size_t)(w->height * w->width), sizeof *w->mask);
    if (w->mask == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a mask");
    return w->q.region != NULL ? region_mask(w, j, err) : picture_mask(w, err);
}

/* ---- a word's own map ------------------------------------------------------------------------ */

/* Adds the word's map in the picture of the i-th text. */
static ds_status add_map(float *sum, const component_work *w, const ds_daam *d, int64_t i,
                         ds_error *err)
{
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    const int64_t n = w->height * w->width;
    float *map = ds_calloc((size_t)n, sizeof *map);
    ds_daam_maps *maps = NULL;
    ds_status st = map == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a map") : DS_OK;

    o.height = w->height;
    o.width = w->width;
    if (st == DS_OK)
        st = ds_daam_reduce(d, &maps, 0, i, &o, err);
    if (st == DS_OK)
        st = ds_daam_word(maps, map, word_of(w), NULL, err);
    for (int64_t k = 0; st == DS_OK && k < n; k++)
        sum[k] += map[k];
    ds_daam_maps_free(maps);
    ds_free(map);
    return st;
}

/* The concept's texts drawn with the seeds of the measurement's first pictures; the mean of the word's
 * maps over them (DAAM, arXiv 2210.04885), from 0 at its lowest to 1 at its highest. */
ds_status ds__component_word_mask(component_work *w, ds_job *j, ds_error *err)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    const int64_t n = w->height * w->width;
    float *sum = NULL;
    ds_daam *d = NULL;
    ds_status st = DS_OK;

    if (word_of(w) == NULL || w->mask != NULL)
        return DS_OK;
    r.steps = WORD_STEPS;
    r.cfg_scale = w->q.guidance;
    r.sampler = "ddim";
    r.seed = w->q.seed;
    r.width = w->width * w->info.factor;
    r.height = w->height * w->info.factor;
    r.cancel = j->o.cancel;
    sum = ds_calloc((size_t)n, sizeof *sum);
    w->mask = ds_calloc((size_t)n, sizeof *w->mask);
    if (sum == NULL || w->mask == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a mask");
    for (int64_t i = 0; st == DS_OK && i < w->pairs; i++) {
        r.prompt = w->texts.text[2 * i];
        st = ds_daam_new(&d, w->model, &r, &o, err);
        if (st == DS_OK)
            st = ds_run_all(ds_daam_run(d), err);
        if (st == DS_OK)
            st = add_map(sum, w, d, 0, err);
        if (st == DS_OK)
            st = ds__job_progress(j, "word map", i + 1, w->pairs, err);
        ds_daam_free(d);
        d = NULL;
    }
    if (st == DS_OK)
        st = ds_daam_expand(w->mask, w->height, w->width, sum, w->height, w->width, true, err);
    ds_free(sum);
    return st;
}
