/* work.h - the parts of `concept`: options, and what is known of each concept on the way to the result. */

#ifndef DS_METHODS_CONCEPT_WORK_H
#define DS_METHODS_CONCEPT_WORK_H

#include "job/picture.h"
#include "methods/concept/decomposition.h"
#include "methods/concept/measure.h"
#include "methods/concept/pictures.h"
#include "pipeline/clip.h"

#define DS_MOST_RESTARTS 16

/* What decides which check of a search is kept. */
typedef enum ds_select { DS_SELECT_HELD_OUT = 0, DS_SELECT_CLIP } ds_select;

typedef struct concept_options {
    ds_texts word, prompt, keep;
    const char *draws, *dictionary, *beside;
    const char *clip, *clip_cache;
    int64_t clip_words, clip_templates;
    double clip_near;
    int solver, target, select; /* ds_solver, ds_target, ds_select */
    int64_t steps, batch, tokens, restarts, pictures, held_out, bank_steps, check_every;
    double eta, rho, lambda, from, bank_cfg, accept;
    picture_size size;
    bool resume, recompute, no_pictures;
    int64_t draw_steps, draw_count;
    double draw_cfg;
    const char *sampler;
    uint64_t seed;
} concept_options;

/* One concept: its words, and what came out. */
typedef struct concept_lane {
    const char *word;
    bool *allowed;
    int64_t n_allowed;
    ds_bank *held_bank;
    ds_frozen held;
    ds_fit_lane fit[DS_MOST_RESTARTS];
    double *share; /* [restarts,D] */
    bool accepted[DS_MOST_RESTARTS];
    int64_t best;             /* restart */
    int64_t *top;             /* [N]: words of the best restart, largest share first */
    int64_t n_top;            /* those with a share above 0, at most N */
    float *seen;              /* [held-out pictures,P]: CLIP's vectors of the concept's own; NULL */
    ds_decomposition *beside; /* another run's mixture of the same word; NULL */
    ds_measured measured;
    ds_text_only text_only;
} concept_lane;

typedef struct concept_work {
    const concept_options *o;
    ds_job *job;
    ds_texts templates;
    char **owned; /* [templates]: texts made of --prompt */
    int64_t n_owned;
    ds_tokenizer *tokenizer; /* the job's */
    ds_dictionary *dictionary;
    ds_noise *noise;
    ds_clip *clip;      /* NULL: none was given */
    concept_lane *lane; /* [lanes] */
    int64_t lanes, restarts, latent_height, latent_width;
    int64_t pictures, held_pictures, steps, bank_steps; /* the solver's own numbers filled in */
    double from, bank_cfg;
    ds_target target;
    ds_fit_cost cost;
    int64_t bank_passes, draw_passes, decodes;
} concept_work;

/* For check: everything that can be refused. */
ds_status ds__concept_check(concept_work *w, ds_job *j, const concept_options *o, ds_error *err);
void ds__concept_clear(concept_work *w);

/* For run: banks, searches, measures. */
ds_status ds__concept_search(concept_work *w, ds_error *err);

/* CLIP's part: opened for check; narrows the dictionary to the published one; judges a token for ds__fit. */
ds_status ds__concept_clip_check(concept_work *w, ds_error *err);
ds_status ds__concept_clip_words(concept_work *w, ds_error *err);
ds_status ds__concept_clip_judge(void *user, int64_t lane, double *score, const float *token,
                                 ds_error *err);

/* How the pictures of the report, and those for CLIP, are drawn. */
ds_painter ds__concept_painter(const concept_work *w);

/* Numbers and tensors (result.c), pictures and page (draw.c). */
ds_status ds__concept_keep(concept_work *w, ds_error *err);
ds_status ds__concept_draw(concept_work *w, ds_error *err);

/* How many of the first n words of two lists are the same. */
int64_t ds__concept_overlap(const double *a, const double *b, int64_t count, int64_t n);

#endif
