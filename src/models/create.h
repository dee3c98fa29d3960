/* create.h - what the files that write a new model share (ds_model_create).
 *
 *   create.c             the folder: configurations, index
 *   create_weights.c     random weights, streamed into one safetensors file per component
 *   create_tokenizer.c   a vocabulary of bytes, or the copy of a tokenizer's folder */

#ifndef DS_MODELS_CREATE_H
#define DS_MODELS_CREATE_H

#include "models/topology.h"

typedef struct ds_create {
    const ds_create_options *options;
    const json_t *topology;
    int64_t done, total; /* parameters */
} ds_create;

/* Writes the parameters to `path`, which begins a stream of random numbers for each by its name
 * ("unet" + "conv_in.weight"): neither order nor threads matter. */
ds_status ds__create_weights(ds_create *c, const char *path, const char *component,
                             const ds_params *params, ds_error *err);

/* One of them, by its whole name ("unet.conv_in.weight"), into a tensor in F32. */
void ds__create_draw(ds_tensor *w, const char *name, uint64_t seed);

/* The tokenizer of a text encoder with this configuration into an existing folder. */
ds_status ds__create_tokenizer(const ds_create *c, const char *folder, const json_t *encoder,
                               ds_error *err);

/* Indented, with a line end. */
ds_status ds__create_json(const char *path, const json_t *value, ds_error *err);

#endif
