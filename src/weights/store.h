/* store.h - where a model comes from: its parts, with their configuration and parameters under
 * diffusers' names, its tokenizers, and the schedule that it was trained with.
 *
 * A diffusers folder is one kind of store (store_folder.c), a single file another (store_file.c);
 * what reads models sees no difference. Any part can be replaced by that of another store.
 *
 * Thread rule: opening and deciding belong to one thread; the rest may be asked from any. */

#ifndef DS_WEIGHTS_STORE_H
#define DS_WEIGHTS_STORE_H

#include <jansson.h>

#include "weights/component.h"
#include "weights/weights.h"

typedef struct ds_store ds_store;

typedef struct ds_store_options {
    const char *variant; /* see ds__weights_open */
    const char *config;  /* folder with the configurations and tokenizers of a single file */
    const char *part[DS_COMPONENTS]; /* replaces that part: a folder or a file; NULL: none */
    const char *prediction; /* "epsilon", "v" or "v_prediction" instead of what the model says */
    const ds_bundle
        *memory; /* weights by "component.name", in place of a component's files; borrowed */
} ds_store_options;

/* `model` is a folder, "owner/name" in the hub cache, or a file. options may be NULL.
 * DS_E_IO, DS_E_FORMAT, DS_E_UNSUPPORTED tell what was expected and found. */
ds_status ds__store_open(ds_store **out, const char *model, const ds_store_options *options,
                         ds_error *err);
void ds__store_close(ds_store *s);

const char *ds__store_path(const ds_store *s);
const char *ds__store_pipeline(const ds_store *s); /* "StableDiffusionPipeline" */
bool ds__store_is_file(const ds_store *s);

/* All components by name, also those without weights ("scheduler", "tokenizer"). */
int64_t ds__store_components(const ds_store *s);
const char *ds__store_component(const ds_store *s, int64_t i);

/* Class of a component, "UNet2DConditionModel"; NULL if there is none. */
const char *ds__store_class(const ds_store *s, const char *component);

/* Configuration of a component ("scheduler" too), to be released with json_decref. */
ds_status ds__store_config(const ds_store *s, const char *component, json_t **out, ds_error *err);

/* Parameters of a component, to be closed before the store. */
ds_status ds__store_weights(const ds_store *s, const char *component, ds_weights **out,
                            ds_error *err);

/* Folder of tokenizer 1 or 2, to be freed with ds_free; NULL with DS_OK: CLIP's own vocabulary,
 * padded with *pad (an id). DS_E_NOMATCH: the model has no such tokenizer. */
ds_status ds__store_tokenizer(const ds_store *s, int number, char **folder, int64_t *pad,
                              ds_error *err);

/* A flag of model_index.json. */
bool ds__store_flag(const ds_store *s, const char *name, bool absent);

/* What the network predicts and who says so. type NULL: nobody does, it must be measured or
 * assumed. */
typedef struct ds_prediction_note {
    const char *type; /* "epsilon" or "v_prediction" */
    char from[160];   /* "--prediction", "modelspec.prediction_type", ... */
} ds_prediction_note;

const ds_prediction_note *ds__store_prediction(const ds_store *s);
void ds__store_decide(ds_store *s, const char *type, const char *from);

/* A single file of Stable Diffusion 2.x, of which there are both kinds. */
bool ds__store_is_sd2(const ds_store *s);

/* A sentence about tensors that belong to no known part, or NULL. */
const char *ds__store_remark(const ds_store *s);

/* What a file holds beside weights, for people: {"format": .., "globals": [..]}; borrowed. */
const json_t *ds__store_notes(const ds_store *s);

/* Which option brings a part that the store lacks, ": give --vae ..."; "" for folders. */
const char *ds__store_hint(const ds_store *s, ds_component c);

/* The JSON of ds_inspect_model. */
/* overlays: what was laid over it, as "overlays"; or NULL. */
ds_status ds__inspect_store(char **json, const ds_store *s, bool hashes, const json_t *overlays,
                            ds_error *err);

/* ---- the kinds ------------------------------------------------------------------------------- */

typedef struct ds_store_kind {
    void (*close)(void *self);
    const char *(*pipeline)(const void *self);
    int64_t (*components)(const void *self);
    const char *(*component)(const void *self, int64_t i);
    const char *(*class_of)(const void *self, const char *component);
    ds_status (*config)(const void *self, const char *component, json_t **out, ds_error *err);
    ds_status (*weights)(const void *self, const char *component, ds_weights **out, ds_error *err);
    ds_status (*tokenizer)(const void *self, int number, char **folder, int64_t *pad,
                           ds_error *err);
    bool (*flag)(const void *self, const char *name, bool absent);
} ds_store_kind;

struct ds_store {
    const ds_store_kind *kind;
    void *self;
    char *path;
    bool is_file, is_sd2;
    const ds_bundle *memory; /* see ds_store_options */
    ds_store *part[DS_COMPONENTS];
    ds_prediction_note prediction;
    char remark[400];
    json_t *notes;
};

/* Each fills kind, self and what it knows of the rest; `self` is released also after a failure. */
ds_status ds__store_open_folder(ds_store *s, const char *model, const ds_store_options *o,
                                ds_error *err);
ds_status ds__store_open_part(ds_store *s, const char *folder, ds_component c,
                              const ds_store_options *o, ds_error *err);
ds_status ds__store_open_file(ds_store *s, const ds_store_options *o, ds_error *err);

#endif
