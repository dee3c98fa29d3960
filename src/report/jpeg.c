/* jpeg.c - reading JPEG with libjpeg-turbo, upright. Damaged data are refused, not filled with
 * grey. */

#include "report/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

typedef struct handler {
    struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
} handler;

static void stop(j_common_ptr info)
{
    handler *h = (handler *)info->err;

    h->base.format_message(info, h->text);
    longjmp(h->back, 1);
}

static void on_message(j_common_ptr info, int severity)
{
    if (severity < 0) /* a warning: data are corrupt and were patched over */
        stop(info);
}

/* APP1 holds Exif, or XMP, in any order. */
static int orientation_of(const struct jpeg_decompress_struct *info)
{
    static const char head[6] = "Exif\0";
    const struct jpeg_marker_struct *m = info->marker_list;

    for (; m != NULL; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > sizeof head &&
            memcmp(m->data, head, sizeof head) == 0)
            return ds__exif_orientation(m->data + sizeof head, m->data_length - sizeof head);
    return 1;
}

/* Runs under the caller's setjmp. */
static ds_status read_rows(struct jpeg_decompress_struct *info, ds_image *out, size_t bytes,
                           const char *name, ds_error *err)
{
    int orientation;
    ds_status st;

    jpeg_save_markers(info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(info, TRUE);
    if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK)
        return ds_fail(err, DS_E_UNSUPPORTED, "%s: expected RGB or grey, found CMYK; convert it",
                       name);
    orientation = orientation_of(info); /* the markers go when the reading ends */
    /* before libjpeg finds room for all coefficients of a progressive file */
    st = ds__image_promised(out, info->image_width, info->image_height, bytes, name, err);
    if (st != DS_OK)
        return st;
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = out->rgb + (size_t)info->output_scanline * info->output_width * 3;

        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    return ds__image_orient(out, orientation, err);
}

ds_status ds__jpeg_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                          ds_error *err)
{
    struct jpeg_decompress_struct info;
    handler h;
    ds_status st;

    info.err = jpeg_std_error(&h.base);
    h.base.error_exit = stop;
    h.base.emit_message = on_message;
    if (setjmp(h.back) != 0) {
        jpeg_destroy_decompress(&info);
        return ds_fail(err, DS_E_FORMAT, "%s: damaged JPEG: %s", name, h.text);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, (unsigned long)bytes);
    st = read_rows(&info, out, bytes, name, err);
    jpeg_destroy_decompress(&info);
    return st;
}
