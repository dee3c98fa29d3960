/* sampler_impl.h - what the sampler files share: the object and the table's row. */

#ifndef DS_PIPELINE_SAMPLER_IMPL_H
#define DS_PIPELINE_SAMPLER_IMPL_H

#include <diffuscope/sampler.h>

#include "pipeline/schedule.h"

enum { DS_SAMPLER_PAST = 4, DS_SAMPLER_ALIASES = 5 };

/* What a sampler's state is, and where a call's noise level stands:
 *   FORM_ALPHA    x = sqrt(a) x0 + sqrt(1 - a) eps, a at the call's time step
 *   FORM_SIGMA    x = x0 + sigma eps, sigma in level[call]; the network's input is scaled
 *   FORM_LOGSNR   x = alpha x0 + sigma' eps with sigma' / alpha = sigma[call] */
typedef enum ds_sampler_form { FORM_ALPHA, FORM_SIGMA, FORM_LOGSNR } ds_sampler_form;

/* One row per sampler. plan() fills timestep, sigma and init_sigma for s->steps; advance() moves
 * s->x by one call, counted from the start of the schedule (not from s->first). */
typedef struct ds_sampler_class {
    const char *name;
    const char *diffusers;
    ds_sampler_kind kind;
    const char *alias[DS_SAMPLER_ALIASES]; /* normalised: lower case letters, digits and + */
    ds_sampler_form form;
    int calls_per_step;
    ds_status (*plan)(ds_sampler *s, ds_error *err);
    void (*advance)(ds_sampler *s, int call, const float *output, ds_rng *rng);
} ds_sampler_class;

struct ds_sampler {
    const ds_sampler_class *class;
    ds_schedule_config config;
    ds_schedule schedule;
    int steps;
    float eta;
    float keep_share; /* tcd: 1 - gamma */
    int count;        /* calls from the start of the schedule */
    int first;        /* the one to begin with: above 0 for image to image */
    float *timestep;
    float *sigma;
    int sigma_count;
    const float *level; /* FORM_SIGMA: the sigma of each call's input */
    float init_sigma;
    char remark[200]; /* what a user should know before the run */

    /* The run. */
    int64_t n;
    float *block; /* everything below, n numbers each */
    float *x, *x0, *noise, *work, *saved;
    float *past[DS_SAMPLER_PAST]; /* newest first */
    int kept;                     /* how many of them are filled */
    int next;                     /* the call that is due */
};

/* Rotates the history and returns the place for the newest entry. */
float *ds__sampler_remember(ds_sampler *s);

/* alpha_bar at a time step; negative: beyond the clean end. */
float ds__sampler_alpha(const ds_sampler *s, int t, float beyond);

/* timestep and sigma arrays for `calls` and `sigmas` entries. */
ds_status ds__sampler_arrays(ds_sampler *s, int calls, int sigmas, ds_error *err);

/* The row's form; dpm++2m of diffusers 0.21 looks alphas up. */
ds_sampler_form ds__sampler_form(const ds_sampler *s);

/* sigma[0 .. sigma_count-1] between which dpm++2m and its kin take steps. */
typedef struct ds_level {
    float alpha, sigma, lambda; /* alpha^2 + sigma^2 = 1, lambda = log(alpha / sigma) */
} ds_level;
ds_level ds__level_at(const ds_sampler *s, int i);

/* ds_sampler_new with an open configuration (root NULL: none) instead of o->config. */
ds_status ds__sampler_new(ds_sampler **out, const ds_sampler_options *o, const ds_schedule_file *f,
                          ds_error *err);

/* sampler_alpha.c */
ds_status ds__plan_alpha(ds_sampler *s, ds_error *err);
ds_status ds__plan_inverse(ds_sampler *s, ds_error *err);
ds_status ds__check_range(const ds_sampler *s, int furthest, ds_error *err);
void ds__show_sigmas(ds_sampler *s, float beyond);
float ds__clean_end(const ds_sampler *s);
int ds__stride(const ds_sampler *s);
void ds__split(ds_sampler *s, const float *out, float a, float *eps);
void ds__ddim(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__ddim_inverse(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__ddpm(ds_sampler *s, int call, const float *output, ds_rng *rng);

/* sampler_pndm.c */
enum { DS_PRK_CALLS = 12 }; /* of the Runge-Kutta start: 4 for each of 3 steps */
ds_status ds__plan_pndm(ds_sampler *s, ds_error *err);
void ds__pndm(ds_sampler *s, int call, const float *output, ds_rng *rng);

/* sampler_few.c */
ds_status ds__plan_few(ds_sampler *s, ds_error *err);
void ds__lcm(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__tcd(ds_sampler *s, int call, const float *output, ds_rng *rng);

/* sampler_dpm.c */
ds_status ds__plan_logsnr(ds_sampler *s, ds_error *err);
void ds__dpmpp_2m(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__dpmpp_2s(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__to_clean(ds_sampler *s, float *x0, const float *output, ds_level at);

/* sampler_dpm_old.c */
ds_status ds__plan_dpmpp(ds_sampler *s, ds_error *err);
void ds__dpmpp_2m_old(ds_sampler *s, int call, const float *output, ds_rng *rng);

/* sampler_deis.c, sampler_unipc.c */
void ds__deis(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__unipc(ds_sampler *s, int call, const float *output, ds_rng *rng);

/* sampler_sigma.c. The last writes s->remark if the first step is too long for the method. */
ds_status ds__plan_sigma(ds_sampler *s, ds_error *err);
ds_status ds__plan_heun(ds_sampler *s, ds_error *err);
ds_status ds__plan_dpm2(ds_sampler *s, ds_error *err);
void ds__euler(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__euler_a(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__heun(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__lms(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__dpm2(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__dpm2_a(ds_sampler *s, int call, const float *output, ds_rng *rng);
void ds__check_first_step(ds_sampler *s);

/* sampler_table.c: the table. sampler_names.c: finding a row. */
extern const ds_sampler_class ds__samplers[];
extern const int ds__sampler_count;

/* *karras is set if the name carries that suffix. DS_E_NOMATCH with near matches. */
ds_status ds__sampler_find(const ds_sampler_class **out, bool *karras, const char *name,
                           ds_error *err);

#endif
