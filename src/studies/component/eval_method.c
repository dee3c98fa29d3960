/* eval_method.c - `eval component`: edits of concepts, judged on pictures of the world. */

#include <string.h>

#include <diffuscope/verbs.h>

#include "methods/component/remove.h"
#include "methods/methods.h"
#include "studies/component/eval.h"

static const char *const free_options[] = { "edits", "rounds", NULL };

/* ---- check ----------------------------------------------------------------------------------- */

static ds_status choose_edits(component_eval *e, ds_job *j, ds_error *err)
{
    const char *at = e->edits;

    e->wanted[EVAL_BASE] = true; /* what all are compared with */
    if (strcmp(at, "all") == 0) {
        for (int k = 0; k < EVAL_EDITS; k++)
            e->wanted[k] = true;
        return DS_OK;
    }
    while (*at != '\0') {
        const size_t n = strcspn(at, ",");
        int k = 0;

        while (k < EVAL_EDITS &&
               (strlen(ds__eval_edit_names[k]) != n || strncmp(ds__eval_edit_names[k], at, n) != 0))
            k++;
        if (k == EVAL_EDITS)
            return ds_fail(err, DS_E_ARG,
                           "%s \"%.*s\": expected all, or some of base, one-shot, row, flat, "
                           "rounds, uce, redirect, within, within-random, random, magnitude, prune",
                           ds__job_name(j, "edits"), (int)n, at);
        e->wanted[k] = true;
        at += n + (at[n] == ',');
    }
    return DS_OK;
}

static ds_status open_world(component_eval *e, ds_error *err)
{
    ds_status st = ds_world_open(&e->w, e->world, err);

    if (st == DS_OK)
        st = ds_judge_open(&e->judge, e->w, err);
    e->count = e->concept_.count;
    e->c = st == DS_OK ? ds_calloc((size_t)e->count, sizeof *e->c) : NULL;
    if (st == DS_OK && e->c == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of concepts");
    for (int64_t i = 0; st == DS_OK && i < e->count; i++)
        st = ds__eval_concept_find(&e->c[i], e, e->concept_.text[i], err);
    for (int64_t i = 0; st == DS_OK && i < e->count; i++)
        for (int64_t k = 0; k < i; k++)
            if (strcmp(e->c[i].name, e->c[k].name) == 0)
                return ds_fail(err, DS_E_ARG, "%s is asked about twice", e->c[i].name);
    return st;
}

static ds_status count_heads(component_eval *e, ds_job *j, ds_error *err)
{
    ds_component_sites *l;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, j->model, err);

    if (st == DS_OK && info.side * info.factor != DS_WORLD_SIDE)
        return ds_fail(err, DS_E_SHAPE,
                       "the model draws %lld by %lld pixels, the world has %d by %d: only a model "
                       "of the world can be judged",
                       (long long)(info.side * info.factor), (long long)(info.side * info.factor),
                       DS_WORLD_SIDE, DS_WORLD_SIDE);
    if (st == DS_OK)
        st = ds__component_sites(&l, j->model, info.side, info.side, err);
    for (int64_t i = 0; st == DS_OK && i < l->count; i++)
        if (l->site[i].kind == DS_UNIT_ATTENTION && l->site[i].cross)
            e->heads_there += l->site[i].heads;
    if (st == DS_OK)
        ds__component_sites_free(l);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    component_eval *e = options;
    ds_status st = choose_edits(e, j, err);

    e->job = j;
    if (st == DS_OK && e->concept_.count == 0)
        st = ds_fail(err, DS_E_ARG, "%s CONCEPT=GUIDE is needed", ds__job_name(j, "concept"));
    if (st == DS_OK)
        st = ds__lines_check(j, &e->lines, free_options, err);
    if (st == DS_OK)
        st = count_heads(e, j, err);
    return st == DS_OK ? open_world(e, err) : st;
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Lines are numbered so that neither more rounds nor other edits move them. */
static int64_t number_of(const component_eval *e, int64_t round, int64_t concept_, int edit)
{
    return (round * e->count + concept_) * EVAL_EDIT_NUMBERS + edit;
}

typedef struct cells {
    component_eval *e;
    const int64_t *scene;
} cells;

static ds_status measure(void *user, int64_t k, json_t **line, ds_error *err)
{
    const cells *c = user;
    const int64_t n = c->scene[k], cell = n / EVAL_EDIT_NUMBERS;
    ds_status st = ds__eval_round(line, c->e, cell % c->e->count,
                                  (eval_edit)(n % EVAL_EDIT_NUMBERS), cell / c->e->count, err);

    if (st == DS_OK)
        json_object_set_new(*line, "scene", json_integer((json_int_t)n));
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    component_eval *e = options;
    int64_t *scene = ds_calloc((size_t)(e->rounds * e->count * EVAL_EDITS), sizeof *scene), n = 0;
    study_lines known = { 0 };
    ds_status st = scene == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a list of cells")
                                 : ds__lines_open(&known, j, &e->lines, free_options,
                                                  "pictures.jsonl", 6, err);

    for (int64_t r = 0; st == DS_OK && r < e->rounds; r++)
        for (int64_t c = 0; c < e->count; c++)
            for (int k = 0; k < EVAL_EDITS; k++)
                if (e->wanted[k])
                    scene[n++] = number_of(e, r, c, k);
    if (st == DS_OK)
        st = ds__lines_fill(&known, "cells", scene, 0, n, measure, &(cells){ e, scene }, err);
    if (st == DS_OK)
        st = ds__eval_table(e, known.all, err);
    ds_free(scene);
    return ds__lines_close(&known, st, err);
}

static void clear(void *options)
{
    component_eval *e = options;

    ds_model_close(e->drawn.model);
    for (int64_t i = 0; e->c != NULL && i < e->count; i++)
        ds__eval_concept_clear(&e->c[i]);
    ds_free(e->c);
    ds_judge_close(e->judge);
    ds_world_close(e->w);
}

#define AT(field) offsetof(component_eval, field)

static const ds_option rows[] = {
    { .name = "concept",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(concept_),
      .arg = "CONCEPT=GUIDE",
      .help = "an object of the world, or a style, and the one that it is redirected to; may be "
              "given several times" },
    { .name = "edits",
      .kind = DS_OPTION_TEXT,
      .offset = AT(edits),
      .arg = "LIST",
      .standard = "all",
      .help = "which edits: one-shot,row,flat,rounds,uce,redirect,within,within-random,random,"
              "magnitude,prune" },
    { .name = "rounds",
      .kind = DS_OPTION_INT,
      .offset = AT(rounds),
      .arg = "N",
      .standard = "24",
      .min = 1,
      .max = 1000,
      .help = "each draws 4 pictures of the concept, 2 of a synonym, 2 of its neighbours and 8 of "
              "others under each edit" },
    { .name = "world",
      .kind = DS_OPTION_FILE,
      .offset = AT(world),
      .arg = "DIR",
      .standard = "world",
      .help = "the world's tables and drawings" },
    { .name = "heads",
      .kind = DS_OPTION_INT,
      .offset = AT(heads),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help = "of within and within-random; 0: half of those that read the text" },
    { .name = "captions",
      .kind = DS_OPTION_INT,
      .offset = AT(captions),
      .arg = "N",
      .standard = "4",
      .min = 1,
      .max = 100,
      .help = "of each kept object" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = AT(steps),
      .arg = "N",
      .standard = "15",
      .min = 1,
      .max = 1000,
      .help = "of the sampler (DDIM)" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .offset = AT(guidance),
      .arg = "X",
      .standard = "3",
      .min = -100,
      .max = 100,
      .help = "guidance" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = AT(seed),
      .arg = "N",
      .standard = "100",
      .help = "of texts and noise" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(lines), .block = ds__lines_rows },
    { 0 },
};

const ds_method ds__method_eval_component = {
    .name = "eval-component",
    .purpose = "what edits of a concept do to pictures, read by the world's judge",
    .paper = "Nguyen et al., arXiv:2412.02542",
    .description =
        "Edits: one-shot (1,000 weights of the feed-forward layers by the published score), row "
        "(2 % of each row) and flat (0.1 % of each matrix) by the same score, rounds (1,000 "
        "weights "
        "in ten rounds, the gradient through both rows), uce (as published, with 60 kept words), "
        "redirect (hundreds of kept captions), within (redirect in the heads that attribution "
        "names "
        "alone) and within-random (as many others), prune (ConceptPrune, 1 % of each row of the "
        "second matrices); controls: random and magnitude, 1,000 weights "
        "each. The same captions and noise under every edit.\n\n"
        "Kinds of pictures: the concept; its other name, or another wording, which no edit reads; "
        "the guide and the concept's neighbours; others, which no edit reads.\n\n"
        "Edits and scores are made once, in DIR/CONCEPT; pictures.jsonl has what the judge saw in "
        "each picture, and --resume goes on from there, with more rounds or other edits if asked.",
    .example =
        "diffuscope eval component --concept dog=fox --concept ink=noto --rounds 2 --out eval",
    .results = "erase: {CONCEPT or all: {EDIT: {target, synonym, near, others: {share, change, "
               "pictures, lost, gained}}}}, with 95 % intervals; change is paired",
    .options = rows,
    .size = sizeof(component_eval),
    .fields = AT(job),
    .parts = DS_JOB_FOLDER_NEEDED | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
