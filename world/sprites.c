/* sprites.c - the drawings: sheets of cells, and what is made from them when they are read.
 *
 * Cells are kept premultiplied. A glazed style is another one in blue and white. The invented
 * thing is, in every style, the upper half of one drawing over the lower half of another. Thread
 * rule: none of its own; used while a world is opened. */

#include "world/internal.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

enum { CELL = DS_WORLD_CELL, COLUMNS = 32 };

static int cells_of(const ds_world_tables *t, int style)
{
    return t->objects + (t->style[style].people ? t->drawings * 2 * DS_WORLD_SKINS : 0);
}

static uint8_t *cell(const ds__sheet *s, int i)
{
    return s->rgba + (size_t)i * DS__CELL_BYTES;
}

/* Rows of 32 cells into one cell after the other, premultiplied. The invented object has no cell
 * in the file. */
static void cut(const ds_world_tables *t, ds__sheet *s, const uint8_t *picture)
{
    int from = 0;

    for (int i = 0; i < s->cells; i++) {
        uint8_t *out = cell(s, i);

        if (i == t->zorp)
            continue;
        for (int y = 0; y < CELL; y++) {
            int row = from / COLUMNS * CELL + y, column = from % COLUMNS * CELL;
            const uint8_t *in = picture + 4 * ((size_t)row * COLUMNS * CELL + (size_t)column);

            for (int x = 0; x < CELL; x++, in += 4, out += 4) {
                for (int c = 0; c < 3; c++)
                    out[c] = (uint8_t)((in[c] * in[3] + 127) / 255);
                out[3] = in[3];
            }
        }
        from++;
    }
}

static ds_status read_sheet(const ds_world_tables *t, ds__sheet *s, const char *folder,
                            ds_error *err)
{
    char path[1024];
    png_image png = { .version = PNG_IMAGE_VERSION };
    int rows = (s->cells - 1 + COLUMNS - 1) / COLUMNS;
    ds_status st = DS_OK;
    uint8_t *picture;

    snprintf(path, sizeof path, "%s/sprites/%s", folder, s->file);
    if (!png_image_begin_read_from_file(&png, path))
        return ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: %s", path, png.message), path, -1);
    png.format = PNG_FORMAT_RGBA;
    if ((int)png.width != COLUMNS * CELL || (int)png.height != rows * CELL) {
        st = ds_fail(err, DS_E_FORMAT, "%s: expected %d x %d pixels, found %u x %u", path,
                     COLUMNS * CELL, rows * CELL, png.width, png.height);
        png_image_free(&png);
        return ds_fail_at(err, st, path, -1);
    }
    picture = ds_alloc(PNG_IMAGE_SIZE(png));
    if (picture == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: %zu bytes", path, (size_t)PNG_IMAGE_SIZE(png));
    else if (!png_image_finish_read(&png, NULL, picture, 0, NULL))
        st = ds_fail_at(err, ds_fail(err, DS_E_FORMAT, "%s: %s", path, png.message), path, -1);
    else
        cut(t, s, picture);
    png_image_free(&png);
    ds_free(picture);
    return st;
}

/* One cell as painted porcelain: its brightness on a scale from dark over middle blue to white. */
static void glaze(uint8_t *out, const uint8_t *in)
{
    static const int scale[3][3] = { { 12, 28, 108 }, { 58, 108, 218 }, { 236, 244, 255 } };

    for (int i = 0; i < CELL * CELL; i++, in += 4, out += 4) {
        int bright = (77 * in[0] + 150 * in[1] + 29 * in[2]) >> 8, a = in[3];
        int upper = 2 * bright >= a, part;

        /* Premultiplied, so brightness ends where alpha does: `part` of `a` on the way from
         * scale[upper] to the next stop. */
        bright = bright > a ? a : bright;
        part = upper ? 2 * bright - a : 2 * bright;
        for (int c = 0; c < 3; c++)
            out[c] =
                (uint8_t)((scale[upper][c] * (a - part) + scale[upper + 1][c] * part + 127) / 255);
        out[3] = in[3];
    }
}

/* Rows above the middle from one drawing, below from the other, four rows of blend. The drawings
 * are centred in their cells. */
static void compose(uint8_t *out, const uint8_t *top, const uint8_t *bottom)
{
    for (int y = 0; y < CELL; y++) {
        int part = y - CELL / 2 + 2; /* 0: top .. 4: bottom */

        part = part < 0 ? 0 : part > 4 ? 4 : part;
        for (int i = y * CELL * 4; i < (y + 1) * CELL * 4; i++)
            out[i] = (uint8_t)((top[i] * (4 - part) + bottom[i] * part + 2) / 4);
    }
}

static void find_box(ds_drawing *d)
{
    int x0 = CELL, y0 = CELL, x1 = -1, y1 = -1;

    for (int i = 0; i < CELL * CELL; i++)
        if (d->rgba[4 * i + 3] >= 8) {
            int x = i % CELL, y = i / CELL;

            x0 = x < x0 ? x : x0;
            x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0;
            y1 = y > y1 ? y : y1;
        }
    d->x = x0;
    d->y = y0;
    d->w = x1 - x0 + 1;
    d->h = y1 - y0 + 1;
}

/* An object stands out if at least half of its opaque pixels differ from the background by more
 * than 60 levels (Euclidean). Every second pixel of every second row is looked at. */
static uint32_t contrast_of(const ds_world_tables *t, const ds_drawing *d)
{
    uint32_t bits = 0;

    for (int b = 0; b < t->plain; b++) {
        const uint8_t *rgb = t->background[b].rgb;
        int all = 0, differ = 0;

        for (int y = d->y; y < d->y + d->h; y += 2)
            for (int x = d->x; x < d->x + d->w; x += 2) {
                const uint8_t *p = d->rgba + 4 * (y * CELL + x);
                int square = 0;

                if (p[3] < 200)
                    continue;
                for (int c = 0; c < 3; c++)
                    square += (p[c] - rgb[c]) * (p[c] - rgb[c]);
                all++;
                differ += square > 60 * 60;
            }
        if (2 * differ >= all)
            bits |= 1u << b;
    }
    return bits;
}

static ds_status read_style(ds_world *w, int style, const char *folder, ds_error *err)
{
    const ds_world_tables *t = &w->t;
    ds__sheet *s = &w->sheet[style];
    ds_status st = DS_OK;

    s->cells = cells_of(t, style);
    s->rgba = ds_calloc((size_t)s->cells, DS__CELL_BYTES);
    s->drawing = ds_calloc((size_t)s->cells, sizeof *s->drawing);
    s->contrast = ds_calloc((size_t)t->objects, sizeof *s->contrast);
    if (s->rgba == NULL || s->drawing == NULL || s->contrast == NULL)
        return ds_fail(err, DS_E_NOMEM, "%d drawings of style %s", s->cells, t->style[style].id);
    if (s->glaze_of < 0)
        st = read_sheet(t, s, folder, err);
    else
        for (int i = 0; i < s->cells; i++)
            glaze(cell(s, i), cell(&w->sheet[s->glaze_of], i));
    if (st != DS_OK)
        return st;
    compose(cell(s, t->zorp), cell(s, t->zorp_top), cell(s, t->zorp_bottom));
    for (int i = 0; i < s->cells; i++) {
        s->drawing[i].rgba = cell(s, i);
        find_box(&s->drawing[i]);
        if (s->drawing[i].w <= 0)
            return ds_fail_at(err,
                              ds_fail(err, DS_E_FORMAT,
                                      "%s: cell %d is empty; run "
                                      "world/fetch-sprites again",
                                      s->file, i),
                              s->file, -1);
        if (i < t->objects)
            s->contrast[i] = contrast_of(t, &s->drawing[i]);
    }
    return DS_OK;
}

ds_status ds__world_read_sheets(ds_world *w, const char *folder, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < w->t.styles; i++)
        st = read_style(w, i, folder, err);
    return st;
}

bool ds_world_object_drawing(const ds_world *w, int style, int object, ds_drawing *out)
{
    if (style < 0 || style >= w->t.styles || object < 0 || object >= w->t.objects)
        return false;
    *out = w->sheet[style].drawing[object];
    return true;
}

bool ds_world_person_drawing(const ds_world *w, int style, int drawing, int gender, int skin,
                             ds_drawing *out)
{
    int i = (drawing * 2 + gender) * DS_WORLD_SKINS + skin;

    if (style < 0 || style >= w->t.styles || !w->t.style[style].people || drawing < 0 ||
        drawing >= w->t.drawings || gender < 0 || gender > 1 || skin < 0 || skin >= DS_WORLD_SKINS)
        return false;
    *out = w->sheet[style].drawing[w->t.objects + i];
    return true;
}

bool ds_world_contrast(const ds_world *w, int style, int object, int background)
{
    if (background >= w->t.plain)
        return true;
    return w->sheet[style].contrast[object] >> background & 1;
}
