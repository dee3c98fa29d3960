/* job.h - what the files of the method `daam` share.
 *
 *   method.c    the options, and the results of all pictures
 *   session.c   from options to a trace and its pictures
 *   item.c      the maps of one picture: words, masks, tensors, numbers
 *   overlaps.c  how the maps of head and dependent lie over each other
 *   draw.c      overlays, sheet, page */

#ifndef DS_METHODS_DAAM_JOB_H
#define DS_METHODS_DAAM_JOB_H

#include <diffuscope/daam.h>

#include "job/drawn.h"
#include "job/prompts.h"
#include "methods/daam/daam.h"
#include "methods/daam/levels.h"

typedef enum daam_preset { DAAM_PLAIN, DAAM_BEST, DAAM_PAPER } daam_preset;

typedef struct daam_job {
    prompt_options prompts;
    ds_texts word, token, ask;
    const char *image;
    daam_levels levels;
    const char *trace; /* "from": a run folder */
    int preset;        /* daam_preset */
    int branch;        /* 1: uncond */
    const char *layers, *heads, *at_steps, *resolutions;
    int reduce; /* ds_daam_weights; without the option, as the preset */
    bool normalize;
    int refine; /* ds_daam_refine; without the option, as the preset */
    const char *map_size;
    double threshold;
    bool relative, absolute, syntax, low_memory;
    int64_t budget; /* MB */
    bool save_trace, save_queries;
    const char *save_heads, *load_heads;
    start_options start;
    draw_options drawing;

    /* no options from here on */
    ds_job *job;
    ds_daam_options trace_options;
    ds_daam_map_options map;
    char queries[4096]; /* save_queries: the folder */
    job_start from;
    job_picture picture; /* image */
    prompt_list list;
    const char **of_picture; /* [images] prompts of several */
    ds_daam *d;
    int64_t total; /* pictures in all; those at hand are base, base + 1, ... */
    int64_t base;
    int64_t images;  /* at hand */
    ds_image *shown; /* [images] */
} daam_job;

/* For early: a saved trace is read with its own model, unless another is named. */
ds_status ds__daam_job_early(daam_job *o, ds_job *j, ds_error *err);

/* For check: everything that the options may have wrong. */
ds_status ds__daam_job_check(daam_job *o, ds_job *j, ds_error *err);

/* Makes the trace that the options ask for, and the pictures that it is about. */
ds_status ds__daam_open(daam_job *o, ds_error *err);

/* The next pictures, while base + images < total. */
ds_status ds__daam_more(daam_job *o, ds_error *err);
void ds__daam_job_clear(daam_job *o);

/* The prompt that a picture at hand was drawn from. */
const char *ds__daam_job_prompt(const daam_job *o, int64_t image);

/* A map with a name. */
typedef struct daam_word {
    char *name;  /* "cat" */
    char *title; /* "asked: cat" of what is not in the prompt, "cat (weight 1.3)", else the name */
    char *key;   /* of its tensor behind "word/" and the like: "word/cat" */
    bool asked;
    double weight; /* of emphasis */
    ds_daam_match match;
    float *map;    /* [h,w] */
    float *big;    /* [H,W], of the picture's size; from 0 to 1 unless absolute */
    uint8_t *mask; /* [H,W]: above the threshold */
} daam_word;

typedef struct daam_item {
    const daam_job *job;
    int64_t image;
    ds_daam_maps *maps;
    int64_t height, width;         /* of the maps */
    int64_t big_height, big_width; /* of the picture */
    json_t *syntax, *syntax_table; /* with the option syntax */
    daam_word *word;
    int count;
} daam_item;

ds_status ds__daam_item_begin(daam_item *i, daam_job *o, int64_t image, ds_error *err);
void ds__daam_item_free(daam_item *i);
ds_status ds__daam_item_tensors(const daam_item *i, ds_result *to, ds_error *err);

/* masks.json: COCO's form of all words' masks. */
ds_status ds__daam_item_masks(const daam_item *i, ds_result *to, ds_error *err);
json_t *ds__daam_item_json(const daam_item *i); /* a new reference, or NULL */

/* draw.c */
ds_status ds__daam_item_figures(const daam_item *i, ds_result *to, ds_error *err);
ds_status ds__daam_item_page(const daam_item *i, ds_result *to, ds_error *err);

#endif
