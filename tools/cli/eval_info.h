/* eval_info.h - `diffuscope eval info` on pictures whose truth is known: texts that are wrong in a
 * known way, one scene, the summary. */

#ifndef DS_CLI_EVAL_INFO_H
#define DS_CLI_EVAL_INFO_H

#include <jansson.h>

#include <diffuscope/score.h>
#include <diffuscope/truth.h>

#include "estimate_option.h"

enum { EVAL_INFO_TAUS = 39, EVAL_INFO_WORDS = 4, EVAL_INFO_KINDS = 3 };

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
    const ds_truth *truth;
    estimate *est;
    double tau[EVAL_INFO_TAUS];
    int64_t edit; /* steps of the flow for interventions; 0: none */
    int64_t side; /* latent pixels times pixels of a picture are what the network takes: its sides
                     are multiples of this many pixels */
} eval_info;

/* Measures scene i: words against masks, right caption against wrong ones. A new reference. */
ds_status eval_info_scene(const eval_info *e, int64_t i, json_t **line, ds_error *err);

/* What all lines (an array) say. A new reference. */
ds_status eval_info_summary(const eval_info *e, const json_t *lines, json_t **result,
                            ds_error *err);

#endif
