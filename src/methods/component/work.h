/* work.h - what the component commands share: the question (texts, objective, draws), and what is made to
 * answer it. The answer's folder keeps the question, so that edits and checks ask it again. */

#ifndef DS_METHODS_COMPONENT_WORK_H
#define DS_METHODS_COMPONENT_WORK_H

#include "job/job.h"
#include "methods/component/draws.h"
#include "methods/component/remove.h"
#include "methods/component/texts.h"

/* Options (block ds__component_rows). */
typedef struct component_question {
    ds_texts concept_; /* templates, one concept each */
    const char *base;
    int goal, rows, on; /* ds_component_goal, _rows, _scale */
    bool normalise;
    const char *region, *mask;
    const char *draws;
    int64_t seeds, steps, batch;
    uint64_t seed;
    double guidance;
    bool noise_side;
    ds_texts images;
    bool recompute;
} component_question;
extern const ds_option ds__component_rows[];

typedef struct component_work {
    ds_model *model; /* borrowed; an overlay while an edit is looked at */
    component_question q;
    ds_arena arena;
    ds_alternatives texts; /* concept, base, concept, base ... [, none] */
    int64_t concepts, pairs;
    int64_t *first; /* [concepts + 1]: pairs of concept k are first[k] .. first[k + 1] - 1 */
    ds_noise *noise;
    ds_encoder *encoder;
    ds_component_sites *sites;
    ds_denoiser_info info;
    int64_t height, width, plane;
    float *mask;
    ds_bundle *recorded; /* file of draws */
    bool given;          /* the draws are recorded ones, or were when the scores were made */
    ds_measure_options o;
    ds_draws draws;
    ds_measure *measure;
    ds_measure_cost cost; /* of measurements that are gone */
} component_work;

void ds__component_clear(component_work *w);

/* For check: texts, files, sizes. The model is open. */
ds_status ds__component_check(component_work *w, ds_job *j, ds_model *m,
                              const component_question *q, ds_error *err);

/* The same with a base of its own for each concept. */
ds_status ds__component_check_pairs(component_work *w, ds_job *j, ds_model *m,
                                    const component_question *q, const ds_alternatives *bases,
                                    ds_error *err);

/* For run: encodes, plans, measures. weights: globs of parameters [n]; components: gates too. Draws that
 * are there already (ds__component_reload) are measured again. */
ds_status ds__component_measure(component_work *w, ds_job *j, const char *const *weights, int n,
                                bool components, ds_error *err);

/* The mask of the question's region: what can be known before the model runs, and a word's own map, which
 * cannot (called by the two below). */
ds_status ds__component_mask(component_work *w, ds_job *j, ds_error *err);
ds_status ds__component_word_mask(component_work *w, ds_job *j, ds_error *err);

/* For run, without gradients: encodes, so that objectives at recorded draws can be asked for. */
ds_status ds__component_prepare(component_work *w, ds_job *j, ds_error *err);

/* The question as JSON, with the model's path, and back from a folder's result.json with its draws. */
json_t *ds__component_question_json(const component_work *w, const char *model);
ds_status ds__component_reload(component_work *w, ds_job *j, ds_model *m, const char *folder,
                               ds_error *err);

/* Draws as tensors draws.latent, draws.timestep, draws.pair, draws.group, draws.objective [, draws.eps]. */
ds_status ds__component_keep_draws(const component_work *w, ds_result *r, ds_error *err);

/* "FOLDER/NAME"; free with ds_free. */
char *ds__component_path(const char *folder, const char *name);

/* Mean of J of concept k over the draws. */
double ds__component_objective(const component_work *w, int64_t concept_);

#endif
