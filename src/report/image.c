/* image.c - pixels: room for them, and floats. */

#include "report/image.h"

#include <string.h>

ds_status ds_image_init(ds_image *image, int64_t width, int64_t height, ds_error *err)
{
    *image = (ds_image){ 0 };
    if (width < 1 || height < 1 || width > DS_IMAGE_SIDE || height > DS_IMAGE_SIDE)
        return ds_fail(err, DS_E_ARG,
                       "image: expected sides from 1 to %d pixels, found %lld x %lld",
                       DS_IMAGE_SIDE, (long long)width, (long long)height);
    if (width * height > DS_IMAGE_PIXELS)
        return ds_fail(err, DS_E_ARG, "image: expected at most %d pixels, found %lld x %lld",
                       DS_IMAGE_PIXELS, (long long)width, (long long)height);
    image->rgb = ds_calloc((size_t)(width * height), 3);
    if (image->rgb == NULL)
        return ds_fail(err, DS_E_NOMEM, "image: no memory for %lld x %lld pixels", (long long)width,
                       (long long)height);
    image->width = width;
    image->height = height;
    return DS_OK;
}

ds_status ds__image_promised(ds_image *out, int64_t width, int64_t height, size_t bytes,
                             const char *name, ds_error *err)
{
    if (width <= DS_IMAGE_SIDE && height <= DS_IMAGE_SIDE &&
        (uint64_t)(width * height) / 8256 > bytes)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: %zu bytes cannot hold the %lld x %lld pixels that it promises", name,
                       bytes, (long long)width, (long long)height);
    return ds_image_init(out, width, height, err);
}

ds_status ds_image_copy(ds_image *out, const ds_image *image, ds_error *err)
{
    ds_status st = ds_image_init(out, image->width, image->height, err);

    if (st == DS_OK)
        memcpy(out->rgb, image->rgb, (size_t)(3 * image->width * image->height));
    return st;
}

void ds_image_clear(ds_image *image)
{
    ds_free(image->rgb);
    *image = (ds_image){ 0 };
}

/* Halves go to the even level, as in NumPy's and PyTorch's round. */
static unsigned char level(float x)
{
    float scaled = x * 255.0f;
    int below;
    float rest;

    if (!(scaled > 0.0f)) /* NaN too */
        return 0;
    if (scaled >= 255.0f)
        return 255;
    below = (int)scaled;
    rest = scaled - (float)below;
    return (unsigned char)(below + (rest > 0.5f || (rest == 0.5f && below % 2 == 1)));
}

ds_status ds_image_from_planes(ds_image *out, const float *planes, int64_t width, int64_t height,
                               ds_error *err)
{
    ds_status st = ds_image_init(out, width, height, err);
    int64_t n = width * height;

    for (int64_t c = 0; st == DS_OK && c < 3; c++)
        for (int64_t i = 0; i < n; i++)
            out->rgb[3 * i + c] = level(planes[c * n + i]);
    return st;
}

void ds_image_to_planes(float *planes, const ds_image *image)
{
    int64_t n = image->width * image->height;

    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < n; i++)
            planes[c * n + i] = (float)image->rgb[3 * i + c] / 255.0f;
}
