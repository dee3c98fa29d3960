/* original.h - single files with the names that the models were published under: which model is
 * it, where are its parts, what shape do its networks have.
 *
 *   original.c           recognising a file, sorting its tensors by part
 *   original_config.c    the configurations that diffusers would write for it
 *   name_map.c           the names themselves
 *   known.c              what shapes cannot tell
 *
 * Thread rule: immutable once recognised. */

#ifndef DS_WEIGHTS_ORIGINAL_H
#define DS_WEIGHTS_ORIGINAL_H

#include <jansson.h>

#include "weights/bundle.h"
#include "weights/component.h"
#include "weights/name_map.h"

typedef enum ds_family { DS_FAMILY_SD1 = 0, DS_FAMILY_SD2, DS_FAMILY_XL, DS_FAMILIES } ds_family;

/* Whose names a part has. */
typedef enum ds_spelling {
    DS_SPELLING_LDM,      /* latent diffusion's UNet or autoencoder */
    DS_SPELLING_OPENCLIP, /* fused q, k, v */
    DS_SPELLING_OURS      /* diffusers' and transformers' own */
} ds_spelling;

typedef struct ds_original {
    const ds_bundle *bundle;
    const char *path;    /* for messages */
    const char *wrapper; /* before every name: "state_dict." or "" */
    ds_family family;
    const char *prefix[DS_COMPONENTS]; /* behind the wrapper; NULL: the file lacks the part */
    ds_spelling spelling[DS_COMPONENTS];
    ds_unet_blocks blocks;
    int vae_levels, vae_layers;
    int text_layers[2]; /* in the file */
    ds_name_map map[DS_COMPONENTS];
} ds_original;

/* Recognises SD 1.x, 2.x and XL, whole or in parts, by names and shapes alone. DS_E_UNSUPPORTED for
 * everything else, by its name where it is a known one. Release with _clear, also on failure. */
ds_status ds__original_recognise(ds_original *o, const ds_bundle *b, const char *path,
                                 ds_error *err);
void ds__original_clear(ds_original *o);

/* The part that a tensor of the file belongs to, its name behind the prefix to *rest;
 * DS_COMPONENTS: none. */
ds_component ds__original_part(const ds_original *o, const char *name, const char **rest);

/* Tensors that are known and not needed: schedules, averages, position ids. */
bool ds__original_idle(const ds_original *o, const char *name);

/* A tensor of a part, by its name there; NULL if there is none. */
const ds_tensor *ds__original_find(const ds_original *o, ds_component c, const char *fmt, ...)
    DS_PRINTF(3, 4);

const char *ds__family_name(ds_family f); /* "Stable Diffusion 1.x" */

/* { "unet": {..}, "vae": {..}, "text_encoder": {..}, ["text_encoder_2"], "scheduler": {..} } for
 * the parts that the file has. DS_E_UNSUPPORTED where shapes and tables leave something open. */
ds_status ds__original_configs(json_t **out, const ds_original *o, ds_error *err);

/* known.c: configurations of "sd15", "sd21", "sdxl" at full size as JSON text; NULL: no such
 * name. */
const char *ds__known_topology(const char *name);

#endif
