/* method.c - `concept`: of which everyday words does the model build a concept? */

#include <string.h>

#include "methods/concept/draws.h"
#include "methods/concept/work.h"
#include "methods/methods.h"

typedef struct concept_job {
    concept_options options;
    concept_work work;
} concept_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    concept_job *c = options;

    if (c->options.draws == NULL)
        return ds__concept_check(&c->work, j, &c->options, err);
    if (c->options.prompt.count != 1 || c->options.solver != DS_SOLVER_PAPER ||
        (ds__job_given(j, "target") && c->options.target != DS_TARGET_NOISE))
        return ds_fail(err, DS_E_ARG,
                       "%s goes with one %s, %s paper and %s noise: the published search",
                       ds__job_name(j, "draws"), ds__job_name(j, "prompt"),
                       ds__job_name(j, "solver"), ds__job_name(j, "target"));
    return DS_OK;
}

/* The search on recorded draws: tensors alone. */
static ds_status run_draws(ds_job *j, const concept_options *o, ds_error *err)
{
    const ds_draws_options d = { .prompt = o->prompt.text[0],
                                 .steps = o->steps > 0 ? o->steps : 500,
                                 .tokens = o->tokens,
                                 .lambda = o->lambda,
                                 .recompute = o->recompute,
                                 .cancel = j->o.cancel };
    ds_bundle *draws, *out;
    ds_tokenizer *t;
    ds_status st = ds_bundle_load(&draws, o->draws, err);

    if (st != DS_OK)
        return st;
    st = ds__job_tokenizer(j, &t, err);
    if (st == DS_OK)
        st = ds__result_bundle(j->result, &out, err);
    if (st == DS_OK)
        st = ds__concept_draws(out, j->model, t, draws, &d, err);
    ds_bundle_free(draws);
    if (st == DS_OK)
        st = ds__result_set(j->result, "steps", json_integer(d.steps), err);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    concept_job *c = options;
    ds_status st;

    if (c->options.draws != NULL)
        return run_draws(j, &c->options, err);
    st = ds__concept_search(&c->work, err);
    if (st == DS_OK)
        st = ds__concept_draw(&c->work, err);
    return st == DS_OK ? ds__concept_keep(&c->work, err) : st;
}

static void clear(void *options)
{
    ds__concept_clear(&((concept_job *)options)->work);
}

#define FIELD(name) offsetof(concept_job, options.name)

static const ds_option options[] = {
    { .name = "word",
      .letter = 'w',
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(word),
      .arg = "W",
      .help =
          "the concept: a word, or a phrase that one token is to replace; several share batches" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(prompt),
      .arg = "TEMPLATE",
      .help =
          "sentence with <> where the concept stands (or with the concept itself); {red|blue} are "
          "alternatives; several take turns; without it \"a picture of a <>\"" },
    { .name = "solver",
      .kind = DS_OPTION_CHOICE,
      .offset = FIELD(solver),
      .choices = "eg|paper",
      .standard = "eg",
      .help = "exponentiated gradient with a penalty, or the published network with AdamW" },
    { .name = "target",
      .kind = DS_OPTION_CHOICE,
      .offset = FIELD(target),
      .choices = "teacher|noise",
      .help = "the model's own answer for the concept, or the noise as published; without it "
              "teacher for eg and noise for paper" },
    { .name = "dictionary",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(dictionary),
      .arg = "FILE",
      .help = "words to be used, one a line; without it all whole words of the vocabulary" },
    { .name = "clip",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(clip),
      .arg = "DIR",
      .help = "CLIPModel folder: of the dictionary, only the words that are nearest to pictures of "
              "the concept, "
              "and none that says it, as published" },
    { .name = "clip-words",
      .kind = DS_OPTION_INT,
      .offset = FIELD(clip_words),
      .arg = "N",
      .standard = "5000",
      .min = 2,
      .max = 1000000,
      .help = "how many words CLIP leaves" },
    { .name = "clip-templates",
      .kind = DS_OPTION_INT,
      .offset = FIELD(clip_templates),
      .arg = "N",
      .standard = "27",
      .min = 1,
      .max = 27,
      .help = "sentences in which CLIP reads each word: the first N of those published" },
    { .name = "clip-near",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(clip_near),
      .arg = "X",
      .standard = "0.9",
      .min = 0,
      .max = 1,
      .help = "words whose cosine with the concept's own, by CLIP, is above X say the concept "
              "itself, and are left "
              "out (none with keep own)" },
    { .name = "clip-cache",
      .kind = DS_OPTION_STATE,
      .offset = FIELD(clip_cache),
      .arg = "FILE",
      .help = "keep CLIP's vectors of the words for the next search, which takes them where they "
              "are of the same "
              "words and CLIP" },
    { .name = "select",
      .kind = DS_OPTION_CHOICE,
      .offset = FIELD(select),
      .choices = "held-out|clip",
      .standard = "held-out",
      .help = "which check is kept: the least loss on held-out pictures, or the largest cosine by "
              "CLIP of pictures "
              "of the token with the concept's own, as published" },
    { .name = "keep",
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(keep),
      .arg = "KIND",
      .help = "do not leave out: own (the concept's words), inflections, function (the, of ...), "
              "template (words of the templates)" },
    { .name = "tokens",
      .kind = DS_OPTION_INT,
      .offset = FIELD(tokens),
      .arg = "N",
      .standard = "50",
      .min = 1,
      .max = 1000,
      .help = "words of the answer" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = FIELD(steps),
      .arg = "N",
      .min = 1,
      .max = 100000,
      .help = "steps of the search; without it 70 (eg) or 500 (paper)" },
    { .name = "batch",
      .kind = DS_OPTION_INT,
      .offset = FIELD(batch),
      .arg = "N",
      .standard = "6",
      .min = 1,
      .max = 256,
      .help = "latents of a step, for each concept" },
    { .name = "restarts",
      .kind = DS_OPTION_INT,
      .offset = FIELD(restarts),
      .arg = "N",
      .min = 1,
      .max = DS_MOST_RESTARTS,
      .help = "searches, each from its own beginning on its own pictures; without it 3 (eg) or 1" },
    { .name = "accept",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(accept),
      .arg = "X",
      .standard = "2",
      .min = 1,
      .max = 1e6,
      .help = "restarts count whose held-out loss is at most X times the best one's" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .offset = FIELD(pictures),
      .arg = "N",
      .min = 1,
      .max = 10000,
      .help = "pictures of each restart; without it 24 (eg) or 100 (paper)" },
    { .name = "held-out",
      .kind = DS_OPTION_INT,
      .offset = FIELD(held_out),
      .arg = "N",
      .min = 2,
      .max = 10000,
      .help = "further pictures that checks are made on; without it 8 or 20" },
    { .name = "bank-steps",
      .kind = DS_OPTION_INT,
      .offset = FIELD(bank_steps),
      .arg = "N",
      .min = 1,
      .max = 1000,
      .help = "sampler steps of these pictures; without it 20 or 50" },
    { .name = "bank-cfg",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(bank_cfg),
      .arg = "S",
      .min = 1,
      .max = 100,
      .help = "guidance of these pictures for the target noise; without it 7.5 (paper) "
              "or 1; teachers are never guided" },
    { .name = "sampler",
      .kind = DS_OPTION_TEXT,
      .offset = FIELD(sampler),
      .arg = "NAME",
      .help = "sampler; without it the model's own" },
    { .name = "from",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(from),
      .arg = "T",
      .min = 0,
      .max = 999,
      .help = "least time step that is looked at; without it 400 (eg) or 0 (paper)" },
    { .name = "eta",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(eta),
      .arg = "X",
      .standard = "1.2",
      .min = 1e-6,
      .max = 100,
      .help = "step of exponentiated gradient" },
    { .name = "rho",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(rho),
      .arg = "X",
      .standard = "0.003",
      .min = 0,
      .max = 100,
      .help = "weight of eg's penalty on many words" },
    { .name = "lambda",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(lambda),
      .arg = "X",
      .standard = "0.001",
      .min = 0,
      .max = 100,
      .help = "weight of the paper's sparsity term" },
    { .name = "check-every",
      .kind = DS_OPTION_INT,
      .offset = FIELD(check_every),
      .arg = "N",
      .standard = "10",
      .min = 1,
      .max = 100000,
      .help = "steps between checks" },
    { .kind = DS_OPTION_BLOCK, .offset = FIELD(seed), .block = ds__seed_rows },
    { .kind = DS_OPTION_BLOCK, .offset = FIELD(size), .block = ds__size_rows },
    { .name = "recompute",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(recompute),
      .help = "less memory and more time for gradients" },
    { .name = "draw-steps",
      .kind = DS_OPTION_INT,
      .offset = FIELD(draw_steps),
      .arg = "N",
      .standard = "20",
      .min = 1,
      .max = 1000,
      .help = "sampler steps of the report's pictures" },
    { .name = "draw-count",
      .kind = DS_OPTION_INT,
      .offset = FIELD(draw_count),
      .arg = "N",
      .standard = "4",
      .min = 1,
      .max = 16,
      .help = "pictures in a row of the report" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(draw_cfg),
      .arg = "S",
      .standard = "3",
      .min = 1,
      .max = 100,
      .help = "guidance of the report's pictures" },
    { .name = "no-pictures",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(no_pictures),
      .help = "draw none for the report" },
    { .name = "resume",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(resume),
      .help = "go on with the searches in the run folder" },
    { .name = "beside",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(beside),
      .arg = "DIR",
      .help = "run folder of another search: what its mixtures of the same words are worth on the "
              "held-out "
              "pictures of this one" },
    { .name = "draws",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(draws),
      .arg = "FILE",
      .help = "recorded dictionary_ids, latent, eps, timestep, mlp.*: the published search on one "
              "batch, whose first step is told; the free token is the prompt's last word" },
    { 0 },
};

const ds_method ds__method_concept = {
    .name = "concept",
    .purpose = "of which everyday words does the model build a concept?",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description =
        "Finds a short weighted list of words of the vocabulary whose mixture, used as one token, "
        "does "
        "the work of the concept: exemplars, styles, and what it is confused with. Shares are "
        "|a_i D_i| over their sum, with their spread over restarts; held-out losses tell what the "
        "mixture is worth beside the concept's own prompt, the empty one and a random word; and "
        "three "
        "answers of the texts alone tell what the denoiser adds. A concept of two senses comes out "
        "as "
        "one of them here: see concept mix.\n\n"
        "A search that was stopped goes on with --resume, to the same answer.",
    .example = "diffuscope concept -w zorp -p \"a {noto|twemoji} <> on a {red|blue} background\" "
               "--out run",
    .results =
        "concepts: [{word, tokens: [{token, id, share, alpha, shares}], groups, held_out: {full, "
        "top_n, top10, top5, single, concept, empty, random, beside}, text_only: {cosine, nnls, "
        "encoder}, "
        "restarts, overlap5, overlap10}]\n"
        "dictionary: {words, untrained, kappa}\n"
        "cost: {bank, forward, backward, pictures, decodes, encodes, passes, published, "
        "of_published}: rows through the denoiser",
    .options = options,
    .size = sizeof(concept_job),
    .fields = offsetof(concept_job, work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
