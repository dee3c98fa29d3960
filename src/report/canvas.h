/* canvas.h - rectangles on a picture. What lies outside is cut off. */

#ifndef DS_REPORT_CANVAS_H
#define DS_REPORT_CANVAS_H

#include <diffuscope/image.h>

typedef struct ds_rect {
    int64_t x, y, width, height;
} ds_rect;

void ds__canvas_fill(ds_image *on, ds_rect r, const unsigned char rgb[3]);
void ds__canvas_frame(ds_image *on, ds_rect r, const unsigned char rgb[3]); /* just outside of r */
void ds__canvas_put(ds_image *on, int64_t x, int64_t y, const ds_image *picture);

/* Is this pixel on one of the slanted lines that mark what is not significant? */
bool ds__canvas_hatched(int64_t x, int64_t y);

#endif
