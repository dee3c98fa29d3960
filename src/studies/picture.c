/* picture.c - see picture.h. */

#include "studies/picture.h"

#include <math.h>
#include <string.h>

/* A size near the model's own with the picture's ratio of sides, in steps that the network takes. */
static void fitting_size(const ds_denoiser_info *m, int64_t width, int64_t height, int64_t *w,
                         int64_t *h)
{
    const int64_t step = m->step * m->factor;
    const double own = (double)(m->side * m->factor);
    const double scale = own / sqrt((double)width * (double)height);

    *w = step * (int64_t)fmax(1.0, round((double)width * scale / (double)step));
    *h = step * (int64_t)fmax(1.0, round((double)height * scale / (double)step));
}

/* The box's part of an image, in its place. Boxes may reach beyond the border: that is cut off. */
static ds_status crop(ds_image *image, const int64_t *box, const char *path, ds_error *err)
{
    int64_t x0 = box[0] > 0 ? box[0] : 0, y0 = box[1] > 0 ? box[1] : 0;
    int64_t x1 = box[0] + box[2], y1 = box[1] + box[3];
    ds_image part;
    ds_status st;

    x1 = x1 < image->width ? x1 : image->width;
    y1 = y1 < image->height ? y1 : image->height;
    if (x1 <= x0 || y1 <= y0)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: the box %lld,%lld %lldx%lld lies outside of the %lldx%lld pixels", path,
                       (long long)box[0], (long long)box[1], (long long)box[2], (long long)box[3],
                       (long long)image->width, (long long)image->height);
    st = ds_image_init(&part, x1 - x0, y1 - y0, err);
    if (st != DS_OK)
        return st;
    for (int64_t y = y0; y < y1; y++)
        memcpy(part.rgb + 3 * (y - y0) * part.width, image->rgb + 3 * (y * image->width + x0),
               (size_t)(3 * part.width));
    ds_image_clear(image);
    *image = part;
    return DS_OK;
}

ds_status ds__study_picture_load(study_picture *p, const ds_denoiser_info *m, const char *path,
                                 const int64_t *box, ds_error *err)
{
    ds_image own = { 0 };
    int64_t width, height;
    ds_status st = ds_image_load(&own, path, err);

    if (st == DS_OK && box != NULL)
        st = crop(&own, box, path, err);
    if (st == DS_OK) {
        fitting_size(m, own.width, own.height, &width, &height);
        st = ds_image_resize(&p->image, &own, width, height, DS_FILTER_LANCZOS, err);
    }
    ds_image_clear(&own);
    if (st != DS_OK)
        return st;
    p->planes = ds_calloc((size_t)(3 * width * height), sizeof *p->planes);
    if (p->planes == NULL)
        return ds_fail(err, DS_E_NOMEM, "a picture of %lld x %lld", (long long)width,
                       (long long)height);
    ds_image_to_planes(p->planes, &p->image);
    p->tensor = (ds_tensor){ DS_DTYPE_F32, 4, { 1, 3, height, width }, p->planes };
    return DS_OK;
}

void ds__study_picture_clear(study_picture *p)
{
    ds_image_clear(&p->image);
    ds_free(p->planes);
    *p = (study_picture){ .planes = NULL };
}
