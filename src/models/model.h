/* model.h - an opened checkpoint: configurations and parameters of its networks. */

#ifndef DS_MODELS_MODEL_H
#define DS_MODELS_MODEL_H

#include <diffuscope/model.h>
#include <diffuscope/tokenizer.h>
#include <stdatomic.h>

#include "models/clip.h"
#include "models/unet.h"
#include "models/vae.h"
#include "weights/store.h"
#include "weights/weights.h"

/* A word that stands for `count` rows of the text encoders' tables, from `first` on. */
typedef struct ds_learned {
    char text[4][160]; /* its spellings */
    int texts;
    int64_t first[2], count;
    struct ds_learned *next;
} ds_learned;

struct ds_model {
    atomic_int users; /* whoever opened it, and the models that were derived from it */
    ds_model *base;   /* of a derived model: it owns store and weights; else NULL */
    ds_store *store;
    ds_weights *weights[DS_COMPONENTS]; /* NULL: the model has no such component */
    ds_clip_config clip[2];
    ds_unet_config unet;
    ds_vae_config vae;
    ds_learned *learned; /* words added to this model over its base */
    json_t *applied;     /* what was laid over the base, for records; or NULL */
    ds_params *params;   /* of all components, "unet.conv_in.weight" */
    ds_dtype compute;
    ds_products products;
    ds_emphasis emphasis;                 /* how prompts are read */
    _Atomic(ds_tokenizer *) tokenizer[2]; /* opened by the first who asks; constant from then on */
};

/* The model's own tokenizer (number 1 or 2), which reads emphasis as the model does; borrowed, and shared by
 * threads. */
ds_status ds__model_reader(ds_model *m, ds_tokenizer **out, int number, ds_error *err);

/* The part of the options that says where a model lies; o may be NULL. */
const ds_store_options *ds__model_where(ds_store_options *out, const ds_model_options *o);

/* DS_E_NOMATCH, telling which components the model has. */
ds_status ds__model_need(const ds_model *m, ds_component c, ds_error *err);

#endif
