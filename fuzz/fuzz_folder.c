/* Any bytes as model_index.json and as a component's config.json. */

#include "fuzz/support.h"

#include <string.h>
#include <sys/stat.h>

#include "weights/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fz_part part[2] = { { 0 } };
    ds_folder *f;
    json_t *config;
    char unet[128];

    fz_split(part, 2, data, size);
    fz_put("model_index.json", part[0].data, part[0].size);
    snprintf(unet, sizeof unet, "%s/unet", fz_folder());
    mkdir(unet, 0777);
    fz_put("unet/config.json", part[1].data != NULL ? part[1].data : (const uint8_t *)"",
           part[1].size);
    if (ds__folder_open(&f, fz_folder(), NULL) != DS_OK)
        return 0;
    for (int64_t i = 0; i < ds__folder_components(f); i++) {
        FZ_HOLDS(strpbrk(ds__folder_component(f, i), "/.") == NULL);
        FZ_HOLDS(ds__folder_class(f, ds__folder_component(f, i)) != NULL);
    }
    ds__folder_pipeline(f);
    if (ds__folder_config(f, "unet", &config, NULL) == DS_OK)
        json_decref(config);
    ds__folder_close(f);
    return 0;
}
