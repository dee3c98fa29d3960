/* image.h - decoders behind ds_image_decode. They may leave `out` half filled on failure. */

#ifndef DS_REPORT_IMAGE_H
#define DS_REPORT_IMAGE_H

#include <diffuscope/image.h>

/* More is taken for an attack on memory: a few bytes of PNG can promise any size. */
#define DS_IMAGE_SIDE   32768
#define DS_IMAGE_PIXELS (1 << 27)

/* ds_image_init for a picture that a file of this size promises. No PNG holds more than 8,256
 * pixels in a byte (8 of one bit, and deflate's 1,032), and no JPEG of 8-bit samples comes near: a
 * file that promises more is damaged, and does not get the memory. */
ds_status ds__image_promised(ds_image *out, int64_t width, int64_t height, size_t bytes,
                             const char *name, ds_error *err);

ds_status ds__png_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                         ds_error *err);
ds_status ds__jpeg_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                          ds_error *err);

/* How to turn a picture, 1 to 8, from Exif data, which begin as a TIFF file ("II" or "MM"): a PNG's eXIf chunk, or
 * a JPEG's APP1 segment behind "Exif\0\0". 1 means not at all. */
int ds__exif_orientation(const unsigned char *data, size_t bytes);
ds_status ds__image_orient(ds_image *image, int orientation, ds_error *err);

#endif
