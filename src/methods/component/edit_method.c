/* edit_method.c - `component edit` and `component check`: remove what was scored, and compare what was
 * predicted with what happens. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "methods/component/choose.h"
#include "methods/component/dose.h"
#include "methods/component/edit_page.h"
#include "methods/component/edits.h"
#include "methods/component/prune.h"
#include "methods/methods.h"

enum { SELECT_PRUNE = DS_PICK_GLOBAL + 1 }; /* of --select: ConceptPrune, without scores */

/* Options of both (block). */
typedef struct choice_options {
    const char *scores;
    int granularity, select, sign, control;
    double ratio;
    int64_t count, sets, sets_draws;
    uint64_t seed;
} choice_options;

typedef struct edit_job {
    choice_options c;
    int64_t rounds, pictures, prune_steps;
    const char *anchors, *unrelated;
    int64_t doses;
    double penalty;
    bool amplify, yes;
    component_work w, anchor;
    ds_bundle *scores;
    float *units, *first_units; /* as they are now, and as the folder has them */
    ds_edit edit;
    ds_model *edited;
    double before, after, predicted; /* J, J, sum of scores over J's draws */
    int64_t chosen;
    double *x, *y; /* [sets] */
    double pearson, spearman;
    dose_table dose;
} edit_job;

/* ---- check ----------------------------------------------------------------------------------- */

static ds_status load(edit_job *o, ds_job *j, ds_error *err)
{
    char *path = ds__component_path(o->c.scores, "tensors.safetensors");
    ds_status st = path == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a path")
                                : ds__component_model(j, o->c.scores, err);

    if (st == DS_OK)
        st = ds__component_reload(&o->w, j, j->model, o->c.scores, err);
    if (st == DS_OK)
        st = ds_bundle_load(&o->scores, path, err);
    if (st == DS_OK)
        st = ds__component_sites(&o->w.sites, j->model, o->w.height, o->w.width, err);
    if (st == DS_OK)
        st = ds__scores_load(&o->units, o->w.sites, o->scores, err);
    if (st == DS_OK)
        st = ds__scores_load(&o->first_units, o->w.sites, o->scores, err);
    ds_free(path);
    return st;
}

/* Of both commands, whose options begin alike. */
static ds_status early(ds_job *j, void *options, ds_error *err)
{
    const choice_options *c = options;

    if (c->ratio <= 0.0 && c->count <= 0)
        return ds_fail(err, DS_E_ARG, "%s or %s is needed: how much is removed",
                       ds__job_name(j, "ratio"), ds__job_name(j, "count"));
    return ds__component_scores_there(c->scores, err);
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    int64_t all;
    ds_status st;

    if (o->anchors != NULL && o->c.granularity == DS_WEIGHTS)
        return ds_fail(err, DS_E_ARG,
                       "%s goes with components, not with single weights: their scores come from "
                       "activations alone",
                       ds__job_name(j, "anchors"));
    if (o->c.select == SELECT_PRUNE &&
        (o->c.granularity != DS_WEIGHTS || o->c.ratio <= 0.0 || o->rounds > 1))
        return ds_fail(err, DS_E_ARG, "%s prune takes weights, a %s and one round",
                       ds__job_name(j, "select"), ds__job_name(j, "ratio"));
    st = ds__dose_check(&(dose_options){ .file = { o->anchors, o->unrelated } }, err);
    if (st == DS_OK)
        st = load(o, j, err);
    if (st == DS_OK && o->c.select == SELECT_PRUNE && o->w.q.goal != DS_GOAL_ERASE)
        st = ds_fail(err, DS_E_ARG,
                     "%s prune compares a concept with its base: expected scores of erase",
                     ds__job_name(j, "select"));
    if (st != DS_OK || o->c.granularity == DS_WEIGHTS)
        return st;
    all = ds__components_of(NULL, 0, o->w.sites, (ds_granularity)o->c.granularity);
    return o->c.count <= all
               ? DS_OK
               : ds_fail(err, DS_E_ARG, "%s %lld: the model has %lld components of kind %s",
                         ds__job_name(j, "count"), (long long)o->c.count, (long long)all,
                         ds__granularity_names[o->c.granularity]);
}

/* Scores of the wrong sign, and of zero, are left alone: fewer than were asked for may be left. */
static ds_status tell_fewer(const edit_job *o, ds_job *j, ds_error *err)
{
    const char *sign = o->amplify || o->c.sign == DS_KEEP_NEGATIVE ? "negative"
                       : o->c.sign == DS_KEEP_POSITIVE             ? "positive"
                                                                   : "other than zero";
    char text[200];

    if (o->c.granularity == DS_WEIGHTS || o->c.count <= o->chosen ||
        o->c.control != DS_CONTROL_NONE)
        return DS_OK;
    snprintf(text, sizeof text, "%lld components were asked for; %lld have a score that is %s",
             (long long)o->c.count, (long long)o->chosen, sign);
    return ds__job_warn(j, text, err);
}

/* ---- anchors --------------------------------------------------------------------------------- */

/* Captions of other things, each on its own path: their components, as shares of J. */
static ds_status measure_anchors(edit_job *o, ds_job *j, float *share, ds_error *err)
{
    component_work *a = &o->anchor;
    component_scores s = { 0 };
    ds_alternatives texts = { 0 };
    ds_status st = DS_OK;

    if (a->model == NULL) {
        component_question q = o->w.q;

        st = ds__alternatives_load(&texts, o->anchors, err);
        q.concept_ = (ds_texts){ texts.text, texts.count };
        q.base = "";
        q.region = q.mask = q.draws = NULL;
        q.goal = DS_GOAL_ERASE;
        q.seeds = 1;
        q.steps = 5;
        q.guidance = 3.0;
        q.seed = 1000;
        if (st == DS_OK && texts.count == 0)
            st = ds_fail(err, DS_E_ARG, "%s holds no captions", o->anchors);
        if (st == DS_OK)
            st = ds__component_check(a, j, j->model, &q, err);
        a->q.concept_.text = NULL; /* texts end here; what counts is in a->texts */
    }
    a->model = o->w.model;
    if (st == DS_OK)
        st = ds__component_measure(a, j, NULL, 0, true, err);
    memset(share, 0, (size_t)ds__measure_units(o->w.sites) * sizeof *share);
    for (int64_t k = 0; st == DS_OK && k < a->concepts; k++) {
        st = ds__scores_get(&s, a, k, err);
        for (int64_t u = 0; st == DS_OK && u < a->draws.units; u++)
            share[u] += fabsf(s.mean[u]) / (float)(s.j * (double)a->concepts);
        ds__scores_clear(&s);
    }
    ds__alternatives_clear(&texts);
    return st;
}

/* Score as a share of J, less penalty times the anchors' mean share. */
static ds_status subtract_anchors(edit_job *o, ds_job *j, float *units, ds_error *err)
{
    const int64_t n = ds__measure_units(o->w.sites);
    float *share = ds_calloc((size_t)n + 1, sizeof *share);
    double all = 0.0;
    ds_status st = share == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for anchors")
                                 : measure_anchors(o, j, share, err);

    for (int64_t i = 0; i < o->w.draws.count; i++)
        all += o->w.draws.j[i] / (double)o->w.draws.count;
    for (int64_t u = 0; st == DS_OK && u < n; u++)
        units[u] -= (float)(o->penalty * all) * share[u];
    ds_free(share);
    return st;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static ds_status measure_again(edit_job *o, ds_job *j, float *units, ds_error *err)
{
    component_scores s = { 0 };
    ds_status st = ds__component_measure(&o->w, j, NULL, 0, true, err);

    if (st == DS_OK)
        st = ds__scores_get(&s, &o->w, 0, err);
    if (st == DS_OK)
        memcpy(units, s.mean, (size_t)o->w.draws.units * sizeof *units);
    ds__scores_clear(&s);
    return st;
}

/* The gradients of the edited model, in place of the folder's. */
static ds_status gradients_again(edit_job *o, ds_job *j, ds_error *err)
{
    const char **name = ds_calloc(2 * (size_t)o->w.sites->count + 1, sizeof *name);
    ds_bundle *b = NULL;
    int n = 0;
    ds_status st =
        name == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for names") : ds_bundle_new(&b, err);

    for (int64_t i = 0; st == DS_OK && i < o->w.sites->count; i++)
        if (o->w.sites->site[i].kind == DS_UNIT_HIDDEN) {
            name[n++] = o->w.sites->site[i].before;
            name[n++] = o->w.sites->site[i].weight;
        }
    if (st == DS_OK)
        st = ds__component_measure(&o->w, j, name, n, false, err);
    for (int64_t i = 0; st == DS_OK && i < ds__measure_gradients(o->w.measure); i++) {
        const float *half[2];
        char full[300];
        ds_tensor shape, *t;

        snprintf(full, sizeof full, "gradient.%s",
                 ds__measure_gradient(o->w.measure, i, 0, &half[0], &shape));
        ds__measure_gradient(o->w.measure, i, 1, &half[1], &shape);
        st = ds_bundle_add(b, full, DS_DTYPE_F32, shape.rank, shape.dim, &t, err);
        for (int64_t k = 0; st == DS_OK && k < ds_tensor_count(&shape); k++)
            ((float *)t->data)[k] =
                (half[0] != NULL ? half[0][k] : 0.0f) + (half[1] != NULL ? half[1][k] : 0.0f);
    }
    ds_free(name);
    if (st != DS_OK) {
        ds_bundle_free(b);
        return st;
    }
    ds_bundle_free(o->scores);
    o->scores = b;
    return DS_OK;
}

/* Sizes of hidden units predict no fall of J. */
static ds_status prune(ds_edit *step, double *predicted, int64_t *chosen, edit_job *o, ds_job *j,
                       ds_bundle *masks, ds_error *err)
{
    ds_status st = ds__component_prepare(&o->w, j, err);

    *predicted = NAN;
    return st == DS_OK ? ds__prune(step, chosen, &o->w, o->c.ratio, o->prune_steps, masks, err)
                       : st;
}

/* One round: choose in the model as it is now, and lay the edit over it. */
static ds_status one_round(edit_job *o, ds_job *j, int64_t round, ds_bundle *masks, ds_error *err)
{
    const bool weights = o->c.granularity == DS_WEIGHTS;
    component_choice c = { (ds_granularity)o->c.granularity,
                           { (ds_pick)o->c.select,
                             o->amplify ? DS_KEEP_NEGATIVE : (ds_keep_sign)o->c.sign,
                             o->c.ratio / (double)o->rounds, 0 },
                           (ds_control)o->c.control,
                           o->c.seed + (uint64_t)round };
    const component_values v = { o->units, o->scores };
    ds_edit step = { 0 }, all;
    double predicted;
    int64_t chosen;
    ds_status st = DS_OK;

    c.how.count = o->c.count * (round + 1) / o->rounds - o->c.count * round / o->rounds;
    if (o->c.count > 0 && c.how.count == 0)
        return DS_OK;
    if (round > 0)
        st = weights ? gradients_again(o, j, err) : measure_again(o, j, o->units, err);
    if (st == DS_OK && o->anchors != NULL)
        st = subtract_anchors(o, j, o->units, err);
    if (st == DS_OK && o->c.select == SELECT_PRUNE)
        st = prune(&step, &predicted, &chosen, o, j, masks, err);
    else if (st == DS_OK)
        st = ds__choose(&step, &predicted, &chosen, o->w.model, o->w.sites,
                        &(component_values){ v.units, o->scores }, &c,
                        o->rounds == 1 ? masks : NULL, err);
    if (st != DS_OK)
        return st;
    o->predicted += weights ? predicted / (double)o->w.draws.count : predicted;
    o->chosen += chosen;
    st = ds__edit_unite(&all, &o->edit, &step, err);
    ds__edit_clear(&step);
    if (st != DS_OK)
        return st;
    ds__edit_clear(&o->edit);
    o->edit = all;
    ds__measure_free(o->w.measure); /* its networks are planned on the model that goes */
    o->w.measure = NULL;
    ds_model_close(o->edited);
    o->edited = NULL;
    st = ds__edit_overlay(&o->edited, j->model, &o->edit, err);
    o->w.model = o->edited;
    return st;
}

static ds_status measure_effect(edit_job *o, ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    o->w.model = j->model;
    if (o->w.encoder == NULL)
        st = ds__component_prepare(&o->w, j, err);
    if (st == DS_OK)
        st = ds__objective_of(&o->before, j->model, o->w.noise, &o->w.o, &o->w.draws, 0, o->w.pairs,
                              0, err);
    if (st == DS_OK && o->edited != NULL)
        st = ds__objective_of(&o->after, o->edited, o->w.noise, &o->w.o, &o->w.draws, 0, o->w.pairs,
                              0, err);
    return st;
}

static ds_status compare_sets(edit_job *o, ds_job *j, int64_t dose, ds_error *err)
{
    const int64_t n = o->c.sets;
    const component_values v = { o->units, o->scores };
    ds_value e;
    ds_status st;

    o->pearson = o->spearman = NAN;
    if (n < 3 || o->c.select == SELECT_PRUNE)
        return DS_OK;
    o->x = ds_calloc((size_t)n, sizeof *o->x);
    o->y = ds_calloc((size_t)n, sizeof *o->y);
    if (o->x == NULL || o->y == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for random sets");
    o->w.model = j->model;
    st = ds__check_sets(o->x, o->y, n, dose > 0 ? dose : 1, &o->w, j, &v,
                        (ds_granularity)o->c.granularity, o->c.sets_draws, o->c.seed + 7, err);
    if (st == DS_OK)
        st = ds_stats_correlation(&e, DS_PEARSON, o->x, o->y, NULL, n, err);
    o->pearson = st == DS_OK ? e.value : NAN;
    if (st == DS_OK)
        st = ds_stats_correlation(&e, DS_SPEARMAN, o->x, o->y, NULL, n, err);
    o->spearman = st == DS_OK ? e.value : NAN;
    return st;
}

/* By the scores that the folder holds, whatever the rounds. */
static ds_status compare_doses(edit_job *o, ds_job *j, ds_error *err)
{
    const component_values v = { o->first_units, o->scores };
    dose_options d = { o->doses,
                       o->chosen,
                       { o->anchors, o->unrelated },
                       o->c.sets_draws,
                       { (ds_granularity)o->c.granularity,
                         { DS_PICK_GLOBAL, o->amplify ? DS_KEEP_NEGATIVE : (ds_keep_sign)o->c.sign,
                           0.0, 0 },
                         (ds_control)o->c.control,
                         o->c.seed } };
    ds_status st;

    if (o->doses < 1 || o->chosen < 1 || o->c.select == SELECT_PRUNE)
        return DS_OK;
    o->w.model = j->model;
    st = ds__dose_measure(&o->dose, &d, &o->w, j, &v, err);
    return st == DS_OK ? ds__result_set(j->result, "dose", ds__dose_json(&o->dose), err) : st;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static ds_status keep_sets(const edit_job *o, ds_result *r, ds_error *err)
{
    json_t *list = json_array();

    for (int64_t i = 0; o->x != NULL && i < o->c.sets; i++)
        json_array_append_new(list,
                              json_pack("[o, o]", ds__json_real(o->x[i]), ds__json_real(o->y[i])));
    return ds__result_set(r, "check",
                          json_pack("{s:o, s:o, s:o, s:I}", "pearson", ds__json_real(o->pearson),
                                    "spearman", ds__json_real(o->spearman), "predicted_true", list,
                                    "dose", (json_int_t)o->chosen),
                          err);
}

static ds_status keep(const edit_job *o, ds_job *j, ds_error *err)
{
    ds_result *r = j->result;
    ds_bundle *b;
    int64_t weights = 0;
    ds_status st = ds__result_bundle(r, &b, err);

    for (int64_t i = 0; i < o->edit.parts; i++)
        weights += o->edit.part[i].count;
    if (st == DS_OK)
        st = ds__edit_to_bundle(&o->edit, b, err);
    if (st == DS_OK)
        st = ds__result_set(r, "question",
                            ds__component_question_json(&o->w, ds__job_model_path(j)), err);
    if (st == DS_OK)
        st = ds__result_set(
            r, "edit",
            json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "granularity",
                      ds__granularity_names[o->c.granularity], "components", (json_int_t)o->chosen,
                      "weights", (json_int_t)weights, "rounds", (json_int_t)o->rounds, "predicted",
                      ds__json_real(o->predicted), "effect", ds__json_real(o->before - o->after),
                      "objective_before", ds__json_real(o->before), "objective_after",
                      ds__json_real(o->after)),
            err);
    ds__result_say(
        r, "%lld of kind %s (%lld weights): J %.4g -> %.4g, predicted fall %.4g, true %.4g\n",
        (long long)o->chosen, ds__granularity_names[o->c.granularity], (long long)weights,
        o->before, o->after, o->predicted, o->before - o->after);
    if (isfinite(o->pearson))
        ds__result_say(r, "random sets of this size: predicted against true r = %.2f, rank %.2f\n",
                       o->pearson, o->spearman);
    return st == DS_OK ? keep_sets(o, r, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    ds_bundle *masks;
    ds_status st = ds__result_bundle(j->result, &masks, err);

    for (int64_t k = 0; st == DS_OK && k < o->rounds; k++)
        st = one_round(o, j, k, masks, err);
    if (st == DS_OK)
        st = tell_fewer(o, j, err);
    if (st == DS_OK)
        st = measure_effect(o, j, err);
    if (st == DS_OK)
        st = compare_sets(o, j, o->chosen, err);
    if (st == DS_OK)
        st = compare_doses(o, j, err);
    if (st == DS_OK && o->pearson < 0.3 && o->w.given)
        st = ds__job_warn(j, "at this dose the scores do not predict what removal does", err);
    if (st == DS_OK && o->pearson < 0.3 && !o->yes && !o->w.given)
        return ds_fail(
            err, DS_E_ARG,
            "at this dose the scores do not predict what removal does (r = %.2f for %lld "
            "random sets; expected at least 0.3): remove less, or give %s",
            o->pearson, (long long)o->c.sets, ds__job_name(j, "yes"));
    if (st == DS_OK)
        st = keep(o, j, err);
    return st == DS_OK
               ? ds__edit_page(j, &o->w,
                               &(edit_page){ o->edited, o->pictures, o->c.seed, o->x, o->y,
                                             o->c.sets, o->dose.doses > 0 ? &o->dose : NULL },
                               err)
               : st;
}

static void clear(void *options)
{
    edit_job *o = options;

    ds__edit_clear(&o->edit);
    ds_bundle_free(o->scores);
    ds_free(o->units);
    ds_free(o->first_units);
    ds_free(o->x);
    ds_free(o->y);
    ds__component_clear(&o->anchor);
    ds__component_clear(&o->w); /* before the model that its networks are planned on */
    ds_model_close(o->edited);
}

/* ---- options --------------------------------------------------------------------------------- */

#define CH(field) offsetof(choice_options, field)

static const ds_option choice_rows[] = {
    { .name = "scores",
      .kind = DS_OPTION_FILE,
      .offset = CH(scores),
      .arg = "DIR",
      .required = true,
      .help = "the folder that `component score --out` wrote" },
    { .name = "granularity",
      .letter = 'g',
      .kind = DS_OPTION_CHOICE,
      .offset = CH(granularity),
      .choices = "weight|neuron|head|channel|conv|layer|block|unit",
      .standard = "weight",
      .help = "what is removed; unit: neurons and channels of text-reading attentions together" },
    { .name = "select",
      .kind = DS_OPTION_CHOICE,
      .offset = CH(select),
      .choices = "row|flat|global|prune",
      .standard = "row",
      .help = "weights compete within a row, a matrix, or all matrices; components always with "
              "all; prune: ConceptPrune, by sizes of hidden units instead of scores" },
    { .name = "keep-sign",
      .kind = DS_OPTION_CHOICE,
      .offset = CH(sign),
      .choices = "positive|negative|both",
      .standard = "positive",
      .help = "scores of which sign are removed; those of zero never" },
    { .name = "control",
      .kind = DS_OPTION_CHOICE,
      .offset = CH(control),
      .choices = "none|random|magnitude",
      .standard = "none",
      .help = "remove as many at random, or the largest, instead" },
    { .name = "ratio",
      .kind = DS_OPTION_SHARE,
      .offset = CH(ratio),
      .arg = "R",
      .help = "share of each row, each matrix, or all; rounded down" },
    { .name = "count",
      .kind = DS_OPTION_INT,
      .offset = CH(count),
      .arg = "N",
      .min = 1,
      .max = 1000000000,
      .help = "how many instead (of each row, each matrix, or all)" },
    { .name = "draws",
      .kind = DS_OPTION_INT,
      .offset = CH(sets),
      .arg = "N",
      .standard = "20",
      .min = 0,
      .max = 100000,
      .help = "random sets of the same size whose predicted and true effects are compared" },
    { .name = "draws-at",
      .kind = DS_OPTION_INT,
      .offset = CH(sets_draws),
      .arg = "N",
      .standard = "8",
      .min = 1,
      .max = 100000,
      .help = "latents at which they are compared" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = CH(seed),
      .arg = "N",
      .standard = "1",
      .help = "of random sets" },
    { 0 },
};

#define AT(field) offsetof(edit_job, field)

static const ds_option options[] = {
    { .kind = DS_OPTION_BLOCK, .offset = AT(c), .block = choice_rows },
    { .name = "rounds",
      .kind = DS_OPTION_INT,
      .offset = AT(rounds),
      .arg = "N",
      .standard = "1",
      .min = 1,
      .max = 10000,
      .help = "remove in so many rounds, scoring the edited model again before each" },
    { .name = "prune-steps",
      .kind = DS_OPTION_INT,
      .offset = AT(prune_steps),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1000,
      .help = "of --select prune: only the first N time steps of the draws; 0: all" },
    { .name = "anchors",
      .kind = DS_OPTION_FILE,
      .offset = AT(anchors),
      .arg = "FILE",
      .help = "captions of other things, one a line, whose components are spared" },
    { .name = "unrelated",
      .kind = DS_OPTION_FILE,
      .offset = AT(unrelated),
      .arg = "FILE",
      .help = "captions that have nothing to do with the concept, one a line: the report shows "
              "what each dose leaves of them" },
    { .name = "doses",
      .kind = DS_OPTION_INT,
      .offset = AT(doses),
      .arg = "N",
      .standard = "3",
      .min = 0,
      .max = DOSE_MOST,
      .help = "in the report, half, as many, twice as many ... components, beside as many at "
              "random; 0: none" },
    { .name = "penalty",
      .kind = DS_OPTION_REAL,
      .offset = AT(penalty),
      .arg = "X",
      .standard = "2",
      .min = 0,
      .max = 1000,
      .help = "how much the anchors count against the concept" },
    { .name = "amplify",
      .kind = DS_OPTION_FLAG,
      .offset = AT(amplify),
      .help = "remove what holds the concept back: the lowest scores" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .offset = AT(pictures),
      .arg = "N",
      .standard = "2",
      .min = 0,
      .max = 8,
      .help = "pictures of the concept on the page, before and after" },
    { .name = "yes",
      .kind = DS_OPTION_FLAG,
      .offset = AT(yes),
      .help = "keep the edit even where the check says that the scores predict nothing" },
    { 0 },
};

#define PARTS DS_JOB_FOLDER | DS_JOB_MODEL_OPTIONAL | DS_JOB_THREADS | DS_JOB_COMPUTE

const ds_method ds__method_component_edit = {
    .name = "component-edit",
    .purpose = "remove the components that make a concept, as an edit beside the model",
    .paper = "Nguyen et al., arXiv:2412.02542",
    .description =
        "Chooses by the scores of `component score` and sets to zero what removes the chosen "
        "components. The model's files are not touched: the edit is a list of weights in "
        "tensors.safetensors (index, before and after of each parameter; zeroed.NAME of the "
        "published "
        "selection), to be united with others (`component overlap`) or taken elsewhere (`component "
        "save`). Without -m it is made for the model that was scored.\n\n"
        "Predicted and true effects of random sets of the same size come with every edit: where "
        "they "
        "do not agree, the scores say nothing at this dose, and the edit needs --yes (a warning is "
        "all "
        "for scores of recorded draws).",
    .example = "diffuscope component edit --scores scores -g neuron --count 10 --out edit",
    .results =
        "edit: {granularity, components, weights, predicted, effect, objective_before, "
        "objective_after}\n"
        "check: {pearson, spearman, predicted_true, dose}\n"
        "dose: [{components, target, anchors, unrelated: {left, left_at_random}}], shares of J",
    .options = options,
    .size = sizeof(edit_job),
    .fields = offsetof(edit_job, w),
    .parts = PARTS,
    .early = early,
    .check = check,
    .run = run,
    .clear = clear,
};

/* ---- component check ------------------------------------------------------------------------- */

static ds_status run_check(ds_job *j, void *given, ds_error *err)
{
    edit_job *o = given;
    int64_t all;
    ds_status st = measure_effect(o, j, err);

    all = ds__components_of(NULL, 0, o->w.sites, (ds_granularity)o->c.granularity);
    o->chosen = o->c.count > 0 ? o->c.count : (int64_t)(o->c.ratio * (double)all);
    if (st == DS_OK)
        st = compare_sets(o, j, o->chosen, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "question",
                            ds__component_question_json(&o->w, ds__job_model_path(j)), err);
    if (st == DS_OK)
        ds__result_say(j->result,
                       "%lld random sets of %lld: predicted against true r = %.3f, rank %.3f\n",
                       (long long)o->c.sets, (long long)o->chosen, o->pearson, o->spearman);
    return st == DS_OK ? keep_sets(o, j->result, err) : st;
}

static const ds_option check_options[] = {
    { .kind = DS_OPTION_BLOCK, .offset = AT(c), .block = choice_rows },
    { 0 },
};

const ds_method ds__method_component_check = {
    .name = "component-check",
    .purpose = "do the scores predict what removal does?",
    .paper = "Nguyen et al., arXiv:2412.02542",
    .description = "Removes random sets of components of the size that is to be edited, with both "
                   "predictions made anew, and compares the fall of the objective with the sum of "
                   "their scores.",
    .example = "diffuscope component check --scores scores -g neuron --count 50 --draws 200",
    .results = "check: {pearson, spearman, predicted_true: [[predicted, true]], dose}",
    .options = check_options,
    .size = sizeof(edit_job),
    .fields = offsetof(edit_job, rounds),
    .parts = PARTS,
    .early = early,
    .check = check,
    .run = run_check,
    .clear = clear,
};
