/* show.c - what there is to see of two models: pictures side by side and where they differ, the maps of each
 * word on one scale and their difference, and the way of the latents apart. */

#include "base/text.h"
#include "studies/compare/compare.h"

#include <stdio.h>
#include <string.h>

#include <diffuscope/chart.h>
#include <diffuscope/figure.h>

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for figures");
}

void ds__compare_name(char out[160], const compare_job *o, const char *name, int64_t b)
{
    size_t n = 0;

    for (; name[n] != '\0' && n < 100; n++) {
        const unsigned char c = (unsigned char)name[n];

        out[n] = c < 0x21 || strchr("/\\:*?\"<>|", c) != NULL ? '_' : (char)c;
    }
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80) /* no letter is cut in two */
        n--;
    out[n] = '\0';
    if (o->pictures > 1)
        snprintf(out + n, 160 - n, "-%lld", (long long)b);
}

/* NAME.png and the same on the page; takes the pixels. */
static ds_status add_figure(const compare_job *o, ds_page *p, const char *name, int64_t b,
                            ds_image *image, bool shown, const char *alt, ds_error *err)
{
    char file[160];
    ds_status st = ds_page_picture(p, image, alt, alt, err);

    ds__compare_name(file, o, name, b);
    if (st == DS_OK)
        st = ds__result_figure(o->job->result, file, image, shown, err);
    ds_image_clear(image);
    return st;
}

/* ---- pictures ---------------------------------------------------------------------------------- */

static ds_status show_picture(const compare_job *o, int s, int64_t b, ds_page *p, ds_error *err)
{
    char *what = NULL, alt[400];
    ds_image copy = { 0 };
    ds_status st = ds__compare_describe(&what, o, s, err);

    if (st == DS_OK) {
        snprintf(alt, sizeof alt, "%s: %.300s", ds__side_names[s], what);
        ds__mend_letters(alt);
        st = ds_image_copy(&copy, &o->of[s].shot[b].image, err);
    }
    ds_free(what);
    return st == DS_OK ? add_figure(o, p, ds__side_names[s], b, &copy, true, alt, err) : st;
}

static ds_status show_difference(const compare_job *o, int64_t b, ds_page *p, ds_error *err)
{
    const shot *x = &o->of[LEFT].shot[b], *y = &o->of[RIGHT].shot[b];
    const int64_t pixels = x->image.width * x->image.height;
    float *map = ds_alloc((size_t)pixels * sizeof *map);
    ds_figure_options f = DS_FIGURE_OPTIONS_INIT;
    ds_image image = { 0 };
    ds_status st;

    if (map == NULL)
        return no_memory(err);
    ds__difference_map(map, x->planes, y->planes, pixels);
    f.picture = &x->image;
    f.unit = "difference, of 1";
    st = ds_map_figure(
        &image, NULL,
        &(ds_map){ .values = map, .width = x->image.width, .height = x->image.height }, &f, err);
    ds_free(map);
    return st == DS_OK ? add_figure(o, p, "difference", b, &image, true,
                                    "where they differ: the mean over the three colours", err)
                       : st;
}

/* ---- maps -------------------------------------------------------------------------------------- */

static ds_map map_of(const shot *s, int64_t w)
{
    return (ds_map){ .values = s->map[w], .width = s->width, .height = s->height };
}

static ds_status show_maps(const compare_job *o, int64_t b, int64_t w, ds_page *p, ds_error *err)
{
    const shot *x = &o->of[LEFT].shot[b], *y = &o->of[RIGHT].shot[b];
    const char *word = o->word.text[w];
    const ds_panel panels[SIDES] = { { "left", map_of(x, w), &x->image },
                                     { "right", map_of(y, w), &y->image } };
    ds_figure_options f = DS_FIGURE_OPTIONS_INIT;
    char name[128], alt[160];
    ds_image image = { 0 };
    ds_status st;

    f.picture = &x->image;
    f.unit = o->refine > DS_DAAM_SMOOTH ? "shares of the word's weight (all pixels: 1)"
                                        : "share of attention";
    f.from_least = true;
    snprintf(name, sizeof name, "%.100s.maps", word);
    snprintf(alt, sizeof alt, "\"%.80s\" on one scale, left and right", word);
    ds__mend_letters(alt);
    st = ds_map_sheet(&image, word, panels, SIDES, SIDES, &f, err);
    return st == DS_OK ? add_figure(o, p, name, b, &image, false, alt, err) : st;
}

static ds_status show_change(const compare_job *o, int64_t b, int64_t w, ds_page *p, ds_error *err)
{
    const shot *x = &o->of[LEFT].shot[b], *y = &o->of[RIGHT].shot[b];
    const int64_t pixels = x->width * x->height;
    float *map = ds_alloc((size_t)pixels * sizeof *map);
    ds_figure_options f = DS_FIGURE_OPTIONS_INIT;
    char name[128], alt[160];
    ds_image image = { 0 };
    ds_status st;

    if (map == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < pixels; i++)
        map[i] = y->map[w][i] - x->map[w][i];
    f.picture = &y->image;
    f.colors = DS_COLORS_DIVERGING;
    f.unit = o->refine > DS_DAAM_SMOOTH ? "weight, right less left" : "share, right less left";
    snprintf(name, sizeof name, "%.100s.difference", o->word.text[w]);
    snprintf(alt, sizeof alt, "\"%.80s\": right less left", o->word.text[w]);
    ds__mend_letters(alt);
    st = ds_map_figure(&image, o->word.text[w],
                       &(ds_map){ .values = map, .width = x->width, .height = x->height }, &f, err);
    ds_free(map);
    return st == DS_OK ? add_figure(o, p, name, b, &image, false, alt, err) : st;
}

ds_status ds__compare_show(const compare_job *o, int64_t b, ds_page *p, ds_error *err)
{
    char heading[64];
    ds_status st;

    snprintf(heading, sizeof heading, "Seed %llu",
             (unsigned long long)(o->drawing.seed + (uint64_t)b));
    st = ds_page_section(p, heading, err);
    for (int s = 0; st == DS_OK && s < SIDES; s++)
        st = show_picture(o, s, b, p, err);
    if (st == DS_OK)
        st = show_difference(o, b, p, err);
    for (int64_t w = 0; st == DS_OK && o->method == COMPARE_DAAM && w < o->word.count; w++) {
        st = show_maps(o, b, w, p, err);
        if (st == DS_OK)
            st = show_change(o, b, w, p, err);
    }
    return st;
}

/* ---- the way apart ----------------------------------------------------------------------------- */

ds_status ds__compare_curve(const compare_job *o, const double *apart, int64_t steps, ds_page *p,
                            ds_error *err)
{
    ds_chart c = DS_CHART_INIT;
    const ds_series s = { .kind = DS_SERIES_CURVE, .count = steps, .y = apart };
    char *svg = NULL;
    ds_status st;

    c.x = (ds_axis){ .label = "step" };
    c.y = (ds_axis){ .label = "distance of the latents, relative" };
    c.series = &s;
    c.count = 1;
    c.height = 260;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(
            p, svg, "How far apart the latents are after each step: 0 is the same, 1.4 unrelated",
            err);
    if (st == DS_OK) {
        const size_t n = strlen(svg);

        return ds__result_file(o->job->result, "apart.svg", svg, n, err);
    }
    ds_free(svg);
    return st;
}
