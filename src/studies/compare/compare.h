/* compare.h - what the files of the study `compare` share: the same prompts, seeds and settings through two
 * models, side by side.
 *
 *   method.c   the options, and the result
 *   sides.c    two models from the options, and whether they can be compared
 *   draw.c     a picture, its latents and its word maps by one side
 *   apart.c    how far apart two pictures or two maps are
 *   show.c     figures and page
 *   runs.c     folders of runs in place of models: nothing is drawn */

#ifndef DS_STUDIES_COMPARE_COMPARE_H
#define DS_STUDIES_COMPARE_COMPARE_H

#include <diffuscope/daam.h>

#include "job/drawn.h"
#include "job/picture.h"
#include "studies/compare/runs.h"

enum { LEFT, RIGHT, SIDES };
extern const char *const ds__side_names[SIDES];

typedef enum compare_method { COMPARE_GENERATE, COMPARE_DAAM } compare_method;

/* One picture of one side. */
typedef struct shot {
    ds_image image;
    float *planes;  /* [3,H,W] in [0,1] */
    float *latents; /* [steps,C,h,w]: after each step */
    int64_t steps, numbers;
    float **map; /* [words]: [h,w] of the latent's size */
    int64_t height, width;
} shot;

typedef struct side {
    ds_model *model; /* with what is laid over it */
    char *sampler;   /* that drew; after the first shot */
    shot *shot;      /* [pictures] */
} side;

typedef struct compare_job {
    ds_texts model, left_lora, right_lora;
    const char *prompt;
    int method; /* compare_method */
    ds_texts word;
    int64_t pictures;
    int refine; /* ds_daam_refine */
    draw_options drawing;
    ds_texts runs;
    answer_options answer;

    /* no options from here on */
    ds_job *job;
    char **all; /* the prompt's words where none is named, ended by NULL */
    side of[SIDES];
    compare_runs read;
} compare_job;

/* sides.c, for check: opens both, and refuses what cannot be compared. */
ds_status ds__compare_open(compare_job *o, ds_error *err);

/* "LEFT: sd15.safetensors, style.safetensors at 0.8". Free with ds_free. */
ds_status ds__compare_describe(char **out, const compare_job *o, int s, ds_error *err);

/* draw.c, for run: all pictures of side s. */
ds_status ds__compare_draw(compare_job *o, int s, ds_error *err);
void ds__shot_clear(shot *s);
void ds__compare_close(compare_job *o);

/* ---- apart.c: pure functions ------------------------------------------------------------------- */

/* Root of the mean square of x - y [n]. */
double ds__rms_apart(const float *x, const float *y, int64_t n);
/* The same over the root of the mean square of all values of both: 0 for the same, about 1.41 for
 * unrelated values of mean zero, 2 for opposite ones. 0 where all are zero. */
double ds__relative_apart(const float *x, const float *y, int64_t n);
/* The share of two maps that lies at the same places, from 0 to 1: sum min(p, q), with each map less its
 * least value, brought to sum 1 (one minus the distance in total variation). NaN for a constant map. */
double ds__shared_mass(const float *x, const float *y, int64_t n);
/* out [h,w] = mean over the three channels of |x - y| [3,h,w]. */
void ds__difference_map(float *out, const float *x, const float *y, int64_t pixels);

/* show.c: figures of picture b into the result, and its part of the page. */
ds_status ds__compare_show(const compare_job *o, int64_t b, ds_page *p, ds_error *err);
/* A curve: how far apart the latents are after each step [steps], means over pictures. */
ds_status ds__compare_curve(const compare_job *o, const double *apart, int64_t steps, ds_page *p,
                            ds_error *err);
/* NAME or NAME-B of several pictures. */
void ds__compare_name(char out[160], const compare_job *o, const char *name, int64_t b);

#endif
