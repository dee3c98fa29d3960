/* eval.h - `eval daam`: word maps against masks, over a folder of pictures whose truth is known.
 *
 *   method.c    the options, what is opened, the run
 *   scene.c     one scene: words, traces, masks
 *   score.c     its numbers: a row per word and setting
 *   judge.c     masks of what a model drew
 *   summary.c   what all scenes say together
 *   page.c      the same for people */

#ifndef DS_STUDIES_DAAM_EVAL_H
#define DS_STUDIES_DAAM_EVAL_H

#include <diffuscope/overlap.h>
#include <diffuscope/score.h>
#include <diffuscope/truth.h>

#include "base/arena.h"
#include "job/picture.h"
#include "methods/daam/levels.h"
#include "studies/daam/settings.h"
#include "studies/lines.h"
#include "studies/picture.h"
#include "world/judge.h"

enum { EVAL_TAUS = 39, EVAL_WORDS = 16 };

typedef struct daam_eval {
    const char *data;
    int mode;  /* 0 image, 1 generate */
    int masks; /* 0 judge, 1 data */
    ds_texts names, given, role;
    int64_t limit, first;
    double threshold;
    int threshold_kind; /* ds_threshold */
    daam_levels levels;
    draw_options drawing;
    const char *images, *synonyms, *world_folder;
    bool syntax;
    int64_t sheets; /* scenes that are drawn for the eye */
    lines_options lines;
    /* what is no option */
    ds_job *job;
    ds_model *random; /* NULL: no setting needs it */
    ds_denoiser_info size;
    ds_truth *truth;
    ds_world *world; /* of the judge; NULL unless it is asked */
    ds_judge *judge;
    map_settings settings;
    double tau[EVAL_TAUS];
    ds_parser *parser;         /* NULL without syntax */
    const map_setting *parsed; /* whose maps are compared along the grammar */
} daam_eval;

/* One scene while it is scored. */
typedef struct daam_scene {
    const daam_eval *e;
    int64_t index;
    const ds_truth_scene *s;
    ds_arena arena;
    int n; /* words that are scored, in the order of the caption */
    const ds_truth_word *word[EVAL_WORDS];
    const char *wrong[EVAL_WORDS]; /* what stands in their place in the wrong prompt */
    char *wrong_prompt;
    int64_t height, width, pixels; /* of the masks */
    uint8_t *mask[EVAL_WORDS];
    int64_t area[EVAL_WORDS]; /* pixels of the mask */
    float *map[EVAL_WORDS];   /* [height, width] of the setting under way */
    float *spare;             /* one more */
    uint8_t *bits;            /* room for a mask */
    study_picture picture;    /* what the model reads, or has drawn */
    ds_daam *trace[MAP_SOURCES];
    const char *rejected; /* NULL: it is scored */
} daam_scene;

/* lines_measure of scene e->first + k: its line. One without a word to score, or whose picture does
 * not show what it should, has a line that says so. */
lines_measure ds__daam_eval_scene;

/* Adds "words", "match" and with a parser "syntax" to a line. */
ds_status ds__daam_scene_score(daam_scene *w, json_t *line, ds_error *err);

/* The masks of a picture that the model drew, by background difference; *rejected says why there are
 * none. mask[k] [64,64] of word k. */
ds_status ds__daam_scene_judge(daam_scene *w, ds_error *err);

/* What all lines (an array) say together, into the result. */
ds_status ds__daam_eval_summary(const daam_eval *e, const json_t *lines, ds_error *err);

/* The page, of result.json alone and of the pictures of the first scenes in the folder. */
ds_status ds__daam_eval_page(const daam_eval *e, ds_error *err);

#endif
