/* diffuscope/image.h - pictures of 8-bit RGB: PNG out, PNG and JPEG in. */

#ifndef DIFFUSCOPE_IMAGE_H
#define DIFFUSCOPE_IMAGE_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows from top to bottom without gaps, three bytes per pixel. All zero is an empty image. */
typedef struct ds_image {
    int64_t width, height;
    unsigned char *rgb; /* [height, width, 3], of ds_alloc */
} ds_image;

/* Memory for the pixels, zeroed. DS_E_ARG unless both sides are from 1 to 32768, and there are at
 * most 2^27 pixels. */
DS_API ds_status ds_image_init(ds_image *image, int64_t width, int64_t height, ds_error *err);
DS_API ds_status ds_image_copy(ds_image *out, const ds_image *image, ds_error *err);
DS_API void ds_image_clear(ds_image *image); /* frees the pixels; an empty image is allowed */

/* From and to planes [3, height, width] with values in [0,1], as networks have them. Values outside
 * are clipped, NaN becomes 0; to the nearest of 256 levels. `out` is initialised by the call. */
DS_API ds_status ds_image_from_planes(ds_image *out, const float *planes, int64_t width,
                                      int64_t height, ds_error *err);
DS_API void ds_image_to_planes(float *planes, const ds_image *image);

/* Reads a PNG or a JPEG, told apart by content. Transparency is laid over white, and a photograph
 * is turned upright. `out` is initialised by the call, and empty after a failure. */
DS_API ds_status ds_image_load(ds_image *out, const char *path, ds_error *err);

/* The same from memory; `name` is for messages. */
DS_API ds_status ds_image_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                                 ds_error *err);

/* The opacity of a PNG's pixels [height, width], 255 where it has none; free with ds_free. */
DS_API ds_status ds_png_opacity(unsigned char **out, int64_t *width, int64_t *height,
                                const char *path, ds_error *err);

typedef enum ds_filter { DS_FILTER_LANCZOS, DS_FILTER_BICUBIC } ds_filter;

/* Another size, with the levels that Pillow's resize() gives; the ratio of the sides may change.
 * `out` is initialised by the call, and empty after a failure. */
DS_API ds_status ds_image_resize(ds_image *out, const ds_image *image, int64_t width,
                                 int64_t height, ds_filter filter, ds_error *err);

/* The same of the largest part in the middle that has the new ratio of sides. */
DS_API ds_status ds_image_fit(ds_image *out, const ds_image *image, int64_t width, int64_t height,
                              ds_filter filter, ds_error *err);

/* A text chunk. The keyword has 1 to 79 ASCII letters ("parameters"); the text is UTF-8. */
typedef struct ds_png_text {
    const char *keyword, *text;
} ds_png_text;

/* Writes a temporary file and renames it. */
DS_API ds_status ds_image_save_png(const ds_image *image, const char *path,
                                   const ds_png_text *texts, int64_t count, ds_error *err);

/* The same into memory; free with ds_free. */
DS_API ds_status ds_image_encode_png(char **out, size_t *bytes, const ds_image *image,
                                     const ds_png_text *texts, int64_t count, ds_error *err);

/* The same as a JPEG of quality 95 without subsampling of colour; texts become one comment. */
DS_API ds_status ds_image_encode_jpeg(char **out, size_t *bytes, const ds_image *image,
                                      const ds_png_text *texts, int64_t count, ds_error *err);

/* By the name's ending: .png, .jpg or .jpeg, in any case; none is a PNG. DS_E_ARG for others, which
 * ds_image_check_name tells before there is a picture. */
DS_API ds_status ds_image_save(const ds_image *image, const char *path, const ds_png_text *texts,
                               int64_t count, ds_error *err);
DS_API ds_status ds_image_check_name(const char *path, ds_error *err);

/* The text under `keyword` in front of a PNG's pixels, as UTF-8, to be freed with ds_free.
 * DS_E_NOMATCH if it has none. */
DS_API ds_status ds_png_find_text(char **out, const char *path, const char *keyword, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
