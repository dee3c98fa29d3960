/* eval.h - `eval info`: information against what is known of the pictures.
 *
 *   method.c     the options, what is opened, the run
 *   measure.c    the information of one picture
 *   scene.c      one scene: words against masks, the right caption against wrong ones
 *   texts.c      captions that are wrong in a known way
 *   attention.c  DAAM's maps of the same words
 *   choices.c    lists of right and wrong captions
 *   summary.c    what all scenes say together
 *   say.c        the same in a terminal */

#ifndef DS_STUDIES_INFO_EVAL_H
#define DS_STUDIES_INFO_EVAL_H

#include <diffuscope/captions.h>
#include <diffuscope/score.h>
#include <diffuscope/truth.h>

#include "methods/estimate/job.h"
#include "studies/daam/settings.h"
#include "studies/lines.h"
#include "studies/picture.h"

enum { EVAL_INFO_TAUS = 39, EVAL_INFO_WORDS = 4, EVAL_INFO_KINDS = 3 };

/* A caption made wrong. NULL where the caption offers no way: no size named, no two things placed,
 * too few words. Free with ds_free. */
char *ds__wrong_attribute(const ds_truth_scene *s);            /* "a tiny dog" for "a big dog" */
char *ds__wrong_relation(const ds_truth_scene *s);             /* the two things change places */
char *ds__wrong_order(const ds_truth_scene *s, uint64_t seed); /* all words in another order */
extern const char *const ds__wrong_kinds[EVAL_INFO_KINDS];     /* "attribute" ... */

typedef struct info_eval {
    const char *data, *rows, *list, *images, *synonyms;
    int64_t count;
    int64_t edit; /* steps of the flow for interventions; 0: none */
    ds_texts names;
    uint64_t seed;
    lines_options lines;
    estimate_options estimate;
    /* what is no option */
    ds_job *job;
    ds_tokenizer *tokenizer;
    ds_truth *truth; /* or: */
    ds_captions *choices;
    job_estimate est;
    ds_denoiser_info size;
    double tau[EVAL_INFO_TAUS];
    map_settings settings; /* maps by attention, beside those of information */
} info_eval;

/* For check: the settings that need the prompt alone; without names disc, paper, plain and best. */
ds_status ds__info_eval_settings(info_eval *e, ds_error *err);

/* Traces of a picture under its caption, as the settings need them: trace [MAP_SOURCES], NULL where
 * none does. */
ds_status ds__info_eval_traces(const info_eval *e, ds_daam **trace, const study_picture *p,
                               const char *caption, uint64_t seed, ds_error *err);

/* A setting's map of a word, out [height, width]. */
ds_status ds__info_eval_attention(const map_setting *x, float *out, int64_t height, int64_t width,
                                  ds_daam *const *trace, const char *word, ds_error *err);

/* Information of a picture: texts and pairs as in ds_info_options, the draws of item k. */
ds_status ds__info_eval_measure(const info_eval *e, ds_info **info, const study_picture *p,
                                const char *const *text, int64_t texts, const ds_info_pair *pair,
                                int64_t pairs, int64_t k, ds_error *err);

/* lines_measure of scene k, and of the k-th caption to choose from: margins over the wrong ones. */
lines_measure ds__info_eval_scene, ds__info_eval_choice;

/* What all lines (an array) say, into the result. */
ds_status ds__info_eval_summary(const info_eval *e, const json_t *lines, ds_error *err);
ds_status ds__info_eval_choices(const info_eval *e, const json_t *lines, ds_error *err);

void ds__info_eval_say(ds_result *r);

#endif
