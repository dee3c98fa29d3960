/* page_sheet.c - panels side by side as parts of a page: their words are the page's text, in its colours by
 * day and by night, and a narrow page breaks their rows. */

#include <math.h>

#include "report/colors.h"
#include "report/figure.h"
#include "report/map.h"
#include "report/page.h"
#include "report/ticks.h"

enum { MOST = 400, SIDE = 256, STRIP = 128 };

typedef struct sheet {
    ds_figure_options o;
    const ds_panel *panels;
    int64_t count;
} sheet;

static ds_status check(const sheet *s, ds_error *err)
{
    ds_status st = ds__html_check(s->o.unit, "unit", err);

    if (st == DS_OK && (s->count < 1 || s->count > MOST))
        st = ds_fail(err, DS_E_ARG, "page: expected 1 to %d panels, found %lld", MOST,
                     (long long)s->count);
    for (int64_t i = 0; st == DS_OK && i < s->count; i++) {
        const ds_panel *p = &s->panels[i];
        const ds_image *picture = p->picture != NULL ? p->picture : s->o.picture;

        st = ds__html_check(p->title, "title of a panel", err);
        if (st == DS_OK && p->map.values != NULL)
            st = ds__map_check(&p->map, err);
        else if (st == DS_OK && (picture == NULL || picture->rgb == NULL))
            st = ds_fail(err, DS_E_ARG, "page: expected a map or a picture in panel %lld",
                         (long long)i);
    }
    return st;
}

static ds_status common_scale(sheet *s, ds_error *err)
{
    ds_map maps[MOST];

    if (s->o.own_scales)
        return DS_OK;
    for (int64_t i = 0; i < s->count; i++)
        maps[i] = s->panels[i].map;
    return ds__figure_scale(&s->o, maps, s->count, err);
}

/* The colours as they are over a picture of middle grey, and the ends of the scale, with the middle where
 * there is room. */
static ds_status legend(ds_buffer *b, const ds_figure_options *o, bool room, ds_error *err)
{
    const double opacity = o->picture != NULL && !o->heat_alpha ? o->opacity : 1.0;
    ds_image strip = { 0 };
    char text[40];
    ds_status st = ds_image_init(&strip, STRIP, 1, err);

    for (int64_t i = 0; st == DS_OK && i < STRIP; i++) {
        unsigned char *rgb = strip.rgb + 3 * i;

        ds_colors_at(rgb, o->colors, ((double)i + 0.5) / STRIP);
        for (int c = 0; c < 3; c++)
            rgb[c] = (unsigned char)(128.0 + (rgb[c] - 128.0) * opacity + 0.5);
    }
    ds__buffer_text(b, "<div class=\"strip\">");
    if (st == DS_OK)
        st = ds__html_picture(b, &strip, "", err);
    ds__buffer_text(b, "</div><div class=\"ends\">");
    for (int i = 0; i < 3; i += room ? 1 : 2) {
        ds__number_text(text, sizeof text, o->low + 0.5 * i * (o->high - o->low), 3);
        ds__buffer_printf(b, "<span>%s</span>", text);
    }
    ds__buffer_text(b, "</div>\n");
    ds_image_clear(&strip);
    return st;
}

static ds_status panel(ds_buffer *b, const sheet *s, const ds_panel *p, const char *alt,
                       ds_error *err)
{
    const ds_image *picture = p->picture != NULL ? p->picture : s->o.picture;
    ds_figure_options o = s->o;
    ds_image content = { 0 };
    int64_t width, height;
    ds_status st = DS_OK;

    o.picture = picture;
    if (p->map.values != NULL) {
        st = ds__figure_scale(&o, &p->map, 1, err);
        if (st == DS_OK)
            st = ds_map_overlay(&content, &p->map, &o, err);
    } else {
        ds__figure_size(&width, &height, NULL, picture, o.side);
        st = ds__figure_picture(&content, picture, width, height, err);
    }
    ds__buffer_text(b, "<div class=\"panel\">\n<p>");
    ds__html_text(b, p->title != NULL ? p->title : "");
    ds__buffer_text(b, "</p>\n");
    if (st == DS_OK)
        st = ds__html_picture(b, &content, p->title != NULL ? p->title : alt, err);
    if (st == DS_OK && s->o.own_scales && p->map.values != NULL)
        st = legend(b, &o, false, err);
    ds__buffer_text(b, "</div>\n");
    ds_image_clear(&content);
    return st;
}

static bool has_maps(const sheet *s)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->panels[i].map.values != NULL)
            return true;
    return false;
}

static ds_status below(ds_buffer *b, const sheet *s, ds_error *err)
{
    ds_status st = DS_OK;

    if (!has_maps(s))
        return DS_OK;
    ds__buffer_text(b, "<div class=\"scale\">\n");
    if (!s->o.own_scales)
        st = legend(b, &s->o, true, err);
    ds__buffer_text(b, "<p class=\"quiet\">");
    ds__html_text(b, s->o.unit != NULL ? s->o.unit : "");
    if (s->o.floor_se > 0.0)
        ds__buffer_printf(b, "%sslanted lines: below %g standard errors",
                          s->o.unit != NULL ? "; " : "", s->o.floor_se);
    ds__buffer_text(b, "</p>\n</div>\n");
    return st;
}

ds_status ds__page_panels(ds_buffer *b, const ds_panel *panels, int64_t count,
                          const ds_figure_options *options, const char *alt, ds_error *err)
{
    sheet s = { .panels = panels, .count = count };
    ds_status st = ds__figure_options(&s.o, options, err);

    if (st == DS_OK)
        st = check(&s, err);
    if (st == DS_OK)
        st = common_scale(&s, err);
    if (st != DS_OK)
        return st;
    if (s.o.side == 0)
        s.o.side = SIDE;
    ds__buffer_text(b, "<div class=\"panels\">\n");
    for (int64_t i = 0; st == DS_OK && i < count; i++)
        st = panel(b, &s, &panels[i], alt, err);
    ds__buffer_text(b, "</div>\n");
    return st == DS_OK ? below(b, &s, err) : st;
}

ds_status ds_page_sheet(ds_page *p, const char *title, const ds_panel *panels, int64_t count,
                        const ds_figure_options *options, const char *caption, ds_error *err)
{
    ds_buffer one = { 0 };
    ds_status st = ds__html_check(title, "title", err);

    if (st == DS_OK)
        st = ds__html_check(caption, "caption", err);
    if (st == DS_OK)
        st = ds__page_panels(&one, panels, count, options, title != NULL ? title : "panel", err);
    if (st == DS_OK) {
        ds__page_end_row(p);
        ds__buffer_text(&p->body, "<figure>\n");
        if (title != NULL) {
            ds__buffer_text(&p->body, "<p>");
            ds__html_text(&p->body, title);
            ds__buffer_text(&p->body, "</p>\n");
        }
        ds__buffer_add(&p->body, one.data, one.bytes);
        if (caption != NULL) {
            ds__buffer_text(&p->body, "<figcaption>");
            ds__html_text(&p->body, caption);
            ds__buffer_text(&p->body, "</figcaption>\n");
        }
        ds__buffer_text(&p->body, "</figure>\n");
        p->body.failed = p->body.failed || one.failed;
    }
    ds__buffer_clear(&one);
    return st == DS_OK ? ds__page_check(p, err) : st;
}
