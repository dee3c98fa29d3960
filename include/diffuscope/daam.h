/* diffuscope/daam.h - which pixels did each word drive?
 *
 * Sums the probabilities with which the latent's pixels read each token of the text, over layers,
 * heads and steps of one generation, or of an existing picture under noise (DAAM, arXiv
 * 2210.04885).
 *
 *     ds_daam_options o = DS_DAAM_OPTIONS_INIT;
 *     ds_daam_new(&d, model, &run_options, &o, err);      a run that is traced
 *     ds_run_all(ds_daam_run(d), err);
 *     ds_daam_reduce(d, &maps, 0, 0, NULL, err);          [tokens,h,w]
 *     ds_daam_word(maps, map, "cat", NULL, err);          [h,w]
 *     ds_daam_maps_free(maps);
 *     ds_daam_free(d);
 *
 * Thread rule: an object belongs to one thread. Several may share a model. */

#ifndef DIFFUSCOPE_DAAM_H
#define DIFFUSCOPE_DAAM_H

#include <diffuscope/run.h>
#include <diffuscope/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A trace: what was summed, and the texts whose tokens it is about. */
typedef struct ds_daam ds_daam;

/* How self-attention mends a map g, with A the mean of its probabilities [pixel,pixel]. */
typedef enum ds_daam_refine {
    DS_DAAM_RAW = 0, /* not at all */
    DS_DAAM_SMOOTH,  /* A g: each pixel takes the mean of what it attends to */
    DS_DAAM_GUIDED,  /* A g / sum(g), with g from 0 to 1: the guided map of DAAM-I2I */
    DS_DAAM_SHARP,   /* guided by g^2: what a pixel has of the word only weakly counts less */
    DS_DAAM_DIFFUSE  /* guided 20 times, what is below min + 0.02 set to 0 each time */
} ds_daam_refine;

typedef enum ds_daam_weights {
    DS_DAAM_MEAN = 0,       /* over all layers, heads and calls: each weighs the same */
    DS_DAAM_PER_RESOLUTION, /* mean within each resolution, then over resolutions */
    DS_DAAM_PAPER           /* mean over layers and heads, sum over calls */
} ds_daam_weights;

/* What is kept. Lists are numbers and ranges ("0,3-5"), NULL for all.
 *   layers       in the paper's order: the last stage of the network, the first, then what lies
 *                between; also globs over the names of sites
 *   resolutions  1 for the latent's own, 2 for half of it, ...; with `paper`, the package's factors
 *   steps        of the sampler, or noise levels of an existing picture, from 0
 * What does not fit the budget is summed on the fly: steps in groups, then heads, then layers. */
typedef struct ds_daam_options {
    size_t size;
    bool paper;      /* layers and factors as the DAAM package takes them, see docs */
    int64_t side;    /* with paper: side that factors are relative to; 0: the package's */
    bool uncond;     /* the negative prompt instead of the prompt */
    bool low_memory; /* of each block of the network the first layer alone */
    bool all_tokens; /* keep the padding too, not only start, words, and the first end */
    bool self;       /* self-attention too: what refining needs */
    const char *layers, *heads, *steps, *resolutions;
    size_t budget; /* bytes of all sums; 0: DS_DAAM_BUDGET */

    /* Other texts, whose words need not be in the prompt: their keys are held against the latent's
     * queries, with the softmax over their own tokens (OVAM, arXiv 2403.14291). */
    const char *const *ask;
    int64_t n_ask;

    const char *save_heads; /* a folder: every probability of every call is written to it ... */
    const char *load_heads; /* ... and takes the place of those of this run */

    const char *save_queries; /* a folder: the queries of every call, for ds_daam_load_asking */
} ds_daam_options;

#define DS_DAAM_BUDGET ((size_t)160 << 20)

#define DS_DAAM_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(ds_daam_options), false, 0, false, false, false, false, NULL, NULL, NULL, NULL, 0,  \
            NULL, 0, NULL, NULL, NULL                                                              \
    }

/* ---- making a trace -------------------------------------------------------------------------- */

/* A generation that is traced. Drive ds_daam_run(d) as any run: its pictures are those of the same
 * run untraced, bit for bit (unless heads are loaded or saved). The options' strings are copied. */
DS_API ds_status ds_daam_new(ds_daam **out, ds_model *m, const ds_run_options *run,
                             const ds_daam_options *o, ds_error *err);
DS_API ds_run *ds_daam_run(ds_daam *d); /* borrowed; NULL for a picture or a loaded trace */
DS_API void ds_daam_free(ds_daam *d);   /* NULL is allowed */

/* What an existing picture is brought to, for the network to read it under the prompt. */
typedef enum ds_daam_approach {
    DS_DAAM_NOISE = 0, /* noise of the seed is added at each level; levels are independent */
    DS_DAAM_INVERT     /* DDIM run backwards: the noise that would have made the picture */
} ds_daam_approach;

typedef struct ds_daam_picture {
    size_t size;
    const ds_tensor *image; /* [B,3,H,W] in [0,1]; sides are multiples of the model's factor */
    const char *prompt;
    const char *const *prompts; /* [B]: one for each, instead of prompt; or NULL */
    ds_daam_approach approach;
    int levels;       /* calls of the network, evenly spaced between: */
    double from, to;  /* shares of the schedule's time, 0 clean to 1 pure noise */
    double cfg_scale; /* of the inversion; 1: the prompt alone */
    const char *negative_prompt;
    bool chunks; /* as in ds_run_options */
    uint64_t seed;
    ds_rng_kind rng;
    const ds_cancel *cancel;
    ds_progress_fn *progress; /* "levels"; or NULL */
    void *user;
} ds_daam_picture;

#define DS_DAAM_PICTURE_INIT                                                                       \
    {                                                                                              \
        sizeof(ds_daam_picture), NULL, NULL, NULL, DS_DAAM_NOISE, 10, 0.05, 0.95, 1.0, NULL,       \
            false, 42, DS_RNG_TORCH_CPU, NULL, NULL, NULL                                          \
    }

/* A trace of existing pictures, complete when this returns. */
DS_API ds_status ds_daam_open_picture(ds_daam **out, ds_model *m, const ds_daam_picture *p,
                                      const ds_daam_options *o, ds_error *err);

/* The sums, the texts and what they mean, as a safetensors file; the model is needed again for its
 * tokenizer. */
DS_API ds_status ds_daam_save(const ds_daam *d, const char *path, ds_error *err);
DS_API ds_status ds_daam_load(ds_daam **out, ds_model *m, const char *path, ds_error *err);

/* The same with n texts more, asked of the queries that the run left in the folder `queries`. */
DS_API ds_status ds_daam_load_asking(ds_daam **out, ds_model *m, const char *path,
                                     const char *queries, const char *const *ask, int64_t n,
                                     ds_error *err);

/* ---- what a trace holds ---------------------------------------------------------------------- */

typedef struct ds_daam_info {
    int64_t images;
    int64_t texts;                       /* of each image: its prompt, then those asked for */
    int64_t latent_height, latent_width; /* pixels of a latent */
    int64_t side;   /* with the paper's preset: side of the common maps; else 0 */
    int64_t layers; /* that are kept */
    int64_t heads;  /* of the layer with the most */
    int64_t steps;  /* of the run, or levels */
    int64_t groups; /* of steps whose sums are kept apart */
    bool heads_apart, layers_apart;
    int64_t calls;    /* of the network that were summed so far */
    size_t bytes;     /* of the sums */
    const char *plan; /* the same as a sentence */
} ds_daam_info;

DS_API ds_daam_info ds_daam_describe(const ds_daam *d);

/* Remarks that a user must see: NULL past the end. */
DS_API const char *ds_daam_warning(const ds_daam *d, int i);

/* The layers that are kept, in the order of their numbers; NULL past the end. */
typedef struct ds_daam_layer {
    const char *site;
    int64_t index, heads, height, width, factor;
} ds_daam_layer;
DS_API bool ds_daam_layer_at(const ds_daam *d, int64_t i, ds_daam_layer *out);

/* Text i of an image, its tokens and words; 0 is its prompt. Borrowed; NULL if there is none. */
DS_API const char *ds_daam_text(const ds_daam *d, int64_t i, int64_t image);
DS_API const ds_tokens *ds_daam_tokens(const ds_daam *d, int64_t i, int64_t image);

/* The raw sum over steps of one layer (its number) and head: out [tokens,h,w] of the layer's size,
 * rows as in ds_daam_maps. DS_E_ARG where it is not kept apart. */
DS_API ds_status ds_daam_raw(const ds_daam *d, float *out, int64_t text, int64_t image,
                             int64_t layer, int64_t head, ds_error *err);

/* ---- maps ------------------------------------------------------------------------------------ */

/* Words for ds_daam_refine, in its order. */
#define DS_DAAM_REFINE_CHOICES "raw|smooth|guided|sharp|diffuse"

typedef struct ds_daam_map_options {
    size_t size;
    ds_daam_weights weights;
    bool normalize;        /* divide by the sum over the words' tokens at each pixel */
    int64_t height, width; /* of the maps; 0: the latent's, or the paper preset's */
    const char *layers, *heads, *steps, *resolutions; /* a slice of what is kept */
    ds_daam_refine refine;
} ds_daam_map_options;

#define DS_DAAM_MAP_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(ds_daam_map_options), DS_DAAM_MEAN, false, 0, 0, NULL, NULL, NULL, NULL,            \
            DS_DAAM_RAW                                                                            \
    }

typedef struct ds_daam_maps ds_daam_maps;

/* The maps of all tokens of a text in image `image` of the batch. options may be NULL: the
 * defaults, or the paper's weights for a trace of the paper's preset. DS_E_NOMATCH for an empty
 * slice, DS_E_ARG for one along an axis that was summed. Free with ds_daam_maps_free, before the ds_daam that they are of. */
DS_API ds_status ds_daam_reduce(const ds_daam *d, ds_daam_maps **out, int64_t text, int64_t image,
                                const ds_daam_map_options *o, ds_error *err);
DS_API void ds_daam_maps_free(ds_daam_maps *m); /* NULL is allowed */

/* [tokens,h,w], borrowed: the start, the text's n tokens, the end. */
DS_API ds_tensor ds_daam_global(const ds_daam_maps *m);

/* Which tokens were taken for a word. */
typedef struct ds_daam_match {
    int64_t count;      /* occurrences */
    int64_t token[512]; /* the first indices into ds_tokens.ids, of all occurrences */
    int64_t tokens;     /* how many in all */
    char form[64]; /* as it stands in the text, where that is another form ("dogs" for "dog") */
} ds_daam_match;

/* out [h,w] = mean of the maps of all tokens of all occurrences of a word or phrase. If it does not
 * occur as such, its other forms are looked for (dog, dogs). match may be NULL. DS_E_NOMATCH lists
 * the words that there are. */
DS_API ds_status ds_daam_word(const ds_daam_maps *m, float *out, const char *word,
                              ds_daam_match *match, ds_error *err);

/* out [h,w] of token `index` of the text, from 0. */
DS_API ds_status ds_daam_token(const ds_daam_maps *m, float *out, int64_t index, ds_error *err);

/* out [h,w]: mean of all the tokens of the text: what was asked for as a whole. */
DS_API ds_status ds_daam_whole(const ds_daam_maps *m, float *out, ds_error *err);

/* A map at another size, bicubic; with relative, then brought to [0,1] by its minimum and
 * maximum. */
DS_API ds_status ds_daam_expand(float *out, int64_t out_height, int64_t out_width, const float *map,
                                int64_t height, int64_t width, bool relative, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
