/* train.h - what the files of the trainer share.
 *
 *   train.c      the loop: take a batch, run the graph, step the optimiser, keep what came of it
 *   settings.c   the configuration
 *   feed.c       the thread that prepares batches
 *   folder.c     a folder as a source
 *   weights.c    parameters, their moments and averages; checkpoints; export
 *   optimise.c   one step of the optimiser on them
 *   crew.c       threads that run a share of the batch each
 *   step_vae.c, step_diffusion.c   what one step computes
 *   sheet.c      pictures to look at, drawn by the exported model
 *
 * Everything random is a function of (seed, step, place in the batch), so that a training that is interrupted goes on with
 * the same bits. */

#ifndef DS_TRAIN_TRAIN_H
#define DS_TRAIN_TRAIN_H

#include <diffuscope/rng.h>
#include <diffuscope/train.h>

#include <jansson.h>

#include "models/model.h"
#include "ops/graph.h"
#include "optim/optim.h"
#include "train/crew.h"

#define DS_TRAIN_PATH 4096

typedef struct ds_settings {
    json_t *json;
    const char *model, *tokenizer, *from, *vae, *only; /* borrowed from json */
    ds_dtype compute;
    uint64_t seed;
    int64_t batch, steps, warmup, hold, checkpoint, sheet;
    double floor, clip, ema, drop, min_snr, shift, absolute, edges, kl, guidance;
    bool recompute, muon;
    ds_adamw adamw; /* rate and decay are Muon's too */
} ds_settings;

ds_status ds__settings_read(ds_settings *s, const char *path, bool diffusion, ds_error *err);
void ds__settings_free(ds_settings *s);

/* ---- feed.c ------------------------------------------------------------------------------------- */

typedef struct ds_batch {
    float *image; /* [B,side,side,3] in [-1,1] */
    int32_t *ids; /* [B,length]; NULL without a tokenizer */
} ds_batch;

typedef struct ds_feed ds_feed;

typedef struct ds_feed_options {
    const ds_train_source *source;
    const ds_tokenizer *tokenizer; /* NULL: no captions */
    uint64_t seed;
    int64_t batch, side, first, last; /* steps first .. last - 1 */
    double drop;                      /* share of captions that are left empty */
} ds_feed_options;

ds_status ds__feed_new(ds_feed **out, const ds_feed_options *o, ds_error *err);
void ds__feed_free(ds_feed *f);

/* The next step's batch, which stays good until the call after this one. */
ds_status ds__feed_take(ds_feed *f, const ds_batch **out, ds_error *err);

/* Position i of epoch `epoch` of a shuffled set of n. */
int64_t ds__shuffled(uint64_t seed, int64_t epoch, int64_t i, int64_t n);

/* 64 mixed bits, and a generator that depends on them all. */
uint64_t ds__train_mix(uint64_t seed, uint64_t a, uint64_t b);

/* ---- weights.c ------------------------------------------------------------------------------------ */

typedef struct ds_slot {
    char *name; /* "unet.conv_in.weight" */
    ds_tensor shape;
    float *param, *m, *v, *average; /* one block; Muon's momentum is m, and v stays 0 */
    const ds_var **grad;            /* [shards], or NULL: not trained */
    bool muon;
} ds_slot;

typedef struct ds_weights_state {
    ds_model *model;   /* where first values come from */
    ds_params *params; /* hands out slot[i].param */
    const char *only;  /* train parameters whose name begins so; NULL: all */
    int shards;        /* graphs that a gradient is the sum of */
    bool fresh;        /* first values are random: the last layers of branches start at zero */
    ds_slot *slot;
    int64_t count, room;
    ds_slot **matrix; /* those that Muon steps, largest first: each by one of `threads` threads */
    int64_t matrices;
    int threads;
    char *work; /* [threads] of work_bytes */
    size_t work_bytes;
} ds_weights_state;

ds_status ds__state_new(ds_weights_state *s, ds_model *model, const char *only, int shards,
                        bool fresh, ds_error *err);
void ds__state_free(ds_weights_state *s);

/* To be called when the graph of a shard is built and before it is planned: adds gradients of loss with
 * respect to the parameters that are trained. */
ds_status ds__state_differentiate(ds_weights_state *s, int shard, ds_graph *g, ds_var *loss,
                                  ds_var **cotangent, ds_error *err);

/* Everything that the next step depends on. */
ds_status ds__state_save(const ds_weights_state *s, const char *path, const char *what,
                         const ds_settings *o, int64_t step, ds_error *err);
ds_status ds__state_load(ds_weights_state *s, const char *path, const char *what,
                         const ds_settings *o, int64_t *step, ds_error *err);

/* Averages as float16 into the weight files of a diffusers folder. */
ds_status ds__state_export(const ds_weights_state *s, const char *folder, ds_error *err);

/* ---- optimise.c ----------------------------------------------------------------------------------- */

/* Divides parameters between AdamW and Muon; to be called once, when all shards are built. */
ds_status ds__state_share(ds_weights_state *s, const ds_settings *o, ds_error *err);

/* Adds up the shards' gradients, clips, steps, averages; step counts from 0. Returns the norm before clipping. */
double ds__state_step(ds_weights_state *s, const ds_settings *o, int64_t step, double rate);

/* ---- what one step computes ------------------------------------------------------------------------- */

typedef struct ds_trainer ds_trainer;

/* A share of the batch: a graph of its own, which one thread runs. */
typedef struct ds_shard {
    int64_t first, batch; /* pictures first .. first + batch - 1 of each batch */
    ds_graph *g;
    ds_plan *plan;
    ds_var *loss, *cotangent;
    ds_var *image, *noise;                             /* vae */
    ds_var *ids, *sample, *timestep, *target, *weight; /* diffusion */
    ds_graph *encoder;                                 /* diffusion; frozen */
    ds_plan *encoder_plan;
    ds_var *encoder_in, *moments;
    float *scratch; /* [2] latents of one picture */
    ds_status status;
    ds_error error;
} ds_shard;

typedef struct ds_stage {
    const char *name;
    ds_status (*begin)(ds_trainer *t, ds_error *err);              /* before the shards; or NULL */
    ds_status (*build)(ds_trainer *t, ds_shard *s, ds_error *err); /* sets s->loss */
    ds_status (*fill)(ds_trainer *t, ds_shard *s, ds_error *err); /* from t->batch; in its thread */
    ds_status (*sheet)(ds_trainer *t, int64_t step, char *line, size_t room, ds_error *err);
    bool text;
} ds_stage;

extern const ds_stage ds__stage_vae, ds__stage_diffusion;

struct ds_trainer {
    const ds_stage *stage;
    const ds_train_options *o;
    ds_settings settings;
    ds_model *model; /* OUT/model */
    ds_tokenizer *tokenizer;
    int64_t side, latent_side, tokens;
    ds_weights_state state;
    ds_shard *shard; /* [state.shards] */
    ds_crew *crew;
    float *alpha_bar;
    int train_steps, prediction;
    ds_feed *feed;
    const ds_batch *batch; /* of the step that runs */
    int64_t step;
};

/* Random numbers for place k of the batch of the step that runs. */
ds_rng ds__train_rng(const ds_trainer *t, uint64_t purpose, int64_t k);

/* OUT/fmt into a buffer of DS_TRAIN_PATH bytes. */
const char *ds__train_path(const ds_trainer *t, char *buf, const char *name);

#endif
