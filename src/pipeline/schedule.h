/* schedule.h - the noise schedule that a network was trained with, and the time steps that a
 * sampler visits. Mirrors the fields and the float32 arithmetic of diffusers' scheduler classes. */

#ifndef DS_PIPELINE_SCHEDULE_H
#define DS_PIPELINE_SCHEDULE_H

#include <diffuscope/base.h>

typedef enum ds_sampler_kind {
    DS_DDIM,
    DS_DDPM,
    DS_PNDM,
    DS_EULER,
    DS_EULER_A,
    DS_HEUN,
    DS_LMS,
    DS_DPMPP_2M,
    DS_DPM2,
    DS_DDIM_INVERSE,
    DS_LCM,
    DS_TCD,
    DS_UNIPC,
    DS_DEIS,
    DS_DPM2_A,
    DS_DPMPP_2S
} ds_sampler_kind;

typedef enum ds_beta_kind { DS_BETA_LINEAR, DS_BETA_SCALED_LINEAR, DS_BETA_COSINE } ds_beta_kind;
/* What the network's answer is: the noise, v, or the clean latent itself. */
typedef enum ds_prediction { DS_PREDICT_EPSILON, DS_PREDICT_V, DS_PREDICT_SAMPLE } ds_prediction;
typedef enum ds_spacing { DS_LEADING, DS_TRAILING, DS_LINSPACE } ds_spacing;

/* int for flags and words, so that one table can describe the file's fields. */
typedef struct ds_schedule_config {
    int train_steps;
    double beta_start, beta_end;
    int beta_kind;  /* ds_beta_kind */
    int prediction; /* ds_prediction */
    int spacing;    /* ds_spacing */
    int steps_offset;
    int alpha_to_one;
    int clip;
    double clip_range;
    int karras;
    int zero_snr;    /* rescale_betas_zero_snr, arXiv:2305.08891 */
    int large_noise; /* ddpm: variance beta_t instead of the posterior's */
    int solver_order, heun_like, lower_order_final, euler_at_final,
        final_zero;      /* dpm++2m and kin */
    double lambda_min;   /* dpm++2m, 2s */
    int exponential;     /* levels at equal ratios */
    int skip_prk;        /* pndm: without the Runge-Kutta start */
    int bh1;             /* unipc: B(h) = h instead of exp(h) - 1 */
    int data_solver;     /* unipc: predict_x0 */
    int original_steps;  /* lcm, tcd: steps that the network was distilled for */
    double time_scaling; /* lcm */
    int old;             /* diffusers 0.21 instead of 0.42: set before the defaults are */
} ds_schedule_config;

/* Defaults of the sampler's diffusers class, of version 0.21 if `old`, else of 0.42. */
void ds__schedule_defaults(ds_schedule_config *c, ds_sampler_kind kind, bool old);

/* Stable Diffusion 1.x and 2.x on top of the defaults. */
void ds__schedule_stable_diffusion(ds_schedule_config *c);

/* A scheduler_config.json. _open finds the class name; _fields overrides c by what the file says
 * for this kind of sampler. */
typedef struct ds_schedule_file {
    struct json_t *root;
    const char *path;       /* borrowed */
    const char *class_name; /* "" if the file names none */
} ds_schedule_file;

ds_status ds__schedule_file_open(ds_schedule_file *f, const char *path, ds_error *err);
/* The same of a configuration that was read already; takes over root (which may be NULL). */
void ds__schedule_file_take(ds_schedule_file *f, struct json_t *root, const char *path);
ds_status ds__schedule_file_fields(ds_schedule_config *c, const ds_schedule_file *f,
                                   ds_sampler_kind kind, ds_error *err);
void ds__schedule_file_close(ds_schedule_file *f);

/* Options given as words: "epsilon", "trailing". `option` names it in the error. */
ds_status ds__prediction_parse(int *out, const char *word, ds_error *err);
ds_status ds__spacing_parse(int *out, const char *word, ds_error *err);

/* Tables over the training steps t = 0 .. count-1. */
typedef struct ds_schedule {
    int count;
    float *alpha_bar; /* prod_s<=t (1 - beta_s) */
    float *sigma;     /* sqrt((1 - alpha_bar) / alpha_bar) */
    float *log_sigma;
} ds_schedule;

ds_status ds__schedule_new(ds_schedule *s, const ds_schedule_config *c, ds_sampler_kind kind,
                           ds_error *err);
void ds__schedule_free(ds_schedule *s);

/* Time steps from noisy to clean into t[steps]; returns how many there are (at most `steps`).
 * `whole` rounds those of linspace, as the classes do that look alphas up. */
int ds__timesteps(float *t, const ds_schedule_config *c, int steps, bool whole);

/* The same for DPM-Solver and its kin, which keep room for a last step to t = 0. */
int ds__timesteps_dpm(float *t, const ds_schedule_config *c, const ds_schedule *s, int steps);

/* sigma at a fractional time step, by linear interpolation. */
double ds__sigma_at(const ds_schedule *s, float t);

/* The time step at which the schedule has this sigma, by interpolation in log sigma. */
double ds__time_of(const ds_schedule *s, double sigma);

/* n levels from `first` to `last` with rho = 7. T. Karras et al., arXiv:2206.00364, eq. 5. */
void ds__karras(double *sigma, int n, double first, double last);

/* n levels from `first` to `last` at equal ratios. */
void ds__exponential(double *sigma, int n, double first, double last);

/* torch.exp of a float32, to the last bit: it shows in the time steps of dpm2. */
float ds__torch_exp(float x);

#endif
