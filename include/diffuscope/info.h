/* diffuscope/info.h - information between a picture and its text: how many nats, where, how sure.
 *
 *     ds_info_options o = DS_INFO_OPTIONS_INIT;
 *     o.latent = &latent;
 *     o.prompt = (const char *[]){ "a cat on a mat", "a on a mat" };     o.prompts = 2;
 *     o.pair = (ds_info_pair[]){ { 0, 1 } };                             o.pairs = 1;
 *     ds_info_new(&info, model, &o, err);
 *     ds_info_run(info, err);
 *     ds_info_total(info, 0, DS_INFO_O)                  value, standard error, 95 % interval
 *     ds_info_map(info, map, se, 0, DS_INFO_O, err)      the same per latent pixel
 *     ds_info_free(info);
 *
 * A pair asks what the text `with` says about the picture that the text `without` does not. Two
 * forms, different quantities (see docs/methods/information.md):
 *
 *   DS_INFO_O  i_o >= 0: how far the word moves the denoiser, whether towards the picture or away
 *   DS_INFO_S  i_s, signed: log p(x|with) - log p(x|without): does the word fit?
 *
 * All numbers are nats. Thread rule: an object belongs to one thread. */

#ifndef DIFFUSCOPE_INFO_H
#define DIFFUSCOPE_INFO_H

#include <diffuscope/model.h>
#include <diffuscope/tokenizer.h>
#include <diffuscope/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_info ds_info;

typedef enum ds_info_form { DS_INFO_O = 0, DS_INFO_S } ds_info_form;

/* Indices of prompts. */
typedef struct ds_info_pair {
    int64_t with, without;
} ds_info_pair;

typedef enum ds_info_design {
    DS_INFO_LATTICE,   /* shifted lattices, antithetic noise, density fitted to a pilot */
    DS_INFO_PUBLISHED, /* independent log-SNRs of the truncated logistic */
    DS_INFO_UNIFORM    /* the lattices, with as many draws everywhere: for curves */
} ds_info_design;

/* Called after each call of the network. Return DS_OK to go on. */
typedef ds_status ds_info_callback(void *user, const ds_info *info, ds_error *err);

typedef struct ds_info_options {
    size_t size; /* set by DS_INFO_OPTIONS_INIT */

    const ds_tensor *latent; /* [1,C,h,w], scaled as the denoiser's; or */
    const ds_tensor *image;  /* [1,3,H,W] in [0,1]: its latent is the mean of the encoder's */
    const char *const *prompt;
    int64_t prompts;
    const ds_info_pair *pair;
    int64_t pairs;

    ds_info_design design;
    int64_t replicates; /* lattices whose scatter is the error, best an odd number from 9; or
                           draws of the published design */
    int64_t nodes;      /* log-SNRs of a lattice to begin with; they are doubled */
    bool antithetic;
    int64_t pilot;    /* log-SNRs of the pilot that the density is fitted to; 0: no fit */
    bool exact_snr;   /* noise at the drawn log-SNR instead of the nearest one of the schedule */
    double low, high; /* range of log-SNR; low == high: the schedule's, or of the published design
                         loc -+ clip scale */
    double loc, scale, clip; /* of the logistic; scale 0: from the range */
    uint64_t seed;
    const ds_bundle
        *draws; /* recorded ones: logsnr [n], weight [n], eps [n,C,h,w]; or NULL. Not copied:
                               they must live as long as the ds_info */

    double se;         /* relative standard error at which to stop; 0: after the first level */
    unsigned forms;    /* that must reach it: 1 << DS_INFO_O | 1 << DS_INFO_S */
    double floor;      /* nats: the error is relative to max(|total|, floor) */
    int64_t max_calls; /* 0: no limit */
    int64_t batch;     /* most draws in one call of the network; 0: chosen */

    const char *state; /* file of statistics: gone on from if it is there, written while running */
    int64_t part, parts; /* of several processes; part 0 of 1: all */

    ds_info_callback *on_call; /* or NULL */
    void *user;
    const ds_cancel *cancel; /* or NULL */
    int threads;             /* 0: as many as the calling thread may use */

    ds_progress_fn *progress; /* "measuring", in calls of the network, after each; their total is
                                 max_calls, 0 without one. With the same user; or NULL */
} ds_info_options;

#define DS_INFO_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(ds_info_options), NULL, NULL, NULL, 0, NULL, 0, DS_INFO_LATTICE, 9, 2, true, 18,    \
            false, 0, 0, 0, 0, 0, 42, NULL, 0, 1u << DS_INFO_O, 0.1, 0, 0, NULL, 0, 1, NULL, NULL, \
            NULL, 0, NULL                                                                          \
    }

/* Encodes texts and picture, plans the network. Texts with the same tokens are evaluated once, so
 * that the information between them is exactly 0, and in an order that does not depend on theirs,
 * so that swapping them negates i_s exactly. */
DS_API ds_status ds_info_new(ds_info **out, ds_model *m, const ds_info_options *o, ds_error *err);
DS_API void ds_info_free(ds_info *info); /* NULL is allowed */

/* Until the goal is met. After DS_E_CANCELLED the file of statistics is complete up to the last
 * call. */
DS_API ds_status ds_info_run(ds_info *info, ds_error *err);

/* Adds the replicates of other processes from their files of statistics. */
DS_API ds_status ds_info_merge(ds_info *info, const char *path, ds_error *err);

/* ---- results --------------------------------------------------------------------------------- */

typedef struct ds_info_status {
    int64_t channels, height, width; /* of the latent */
    int64_t prompts;                 /* distinct ones: conditionings of a call */
    int64_t draws, calls;            /* so far; calls = draws * prompts, pilot included */
    int64_t pilot_calls;
    int64_t least_calls; /* that the first level needs, pilot included */
    int64_t next_calls;  /* at the end of the level under way */
    int64_t replicates;
    int64_t nodes;    /* per replicate */
    double seconds;   /* inside the network */
    double low, high; /* range of log-SNR */
    bool met;         /* the error that was asked for is reached */
} ds_info_status;
DS_API ds_info_status ds_info_describe(const ds_info *info);

DS_API ds_value ds_info_total(const ds_info *info, int64_t pair, ds_info_form form);

/* Total of one pair less that of another, whose errors are not independent. */
DS_API ds_value ds_info_difference(const ds_info *info, int64_t pair, int64_t less,
                                   ds_info_form form);

/* [h,w] each; either may be NULL. */
DS_API ds_status ds_info_map(const ds_info *info, float *map, float *se, int64_t pair,
                             ds_info_form form, ds_error *err);

/* The latent that was measured, [1,C,h,w], borrowed. */
DS_API ds_tensor ds_info_latent(const ds_info *info);

/* Remarks that a user must see, such as a prompt that was cut: NULL past the end. */
DS_API const char *ds_info_warning(const ds_info *info, int i);

/* One draw: log-SNR, weight, and of each pair the integrand of both forms (nats per unit of
 * log-SNR, not weighted). */
typedef struct ds_info_draw {
    int64_t replicate;
    double logsnr, weight;
} ds_info_draw;
DS_API int64_t ds_info_draw_count(const ds_info *info);
DS_API ds_info_draw ds_info_draw_at(const ds_info *info, int64_t i);
DS_API double ds_info_integrand(const ds_info *info, int64_t i, int64_t pair, ds_info_form form);

/* Adds the draws to a set of tensors: logsnr [n], weight [n], eps [n,C,h,w], latent [1,C,h,w]. */
DS_API ds_status ds_info_save_draws(const ds_info *info, ds_bundle *out, ds_error *err);

/* ---- what an edit changes -------------------------------------------------------------------- */

/* A picture, taken back to noise under its text by a deterministic flow, and forward again under
 * the same text and under another one: what becomes of it when a word goes. No guidance. Kong et
 * al., arXiv 2310.07972, section 4.3, with sigmas snapped to the schedule. */
typedef struct ds_counterfactual ds_counterfactual;

typedef struct ds_counterfactual_options {
    size_t size;             /* set by DS_COUNTERFACTUAL_OPTIONS_INIT */
    const ds_tensor *latent; /* [1,C,h,w] or */
    const ds_tensor *image;  /* [1,3,H,W] in [0,1] */
    const char *prompt, *edited;
    int64_t steps;            /* of Heun's method each way, two evaluations each */
    ds_progress_fn *progress; /* "editing", in steps of all three ways; or NULL */
    void *user;
    const ds_cancel *cancel; /* or NULL */
} ds_counterfactual_options;

#define DS_COUNTERFACTUAL_OPTIONS_INIT                                                             \
    {                                                                                              \
        .size = sizeof(ds_counterfactual_options), .steps = 50                                     \
    }

enum {
    DS_COUNTERFACTUAL_INPUT,
    DS_COUNTERFACTUAL_SAME,
    DS_COUNTERFACTUAL_CHANGED,
    DS_COUNTERFACTUAL_NOISE,
    DS_COUNTERFACTUAL_LATENTS
};

/* Computes all of it. */
DS_API ds_status ds_counterfactual_new(ds_counterfactual **out, ds_model *m,
                                       const ds_counterfactual_options *o, ds_error *err);
DS_API void ds_counterfactual_free(ds_counterfactual *e); /* NULL is allowed */

/* The latent given, regenerated under the same text, under the other one, and the noise between;
 * [1,C,h,w], borrowed. */
DS_API ds_tensor ds_counterfactual_latent(const ds_counterfactual *e, int which);

/* The same decoded, [1,3,H,W] in [0,1]; borrowed until the next call. The model must still be
 * open. */
DS_API ds_status ds_counterfactual_image(ds_counterfactual *e, ds_tensor *image, int which,
                                         ds_error *err);

/* change [h,w]: squared difference between the two regenerated latents, summed over channels. */
DS_API void ds_counterfactual_change(const ds_counterfactual *e, float *change);

/* Root mean square of regenerated less given latent, over that of the given one: how far the flow
 * and back misses. */
DS_API double ds_counterfactual_miss(const ds_counterfactual *e);
DS_API int64_t ds_counterfactual_calls(const ds_counterfactual *e);

/* ---- words of a prompt ----------------------------------------------------------------------- */

typedef enum ds_removal {
    DS_REMOVE_DELETE,     /* nothing stands in its place */
    DS_REMOVE_UNDERSCORE, /* "_" */
    DS_REMOVE_NEUTRAL     /* "thing" */
} ds_removal;

/* The prompt as far as a model reads it, cut behind its last whole word that fits; *cut is the number of tokens left
 * out (NULL is allowed). What is compared with and without a word must end at the same word: in a longer text, what
 * was cut would move in where a word is taken out. DS_E_UNSUPPORTED for a prompt with emphasis that does not fit.
 * Free with ds_free. */
DS_API ds_status ds_prompt_fit(char **out, const ds_tokenizer *t, const char *prompt, int64_t *cut,
                               ds_error *err);

/* The prompt, as ds_prompt_fit cuts it, with every occurrence of a word, or run of words, replaced: `word` must match whole
 * words of the tokenizer's division, case aside, so that "bed" leaves "bedroom" alone; "s" at the
 * end of the prompt's word is not ignored. `with` NULL: by the removal's style; else by this text.
 * `times` gets the number of occurrences (NULL is allowed). DS_E_NOMATCH lists the prompt's words,
 * or says that the word stands beyond what the model reads. Free with ds_free. */
DS_API ds_status ds_prompt_replace(char **out, const ds_tokenizer *t, const char *prompt,
                                   const char *word, ds_removal style, const char *with, int *times,
                                   ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
