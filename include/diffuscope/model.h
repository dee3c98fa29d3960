/* diffuscope/model.h - open a checkpoint, list what is inside, run one of its networks.
 *
 * A model is a diffusers folder of Stable Diffusion 1.x, 2.x or XL, the name of one in the Hugging
 * Face cache ("owner/name"; nothing is downloaded), or a single file of weights with the names that
 * the models were published under (.safetensors). Weights stay mapped; what the kernels
 * want in another layout is converted once, when a network first needs it.
 *
 * Thread rule: a model may be shared by threads; each call below has its own state. */

#ifndef DIFFUSCOPE_MODEL_H
#define DIFFUSCOPE_MODEL_H

#include <diffuscope/tensor.h>
#include <diffuscope/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_model ds_model;

/* How products and convolutions are summed. */
typedef enum ds_products {
    DS_PRODUCTS_AUTO =
        0,            /* fast, but a single pass over a small network (ds_model_forward) exact */
    DS_PRODUCTS_FAST, /* oneDNN, float32 sums */
    DS_PRODUCTS_REFERENCE /* plain C, sums in double: slow; checks the fast ones, tells rounding
                             from a difference */
} ds_products;

typedef struct ds_model_options {
    size_t size;      /* sizeof (ds_model_options), set by DS_MODEL_OPTIONS_INIT */
    ds_dtype compute; /* DS_DTYPE_F32, or DS_DTYPE_BF16: products of bfloat16 operands, f32 sums */
    const char
        *variant; /* "fp16": prefer these files where there are several; NULL: the plain ones */
    ds_products products;
    const char *config; /* for a single file: folder with configurations and tokenizers; or NULL */
    const char
        *prediction; /* "epsilon" or "v" instead of what the model says; NULL: what it says */
    const char *vae, *text_encoder, *text_encoder_2; /* files or folders that replace that part */
    ds_emphasis emphasis; /* how all prompts to this model are read: see tokenizer.h */
    const ds_bundle
        *weights; /* parameters by their names ("unet.conv_in.weight"), in place of the files of
                                 each component of which it has any, all of them then. The data are
                                 borrowed and must outlive the model; or NULL */
} ds_model_options;

#define DS_MODEL_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(ds_model_options), DS_DTYPE_F32, NULL, DS_PRODUCTS_AUTO, NULL, NULL, NULL, NULL,    \
            NULL, DS_EMPHASIS_NONE, NULL                                                           \
    }

/* Opens every component that the folder has, and checks each parameter's presence, shape and type
 * against the configuration. DS_E_IO, DS_E_FORMAT, DS_E_SHAPE, DS_E_NOMATCH, DS_E_UNSUPPORTED name
 * the file, the tensor or field, what was expected and what was found. options may be NULL. */
DS_API ds_status ds_model_open(ds_model **out, const char *path, const ds_model_options *options,
                               ds_error *err);
DS_API void ds_model_close(ds_model *m); /* NULL is allowed */

/* A sentence about tensors of the file that belong to no known part, or NULL. Borrowed. */
DS_API const char *ds_model_remark(const ds_model *m);

/* What the UNet predicts, "epsilon" or "v_prediction", and how that was decided, in words;
 * borrowed. In this order: the option; the configuration of a folder; for a single file
 * NAME.yaml beside it, its metadata, marker tensors, one run of the network (seconds), and else
 * epsilon. */
DS_API ds_status ds_model_prediction(ds_model *m, const char **type, const char **from,
                                     ds_error *err);

/* ds_inspect_model (inspect.h) with the options that the model would be opened with; and of an open
 * model, whose prediction type is settled first. Free with ds_free. */
DS_API ds_status ds_model_inspect(char **json, const char *path, const ds_model_options *options,
                                  bool hashes, ds_error *err);
DS_API ds_status ds_model_describe(char **json, ds_model *m, bool hashes, ds_error *err);

/* A tokenizer of an open model, or of one that need not be opened for it: `number` 1 or 2. The
 * caller closes it. DS_E_NOMATCH if the model has no such tokenizer. */
DS_API ds_status ds_model_tokenizer(const ds_model *m, ds_tokenizer **out, int number,
                                    ds_error *err);
DS_API ds_status ds_model_tokenizer_open(ds_tokenizer **out, const char *path, int number,
                                         const ds_model_options *options, ds_error *err);

/* ---- sites ---------------------------------------------------------------------------------- */

/* A named value that a network computes
 * ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.probs"). shape is that of one run on the
 * model's own size, in PyTorch's order. */
typedef struct ds_site {
    const char *name;
    ds_tensor shape; /* data is NULL */
} ds_site;

typedef struct ds_site_list {
    int64_t count;
    ds_site *site; /* in the order of computation */
} ds_site_list;

/* Sites that match a glob over names ("unet.*.attn2.probs"; NULL: all). DS_E_NOMATCH lists near
 * ones. */
DS_API ds_status ds_model_sites(ds_model *m, const char *pattern, ds_site_list **out,
                                ds_error *err);
DS_API void ds_site_list_free(ds_site_list *l);

/* ---- parameters ------------------------------------------------------------------------------ */

/* All parameters, by state-dict name behind their component's ("unet.conv_in.weight"): number,
 * name of the i-th (NULL past the end), and value. Values lie as in the file, in the file's
 * type: read only, borrowed from the model. DS_E_NOMATCH lists near names. */
DS_API int64_t ds_model_parameters(const ds_model *m);
DS_API const char *ds_model_parameter_name(const ds_model *m, int64_t i);
DS_API ds_status ds_model_parameter(const ds_model *m, ds_tensor *out, const char *name,
                                    ds_error *err);

/* ---- one network ---------------------------------------------------------------------------- */

/* Runs a module on named tensors, with diffusers' argument names and PyTorch's axis order:
 *
 *   text_encoder, text_encoder_2   input_ids [N,S]
 *                               -> last_hidden_state [N,S,D], hidden_states.0 .. .L,
 *                                  pooler_output or (with projection) text_embeds [N,D]
 *   unet                           sample [N,4,H,W], timestep [] or [N],
 *                                  encoder_hidden_states [N,S,D];
 *                                  SDXL also text_embeds [N,D], time_ids [N,6]
 *                               -> sample [N,4,H,W]
 *   vae.encode                     image [N,3,H,W] in [-1,1] -> mean, logvar [N,4,H/8,W/8]
 *   vae.decode                     latent [N,4,h,w], divided by scaling_factor -> image [N,3,8h,8w]
 *
 * Inputs may have any numeric type. Values of sites that match one of the globs in watch are
 * added to outputs under their names.
 *
 * Vector-Jacobian products: where inputs also hold `cotangent.<output>` (any of the outputs),
 * outputs receive `grad.<input>` and `grad.<parameter>` for each input and parameter (state-dict
 * name behind its component's, "unet.conv_in.weight") that matches one of the globs in wrt:
 *
 *     grad.x = sum over outputs y of  cotangent.y . dy/dx
 *
 * Gates: `gate.<site>` in inputs multiplies the site's value, by one number [1], by G numbers
 * for G equal parts of its channels (the heads of "attn1.out", the hidden units of "ff.net.0"),
 * or by such a row for each image [N,G]; 0 removes the part. Patterns in wrt that begin with
 * "gate." ask for gradients: of gates in inputs, and of one number, 1, at every other site that
 * matches.
 *
 * DS_E_NOMATCH for an unknown module, a missing input or a pattern without a match. */
DS_API ds_status ds_model_forward(ds_model *m, const char *module, const ds_bundle *inputs,
                                  const char *const *watch, int n_watch, const char *const *wrt,
                                  int n_wrt, ds_bundle *outputs, ds_error *err);

/* The same with more to choose. Every call plans its network anew: what is called often is a
 * ds_denoiser or a ds_encoder (verbs.h). */
typedef struct ds_forward_options {
    size_t size;                           /* set by DS_FORWARD_OPTIONS_INIT */
    const char *const *watch, *const *wrt; /* globs, as above */
    int n_watch, n_wrt;
    bool recompute;          /* gradients with less memory and more time (arXiv 1604.06174) */
    int threads;             /* 0: as many as the calling thread may use */
    const ds_cancel *cancel; /* or NULL */
} ds_forward_options;

#define DS_FORWARD_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ds_forward_options)                                                         \
    }

/* options may be NULL. DS_E_CANCELLED after a cancellation. */
DS_API ds_status ds_model_forward_with(ds_model *m, const char *module, const ds_bundle *inputs,
                                       ds_bundle *outputs, const ds_forward_options *options,
                                       ds_error *err);

/* ---- a new model ---------------------------------------------------------------------------- */

typedef struct ds_create_options {
    size_t size;             /* set by DS_CREATE_OPTIONS_INIT */
    const char *like;        /* "sd15", "sd21", "sdxl", or a JSON file {"unet": {...}, "vae": {...},
                                "text_encoder": {...}, "text_encoder_2": {...}, "scheduler": {...}} of
                                configurations as diffusers writes them, the second encoder optional */
    ds_dtype dtype;          /* of the files: F16, BF16 or F32 */
    uint64_t seed;           /* same seed, same bytes */
    const char *tokenizer;   /* folder whose files are copied; NULL: single bytes, no merges */
    const ds_cancel *cancel; /* NULL: cannot be cancelled */
    ds_progress_fn *progress; /* "writing", in parameters; or NULL */
    void *user;
} ds_create_options;

#define DS_CREATE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(ds_create_options), NULL, DS_DTYPE_F16, 0, NULL, NULL, NULL, NULL                   \
    }

/* Writes a diffusers folder with random weights: matrices and convolutions are drawn with a
 * standard deviation of 1/sqrt(fan in), norms are ones and zeros, other biases small. The weights
 * never lie in memory as a whole; model_index.json comes last.
 * `total` gets the number of parameters; it may be NULL. */
DS_API ds_status ds_model_create(const char *folder, const ds_create_options *o, int64_t *total,
                                 ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
