/* gallery.h - many small pictures on a page, in groups that open. Pictures are decoded when they come
 * into view, and groups that are out of view are not laid out, so that thousands stay usable. */

#ifndef DS_REPORT_GALLERY_H
#define DS_REPORT_GALLERY_H

#include <diffuscope/page.h>

/* A group begins closed, unless `open`; its line tells what is in it. */
ds_status ds__gallery_open(ds_page *p, const char *line, bool open, ds_error *err);

/* A picture in the open group, reduced to ds__gallery_side pixels where it is larger. `mark`: with a
 * frame. The caption is short: "seed 7: 0.31". */
ds_status ds__gallery_add(ds_page *p, const ds_image *image, const char *alt, const char *caption,
                          bool mark, ds_error *err);
/* Around pictures that belong side by side and are not to be parted where a line ends. */
ds_status ds__gallery_place(ds_page *p, bool begin, ds_error *err);
ds_status ds__gallery_close(ds_page *p, ds_error *err);

enum { ds__gallery_side = 96 };

#endif
