/* model.c - see model.h; open.c opens one. */

#include "models/model.h"

#include <stdio.h>
#include <string.h>

const char *const ds__component_names[DS_COMPONENTS] = {
    [DS_TEXT_ENCODER] = "text_encoder",
    [DS_TEXT_ENCODER_2] = "text_encoder_2",
    [DS_UNET] = "unet",
    [DS_VAE] = "vae",
};

void ds_model_close(ds_model *m)
{
    if (m == NULL)
        return;
    ds__params_free(m->params);
    for (int c = 0; c < DS_COMPONENTS; c++)
        ds__weights_close(m->weights[c]);
    ds__folder_close(m->folder);
    ds_free(m);
}

ds_status ds__model_need(const ds_model *m, ds_component c, ds_error *err)
{
    char have[128] = "";

    if (m->weights[c] != NULL)
        return DS_OK;
    for (int i = 0; i < DS_COMPONENTS; i++)
        if (m->weights[i] != NULL)
            snprintf(have + strlen(have), sizeof have - strlen(have), " %s",
                     ds__component_names[i]);
    ds_fail(err, DS_E_NOMATCH, "this model has no %s; it has:%s", ds__component_names[c],
            have[0] != '\0' ? have : " nothing that is known here");
    return ds_fail_at(err, DS_E_NOMATCH, ds__folder_path(m->folder), -1);
}
