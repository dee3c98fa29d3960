/* diffuscope/run.h - from a prompt to a picture, step by step.
 *
 *     ds_run_options o = DS_RUN_OPTIONS_INIT;
 *     o.prompt = "a photo of a cat";
 *     ds_run_new(&run, model, &o, err);
 *     while (!ds_run_done(run))
 *         ds_run_step(run, err);                    or ds_run_all(run, err)
 *     ds_run_decode(run, err);
 *     ds_run_image(run);                            [B,3,H,W] in [0,1]
 *     ds_run_free(run);
 *
 * Results are those of diffusers' pipelines with the same scheduler and a generator on the same
 * device. Nothing is allocated between ds_run_new and the end of the last step.
 *
 * Thread rule: a run belongs to one thread at a time. Several runs may share a model. */

#ifndef DIFFUSCOPE_RUN_H
#define DIFFUSCOPE_RUN_H

#include <diffuscope/model.h>
#include <diffuscope/probe.h>
#include <diffuscope/rng.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_run ds_run;

/* Called after each step. Return DS_OK to go on; any other status ends the run with it. */
typedef ds_status ds_run_callback(void *user, ds_run *run, ds_error *err);

typedef struct ds_run_options {
    size_t size;                 /* set by DS_RUN_OPTIONS_INIT */
    const char *prompt;          /* NULL is the empty one */
    const char *negative_prompt; /* NULL: none given, which XL models tell from "" */
    int steps;
    double
        cfg_scale; /* eps = u + s (c - u). At most 1: none, the negative prompt is not run. A network
                         that takes guidance as an embedding is given it, and runs the prompt alone */

    const char *sampler;   /* NULL: the folder's. These and compat as in ds_sampler_options */
    const char *scheduler; /* "karras", "default" */
    const char *spacing;   /* "leading", "trailing", "linspace" */
    int set_alpha_to_one;  /* 1 yes, 0 no, -1: the file's */
    double eta;

    int64_t width,
        height;     /* of the picture; 0: the initial latent's or picture's, or the model's */
    int64_t images; /* 0: the initial latent's or picture's number, or 1 */
    uint64_t seed;  /* picture i uses seed + i; to rounding, that seed's single picture */
    ds_rng_kind rng;

    const ds_tensor *latent; /* [B,4,h,w]: noise of standard deviation 1 to start from; the seed
                                then serves the sampler's own noise alone. NULL: drawn */
    const ds_tensor *image;  /* [1 or B,3,H,W] in [0,1]: image to image. NULL: from noise */
    double strength;         /* of image to image: share of the steps that is run, ]0,1] */

    int vae_tiling; /* 1 always, 0 never, -1: above a million pixels */
    bool preview;   /* prepare ds_run_preview (costs one small decode) */

    ds_run_callback *on_step; /* or NULL */
    void *user;
    const ds_cancel *cancel; /* or NULL. Also ends a step under way, with DS_E_CANCELLED */

    const char *const *prompts; /* [images]: one for each picture, instead of prompt; or NULL */

    bool chunks; /* prompts that do not fit are encoded in several chunks instead of cut */

    const char *compat; /* "0.42", "0.21", or NULL: as in ds_sampler_options */

    /* Experimental, see probe.h. Sites are the networks' (ds_model_sites) and the loop's own:
     * sampler.x [B,C,h,w], the latent before a call of the network; sampler.eps, its answer
     * under guidance; sampler.x0, the clean latent predicted from it, which cannot be changed. */
    const ds_watcher *watcher; /* or NULL; lives as long as the run */
    const ds_tap *taps;        /* copied; their tensors and users live as long as the run */
    int n_taps;

    int threads; /* 0: as many as the calling thread may use */

    ds_progress_fn *progress; /* "drawing", in steps, after each; with the same user; or NULL */
} ds_run_options;

#define DS_RUN_OPTIONS_INIT                                                                        \
    {                                                                                              \
        sizeof(ds_run_options), NULL, NULL, 20, 7.0, NULL, NULL, NULL, -1, -1.0, 0, 0, 0, 42,      \
            DS_RNG_TORCH_CPU, NULL, NULL, 0.75, -1, false, NULL, NULL, NULL, NULL, false, NULL,    \
            NULL, NULL, 0, 0, NULL                                                                 \
    }

/* Encodes the prompts, plans the network, draws the noise. Options are read here; cancel and user
 * must live as long as the run, and the model longer. */
DS_API ds_status ds_run_new(ds_run **out, ds_model *m, const ds_run_options *o, ds_error *err);
DS_API void ds_run_free(ds_run *run); /* NULL is allowed */

/* One step; DS_E_ARG when all are done. After a failure the run can only be freed. */
DS_API ds_status ds_run_step(ds_run *run, ds_error *err);

/* The remaining steps. */
DS_API ds_status ds_run_all(ds_run *run, ds_error *err);

/* The picture of the present latent. After the last step the denoiser's memory is given back
 * first. */
DS_API ds_status ds_run_decode(ds_run *run, ds_error *err);

/* ---- state ---------------------------------------------------------------------------------- */

DS_API bool ds_run_done(const ds_run *run);
DS_API int ds_run_steps(const ds_run *run);      /* that will be run: fewer in image to image */
DS_API int ds_run_step_index(const ds_run *run); /* steps done */

/* All tensors are F32, borrowed, and live as long as the run. */
DS_API ds_tensor ds_run_latents(const ds_run *run); /* [steps,B,4,h,w]: after each step; those to
                                                       come are zero */
DS_API ds_tensor
ds_run_noise(const ds_run *run); /* [B,4,h,w] that it began from, of standard deviation 1;
                                                       data is NULL in image to image */
DS_API ds_tensor ds_run_x0(const ds_run *run);    /* [B,4,h,w]: the clean latent as the last step
                                                       predicted it */
DS_API ds_tensor ds_run_image(const ds_run *run); /* [B,3,H,W] in [0,1]; zero before a decode */

/* A small picture of x0 [3,h,w] in [0,1] of image b: a linear map from latent to colour, fitted to
 * the model's own decoder. DS_E_ARG without options.preview. */
DS_API ds_status ds_run_preview(ds_run *run, float *rgb, int64_t b, ds_error *err);

/* ---- what was made of the options ------------------------------------------------------------ */

typedef struct ds_run_info {
    const char *sampler;
    bool karras;
    int64_t width, height, images;
    int64_t latent_width, latent_height, latent_channels;
    int64_t calls;  /* of the network: more than steps for heun, dpm2, pndm */
    int64_t tokens; /* ids of a padded prompt */
    const int64_t *prompt_ids, *negative_ids; /* [tokens]; the latter NULL without guidance */
    int64_t prompt_cut, negative_cut;         /* tokens that did not fit */
} ds_run_info;

DS_API ds_run_info ds_run_describe(const ds_run *run);
DS_API ds_model *ds_run_model(const ds_run *run); /* the one that was given to ds_run_new */

/* Remarks that a user must see, such as a prompt that was cut: NULL past the end. */
DS_API const char *ds_run_warning(const ds_run *run, int i);

#ifdef __cplusplus
}
#endif
#endif
