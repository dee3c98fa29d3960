/* exif.c - cameras store the picture as the sensor lies and note how to turn it. Only that note is
 * read; a note that makes no sense means "as it is". */

#include "report/image.h"

#include <string.h>

typedef struct tiff {
    const unsigned char *data;
    size_t bytes;
    bool big; /* "MM": the most significant byte comes first */
} tiff;

/* 0 beyond the end. */
static unsigned u16(const tiff *t, size_t at)
{
    const unsigned char *p = t->data + at;

    if (t->bytes < 2 || at > t->bytes - 2)
        return 0;
    return t->big ? (unsigned)(p[0] << 8 | p[1]) : (unsigned)(p[1] << 8 | p[0]);
}

static size_t u32(const tiff *t, size_t at)
{
    size_t first = u16(t, at), second = u16(t, at + 2);

    return t->big ? first << 16 | second : second << 16 | first;
}

int ds__exif_orientation(const unsigned char *data, size_t bytes)
{
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    tiff t = { data, bytes, false };
    size_t table;

    if (bytes < 8)
        return 1;
    t.big = t.data[0] == 'M';
    table = u32(&t, 4);
    for (size_t i = 0; i < u16(&t, table); i++) {
        size_t entry = table + 2 + i * ENTRY;

        if (u16(&t, entry) == ORIENTATION && u16(&t, entry + 2) == SHORT) {
            unsigned value = u16(&t, entry + 8);

            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

ds_status ds__image_orient(ds_image *image, int orientation, ds_error *err)
{
    bool swap = orientation >= 5; /* rows become columns */
    bool flip_x = orientation == 2 || orientation == 3 || orientation >= 7;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int64_t w = image->width, h = image->height;
    ds_image out;
    ds_status st;

    if (orientation == 1)
        return DS_OK;
    st = ds_image_init(&out, swap ? h : w, swap ? w : h, err);
    if (st != DS_OK)
        return st;
    for (int64_t y = 0; y < out.height; y++)
        for (int64_t x = 0; x < out.width; x++) {
            int64_t from_x = swap ? y : x, from_y = swap ? x : y;

            from_x = flip_x ? w - 1 - from_x : from_x;
            from_y = flip_y ? h - 1 - from_y : from_y;
            memcpy(out.rgb + 3 * (y * out.width + x), image->rgb + 3 * (from_y * w + from_x), 3);
        }
    ds_image_clear(image);
    *image = out;
    return DS_OK;
}
