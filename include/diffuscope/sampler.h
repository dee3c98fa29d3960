/* diffuscope/sampler.h - from noise to a latent: the samplers, each equal to its diffusers class.
 *
 * A sampler does not call the network. Its user does, as often as it says:
 *
 *     ds_sampler_new(&s, &options, err);
 *     ds_sampler_begin(s, noise, n, err);                       x = noise * initial noise level
 *     for (int c = 0; c < ds_sampler_calls(s); c++) {
 *         ds_sampler_input(s, c, in, &t);                       what the network is to see
 *         network(out, in, t);
 *         ds_sampler_advance(s, c, out, rng, err);              x moves on
 *     }
 *     ds_sampler_free(s);
 *
 * Nothing is allocated between ds_sampler_begin and ds_sampler_free.
 * Thread rule: a sampler belongs to one thread. */

#ifndef DIFFUSCOPE_SAMPLER_H
#define DIFFUSCOPE_SAMPLER_H

#include <diffuscope/rng.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_sampler ds_sampler;

/* Texts are the words of the command line; NULL leaves the choice to the scheduler file, or without
 * a file to Stable Diffusion's schedule and the defaults of the sampler's diffusers class. */
typedef struct ds_sampler_options {
    size_t size;
    const char *sampler;         /* any spelling that ds_sampler_list's names, A1111, ComfyUI or
                                    diffusers use; " Karras" may follow */
    const char *config;          /* path of a scheduler_config.json; NULL: Stable Diffusion 1.x */
    const char *prediction_type; /* "epsilon", "v_prediction", "sample": the clean latent */
    const char *spacing;         /* "leading", "trailing", "linspace" */
    const char *scheduler;       /* "karras", "default" */
    int set_alpha_to_one;        /* 1 yes, 0 no, -1: the file's */
    int steps;                   /* 1 or more */
    double strength;             /* image to image: share of the steps that is run, ]0, 1] */
    double eta;                  /* ddim: 0 deterministic, 1 as noisy as ddpm; tcd: gamma. -1: the
                                    sampler's own, 0 and 0.3 */
    const char *compat;          /* "0.42", "0.21": version of diffusers whose numbers are meant;
                                    NULL: 0.42. They differ in dpm++2m's last step and karras
                                    schedule, ddpm with spacings other than leading, ddim-inverse,
                                    and in pndm for a file that leaves skip_prk_steps open */
} ds_sampler_options;

#define DS_SAMPLER_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(ds_sampler_options), NULL, NULL, NULL, NULL, NULL, -1, 20, 1.0, -1.0, NULL          \
    }

/* Names of the i-th sampler, NULL past the end. */
DS_API const char *ds_sampler_list(int i, const char **diffusers_class);

/* DS_E_NOMATCH for an unknown sampler, with near matches; DS_E_UNSUPPORTED for a field of the file
 * that this sampler cannot honour. */
DS_API ds_status ds_sampler_new(ds_sampler **out, const ds_sampler_options *o, ds_error *err);
DS_API void ds_sampler_free(ds_sampler *s); /* NULL is allowed */

DS_API const char *ds_sampler_name(const ds_sampler *s);

/* What a user should know before the run, NULL if nothing: a second-order sampler whose first step is
 * too long, as in schedules that begin with huge noise. Lives as long as s. */
DS_API const char *ds_sampler_remark(const ds_sampler *s);

DS_API int ds_sampler_calls(const ds_sampler *s); /* of the network, known from the start */
DS_API int ds_sampler_steps(const ds_sampler *s); /* user-visible steps that will be run */

/* Does call number `call` complete a user-visible step? heun, dpm2 and dpm2_a take two calls for one;
 * pndm repeats its first, or takes four for each of the first three. */
DS_API bool ds_sampler_step_ends(const ds_sampler *s, int call);

/* Will this call draw noise? */
DS_API bool ds_sampler_draws(const ds_sampler *s, int call);

/* Time step of every call, and the noise levels as the diffusers class keeps them. For a sampler
 * that is written in alphas, sqrt(1/alpha - 1) at every call. */
DS_API const float *ds_sampler_timesteps(const ds_sampler *s, int *count);
DS_API const float *ds_sampler_sigmas(const ds_sampler *s, int *count);
DS_API float ds_sampler_init_sigma(const ds_sampler *s);

/* Starts from n numbers of pure noise, which are multiplied by the initial noise level; for a
 * strength of 1. */
DS_API ds_status ds_sampler_begin(ds_sampler *s, const float *noise, int64_t n, ds_error *err);

/* Starts from a clean latent to which noise is added as the first call expects it. */
DS_API ds_status ds_sampler_begin_image(ds_sampler *s, const float *clean, const float *noise,
                                        int64_t n, ds_error *err);

/* out = a clean latent with the noise that belongs to a call; out may be either of the two. */
DS_API void ds_sampler_add_noise(const ds_sampler *s, float *out, int call, const float *clean,
                                 const float *noise, int64_t n);

/* The network's input for a call, n numbers, and its time step. */
DS_API void ds_sampler_input(const ds_sampler *s, int call, float *out, float *timestep);

/* Takes the network's answer. Calls come in order, each once: DS_E_ARG otherwise. rng may be NULL
 * for a sampler that draws nothing. */
DS_API ds_status ds_sampler_advance(ds_sampler *s, int call, const float *output, ds_rng *rng,
                                    ds_error *err);

/* State, n numbers each, valid until the next begin: the latent (may be edited between calls), the
 * clean latent as predicted by the last call, and the last noise drawn. */
DS_API float *ds_sampler_x(ds_sampler *s);
DS_API const float *ds_sampler_x0(const ds_sampler *s);
DS_API const float *ds_sampler_noise(const ds_sampler *s);

/* A network with a formula, for teaching and testing samplers alone; rows of `width` numbers:
 * out_i = 0.6 x_i + 0.2 sin(3 x_i + t/200) + 0.1 x_(i-1), the left end of a row sees its right. */
DS_API void ds_toy_network(float *out, const float *x, float timestep, int64_t n, int64_t width);

#ifdef __cplusplus
}
#endif
#endif
