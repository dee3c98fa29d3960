/* Any bytes as a picture, and as a PNG whose text is asked for. What is accepted has its pixels. */

#include "fuzz/support.h"

#include <string.h>

#include <diffuscope/image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_image image;
    char *text;

    if (ds_image_decode(&image, data, size, "fuzzed", NULL) == DS_OK) {
        volatile unsigned char last = image.rgb[image.width * image.height * 3 - 1];

        (void)last;
    } else {
        FZ_HOLDS(image.rgb == NULL);
    }
    ds_image_clear(&image);
    if (ds_png_find_text(&text, fz_put("a.png", data, size), "parameters", NULL) == DS_OK)
        FZ_HOLDS(strlen(text) <= 2 * size * 1032);
    ds_free(text);
    return 0;
}
