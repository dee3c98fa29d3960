/* canvas.c - see canvas.h. */

#include "report/canvas.h"

#include <string.h>

static ds_rect clip(const ds_image *on, ds_rect r)
{
    int64_t x1 = r.x + r.width, y1 = r.y + r.height;

    r.x = r.x < 0 ? 0 : r.x;
    r.y = r.y < 0 ? 0 : r.y;
    r.width = (x1 < on->width ? x1 : on->width) - r.x;
    r.height = (y1 < on->height ? y1 : on->height) - r.y;
    return r;
}

void ds__canvas_fill(ds_image *on, ds_rect r, const unsigned char rgb[3])
{
    r = clip(on, r);
    for (int64_t y = r.y; y < r.y + r.height; y++)
        for (int64_t x = r.x; x < r.x + r.width; x++)
            memcpy(on->rgb + 3 * (y * on->width + x), rgb, 3);
}

void ds__canvas_frame(ds_image *on, ds_rect r, const unsigned char rgb[3])
{
    ds__canvas_fill(on, (ds_rect){ r.x - 1, r.y - 1, r.width + 2, 1 }, rgb);
    ds__canvas_fill(on, (ds_rect){ r.x - 1, r.y + r.height, r.width + 2, 1 }, rgb);
    ds__canvas_fill(on, (ds_rect){ r.x - 1, r.y, 1, r.height }, rgb);
    ds__canvas_fill(on, (ds_rect){ r.x + r.width, r.y, 1, r.height }, rgb);
}

void ds__canvas_put(ds_image *on, int64_t x, int64_t y, const ds_image *picture)
{
    ds_rect r = clip(on, (ds_rect){ x, y, picture->width, picture->height });

    for (int64_t j = r.y; j < r.y + r.height && r.width > 0; j++)
        memcpy(on->rgb + 3 * (j * on->width + r.x),
               picture->rgb + 3 * ((j - y) * picture->width + r.x - x), (size_t)r.width * 3);
}

bool ds__canvas_hatched(int64_t x, int64_t y)
{
    return (x + y) % 10 < 1;
}
