/* picture.h - the picture that a method looks at: read from a file, taken as a latent, or drawn from
 * a prompt; and the options of all three. */

#ifndef DS_JOB_PICTURE_H
#define DS_JOB_PICTURE_H

#include <diffuscope/run.h>

#include "job/job.h"

/* In pixels (block ds__size_rows). */
typedef struct picture_size {
    int64_t width, height; /* 0: the model's own */
} picture_size;
extern const ds_option ds__size_rows[], ds__seed_rows[]; /* the latter of one uint64_t */

/* How pictures are drawn (block ds__draw_rows). */
typedef struct draw_options {
    const char *negative;
    int64_t steps;
    double cfg_scale;
    const char *sampler, *scheduler, *spacing; /* NULL: the model's own */
    bool alpha_to_one;
    double eta; /* not given: the sampler's own */
    int compat; /* 0: diffusers 0.42, 1: 0.21 */
    picture_size size;
    uint64_t seed;
    const char *rng;
    bool vae_tiling; /* else above a million pixels */
    int long_prompt; /* 0 cut, 1 chunks */
} draw_options;
extern const ds_option ds__draw_rows[];

/* What a generation starts from (block ds__start_rows). */
typedef struct start_options {
    int64_t batch; /* pictures */
    const char *latent, *init;
    double strength;
} start_options;
extern const ds_option ds__start_rows[];

/* The files that they name. */
typedef struct job_start {
    ds_bundle *file;
    ds_tensor *latent; /* in the file */
    ds_image shown;
    ds_tensor image; /* [1,3,H,W] in [0,1]; data is NULL: none */
} job_start;
void ds__start_clear(job_start *s); /* an all-zero one is allowed */

/* For check: reads them. DS_E_ARG if both are given. */
ds_status ds__start_check(job_start *out, const ds_job *j, const start_options *s,
                          const draw_options *d, ds_error *err);
/* Fills them into the options of a run. */
void ds__start_run_options(ds_run_options *o, const ds_job *j, const job_start *from,
                           const start_options *s);

/* What is looked at (block ds__look_rows); neither: a picture is drawn. */
typedef struct look_options {
    const char *image, *latent;
} look_options;
extern const ds_option ds__look_rows[];

/* For check: sizes, sampler and schedule that a run would refuse. */
ds_status ds__draw_check(const ds_job *j, const draw_options *d, ds_error *err);

/* Fills what they say into the options of a run, with the job's cancellation. */
void ds__draw_run_options(ds_run_options *o, const ds_job *j, const draw_options *d);

typedef struct job_picture {
    ds_image shown;   /* for figures; without pixels for a latent from a file */
    ds_tensor latent; /* [1,C,h,w]; data is NULL for a file of pixels */
    ds_tensor image;  /* [1,3,H,W] in [0,1]; data is NULL for a latent from a file */
    bool drawn;       /* from a prompt */
    void *memory[2];
    ds_bundle *file;
} job_picture;
void ds__picture_clear(job_picture *p); /* an all-zero one is allowed */

/* For check: DS_E_ARG unless exactly one source of a picture is there: a file, a latent, or a prompt
 * to draw from. */
ds_status ds__picture_check(const ds_job *j, const look_options *l, const draw_options *d,
                            const char *prompt, ds_error *err);

/* For run: reads or draws it; shows progress and tells warnings. */
ds_status ds__picture_get(job_picture *out, ds_job *j, const look_options *l, const draw_options *d,
                          const char *prompt, ds_error *err);
/* One way alone. The size of a file that is read: width and height, or the file's rounded to 8. */
ds_status ds__picture_load(job_picture *out, const draw_options *d, const char *path,
                           ds_error *err);
ds_status ds__picture_draw(job_picture *out, ds_job *j, const draw_options *d, const char *prompt,
                           uint64_t seed, ds_error *err);

/* Takes all steps of a run, with progress and the run's warnings. */
ds_status ds__run_all(ds_job *j, ds_run *run, ds_error *err);

#endif
