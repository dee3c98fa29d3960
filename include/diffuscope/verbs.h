/* diffuscope/verbs.h - what instruments are made of: encode a prompt, denoise, pull a cotangent
 * back, decode. Each is planned once and called often; nothing is allocated between planning and
 * freeing unless its comment says so.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 * How much does the noise that the network sees depend on the word at place 2 of the prompt?
 *
 *     ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
 *     eo.prompts = (const char *[]){ "a cat" };
 *     eo.places = &(ds_place){ .text = 0, .place = 2, .row = 0 };
 *     eo.n_places = 1;
 *     eo.pull_back = true;
 *     ds_encoder_new(&encoder, model, &eo, err);
 *
 *     ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
 *     o.wrt = (const char *[]){ "encoder_hidden_states", "text_embeds" };
 *     o.n_wrt = ds_encoder_count(encoder);                     the second with two encoders only
 *     ds_denoiser_new(&denoiser, model, &o, err);
 *
 *     ds_encode(encoder, err);                                 row -> conditioning
 *     ds_denoiser_condition(denoiser, ds_encoder_conditions(encoder), err);
 *     ds_denoise(denoiser, out, z, t, err);                    conditioning -> out
 *     ...                                                      cotangent = d loss / d out
 *     ds_denoiser_pull(denoiser, cotangent, err);
 *     ds_denoiser_gradient(denoiser, &hidden, "encoder_hidden_states", err);
 *     ds_encoder_pull(encoder, hidden.data, NULL, err);
 *     ds_encoder_row_gradient(encoder, 0, 0);                  d loss / d row, [width]
 *
 * Lifetimes: the model must outlive all objects here. Options are read by the call that takes
 * them; watchers, `user` and cancel must live as long as the object. Tensors that are handed out
 * are F32, borrowed, and live as long as their object; the next call may overwrite them.
 *
 * Thread rule: an object belongs to one thread at a time. Several may share a model. */

#ifndef DIFFUSCOPE_VERBS_H
#define DIFFUSCOPE_VERBS_H

#include <diffuscope/model.h>
#include <diffuscope/probe.h>
#include <diffuscope/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- conditionings --------------------------------------------------------------------------- */

/* What K prompts tell the denoiser. */
typedef struct ds_conditions ds_conditions;

/* Room for K = count conditionings of T tokens by D numbers, and pooled numbers for the whole
 * text (0: none), all zero, for a caller who fills them in. */
DS_API ds_status ds_conditions_new(ds_conditions **out, int64_t count, int64_t tokens,
                                   int64_t width, int64_t pooled, ds_error *err);
DS_API void ds_conditions_free(ds_conditions *c); /* NULL is allowed. Not for an encoder's own */

DS_API ds_tensor ds_conditions_hidden(const ds_conditions *c); /* [K,T,D]; may be written */
DS_API ds_tensor
ds_conditions_pooled(const ds_conditions *c); /* [K,P]; P is 0 without pooled text */

/* Token ids of prompt k [T], start, end and padding included; NULL for ds_conditions_new. */
DS_API const int64_t *ds_conditions_ids(const ds_conditions *c, int64_t k);
DS_API int64_t ds_conditions_cut(const ds_conditions *c, int64_t k); /* tokens that did not fit */

/* Words and tokens of prompt k; token i stands at place i + 1 of the ids. NULL where ids were
 * given. */
DS_API const ds_tokens *ds_conditions_words(const ds_conditions *c, int64_t k);

/* ---- encode: prompt -> conditioning ---------------------------------------------------------- */

/* All text encoders of a model (one; two in Stable Diffusion XL) on K texts. */
typedef struct ds_encoder ds_encoder;

/* Row `row` of the caller's stands in place of the embedding of the token at `place` (counted in
 * the padded ids, so that 0 is the start token) of text `text`. A row may stand at several
 * places. */
typedef struct ds_place {
    int64_t text, place, row;
} ds_place;

typedef struct ds_encoder_options {
    size_t size;                /* set by DS_ENCODER_OPTIONS_INIT */
    const char *const *prompts; /* [count], UTF-8; a NULL among them: the absence of a prompt */
    const int64_t *ids[2]; /* instead of prompts, for each encoder (the second: NULL for the same):
                                   [count,T] with T the tokenizer's length */
    int64_t count;         /* of texts */
    bool chunks;           /* long prompts are encoded in several chunks instead of cut */
    const ds_place *places;
    int64_t n_places;
    bool pull_back; /* prepare ds_encoder_pull */
    bool recompute; /* pull back with less memory and more time */
    int threads;    /* 0: as many as the calling thread may use */
    const ds_watcher *watcher;
    const ds_cancel *cancel;
} ds_encoder_options;

#define DS_ENCODER_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ds_encoder_options), .count = 1                                             \
    }

/* Makes ids of the prompts and plans the encoders. Rows begin as the embedding of the token at
 * the first of their places. DS_E_ARG for a place outside of the text, or taken twice. */
DS_API ds_status ds_encoder_new(ds_encoder **out, ds_model *m, const ds_encoder_options *o,
                                ds_error *err);
DS_API void ds_encoder_free(ds_encoder *e); /* NULL is allowed */

DS_API int ds_encoder_count(const ds_encoder *e);                  /* of encoders: 1 or 2 */
DS_API int64_t ds_encoder_width(const ds_encoder *e, int encoder); /* numbers of a row */

/* Other prompts [count] for the calls to come, and other places (as many as at first; NULL: as they were) for
 * the same rows, whose values stay. Nothing is planned anew. DS_E_ARG for an encoder of chunks. */
DS_API ds_status ds_encoder_set_prompts(ds_encoder *e, const char *const *prompts,
                                        const ds_place *places, ds_error *err);

/* Row [width] of an encoder: read, and written between calls. */
DS_API float *ds_encoder_row(ds_encoder *e, int encoder, int64_t row);

DS_API ds_status ds_encode(ds_encoder *e, ds_error *err);

/* The result of the last ds_encode; the encoder's, and filled anew by each. */
DS_API ds_conditions *ds_encoder_conditions(const ds_encoder *e);

/* Pulls cotangents of hidden [K,T,D] and pooled [K,P] (NULL: zero) back to the rows, once after
 * each ds_encode. No gradient of a weight is formed. */
DS_API ds_status ds_encoder_pull(ds_encoder *e, const float *hidden, const float *pooled,
                                 ds_error *err);
DS_API const float *ds_encoder_row_gradient(const ds_encoder *e, int encoder, int64_t row);

/* ---- denoise: (latent, time, conditioning) -> the network's answer --------------------------- */

/* B latents, each under the same K conditionings: row k * B + b of the batch is latent b under
 * conditioning k. */
typedef struct ds_denoiser ds_denoiser;

typedef struct ds_denoiser_options {
    size_t size;           /* set by DS_DENOISER_OPTIONS_INIT */
    int64_t images;        /* B */
    int64_t conditions;    /* K */
    int64_t tokens;        /* of a conditioning; 0: those of one chunk */
    int64_t height, width; /* of the latent; 0: the model's */

    const ds_gate *gates;
    int n_gates;

    /* Globs over what ds_denoiser_pull is to give: "sample", "encoder_hidden_states",
     * "text_embeds", "timestep_cond", "gate.<site>" of a gate above, and parameters
     * ("unet.conv_in.weight"). */
    const char *const *wrt;
    int n_wrt;
    bool recompute; /* pull back with less memory and more time (arXiv 1604.06174) */

    bool exact;  /* products summed in double: slow, to tell rounding from a difference */
    int threads; /* 0: as many as the calling thread may use */
    const ds_watcher *watcher;
    const ds_tap
        *taps; /* copied; a step is a call of ds_denoise. Those that change values exclude wrt:
                           a change has no gradient, a gate has one */
    int n_taps;
    const ds_cancel *cancel;
} ds_denoiser_options;

#define DS_DENOISER_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .size = sizeof(ds_denoiser_options), .images = 1, .conditions = 1                          \
    }

/* DS_E_NOMATCH for a gate or a wrt that names nothing. */
DS_API ds_status ds_denoiser_new(ds_denoiser **out, ds_model *m, const ds_denoiser_options *o,
                                 ds_error *err);
DS_API void ds_denoiser_free(ds_denoiser *d); /* NULL is allowed */

typedef struct ds_denoiser_info {
    int64_t channels; /* of a latent */
    int64_t side;     /* latent side of the training images */
    int64_t factor;   /* image pixels per latent pixel */
    int64_t guidance; /* numbers of "timestep_cond"; 0: guidance takes a second conditioning */
    int64_t step;     /* latent sides that are multiples of it are halved without rest */
} ds_denoiser_info;
DS_API ds_status ds_denoiser_describe(ds_denoiser_info *out, const ds_model *m, ds_error *err);

/* Sets all K conditionings; c is copied. DS_E_SHAPE unless number and sizes are the planned
 * ones. */
DS_API ds_status ds_denoiser_condition(ds_denoiser *d, const ds_conditions *c, ds_error *err);

/* Sets conditioning which[r] of c for each of the K * B rows, so that images may differ in
 * theirs. */
DS_API ds_status ds_denoiser_condition_rows(ds_denoiser *d, const ds_conditions *c,
                                            const int64_t *which, ds_error *err);

/* Sets another input for all calls to come, any numeric type: "gate.<site>" ([parts] or [rows,parts]),
 * "timestep_cond" [rows,dim] (guidance embedding, where the network has one: that of a guidance of 1, the
 * prompt alone, until it is set; ds_denoiser_guide sets it),
 * "time_ids" [rows,6] (XL: the size of the picture until it is set). DS_E_NOMATCH, DS_E_SHAPE. */
DS_API ds_status ds_denoiser_set(ds_denoiser *d, const char *input, const ds_tensor *t,
                                 ds_error *err);

/* Guidance w of all calls to come, for a network that takes it as an embedding (C. Meng et al., arXiv
 * 2210.03142, section 3.1): sine and cosine of 1000 (w - 1) at dim / 2 frequencies, as in diffusers. Such a
 * network wants one conditioning. Without the input, DS_E_UNSUPPORTED. */
DS_API ds_status ds_denoiser_guide(ds_denoiser *d, double w, ds_error *err);

/* out [K,B,C,h,w] = network(z [B,C,h,w], t [B], conditioning k) in one call, in the network's own
 * parametrisation (see ds_noise). */
DS_API ds_status ds_denoise(ds_denoiser *d, float *out, const float *z, const float *t,
                            ds_error *err);

/* Pulls a cotangent of out [K,B,C,h,w] back through the last ds_denoise; once after each. */
DS_API ds_status ds_denoiser_pull(ds_denoiser *d, const float *cotangent, ds_error *err);

/* What the last pull gave, by name as in wrt. Of what rows share, it is the sum over them:
 * "sample" [B,C,h,w] over the conditionings; "encoder_hidden_states" and "text_embeds" over the
 * rows that were given the same conditioning, one for each of c: [count,T,D], [count,P]. The
 * others have the shape of their input or parameter. */
DS_API ds_status ds_denoiser_gradient(ds_denoiser *d, ds_tensor *out, const char *name,
                                      ds_error *err);

/* Names that ds_denoiser_gradient knows, in the network's order; NULL past the end. */
DS_API const char *ds_denoiser_gradient_name(const ds_denoiser *d, int i);

/* ---- the noise schedule, from the model's scheduler file ------------------------------------- */

/*     z_t = alpha x0 + sigma eps,  logsnr = log(alpha^2 / sigma^2)
 *     v   = alpha eps - sigma x0   (Salimans and Ho, arXiv 2202.00512, appendix D) */
typedef struct ds_noise ds_noise;

typedef struct ds_noise_level {
    double alpha, sigma, logsnr;
} ds_noise_level;

DS_API ds_status ds_noise_new(ds_noise **out, ds_model *m, ds_error *err);
DS_API void ds_noise_free(ds_noise *n); /* NULL is allowed */

/* At a time step, which may lie between two (log-SNR is interpolated linearly), and the reverse. */
DS_API ds_noise_level ds_noise_at(const ds_noise *n, double t);
DS_API double ds_noise_time(const ds_noise *n, double logsnr);

/* The network's answer for latents z at a level, as noise and as clean latent. `out` may be
 * `answer`. */
DS_API void ds_noise_to_eps(const ds_noise *n, float *out, const float *answer, const float *z,
                            ds_noise_level at, int64_t count);
DS_API void ds_noise_to_x0(const ds_noise *n, float *out, const float *answer, const float *z,
                           ds_noise_level at, int64_t count);

/* d eps / d answer: what a cotangent of the noise is multiplied by to become one of the answer. */
DS_API double ds_noise_slope(const ds_noise *n, ds_noise_level at);

/* ---- pictures and latents -------------------------------------------------------------------- */

/* Latents are the denoiser's, scaled by the folder's scaling_factor; pictures are planes [3,H,W] in
 * [0,1]. */
typedef struct ds_autoencoder ds_autoencoder;

typedef struct ds_autoencoder_options {
    size_t size;           /* set by DS_AUTOENCODER_OPTIONS_INIT */
    int64_t height, width; /* of the latent; 0: the model's */
    int tiling;            /* 1 always, 0 never, -1: above a million pixels */
    int threads;           /* 0: as many as the calling thread may use */
    const ds_watcher *watcher;
    const ds_cancel *cancel;
} ds_autoencoder_options;

#define DS_AUTOENCODER_OPTIONS_INIT                                                                \
    {                                                                                              \
        .size = sizeof(ds_autoencoder_options), .tiling = -1                                       \
    }

/* For pictures of one size. The network of a direction is planned by its first call, and kept. */
DS_API ds_status ds_autoencoder_new(ds_autoencoder **out, ds_model *m,
                                    const ds_autoencoder_options *o, ds_error *err);
DS_API void ds_autoencoder_free(ds_autoencoder *a); /* NULL is allowed */

/* image [3,f h,f w] from latent [C,h,w], clipped to [0,1]. */
DS_API ds_status ds_decode(ds_autoencoder *a, float *image, const float *latent, ds_error *err);

/* latent [C,h,w] of an image [3,f h,f w]: the mean of its distribution, or, with noise [C,h,w] of
 * standard deviation 1, a sample. */
DS_API ds_status ds_encode_image(ds_autoencoder *a, float *latent, const float *image,
                                 const float *noise, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
