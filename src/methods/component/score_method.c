/* score_method.c - `component score`: which components make a concept, and which hold it back. */

#include <string.h>

#include "methods/component/fire.h"
#include "methods/component/score_keep.h"
#include "methods/methods.h"

typedef struct score_job {
    component_question q;
    int save; /* "nothing|gradients" */
    ds_texts parameters;
    bool weights;
    int64_t exact, neurons, integrate, top;
    ds_texts fire_on;
    component_work w;
    ds_alternatives pictures;
    component_scores *scores; /* [concepts] */
    int64_t count;
} score_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    score_job *o = options;
    ds_status st = DS_OK;

    if (o->q.concept_.count > 1 && (o->weights || o->save))
        return ds_fail(
            err, DS_E_ARG,
            "gradients of weights are one concept's: give one %s, or leave out %s and %s",
            ds__job_name(j, "concept"), ds__job_name(j, "weights"), ds__job_name(j, "save"));
    for (int64_t i = 0; st == DS_OK && i < o->fire_on.count; i++)
        st = ds__alternatives_add(&o->pictures, o->fire_on.text[i], err);
    for (int64_t i = 0; st == DS_OK && i < o->pictures.count; i++)
        st = ds__job_warn_of_prompt(j, o->pictures.text[i], err);
    return st == DS_OK ? ds__component_check(&o->w, j, j->model, &o->q, err) : st;
}

/* Which weights' gradients are wanted: what was named; all that is saved; or the feed-forward matrices,
 * the only ones that the published edit touches. */
static ds_status list_weights(const score_job *o, ds_job *j, ds_arena *arena,
                              const char *const **out, int *n, ds_error *err)
{
    ds_component_sites *l;
    const char **name;
    ds_status st;

    *n = 0;
    *out = NULL;
    if (o->parameters.count > 0) {
        *out = o->parameters.text;
        *n = (int)o->parameters.count;
        return DS_OK;
    }
    if (!o->weights && !o->save)
        return DS_OK;
    st = ds__component_sites(&l, j->model, o->w.height, o->w.width, err);
    name = ds__arena_alloc(arena, st == DS_OK ? (size_t)(2 * l->count + 1) * sizeof *name : 8);
    if (st == DS_OK && name == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of parameters");
    if (st == DS_OK && o->save) {
        ds_tensor shape;
        const char *first = ds__denoiser_parameter(j->model, 0, &shape);

        name[(*n)++] = ds__arena_printf(arena, "%.*s.*", (int)strcspn(first, "."), first);
    }
    for (int64_t i = 0; st == DS_OK && !o->save && i < l->count; i++)
        if (l->site[i].kind == DS_UNIT_HIDDEN) {
            name[(*n)++] = ds__arena_printf(arena, "%s", l->site[i].before);
            name[(*n)++] = ds__arena_printf(arena, "%s", l->site[i].weight);
        }
    ds__component_sites_free(st == DS_OK ? l : NULL);
    *out = name;
    return st;
}

static ds_status keep(score_job *o, ds_job *j, bool weights, ds_error *err)
{
    ds_status st = ds__scores_numbers(o->scores, o->count, &o->w, ds__job_model_path(j), o->top,
                                      j->result, err);

    for (int64_t k = 0; k < o->count; k++)
        ds__scores_say(&o->scores[k], &o->w, j->result);
    if (st == DS_OK)
        st = ds__scores_tensors(o->scores, o->count, &o->w, j->result, err);
    if (st == DS_OK && weights)
        st = ds__scores_gradients(&o->w, j->result, err);
    return st == DS_OK ? ds__scores_page(o->scores, &o->w, j->result, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    score_job *o = options;
    const char *const *weights;
    int n;
    ds_status st = list_weights(o, j, &o->w.arena, &weights, &n, err);

    if (st == DS_OK)
        st = ds__component_measure(&o->w, j, weights, n, true, err);
    if (st == DS_OK)
        st = ds__job_time(j, "measured", err);
    o->scores = st == DS_OK ? ds_calloc((size_t)o->w.concepts, sizeof *o->scores) : NULL;
    if (st == DS_OK && o->scores == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for scores");
    for (int64_t k = 0; st == DS_OK && k < o->w.concepts; k++, o->count++) {
        st = ds__scores_get(&o->scores[k], &o->w, k, err);
        if (st == DS_OK && o->exact > 0)
            st = ds__scores_exact(&o->scores[k], &o->w, j, o->exact, err);
        if (st == DS_OK && o->neurons > 0)
            st = ds__scores_exact_neurons(&o->scores[k], &o->w, j, o->neurons, err);
    }
    if (st == DS_OK && o->integrate > 0)
        st = ds__scores_integrate(o->scores, o->count, &o->w, j, o->integrate, err);
    if (st == DS_OK)
        st = ds__job_time(j, "scored", err);
    if (st == DS_OK)
        st = keep(o, j, n > 0, err);
    return st == DS_OK && o->pictures.count > 0
               ? ds__fire(&o->scores[0], &o->w, j, &o->pictures, err)
               : st;
}

static void clear(void *options)
{
    score_job *o = options;

    for (int64_t k = 0; o->scores != NULL && k < o->w.concepts; k++)
        ds__scores_clear(&o->scores[k]);
    ds_free(o->scores);
    ds__alternatives_clear(&o->pictures);
    ds__component_clear(&o->w);
}

#define AT(field) offsetof(score_job, field)

static const ds_option options[] = {
    { .kind = DS_OPTION_BLOCK, .offset = AT(q), .block = ds__component_rows },
    { .name = "save",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(save),
      .choices = "nothing|gradients",
      .standard = "nothing",
      .help = "keep gradient.NAME of every parameter of the denoiser" },
    { .name = "parameters",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(parameters),
      .arg = "GLOB",
      .help = "gradients of these parameters alone" },
    { .name = "weights",
      .kind = DS_OPTION_FLAG,
      .offset = AT(weights),
      .help = "gradients of the feed-forward matrices, so that `component edit` can select single "
              "weights" },
    { .name = "exact",
      .kind = DS_OPTION_INT,
      .offset = AT(exact),
      .arg = "N",
      .standard = "1",
      .min = 0,
      .max = 100000,
      .help = "remove each head, layer and block in turn, at so many of the draws; 0: first order "
              "alone" },
    { .name = "exact-neurons",
      .kind = DS_OPTION_INT,
      .offset = AT(neurons),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help = "remove each of the N neurons with the highest scores in turn, at all draws" },
    { .name = "integrate",
      .kind = DS_OPTION_INT,
      .offset = AT(integrate),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1000,
      .help = "integrated gradients beside the scores, at N points of a path on which all "
              "components of a kind fade together; 0: none" },
    { .name = "fire-on",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(fire_on),
      .arg = "TEXT",
      .help =
          "draw this prompt ({one|other}: alternatives), and show on which of all such pictures "
          "the first neurons fire most" },
    { .name = "top",
      .kind = DS_OPTION_INT,
      .offset = AT(top),
      .arg = "N",
      .standard = "50",
      .min = 1,
      .max = 100000,
      .help = "components of each list in result.json" },
    { 0 },
};

const ds_method ds__method_component_score = {
    .name = "component-score",
    .purpose = "which weights, neurons, heads, layers make a concept or hold it back",
    .paper = "Nguyen et al., arXiv:2412.02542",
    .description =
        "One forward and one backward pass for each draw (a noisy latent on the sampler's path and "
        "its time step) score every component at once: by how much the objective falls, to first "
        "order, when the component is removed. Positive components make the concept, negative ones "
        "suppress it. Heads, layers and blocks are also removed in turn, which first order "
        "predicts "
        "badly for layers.\n\n"
        "Unlike the published score, the gradient passes through the base's prediction too (--rows "
        "stop restores it), and predictions are compared as v, where every time step counts; on "
        "the "
        "noise, the noisiest ones count for nothing.\n\n"
        "tensors.safetensors holds score.SITE and score_se.SITE of every component, layer.SITE and "
        "map.SITE [h,w] of layers and blocks (the map's sum is the layer's score), draw.SITE of "
        "each "
        "draw, and the draws, which edits and checks ask again.",
    .example =
        "diffuscope component score -m sd15 --concept \"a photo of a parachute\" --out scores",
    .results = "question: what was asked\n"
               "concepts: [{concept, objective, by_step, top, overlap, neurons}]; neurons: score "
               "and exact "
               "effect as shares of the objective\n"
               "fire: {prompts, neurons: [{name, fire: one number per prompt}]}, with --fire-on\n"
               "cost: {rows_forward, rows_backward, rows_exact, official_rows, share_of_official}",
    .options = options,
    .size = sizeof(score_job),
    .fields = offsetof(score_job, w),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
