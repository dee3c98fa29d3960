/* page_gallery.c - see gallery.h. */

#include "report/gallery.h"

#include "report/page.h"

ds_status ds__gallery_open(ds_page *p, const char *line, bool open, ds_error *err)
{
    ds_status st = ds__html_check(line, "line of a gallery", err);

    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    ds__buffer_printf(&p->body, "<details class=\"gallery\"%s><summary>", open ? " open" : "");
    ds__html_text(&p->body, line);
    ds__buffer_text(&p->body, "</summary>\n<div class=\"thumbs\">\n");
    return ds__page_check(p, err);
}

/* At most ds__gallery_side on the longer side. */
static ds_status reduce(ds_image *out, const ds_image *image, ds_error *err)
{
    const int64_t side = image->width > image->height ? image->width : image->height;
    int64_t width = image->width, height = image->height;

    if (side <= ds__gallery_side)
        return ds_image_copy(out, image, err);
    width = width * ds__gallery_side / side;
    height = height * ds__gallery_side / side;
    return ds_image_resize(out, image, width > 0 ? width : 1, height > 0 ? height : 1,
                           DS_FILTER_LANCZOS, err);
}

ds_status ds__gallery_add(ds_page *p, const ds_image *image, const char *alt, const char *caption,
                          bool mark, ds_error *err)
{
    ds_image small = { 0 };
    char *data = NULL;
    size_t bytes = 0;
    ds_status st = ds__html_check(alt, "description of a picture", err);

    if (st == DS_OK)
        st = ds__html_check(caption, "caption", err);
    if (st == DS_OK)
        st = reduce(&small, image, err);
    if (st == DS_OK)
        st = ds_image_encode_jpeg(&data, &bytes, &small, NULL, 0, err);
    if (st == DS_OK) {
        ds__buffer_printf(&p->body,
                          "<figure%s><img loading=\"lazy\" decoding=\"async\" width=\"%lld\" "
                          "height=\"%lld\" alt=\"",
                          mark ? " class=\"mark\"" : "", (long long)small.width,
                          (long long)small.height);
        ds__html_text(&p->body, alt);
        ds__buffer_text(&p->body, "\" src=\"data:image/jpeg;base64,");
        ds__buffer_base64(&p->body, data, bytes);
        ds__buffer_text(&p->body, "\"><figcaption>");
        ds__html_text(&p->body, caption);
        ds__buffer_text(&p->body, "</figcaption></figure>\n");
    }
    ds_free(data);
    ds_image_clear(&small);
    return st == DS_OK ? ds__page_check(p, err) : st;
}

ds_status ds__gallery_place(ds_page *p, bool begin, ds_error *err)
{
    ds__buffer_text(&p->body, begin ? "<div class=\"place\">" : "</div>\n");
    return ds__page_check(p, err);
}

ds_status ds__gallery_close(ds_page *p, ds_error *err)
{
    ds__buffer_text(&p->body, "</div></details>\n");
    return ds__page_check(p, err);
}
