/* bar.c - see bar.h. */

#include "report/bar.h"

#include <stdio.h>

#include "report/canvas.h"
#include "report/colors.h"
#include "report/ticks.h"

#define THICK   12  /* pixels of the strip of colours */
#define NUMBERS 20  /* of the line of numbers below it */
#define LINE    18  /* of a line of text */
#define WIDEST  420 /* of the strip */
#define INSET   20  /* so that the outer numbers have room */

static const unsigned char ink[3] = { 34, 34, 34 }, paper[3] = { 255, 255, 255 };

int64_t ds__bar_height(const ds_figure_options *o)
{
    return THICK + NUMBERS + (o->unit != NULL ? LINE : 0) + (o->floor_se > 0.0 ? LINE : 0);
}

static void strip(ds_image *on, ds_rect r, const ds_figure_options *o)
{
    double opacity = o->picture != NULL && !o->heat_alpha ? o->opacity : 1.0;

    for (int64_t i = 0; i < r.width; i++) {
        unsigned char rgb[3];

        ds_colors_at(rgb, o->colors, ((double)i + 0.5) / (double)r.width);
        for (int c = 0; c < 3; c++)
            rgb[c] = (unsigned char)(128.0 + (rgb[c] - 128.0) * opacity + 0.5);
        ds__canvas_fill(on, (ds_rect){ r.x + i, r.y, 1, r.height }, rgb);
    }
    ds__canvas_frame(on, r, ink);
}

static ds_status numbers(ds_writer *w, ds_image *on, ds_rect r, const ds_figure_options *o,
                         ds_error *err)
{
    const ds_lettering how = {
        .size = 12, .lines = 1, .align = DS_ALIGN_CENTRE, .rgb = { 34, 34, 34 }
    };
    int64_t free_from = r.x - INSET;
    ds_status st = DS_OK;
    ds_ticks t;

    ds__ticks_linear(&t, o->low, o->high, r.width < 150 ? 2 : r.width < 300 ? 4 : 6);
    for (int i = 0; st == DS_OK && i < t.count; i++) {
        double share = (t.at[i] - o->low) / (o->high - o->low);
        int64_t x = r.x + (int64_t)(share * (double)(r.width - 1) + 0.5), wide, high;

        ds__canvas_fill(on, (ds_rect){ x, r.y + r.height, 1, 4 }, ink);
        st = ds__text_measure(w, &wide, &high, t.label[i], &how, err);
        if (st == DS_OK && x - wide / 2 >= free_from) {
            st = ds__text_draw(w, on, x, r.y + r.height + 4, t.label[i], &how, err);
            free_from = x + wide / 2 + 6;
        }
    }
    return st;
}

/* The sample of the slanted lines, and what they mean. */
static ds_status floor_note(ds_writer *w, ds_image *on, int64_t x, int64_t y, int64_t width,
                            const ds_figure_options *o, ds_error *err)
{
    const ds_lettering how = { .size = 12, .lines = 1, .width = width - 26, .rgb = { 34, 34, 34 } };
    const ds_rect r = { x, y + 2, 18, THICK };
    char number[24], text[64];

    ds__canvas_fill(on, r, paper);
    for (int64_t i = 0; i < r.width * r.height; i++) {
        int64_t px = r.x + i % r.width, py = r.y + i / r.width;

        if (ds__canvas_hatched(px, py))
            ds__canvas_fill(on, (ds_rect){ px, py, 1, 1 }, ink);
    }
    ds__canvas_frame(on, r, ink);
    ds__number_text(number, sizeof number, o->floor_se, 3);
    snprintf(text, sizeof text, "below %s standard errors", number);
    return how.width > 0 ? ds__text_draw(w, on, x + 26, y, text, &how, err) : DS_OK;
}

ds_status ds__bar_draw(ds_writer *w, ds_image *on, int64_t x, int64_t y, int64_t width,
                       const ds_figure_options *o, ds_error *err)
{
    const ds_lettering how = { .size = 12,
                               .lines = 1,
                               .width = width < WIDEST ? width : WIDEST,
                               .align = DS_ALIGN_CENTRE,
                               .rgb = { 34, 34, 34 } };
    ds_rect r = { x + INSET, y, how.width - 2 * INSET, THICK };
    ds_status st;

    r.width = r.width < 8 ? 8 : r.width;
    strip(on, r, o);
    st = numbers(w, on, r, o, err);
    y += THICK + NUMBERS;
    if (st == DS_OK && o->unit != NULL) {
        st = ds__text_draw(w, on, x, y, o->unit, &how, err);
        y += LINE;
    }
    if (st == DS_OK && o->floor_se > 0.0)
        st = floor_note(w, on, x + INSET, y, how.width - INSET, o, err);
    return st;
}
