/* eval_pid.h - what `diffuscope eval pid` measures on the world's scenes: whether synergy finds the
 * word that settles a homonym, and whether redundancy tells synonyms from unrelated words. */

#ifndef DS_CLI_EVAL_PID_H
#define DS_CLI_EVAL_PID_H

#include <diffuscope/stats.h>

#include "eval_pid_job.h"

/* Every redundancy in both forms: one measurement answers all. */
enum { EVAL_QUESTIONS = 6 };
void eval_questions(ds_pid_question q[EVAL_QUESTIONS], double delta);
const char *eval_question_name(int question); /* "mmi-pixel, o" */

/* A folder that diffuscope-world exported. */
typedef struct eval_world {
    const char *dir;
    json_t *tables; /* world.json */
    json_t *scenes; /* captions.jsonl, as an array */
} eval_world;

ds_status eval_world_open(eval_world *w, const char *dir, ds_error *err);
void eval_world_close(eval_world *w); /* an all-zero one is allowed */

/* Scenes where a homonym is settled by another word: is S(homonym, that word) above S(homonym,
 * article), and above S(homonym, a word that settles another scene's homonym)? Adds "homonyms" to
 * the job's result: for each question the share of scenes and the mean difference, with intervals,
 * and one line per scene. */
ds_status eval_homonyms(pid_job *j, const eval_world *w, int64_t most, ds_error *err);

/* Scenes with an object of two names: is the redundancy of both names above that of one name and
 * another object's? Adds "synonyms": for each question the area under the curve. */
ds_status eval_synonyms(pid_job *j, const eval_world *w, int64_t most, ds_error *err);

json_t *eval_estimate_json(ds_value e);

#endif
