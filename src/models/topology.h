/* topology.h - what a model consists of before it has weights: configurations, and the parameters
 * that follow from them. */

#ifndef DS_MODELS_TOPOLOGY_H
#define DS_MODELS_TOPOLOGY_H

#include "models/model.h"

/* A JSON object with the configurations of "unet", "vae", "text_encoder", optionally
 * "text_encoder_2", and "scheduler", each as diffusers or transformers writes it. `like` is "sd15",
 * "sd21", "sdxl" or the path of a file. Release with json_decref.
 * DS_E_IO or DS_E_FORMAT; DS_E_NOMATCH for what is neither a known name nor a file. */
ds_status ds__topology_load(json_t **out, const char *like, ds_error *err);

/* "UNet2DConditionModel" and the like: a text encoder's is the first of its "architectures". */
const char *ds__topology_class(const json_t *topology, ds_component c);

/* Every parameter of a component, by its name in the files, with its shape and no data, in the
 * order of the network. DS_E_NOMATCH if the topology has no such component. */
ds_status ds__topology_params(ds_params **out, const json_t *topology, ds_component c,
                              ds_error *err);

#endif
