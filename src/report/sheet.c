/* sheet.c - panels side by side: titles above, maps, colour bars below. */

#include "report/figure.h"

#include "report/bar.h"
#include "report/canvas.h"
#include "report/map.h"
#include "report/text.h"

#define MARGIN  14
#define GAP     18
#define WIDE    1600 /* where a row ends unless the caller says */
#define MOST    400  /* panels */
#define SEVERAL 380  /* pixels of the longer side, unless the caller says */

static const unsigned char ink[3] = { 34, 34, 34 }, paper[3] = { 255, 255, 255 };

/* Places in pixels. A cell is a panel with its title and, if it has one, its colour bar. */
typedef struct sheet {
    ds_figure_options o;
    const ds_panel *panels;
    int64_t count, columns, rows;
    int64_t width, height;    /* of a map */
    int64_t head, label, bar; /* heights of the title, of a panel's title, of a colour bar */
    ds_writer *writer;
    ds_image *out;
} sheet;

static const ds_lettering title_letters = {
    .size = 17, .bold = true, .lines = 3, .rgb = { 34, 34, 34 }
};
static const ds_lettering label_letters = { .size = 14, .lines = 2, .rgb = { 34, 34, 34 } };

static int64_t inner_width(const sheet *s)
{
    return s->columns * (s->width + GAP) - GAP;
}

static int64_t cell_height(const sheet *s)
{
    return s->label + s->height + (s->o.own_scales ? s->bar + 8 : 0);
}

static const ds_image *picture_of(const sheet *s, const ds_panel *p)
{
    return p->picture != NULL ? p->picture : s->o.picture;
}

static ds_status check(const sheet *s, ds_error *err)
{
    if (s->count < 1 || s->count > MOST)
        return ds_fail(err, DS_E_ARG, "figure: expected 1 to %d panels, found %lld", MOST,
                       (long long)s->count);
    for (int64_t i = 0; i < s->count; i++) {
        const ds_panel *p = &s->panels[i];
        const ds_image *picture = picture_of(s, p);
        ds_status st = p->map.values != NULL ? ds__map_check(&p->map, err) : DS_OK;

        if (st != DS_OK)
            return st;
        if (p->map.values == NULL && (picture == NULL || picture->rgb == NULL))
            return ds_fail(err, DS_E_ARG, "figure: expected a map or a picture in panel %lld",
                           (long long)i);
    }
    return DS_OK;
}

/* One scale for all panels, unless the caller gave it or wants one for each. */
static ds_status common_scale(sheet *s, ds_error *err)
{
    ds_map maps[MOST];

    if (s->o.own_scales)
        return DS_OK;
    for (int64_t i = 0; i < s->count; i++)
        maps[i] = s->panels[i].map;
    return ds__figure_scale(&s->o, maps, s->count, err);
}

static int64_t best_columns(int64_t count, int64_t width)
{
    int64_t columns = count <= 4 ? count : 4, fit = (WIDE + GAP) / (width + GAP);

    while (columns * columns * 2 < count * 3) /* about three wide to two high */
        columns++;
    return columns > fit ? (fit < 1 ? 1 : fit) : columns;
}

/* Large pictures are drawn smaller where there are several. */
static void choose_side(sheet *s)
{
    for (int64_t i = 0; s->count > 2 && i < s->count && s->o.side == 0; i++) {
        const ds_image *picture = picture_of(s, &s->panels[i]);
        int64_t w = picture != NULL ? picture->width : s->panels[i].map.width;
        int64_t h = picture != NULL ? picture->height : s->panels[i].map.height;

        s->o.side = w > SEVERAL || h > SEVERAL ? SEVERAL : 0;
    }
}

static void place(sheet *s, int64_t columns)
{
    choose_side(s);
    for (int64_t i = 0; i < s->count; i++) {
        int64_t w, h;

        ds__figure_size(&w, &h, &s->panels[i].map, picture_of(s, &s->panels[i]), s->o.side);
        s->width = w > s->width ? w : s->width;
        s->height = h > s->height ? h : s->height;
    }
    s->columns = columns > 0 ? columns : best_columns(s->count, s->width);
    s->columns = s->columns > s->count ? s->count : s->columns;
    s->rows = (s->count + s->columns - 1) / s->columns;
    s->bar = ds__bar_height(&s->o);
}

static ds_status measure(sheet *s, const char *title, ds_error *err)
{
    ds_lettering how = title_letters;
    int64_t wide, high;
    ds_status st = DS_OK;

    how.width = inner_width(s);
    if (title != NULL) {
        st = ds__text_measure(s->writer, &wide, &high, title, &how, err);
        s->head = high + 10;
    }
    how = label_letters;
    how.width = s->width;
    for (int64_t i = 0; st == DS_OK && i < s->count; i++) {
        if (s->panels[i].title == NULL)
            continue;
        st = ds__text_measure(s->writer, &wide, &high, s->panels[i].title, &how, err);
        s->label = st == DS_OK && high + 6 > s->label ? high + 6 : s->label;
    }
    return st;
}

/* A figure without any map has no colour bar. */
static bool has_bar(const sheet *s)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->panels[i].map.values != NULL)
            return true;
    return false;
}

static ds_status draw_content(const sheet *s, ds_image *out, const ds_panel *p,
                              ds_figure_options *o, ds_error *err)
{
    const ds_image *picture = picture_of(s, p);
    int64_t width, height;
    ds_status st = DS_OK;

    o->picture = picture;
    if (p->map.values != NULL) {
        st = ds__figure_scale(o, &p->map, 1, err);
        return st == DS_OK ? ds_map_overlay(out, &p->map, o, err) : st;
    }
    ds__figure_size(&width, &height, NULL, picture, o->side);
    return ds__figure_picture(out, picture, width, height, err);
}

static ds_status draw_panel(const sheet *s, int64_t i, ds_error *err)
{
    const ds_panel *p = &s->panels[i];
    const int64_t x = MARGIN + i % s->columns * (s->width + GAP);
    const int64_t y = MARGIN + s->head + i / s->columns * (cell_height(s) + GAP);
    ds_lettering how = label_letters;
    ds_figure_options o = s->o;
    ds_image content = { 0 };
    int64_t wide, high;
    ds_status st = draw_content(s, &content, p, &o, err);

    how.width = s->width;
    if (st == DS_OK && p->title != NULL)
        st = ds__text_measure(s->writer, &wide, &high, p->title, &how, err);
    if (st == DS_OK && p->title != NULL)
        st = ds__text_draw(s->writer, s->out, x, y + s->label - 6 - high, p->title, &how, err);
    if (st == DS_OK) {
        ds__canvas_put(s->out, x, y + s->label, &content);
        ds__canvas_frame(s->out, (ds_rect){ x, y + s->label, content.width, content.height }, ink);
    }
    if (st == DS_OK && s->o.own_scales && p->map.values != NULL)
        st = ds__bar_draw(s->writer, s->out, x, y + s->label + s->height + 8, s->width, &o, err);
    ds_image_clear(&content);
    return st;
}

static ds_status draw(sheet *s, const char *title, ds_error *err)
{
    const bool bar = !s->o.own_scales && has_bar(s);
    const int64_t below = MARGIN + s->head + s->rows * (cell_height(s) + GAP);
    ds_lettering how = title_letters;
    ds_status st = ds_image_init(s->out, inner_width(s) + 2 * MARGIN,
                                 below + (bar ? s->bar : -GAP) + MARGIN, err);

    if (st != DS_OK)
        return st;
    ds__canvas_fill(s->out, (ds_rect){ 0, 0, s->out->width, s->out->height }, paper);
    how.width = inner_width(s);
    if (title != NULL)
        st = ds__text_draw(s->writer, s->out, MARGIN, MARGIN, title, &how, err);
    for (int64_t i = 0; st == DS_OK && i < s->count; i++)
        st = draw_panel(s, i, err);
    if (st == DS_OK && bar)
        st = ds__bar_draw(s->writer, s->out, MARGIN, below, inner_width(s), &s->o, err);
    return st;
}

ds_status ds_map_sheet(ds_image *out, const char *title, const ds_panel *panels, int64_t count,
                       int64_t columns, const ds_figure_options *options, ds_error *err)
{
    sheet s = { .panels = panels, .count = count, .out = out };
    ds_status st = ds__figure_options(&s.o, options, err);

    *out = (ds_image){ 0 };
    if (st == DS_OK)
        st = check(&s, err);
    if (st == DS_OK)
        st = common_scale(&s, err);
    if (st == DS_OK)
        st = ds__writer_new(&s.writer, err);
    if (st == DS_OK) {
        place(&s, columns);
        st = measure(&s, title, err);
    }
    if (st == DS_OK)
        st = draw(&s, title, err);
    ds__writer_free(s.writer);
    if (st != DS_OK)
        ds_image_clear(out);
    return st;
}

ds_status ds_map_figure(ds_image *out, const char *title, const ds_map *map,
                        const ds_figure_options *options, ds_error *err)
{
    const ds_panel panel = { .map = *map };

    return ds_map_sheet(out, title, &panel, 1, 1, options, err);
}
