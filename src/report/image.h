/* image.h - decoders behind ds_image_decode. They may leave `out` half filled on failure. */

#ifndef DS_REPORT_IMAGE_H
#define DS_REPORT_IMAGE_H

#include <diffuscope/image.h>

/* More is taken for an attack on memory: a few bytes of PNG can promise any size. */
#define DS_IMAGE_SIDE   32768
#define DS_IMAGE_PIXELS (1 << 27)

ds_status ds__png_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                         ds_error *err);
ds_status ds__jpeg_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                          ds_error *err);

#endif
