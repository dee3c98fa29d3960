/* daam.h - what the files of DAAM share.
 *
 *   trace.c      small questions about a trace
 *   daam.c       the object: layers, texts, a traced run
 *   store.c      the sums and their budget
 *   watch.c      what happens while the network runs
 *   picture.c    existing pictures
 *   maps.c       from sums to maps
 *   words.c      from words to tokens
 *   ask.c        other texts' keys against the latent's queries
 *   refine.c     self-attention
 *   file.c       a trace as a file
 *   queries.c    queries of a whole run, for texts that are asked for later
 *   heads.c      probabilities of a whole run, written and put back */

#ifndef DS_METHODS_DAAM_H
#define DS_METHODS_DAAM_H

#include <diffuscope/daam.h>

#include "base/arena.h"
#include "stats/bicubic.h"
#include "pipeline/prompt.h"
#include "pipeline/run.h"
#include "probes/attentions.h"

#define DS_DAAM_WARNINGS 16

typedef struct daam_layer {
    const char *site; /* of the probabilities */
    const char *q;    /* of the queries */
    int64_t index;    /* in the paper's order */
    int64_t heads, height, width, factor, halvings;
    int64_t kept_heads;
    int slot;
} daam_layer;

/* A text whose tokens have maps. Row r of its maps is column position[r] of the probabilities.
 * First come the prompts, one for all pictures or one for each, then the texts asked for. */
typedef struct daam_text {
    const char *text;
    int64_t image; /* whose prompt it is; -1: of all */
    ds_tokens *tokens;
    int64_t fit;  /* tokens that the model was given */
    int64_t rows; /* kept: start, fit tokens, end, and with all_tokens the padding */
    int64_t *position;
    int64_t columns; /* of the probabilities */
    float **keys;    /* of a text asked for: [layers] of [columns, width]; NULL: the prompt */
    int64_t *widths; /* [layers] */
} daam_text;

/* Sums of layers of one resolution: one layer, or all of them where layers had to be summed. */
typedef struct daam_slot {
    int64_t height, width, factor;
    int64_t heads;   /* apart; 1: summed (or there is one) */
    int64_t maps;    /* (layer, head) pairs in one of `heads` */
    int64_t *offset; /* [texts]: floats into data */
    int64_t floats;  /* of data */
    float *data;     /* per text [its images][groups][heads][rows][height * width] */
} daam_slot;

/* Mean of the self-attention of one resolution. */
typedef struct daam_self {
    int64_t height, width, halvings;
    int64_t layers, maps; /* (layer, head) pairs of one call */
    float *data;          /* [images][h w][h w], sums over layers, heads and calls */
    const char **site;    /* [layers] */
} daam_self;

/* What is traced, and the sums. */
typedef struct daam_trace {
    int64_t images, height, width; /* of the latent */
    int64_t steps;
    int64_t calls; /* traced so far */
    daam_layer *layer;
    int64_t layers;
    daam_text *text;
    int64_t texts, prompts;
    daam_slot *slot;
    int slots;
    daam_self self;
    bool *head_kept; /* of the layer with the most heads */
    int64_t groups;
    bool heads_apart, layers_apart;
    size_t bytes;
    const char *plan;
} daam_trace;

/* How the network is listened to. */
typedef struct daam_tap {
    ds_watcher watcher;
    ds_run *run; /* of a generation */
    int64_t branches;
    int64_t row;         /* branch whose rows are traced */
    int64_t step;        /* of the call under way */
    bool tracing;        /* that step is kept */
    const char **other;  /* sites of cross-attention that are not kept: heads are saved of all */
    int64_t head_floats; /* probabilities of one row of the batch, of all layers */
    struct daam_heads *heads;     /* NULL: neither saved nor loaded */
    struct daam_queries *queries; /* NULL: not saved */
} daam_tap;

/* Texts that are asked for. */
typedef struct daam_ask {
    int64_t keyed;  /* the first text with keys */
    float *scratch; /* probabilities of a block of queries */
    void *work;
} daam_ask;

struct ds_daam {
    ds_model *model;
    ds_arena arena;
    ds_text *text_encoder; /* tokenizers */
    ds_daam_options options;
    const char *warning[DS_DAAM_WARNINGS];
    int warnings;
    daam_trace trace;
    daam_tap tap;
    daam_ask ask;
};

/* ---- trace.c ---- */
ds_status ds__daam_warn(ds_daam *d, ds_error *err, const char *fmt, ...) DS_PRINTF(3, 4);

/* The place among the texts of what callers know as text i of an image: 0 is its prompt. */
int64_t ds__daam_text_of(const ds_daam *d, int64_t i, int64_t image);

/* Does the site belong to a layer that is kept? -1: no. */
int64_t ds__daam_layer_of(const ds_daam *d, const char *site);
bool ds__daam_head_kept(const ds_daam *d, int64_t head);
bool ds__daam_step_kept(const ds_daam *d, int64_t step);

/* ---- daam.c ---- */

/* Takes the options of a caller of any version. */
ds_status ds__daam_options(ds_daam_options *o, const ds_daam_options *given, ds_error *err);

/* An object without run and texts: layers of a model for `sizes`, with the options copied. */
ds_status ds__daam_begin(ds_daam **out, ds_model *m, const ds_run_sizes *sizes,
                         const ds_daam_options *o, ds_error *err);

/* Prompts (NULL: empty) in `chunks` chunks, one or one for each image, and the texts that the
 * options ask for. */
ds_status ds__daam_add_texts(ds_daam *d, const char *const *prompt, int64_t prompts, int64_t chunks,
                             ds_error *err);

/* ---- store.c ---- */

/* Divides the budget, once steps and texts are known; fills the plan. */
ds_status ds__daam_plan(ds_daam *d, int64_t steps, ds_error *err);

/* The same for a division that is known: of a loaded trace, whose file holds `have` numbers, and nothing of the
 * last `more` texts. DS_E_FORMAT, before anything is allocated, if the sums that it describes are more. */
ds_status ds__daam_replan(ds_daam *d, int64_t steps, int64_t groups, bool heads_apart,
                          bool layers_apart, int64_t more, int64_t have, ds_error *err);

/* Adds probabilities [heads, rows, columns] of queries first, first + 1, ... of image `image`. */
void ds__daam_add(ds_daam *d, int64_t layer, int64_t text, int64_t image, int64_t first,
                  int64_t rows, const float *probs);

/* The planes [rows][height * width] of a group of steps and a head that is kept apart. */
float *ds__daam_planes(const ds_daam *d, const daam_slot *s, int64_t text, int64_t image,
                       int64_t group, int64_t head);

/* ---- watch.c ---- */
ds_watcher ds__daam_watcher(ds_daam *d);
void ds__daam_next_call(ds_daam *d, int64_t step);

/* ---- words.c ---- */

/* Token indices of every occurrence; with loose, a word's last piece need not end it, as in the
 * package. */
ds_status ds__daam_match(const ds_daam *d, int64_t text, const char *word, bool loose,
                         ds_daam_match *out, ds_error *err);

/* ---- ask.c ---- */

/* Keys of the texts `first` and on, and room for their probabilities. */
ds_status ds__daam_prepare_ask(ds_daam *d, int64_t first, ds_error *err);

/* q [rows, pixels, width], whose first row is that of the first image, of texts `text` and on. */
ds_status ds__daam_ask(ds_daam *d, int64_t layer, int64_t text, const ds_tensor *q, ds_error *err);

/* ---- queries.c ---- */
ds_status ds__daam_queries_open(ds_daam *d, ds_error *err);
void ds__daam_queries_close(ds_daam *d);
ds_status ds__daam_save_queries(ds_daam *d, int64_t layer, const ds_tensor *q, ds_error *err);

/* Asks the saved queries for the texts `first` and on, whose keys are ready. */
ds_status ds__daam_ask_saved(ds_daam *d, const char *folder, int64_t first, ds_error *err);

/* ---- refine.c ---- */
bool ds__daam_self_site(const ds_daam *d, const char *site);
void ds__daam_add_self(ds_daam *d, const ds_part *p);
ds_status ds__daam_refine_maps(const ds_daam *d, float *maps, int64_t count, int64_t image,
                               int64_t height, int64_t width, ds_daam_refine how, ds_error *err);

/* ---- heads.c ---- */
ds_status ds__daam_heads_open(ds_daam *d, ds_error *err);
void ds__daam_heads_close(ds_daam *d);
ds_status ds__daam_heads_show(ds_daam *d, const char *site, ds_tensor *value, ds_error *err);

/* words.c: does the word, or one of its forms, stand in the text, or in what is left of it
 * where long texts are cut? DS_E_NOMATCH lists the words. */
ds_status ds__daam_find_word(const ds_tokenizer *tokenizer, const char *text, const char *word,
                             bool loose, bool cut, ds_error *err);

#endif
