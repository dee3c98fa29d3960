/* daam_job.h - what the files of `diffuscope daam` share.
 *
 *   cmd_daam.c      the command and its options
 *   daam_job.c      from options to a trace and its pictures
 *   daam_item.c     the maps of one picture: words, masks, tensors, numbers
 *   daam_report.c   overlays, sheet, page */

#ifndef DS_CLI_DAAM_JOB_H
#define DS_CLI_DAAM_JOB_H

#include <jansson.h>

#include <diffuscope/daam.h>
#include <diffuscope/image.h>

#include "picture_option.h"
#include "prompt_list.h"
#include "run_folder.h"
#include "run_option.h"

typedef struct daam_job {
    const ds_args *args;
    ds_run_record *record;
    ds_model *model;
    run_inputs inputs;
    picture from_file; /* --image */
    prompt_list list;
    const char **prompts; /* [images] of several prompts */
    char queries[4096];   /* --save-queries: the folder */
    char *folder_model;   /* --from: the model that its record names */
    ds_daam *d;
    int64_t total; /* pictures in all; those at hand are base, base + 1, ... */
    int64_t base;
    int64_t images;  /* at hand */
    ds_image *shown; /* [images] */
} daam_job;

/* Makes the trace that the options ask for, and the pictures that it is about. */
ds_status daam_job_begin(daam_job *j, ds_error *err);

/* The next pictures, while base + images < total. */
ds_status daam_job_next(daam_job *j, ds_error *err);
void daam_job_free(daam_job *j);

/* Words for ds_daam_refine, in its order, as DS_OPTION_CHOICE wants them. */
#define DAAM_REFINE "raw|smooth|guided|sharp|diffuse"

/* --refine, or what the preset says. */
ds_daam_refine daam_job_refine(const ds_args *a);

/* The prompt that a picture at hand was drawn from. */
const char *daam_job_prompt(const daam_job *j, int64_t image);

/* A map with a name. */
typedef struct daam_word {
    char *name;  /* "cat" */
    char *title; /* "asked: cat" of what is not in the prompt, "cat (weight 1.3)", else the name */
    char *key;   /* of its tensor behind "word/" and the like: "word/cat" */
    bool asked;
    double weight; /* of emphasis */
    ds_daam_match match;
    float *map;    /* [h,w] */
    float *big;    /* [H,W], of the picture's size; from 0 to 1 unless --absolute */
    uint8_t *mask; /* [H,W]: above the threshold */
} daam_word;

typedef struct daam_item {
    const daam_job *job;
    int64_t image;
    ds_daam_maps *maps;
    int64_t height, width;         /* of the maps */
    int64_t big_height, big_width; /* of the picture */
    ds_daam_weights weights;
    json_t *syntax, *syntax_table; /* with --syntax */
    daam_word *word;
    int count;
} daam_item;

ds_status daam_item_begin(daam_item *i, const daam_job *j, int64_t image, ds_error *err);
void daam_item_free(daam_item *i);
ds_status daam_item_tensors(const daam_item *i, const char *dir, ds_error *err);

/* masks.json: COCO's form of all words' masks. */
ds_status daam_item_masks(const daam_item *i, const char *dir, ds_error *err);
json_t *daam_item_json(const daam_item *i); /* a new reference, or NULL */

/* daam_report.c */
ds_status daam_item_pictures(const daam_item *i, const char *dir, ds_error *err);
ds_status daam_item_page(const daam_item *i, const char *dir, ds_error *err);

#endif
