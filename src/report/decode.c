/* decode.c - which decoder a file needs. */

#include "report/image.h"

#include <string.h>

#include "base/file.h"

#define LARGEST_FILE ((size_t)1 << 30)

ds_status ds_image_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                          ds_error *err)
{
    static const unsigned char png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const unsigned char jpeg[3] = { 0xff, 0xd8, 0xff };
    ds_status st;

    *out = (ds_image){ 0 };
    if (bytes >= sizeof png && memcmp(data, png, sizeof png) == 0)
        st = ds__png_decode(out, data, bytes, name, err);
    else if (bytes >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0)
        st = ds__jpeg_decode(out, data, bytes, name, err);
    else
        st = ds_fail(err, DS_E_UNSUPPORTED, "%s: expected a PNG or a JPEG, found neither", name);
    if (st != DS_OK) {
        ds_image_clear(out);
        ds_fail_at(err, st, name, -1);
    }
    return st;
}

ds_status ds_image_load(ds_image *out, const char *path, ds_error *err)
{
    char *data;
    size_t bytes;
    ds_status st = ds__file_read(&data, &bytes, path, LARGEST_FILE, err);

    *out = (ds_image){ 0 };
    if (st != DS_OK)
        return st;
    st = ds_image_decode(out, data, bytes, path, err);
    ds_free(data);
    return st;
}
