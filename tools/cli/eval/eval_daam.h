/* eval_daam.h - what the files of `diffuscope eval daam` share: settings, one scene, the summary.
 */

#ifndef DS_CLI_EVAL_DAAM_H
#define DS_CLI_EVAL_DAAM_H

#include <jansson.h>

#include <diffuscope/daam.h>
#include <diffuscope/image.h>
#include <diffuscope/model.h>
#include <diffuscope/score.h>
#include <diffuscope/truth.h>

#include <diffuscope/overlap.h>
#include "eval_picture.h"
#include "world/judge.h"
#include "opts.h"
#include "run_folder.h"

enum { EVAL_SETTINGS = 32, EVAL_TAUS = 39, EVAL_WORDS = 16 };

/* Where a setting's map comes from. Traces are made once per scene and source. */
typedef enum eval_source {
    EVAL_WHOLE = 0,   /* no map: the whole image */
    EVAL_DISC,        /* no map: discs in the middle */
    EVAL_OURS,        /* a trace of all layers */
    EVAL_PAPER,       /* a trace as the DAAM package makes it */
    EVAL_WRONG_WORDS, /* ours, with another scene's words in the prompt: shall be worse */
    EVAL_RANDOM,      /* ours, with random weights in UNet and text encoder: shall be worse */
    EVAL_SOURCES
} eval_source;

typedef struct eval_setting {
    char name[32];
    char *text; /* what was given, cut into the strings below; NULL for a built-in */
    eval_source source;
    bool other_word; /* the map of another word of the prompt: shall be worse */
    bool ask;        /* open vocabulary: the word alone, not the prompt */
    ds_daam_map_options map;
} eval_setting;

typedef struct eval {
    const ds_args *a;
    ds_cancel *cancel;
    ds_model *model, *random;
    ds_truth *truth;
    ds_world *world; /* of the judge; NULL unless pictures are generated */
    ds_judge *judge;
    bool generate;
    int settings;
    eval_setting setting[EVAL_SETTINGS];
    double tau[EVAL_TAUS];
    ds_threshold mode;
    double fixed;      /* threshold of the package */
    eval_sizes sizes;  /* of the model */
    ds_parser *parser; /* with --syntax, whose maps are those of the first traced setting */
    int64_t pictures;  /* scenes that are drawn for the eye */
    const char *out;
} eval;

/* A built-in setting; DS_E_NOMATCH lists them all. */
ds_status eval_setting_named(const eval_setting **out, const char *name, ds_error *err);

/* The built-in settings that --settings names, and those of --setting. */
ds_status eval_settings_read(eval *e, ds_error *err);
void eval_settings_free(eval *e);
const char *eval_settings_known(void); /* "paper|best|..." */

/* A word's map, brought to out [height, width], of text `text` of a trace (0: the prompt). The
 * paper's sums over calls become means. */
ds_status eval_word_map(float *out, int64_t height, int64_t width, const ds_daam *d, int64_t text,
                        const char *word, const ds_daam_map_options *o, ds_error *err);

/* Scores one scene: the line of pairs.jsonl, a new reference. A scene without a word to score, or
 * whose picture does not show what it should, gives a line that says so. */
ds_status eval_scene(const eval *e, int64_t i, json_t **line, ds_error *err);

/* What all lines (an array) say together: result.json, a new reference. */
ds_status eval_summary(const eval *e, const json_t *lines, json_t **result, ds_error *err);
void eval_print(FILE *to, const json_t *result);

/* OUT/report.html. */
ds_status eval_report(const eval *e, const json_t *result, ds_run_record *record, ds_error *err);

/* The masks of a picture that the model drew, by background difference; false if the judge does not
 * find what the words name. masks[k] [64,64] of word k. */
ds_status eval_judged_masks(const eval *e, const ds_truth_scene *s, const ds_image *picture,
                            const ds_truth_word *const *words, int n, uint8_t *const *masks,
                            const char **rejected, ds_error *err);

#endif
