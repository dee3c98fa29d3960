/* pango.c - letters in any script: Pango shapes and finds fonts, cairo draws the letters as coverage,
 * which is blended here. A state has its own font map, so nothing is shared. */

#include "optional/pango.h"

#include <pango/pangocairo.h>
#include <string.h>

typedef struct writer {
    PangoFontMap *fonts;
    PangoContext *context;
    PangoLayout *layout;
} writer;

static ds_status writer_open(void **out, ds_error *err)
{
    writer *w = ds_calloc(1, sizeof *w);

    *out = NULL;
    if (w == NULL)
        return ds_fail(err, DS_E_NOMEM, "text: %zu bytes", sizeof *w);
    w->fonts = pango_cairo_font_map_new();
    w->context = pango_font_map_create_context(w->fonts);
    w->layout = pango_layout_new(w->context);
    *out = w;
    return DS_OK;
}

static void writer_close(void *state)
{
    writer *w = state;

    g_object_unref(w->layout);
    g_object_unref(w->context);
    g_object_unref(w->fonts);
    ds_free(w);
}

static void set(writer *w, const char *text, const ds_lettering *how)
{
    static const PangoAlignment align[] = { PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER,
                                            PANGO_ALIGN_RIGHT };
    PangoFontDescription *font;

    font = pango_font_description_from_string("DejaVu Sans, sans-serif");
    pango_font_description_set_absolute_size(font, (double)how->size * PANGO_SCALE);
    pango_font_description_set_weight(font, how->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(w->layout, font);
    pango_font_description_free(font);
    pango_layout_set_single_paragraph_mode(w->layout, TRUE);
    pango_layout_set_width(w->layout, how->width > 0 ? (int)how->width * PANGO_SCALE : -1);
    pango_layout_set_height(w->layout, how->width > 0 ? -how->lines : -1);
    pango_layout_set_wrap(w->layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(w->layout,
                               how->width > 0 ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_NONE);
    pango_layout_set_alignment(w->layout, align[how->align]);
    pango_layout_set_text(w->layout, text, -1);
}

static ds_status writer_measure(void *state, int64_t *width, int64_t *height, const char *text,
                                const ds_lettering *how, ds_error *err)
{
    writer *w = state;
    int wide, high;

    (void)err;
    set(w, text, how);
    pango_layout_get_pixel_size(w->layout, &wide, &high);
    *width = wide;
    *height = high;
    return DS_OK;
}

/* Coverage [height, stride] over the picture, in the colour of the text. */
static void blend(ds_image *on, int64_t x, int64_t y, const unsigned char *cover, int64_t width,
                  int64_t height, int64_t stride, const unsigned char rgb[3])
{
    for (int64_t j = y < 0 ? -y : 0; j < height && y + j < on->height; j++)
        for (int64_t i = x < 0 ? -x : 0; i < width && x + i < on->width; i++) {
            unsigned char *p = on->rgb + 3 * ((y + j) * on->width + x + i);
            int a = cover[j * stride + i];

            for (int c = 0; c < 3; c++)
                p[c] = (unsigned char)((p[c] * (255 - a) + rgb[c] * a + 127) / 255);
        }
}

static ds_status writer_draw(void *state, ds_image *on, int64_t x, int64_t y, const char *text,
                             const ds_lettering *how, ds_error *err)
{
    writer *w = state;
    ds_status st = DS_OK;
    PangoRectangle box;
    cairo_surface_t *surface;
    cairo_t *cr;

    set(w, text, how);
    pango_layout_get_pixel_extents(w->layout, NULL, &box);
    if (how->width == 0)
        x -= how->align == DS_ALIGN_RIGHT    ? box.width
             : how->align == DS_ALIGN_CENTRE ? box.width / 2
                                             : 0;
    surface = cairo_image_surface_create(CAIRO_FORMAT_A8, box.x + box.width + 2, box.height + 2);
    cr = cairo_create(surface);
    cairo_set_source_rgba(cr, 0.0, 0.0, 0.0, 1.0);
    pango_cairo_update_layout(cr, w->layout);
    pango_cairo_show_layout(cr, w->layout);
    cairo_surface_flush(surface);
    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS)
        st = ds_fail(err, DS_E_NOMEM, "figure: text of %d by %d pixels: %s", box.width, box.height,
                     cairo_status_to_string(cairo_status(cr)));
    else
        blend(on, x, y, cairo_image_surface_get_data(surface),
              cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface),
              cairo_image_surface_get_stride(surface), how->rgb);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return st;
}

const ds_letters ds__pango_letters = { sizeof(ds_letters), writer_open, writer_close,
                                       writer_measure, writer_draw };
