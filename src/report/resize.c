/* resize.c - pictures of another size, by the method of Pillow, which diffusers applies to the
 * start picture of image-to-image; the levels are equal to Pillow's.
 *
 * A level of the result is a weighted mean of the levels under a window around its centre. When the
 * picture shrinks, the window grows by the ratio, so that every level takes part (antialiasing).
 * Columns first, rounded to 8 bits, then rows; weights have 22 bits behind the point, as
 * Pillow's. */

#include "report/image.h"

#include <math.h>
#include <string.h>

#define FRACTION 22
#define PI       3.14159265358979323846

/* One axis: output i is the sum over k < count[i] of weight[i * most + k] * input[first[i] + k]. */
typedef struct window {
    int64_t most;
    int64_t *first, *count;
    int32_t *weight;
} window;

static double sinc(double x)
{
    return x == 0.0 ? 1.0 : sin(PI * x) / (PI * x);
}

static double filter_value(ds_filter f, double x)
{
    double a = fabs(x);

    if (f == DS_FILTER_LANCZOS)
        return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
    /* cubic convolution with slope -1/2 at 1 */
    if (a < 1.0)
        return (1.5 * a - 2.5) * a * a + 1.0;
    return a < 2.0 ? ((-0.5 * a + 2.5) * a - 4.0) * a + 2.0 : 0.0;
}

static void window_free(window *w)
{
    ds_free(w->first);
    ds_free(w->count);
    ds_free(w->weight);
}

static void fill_row(window *w, int64_t i, int64_t in, double scale, ds_filter f, double *value)
{
    double wide = scale > 1.0 ? scale : 1.0;
    double support = (f == DS_FILTER_LANCZOS ? 3.0 : 2.0) * wide;
    double centre = ((double)i + 0.5) * scale, sum = 0.0;
    int64_t first = (int64_t)(centre - support + 0.5), end = (int64_t)(centre + support + 0.5);
    int32_t *weight = w->weight + i * w->most;

    first = centre - support + 0.5 < 0.0 ? 0 : first;
    end = end > in ? in : end;
    for (int64_t k = 0; k < end - first; k++) {
        value[k] = filter_value(f, ((double)(k + first) - centre + 0.5) * (1.0 / wide));
        sum += value[k];
    }
    for (int64_t k = 0; k < end - first; k++) {
        double v = sum != 0.0 ? value[k] / sum : value[k];

        weight[k] = (int32_t)(v * (1 << FRACTION) + (v < 0.0 ? -0.5 : 0.5));
    }
    w->first[i] = first;
    w->count[i] = end - first;
}

static ds_status window_new(window *w, int64_t in, int64_t out, ds_filter f, ds_error *err)
{
    double scale = (double)in / (double)out;
    double support = (f == DS_FILTER_LANCZOS ? 3.0 : 2.0) * (scale > 1.0 ? scale : 1.0);
    double *value;
    size_t all = 0;

    w->most = (int64_t)ceil(support) * 2 + 1;
    value = ds_calloc((size_t)w->most, sizeof *value);
    w->first = ds_calloc((size_t)out, sizeof *w->first);
    w->count = ds_calloc((size_t)out, sizeof *w->count);
    if (ds_mul_size((size_t)w->most, (size_t)out, &all))
        w->weight = ds_calloc(all, sizeof *w->weight);
    if (value == NULL || w->first == NULL || w->count == NULL || w->weight == NULL) {
        ds_free(value);
        return ds_fail(err, DS_E_NOMEM, "image: no memory to resize %lld to %lld", (long long)in,
                       (long long)out);
    }
    for (int64_t i = 0; i < out; i++)
        fill_row(w, i, in, scale, f, value);
    ds_free(value);
    return DS_OK;
}

/* Runs w over n lines. Neighbours along the axis are `step` bytes apart, lines are `line` bytes
 * apart, in the input and the output. */
typedef struct layout {
    int64_t step, line;
} layout;

static void apply(unsigned char *to, layout out, const unsigned char *from, layout in,
                  const window *w, int64_t size, int64_t lines)
{
    for (int64_t y = 0; y < lines; y++)
        for (int64_t i = 0; i < size; i++) {
            const unsigned char *p = from + y * in.line + w->first[i] * in.step;
            const int32_t *weight = w->weight + i * w->most;
            int32_t sum = 1 << (FRACTION - 1);

            for (int64_t k = 0; k < w->count[i]; k++)
                sum += p[k * in.step] * weight[k];
            sum = sum < 0 ? 0 : sum >> FRACTION;
            to[y * out.line + i * out.step] = (unsigned char)(sum > 255 ? 255 : sum);
        }
}

static ds_status copy_image(ds_image *out, const ds_image *image, ds_error *err)
{
    ds_status st = ds_image_init(out, image->width, image->height, err);

    if (st == DS_OK)
        memcpy(out->rgb, image->rgb, (size_t)(image->width * image->height * 3));
    return st;
}

/* The three colours of a row are three lines whose neighbours are 3 bytes apart. */
static ds_status resize_columns(ds_image *out, const ds_image *image, int64_t width, ds_filter f,
                                ds_error *err)
{
    window w = { 0 };
    ds_status st;

    if (width == image->width)
        return copy_image(out, image, err);
    st = ds_image_init(out, width, image->height, err);
    if (st == DS_OK)
        st = window_new(&w, image->width, width, f, err);
    for (int64_t c = 0; c < 3 && st == DS_OK; c++)
        apply(out->rgb + c, (layout){ 3, 3 * width }, image->rgb + c,
              (layout){ 3, 3 * image->width }, &w, width, image->height);
    window_free(&w);
    return st;
}

static ds_status resize_rows(ds_image *out, const ds_image *image, int64_t height, ds_filter f,
                             ds_error *err)
{
    window w = { 0 };
    int64_t row = 3 * image->width;
    ds_status st;

    if (height == image->height)
        return copy_image(out, image, err);
    st = ds_image_init(out, image->width, height, err);
    if (st == DS_OK)
        st = window_new(&w, image->height, height, f, err);
    if (st == DS_OK)
        apply(out->rgb, (layout){ row, 1 }, image->rgb, (layout){ row, 1 }, &w, height, row);
    window_free(&w);
    return st;
}

ds_status ds_image_resize(ds_image *out, const ds_image *image, int64_t width, int64_t height,
                          ds_filter filter, ds_error *err)
{
    ds_image half = { 0 };
    ds_status st;

    *out = (ds_image){ 0 };
    if (image->rgb == NULL)
        return ds_fail(err, DS_E_ARG, "image: expected a picture to resize, found an empty one");
    st = resize_columns(&half, image, width, filter, err);
    if (st == DS_OK)
        st = resize_rows(out, &half, height, filter, err);
    ds_image_clear(&half);
    if (st != DS_OK)
        ds_image_clear(out);
    return st;
}

ds_status ds_image_fit(ds_image *out, const ds_image *image, int64_t width, int64_t height,
                       ds_filter filter, ds_error *err)
{
    ds_image part = { 0 };
    int64_t w = image->width, h = image->height, x, y;
    ds_status st;

    *out = (ds_image){ 0 };
    if (image->rgb == NULL || width < 1 || height < 1 || width > DS_IMAGE_SIDE ||
        height > DS_IMAGE_SIDE)
        return ds_fail(err, DS_E_ARG, "image: expected a picture and a size, found %lld x %lld",
                       (long long)width, (long long)height);
    if (width > w * height / h)
        h = height * w / width > 1 ? height * w / width : 1;
    else
        w = width * h / height > 1 ? width * h / height : 1;
    x = (image->width - w) / 2;
    y = (image->height - h) / 2;
    st = ds_image_init(&part, w, h, err);
    for (int64_t i = 0; i < h && st == DS_OK; i++)
        memcpy(part.rgb + 3 * i * w, image->rgb + 3 * ((y + i) * image->width + x),
               (size_t)(3 * w));
    if (st == DS_OK)
        st = ds_image_resize(out, &part, width, height, filter, err);
    ds_image_clear(&part);
    return st;
}
