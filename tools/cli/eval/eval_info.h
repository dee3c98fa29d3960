/* eval_info.h - `diffuscope eval info` on pictures whose truth is known: texts that are wrong in a
 * known way, one scene, the summary. */

#ifndef DS_CLI_EVAL_INFO_H
#define DS_CLI_EVAL_INFO_H

#include <jansson.h>

#include <diffuscope/captions.h>
#include <diffuscope/score.h>
#include <diffuscope/truth.h>

#include "estimate_option.h"
#include "eval_daam.h"

enum { EVAL_INFO_TAUS = 39, EVAL_INFO_WORDS = 4, EVAL_INFO_KINDS = 3, EVAL_INFO_SETTINGS = 8 };

/* A caption made wrong. NULL where the caption offers no way: no size named, no two things placed,
 * too few words. Free with ds_free. */
char *wrong_attribute(const ds_truth_scene *s);            /* "a tiny dog" for "a big dog" */
char *wrong_relation(const ds_truth_scene *s);             /* the two things change places */
char *wrong_order(const ds_truth_scene *s, uint64_t seed); /* all words in another order */
extern const char *const eval_info_kinds[EVAL_INFO_KINDS]; /* "attribute" ... */

typedef struct eval_info {
    const ds_args *args;
    ds_model *model;
    ds_tokenizer *tokenizer;
    const ds_truth *truth; /* or: */
    ds_captions *choices;
    estimate *est;
    double tau[EVAL_INFO_TAUS];
    int64_t edit; /* steps of the flow for interventions; 0: none */
    eval_sizes sizes;
    int settings; /* maps by attention, beside those of information */
    const eval_setting *setting[EVAL_INFO_SETTINGS];
} eval_info;

/* --settings, of those that need the prompt alone; without it paper, plain, best and disc. */
ds_status eval_info_settings(eval_info *e, ds_error *err);

/* Traces of a picture under its caption, as the settings need them: trace [EVAL_SOURCES], NULL
 * where none does. */
ds_status eval_info_traces(const eval_info *e, ds_daam **trace, const eval_picture *p,
                           const char *caption, uint64_t seed, ds_error *err);

/* A setting's map of a word, out [height, width]. */
ds_status eval_info_attention(const eval_setting *x, float *out, int64_t height, int64_t width,
                              ds_daam *const *trace, const char *word, ds_error *err);

/* Measures scene i: words against masks, right caption against wrong ones. A new reference. */
ds_status eval_info_scene(const eval_info *e, int64_t i, json_t **line, ds_error *err);

/* The same for the i-th caption to choose from: its margins over the wrong ones. */
ds_status eval_info_choice(const eval_info *e, int64_t i, json_t **line, ds_error *err);

/* What all lines (an array) say. A new reference. */
ds_status eval_info_summary(const eval_info *e, const json_t *lines, json_t **result,
                            ds_error *err);
ds_status eval_info_choices_summary(const json_t *lines, json_t **result, ds_error *err);
json_t *eval_info_estimate(ds_value v);

/* On standard output. */
void eval_info_print(const json_t *result);

#endif
