/* save.c - a picture into a file of the kind that its name ends in; writing JPEG with libjpeg-turbo. */

#include "report/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>

#include "base/buffer.h"
#include "base/file.h"

#define QUALITY      95
#define MOST_COMMENT 65533 /* bytes of a marker, less its length */

/* ---- by name ----------------------------------------------------------------------------------- */

typedef enum kind { PNG, JPEG, OTHER } kind;

static kind kind_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot == name || strcasecmp(dot, ".png") == 0)
        return PNG;
    return strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ? JPEG : OTHER;
}

ds_status ds_image_check_name(const char *path, ds_error *err)
{
    return kind_of(path) != OTHER ? DS_OK
                                  : ds_fail(err, DS_E_ARG,
                                            "%s: expected a name that ends in .png, .jpg or .jpeg: "
                                            "no other kind of picture is written",
                                            path);
}

ds_status ds_image_save(const ds_image *image, const char *path, const ds_png_text *texts,
                        int64_t count, ds_error *err)
{
    char *data = NULL;
    size_t bytes = 0;
    ds_status st = ds_image_check_name(path, err);

    if (st != DS_OK || kind_of(path) == PNG)
        return st == DS_OK ? ds_image_save_png(image, path, texts, count, err) : st;
    st = ds_image_encode_jpeg(&data, &bytes, image, texts, count, err);
    if (st == DS_OK)
        st = ds__file_write(path, data, bytes, err);
    ds_free(data);
    return st;
}

/* ---- JPEG -------------------------------------------------------------------------------------- */

typedef struct handler {
    struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
    jmp_buf back;
} handler;

static void stop(j_common_ptr info)
{
    longjmp(((handler *)info->err)->back, 1);
}

/* Runs under the caller's setjmp. */
static void write_rows(struct jpeg_compress_struct *info, const ds_image *image,
                       const char *comment)
{
    const size_t n = comment != NULL ? strlen(comment) : 0;

    info->image_width = (JDIMENSION)image->width;
    info->image_height = (JDIMENSION)image->height;
    info->input_components = 3;
    info->in_color_space = JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, QUALITY, TRUE);
    for (int c = 0; c < 3; c++)
        info->comp_info[c].h_samp_factor = info->comp_info[c].v_samp_factor = 1;
    jpeg_start_compress(info, TRUE);
    if (n > 0)
        jpeg_write_marker(info, JPEG_COM, (const JOCTET *)comment,
                          (unsigned)(n < MOST_COMMENT ? n : MOST_COMMENT));
    while (info->next_scanline < info->image_height) {
        JSAMPROW row = image->rgb + (size_t)info->next_scanline * (size_t)image->width * 3;

        jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
}

static ds_status encode(char **out, size_t *bytes, const ds_image *image, const char *comment,
                        ds_error *err)
{
    struct jpeg_compress_struct info;
    unsigned char *volatile memory = NULL; /* of malloc */
    unsigned char *made = NULL;
    unsigned long size = 0;
    handler h;

    info.err = jpeg_std_error(&h.base);
    h.base.error_exit = stop;
    if (setjmp(h.back) != 0) {
        jpeg_destroy_compress(&info);
        free(memory);
        return ds_fail(err, DS_E_NOMEM, "a JPEG could not be made of a picture");
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &made, &size);
    write_rows(&info, image, comment);
    memory = made;
    jpeg_destroy_compress(&info);
    *out = ds_alloc(size);
    if (*out != NULL)
        memcpy(*out, memory, size);
    *bytes = size;
    free(memory);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a JPEG");
}

ds_status ds_image_encode_jpeg(char **out, size_t *bytes, const ds_image *image,
                               const ds_png_text *texts, int64_t count, ds_error *err)
{
    ds_buffer all = { 0 };
    char *comment = NULL;
    ds_status st = DS_OK;

    *out = NULL;
    if (image->rgb == NULL || image->width > 65500 || image->height > 65500)
        return ds_fail(err, DS_E_ARG, "expected a picture of at most 65500 pixels a side");
    for (int64_t i = 0; i < count; i++)
        ds__buffer_printf(&all, "%s%s: %s", i > 0 ? "\n" : "", texts[i].keyword, texts[i].text);
    if (count > 0)
        st = ds__buffer_take(&all, &comment, NULL, "the comment of a JPEG", err);
    if (st == DS_OK)
        st = encode(out, bytes, image, comment, err);
    ds_free(comment);
    return st;
}
