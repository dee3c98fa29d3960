/* lora.h - what the files that read LoRA and its relatives share.
 *
 *   lora.c         a file onto a model
 *   lora_keys.c    from the keys of a file to the parameters of a model
 *   lora_math.c    the change that one module's tensors stand for */

#ifndef DS_MODELS_LORA_H
#define DS_MODELS_LORA_H

#include <diffuscope/lora.h>

#include "models/model.h"
#include "weights/bundle.h"

/* What a key brings to its module. */
typedef enum ds_lora_slot {
    DS_LORA_DOWN,
    DS_LORA_UP,
    DS_LORA_MID,
    DS_LORA_ALPHA,
    DS_LORA_HADA1_A,
    DS_LORA_HADA1_B,
    DS_LORA_HADA2_A,
    DS_LORA_HADA2_B,
    DS_LORA_HADA1_T,
    DS_LORA_HADA2_T,
    DS_LORA_KRON1,
    DS_LORA_KRON1_A,
    DS_LORA_KRON1_B,
    DS_LORA_KRON2,
    DS_LORA_KRON2_A,
    DS_LORA_KRON2_B,
    DS_LORA_KRON2_T,
    DS_LORA_DORA,
    DS_LORA_DIFF, /* of the weight */
    DS_LORA_DIFF_BIAS,
    DS_LORA_SLOTS
} ds_lora_slot;

/* The tensors of one module of the model. */
typedef struct ds_lora_module {
    const char *name; /* "unet.conv_in", in the model's parameters */
    const ds_tensor *part[DS_LORA_SLOTS];
    bool peft; /* its factor comes from metadata, not from alpha */
} ds_lora_module;

/* Keys of a file by module. */
typedef struct ds_lora_keys {
    ds_arena arena;
    ds_lora_module *module; /* sorted by name */
    int64_t modules;
    int64_t used, unused;
    char unused_names[300]; /* the first few */
} ds_lora_keys;

/* DS_E_UNSUPPORTED for kinds that are not implemented. Release with _clear, also after a failure. */
ds_status ds__lora_keys(ds_lora_keys *k, const ds_bundle *b, const ds_model *m, const char *path,
                        ds_error *err);
void ds__lora_keys_clear(ds_lora_keys *k);

/* delta [count] = what the module adds to a weight w of that shape at strength 1, before DoRA. `factor`
 * takes the place of alpha/r if it is not 0. DS_E_SHAPE says what was expected. */
ds_status ds__lora_delta(float *delta, const ds_lora_module *l, const ds_tensor *w, double factor,
                         const char *path, ds_error *err);

/* w [O, ..] (f32) += strength (s V / |V| - w) with V = w + delta: weight-decomposed (Liu et al., arXiv
 * 2402.09353, eq. 5); |V| over all axes but the one that the scale s keeps. */
ds_status ds__lora_decompose(float *w, float *delta, const ds_tensor *of, const ds_tensor *scale,
                             double strength, const char *path, ds_error *err);

#endif
