/* eval.h - `eval pid` on the world's scenes: whether synergy finds the word that settles a homonym,
 * whether redundancy tells synonyms from unrelated words, and whether it ranks occupations as the
 * world planted their genders. */

#ifndef DS_STUDIES_PID_EVAL_H
#define DS_STUDIES_PID_EVAL_H

#include <diffuscope/stats.h>

#include "studies/lines.h"
#include "studies/pid/bias.h"
#include "studies/pid/scenes.h"

/* Every redundancy in both forms: one measurement answers all. */
enum { PID_EVAL_QUESTIONS = 6, PID_EVAL_SETS = 2 };
extern const char *const ds__pid_eval_names[PID_EVAL_QUESTIONS]; /* "mmi-pixel, o" */
void ds__pid_eval_ask(ds_pid_question q[PID_EVAL_QUESTIONS], double delta);

typedef struct pid_eval pid_eval;

/* Scenes of one kind (PID_EVAL_SETS). */
typedef struct pid_eval_set {
    pid_eval *eval;
    int kind;
    pid_scenes world;
    pid_trial *trial; /* [count] */
    int64_t *scene;   /* [count]: the trials' scenes */
    int64_t count;
} pid_eval_set;

/* The occupations of the world's tables. */
typedef struct pid_eval_bias {
    pid_scenes world;
    const char **name; /* [count] */
    double *p_woman;   /* [count] */
    int64_t count;
    ds_pid_question question[PID_EVAL_QUESTIONS];
    bias_study study;
} pid_eval_bias;

struct pid_eval {
    const char *homonyms, *synonyms, *occupations; /* folders */
    int64_t scenes;
    ds_texts attributes;
    lines_options lines;
    bias_options bias;
    int joint, removal; /* ds_pid_joint, ds_removal */
    draw_options drawing;
    pid_query query;
    estimate_options estimate;
    /* what is no option */
    pid_work work;
    pid_eval_set set[PID_EVAL_SETS];
    pid_eval_bias rows;
};

/* The options that no line depends on. */
extern const char *const ds__pid_eval_free[];

/* For check: reads the folder, and finds what is to be measured; DS_E_NOMATCH if there is nothing. */
ds_status ds__pid_set_check(pid_eval *e, int kind, const char *folder, ds_error *err);
ds_status ds__pid_eval_bias_check(pid_eval *e, ds_error *err);

/* For run: measures, and adds "homonyms", "synonyms" or "bias" to the result. Nothing where no folder
 * was named. */
ds_status ds__pid_set_run(pid_eval *e, int kind, ds_error *err);
ds_status ds__pid_eval_bias_run(pid_eval *e, ds_error *err);

void ds__pid_eval_clear(pid_eval *e);

#endif
