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

/* How to turn a picture, 1 to 8, from the content of a JPEG's APP1 segment; 1 means not at all. */
int ds__exif_orientation(const unsigned char *data, size_t bytes);
ds_status ds__image_orient(ds_image *image, int orientation, ds_error *err);

#endif
