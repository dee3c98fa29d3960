/* Any bytes as a list of captions to choose from, JSON (J) or CSV (C): what is read has a picture,
 * a right caption and wrong ones that are not empty, as many as there is room for. */

#include "fuzz/support.h"

#include <stdio.h>
#include <string.h>

#include <diffuscope/captions.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256];
    const char *name;
    ds_captions *c;
    ds_error err = { 0 };

    if (size == 0)
        return 0;
    name = data[0] == 'J' ? "list.json" : "list.csv";
    fz_put(name, data + 1, size - 1);
    snprintf(path, sizeof path, "%s/%s", fz_folder(), name);
    if (ds_captions_open(&c, path, NULL, &err) != DS_OK) {
        FZ_HOLDS(err.text[0] != '\0' && c == NULL);
        return 0;
    }
    for (int64_t i = 0; i < ds_captions_count(c) && i < 8; i++) {
        ds_caption_choice x;

        if (ds_captions_at(c, &x, i, 1, &err) != DS_OK) {
            FZ_HOLDS(err.text[0] != '\0');
            break;
        }
        FZ_HOLDS(x.path[0] != '\0' && x.where[0] != '\0' && x.name[0] != '\0');
        FZ_HOLDS(x.wrong_count >= 0 && x.wrong_count <= DS_CAPTION_WRONG);
        for (int64_t k = 0; k < x.wrong_count; k++)
            FZ_HOLDS(x.wrong[k][0] != '\0');
    }
    ds_captions_close(c);
    return 0;
}
