/* name_map.h - two spellings of the same parameters: diffusers' ("ours") and that of the single
 * files which the models were first published in ("theirs").
 *
 * A map is a list of pairs of module paths, made from a network's block structure, with a table of
 * what differs inside such a module. It is read in both directions.
 * Thread rule: immutable once it is made. */

#ifndef DS_WEIGHTS_NAME_MAP_H
#define DS_WEIGHTS_NAME_MAP_H

#include "base/arena.h"

#define DS_MAP_LEVELS 8

typedef struct ds_name_pair {
    const char *ours, *theirs;
} ds_name_pair;

typedef struct ds_name_map {
    ds_arena arena;
    struct ds_map_entry *entry;
    int count, room;
} ds_name_map; /* all zero is an empty map */

/* Blocks of a UNet, level by level. */
typedef struct ds_unet_blocks {
    int levels;
    int layers[DS_MAP_LEVELS];
    bool down_attention[DS_MAP_LEVELS], up_attention[DS_MAP_LEVELS]; /* up: from the lowest level */
} ds_unet_blocks;

/* Latent diffusion's UNet (Rombach et al.; openaimodel.py's input_blocks, middle_block,
 * output_blocks), its autoencoder with `levels` resolutions and `layers` blocks on each, and
 * OpenCLIP's text tower. DS_E_NOMEM. */
ds_status ds__name_map_unet(ds_name_map *m, const ds_unet_blocks *b, ds_error *err);
ds_status ds__name_map_vae(ds_name_map *m, int levels, int layers, ds_error *err);
ds_status ds__name_map_openclip(ds_name_map *m, int layers, ds_error *err);
void ds__name_map_free(ds_name_map *m);

/* Writes the other spelling of a parameter, or of a module, into buf; false if the map knows no
 * such name or it does not fit. */
bool ds__name_to_ours(const ds_name_map *m, const char *theirs, char *buf, size_t size);
bool ds__name_to_theirs(const ds_name_map *m, const char *ours, char *buf, size_t size);

#endif
