/* eval_method.c - `eval pid`: decompositions against what is planted in the world. */

#include "methods/methods.h"
#include "studies/pid/eval.h"

#define AT(field) offsetof(pid_eval, field)

static ds_status check_estimate(pid_eval *e, ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    if (e->estimate.state != NULL)
        st = ds_fail(err, DS_E_ARG, "%s is the file of one picture; there are several here",
                     ds__job_name(j, "state"));
    if (st == DS_OK)
        st = ds__pid_check(&e->work, j, "diffuscope eval pid", &e->query, &e->estimate,
                           e->drawing.seed, err);
    if (st == DS_OK)
        st = ds__pid_refuse_imin(&e->work, err);
    return st == DS_OK ? ds__draw_check(j, &e->drawing, err) : st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    pid_eval *e = options;
    const char *const folder[PID_EVAL_SETS] = { e->homonyms, e->synonyms };
    ds_status st = DS_OK;

    if (e->homonyms == NULL && e->synonyms == NULL && e->occupations == NULL)
        st = ds_fail(err, DS_E_ARG, "%s, %s or %s is needed", ds__job_name(j, "homonyms"),
                     ds__job_name(j, "synonyms"), ds__job_name(j, "bias"));
    if (st == DS_OK)
        st = ds__lines_check(j, &e->lines, ds__pid_eval_free, err);
    if (st == DS_OK)
        st = check_estimate(e, j, err);
    for (int k = 0; st == DS_OK && k < PID_EVAL_SETS; k++)
        if (folder[k] != NULL)
            st = ds__pid_set_check(e, k, folder[k], err);
    return st == DS_OK && e->occupations != NULL ? ds__pid_eval_bias_check(e, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    pid_eval *e = options;
    ds_bundle *tensors;
    ds_page *page;
    ds_status st = ds__result_bundle(j->result, &tensors, err); /* of which there are none */

    if (st == DS_OK)
        st = ds__pid_page(&e->work, &page, err);
    for (int k = 0; st == DS_OK && k < PID_EVAL_SETS; k++)
        st = ds__pid_set_run(e, k, err);
    return st == DS_OK ? ds__pid_eval_bias_run(e, err) : st;
}

static void clear(void *options)
{
    ds__pid_eval_clear(options);
}

static const ds_option rows[] = {
    { .name = "homonyms",
      .kind = DS_OPTION_FILE,
      .offset = AT(homonyms),
      .arg = "DIR",
      .help = "scenes of `diffuscope-world export --select homonym`: synergy with the settling "
              "word" },
    { .name = "synonyms",
      .kind = DS_OPTION_FILE,
      .offset = AT(synonyms),
      .arg = "DIR",
      .help = "scenes of `diffuscope-world export --select single`: redundancy of synonyms" },
    { .name = "bias",
      .kind = DS_OPTION_FILE,
      .offset = AT(occupations),
      .arg = "DIR",
      .help = "any export, for its tables: redundancy of gender and occupation" },
    { .name = "scenes",
      .kind = DS_OPTION_INT,
      .offset = AT(scenes),
      .arg = "N",
      .standard = "200",
      .min = 1,
      .max = 100000,
      .help = "most scenes of each set" },
    { .name = "attributes",
      .kind = DS_OPTION_WORDS,
      .offset = AT(attributes),
      .arg = "A B",
      .help = "bias: words for woman and man; without it these" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(lines), .block = ds__lines_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(bias), .block = ds__bias_rows },
    { .name = "joint",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(joint),
      .choices = "words|and|prompt",
      .standard = "words",
      .help = "PID's text for both words" },
    { .name = "removal",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(removal),
      .choices = "delete|underscore|neutral",
      .standard = "delete",
      .help = "CPID: what replaces a removed word: nothing, \"_\" or \"thing\"" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(drawing), .block = ds__draw_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(query), .block = ds__pid_query_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(estimate), .block = ds__job_estimate_rows },
    { 0 },
};

const ds_method ds__method_eval_pid = {
    .name = "eval-pid",
    .purpose = "decompositions against what is planted in the world",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "Every redundancy in both forms, on the same measurements. Homonyms: in how many scenes is "
        "the synergy of a homonym with the word that settles it above that with the article? "
        "Synonyms: how well does the redundancy of two names of the pictured thing tell them from "
        "one name and another thing's (area under the curve)? Bias: the rank correlation over "
        "occupations between the gap of redundancies, woman less man, on pictures that the model "
        "draws, and the planted probability.\n\n"
        "With --out, what is measured goes to homonyms.jsonl, synonyms.jsonl and "
        "occupations.jsonl at once, and --resume goes on where a run was ended.",
    .example = "diffuscope eval pid --homonyms H --synonyms S --bias S --out eval",
    .results = "homonyms: {scenes, lines, QUESTION: {article, unrelated: {share_above, "
               "mean_difference}}}, with 95 % intervals, differences in nats\n"
               "synonyms: {scenes, lines, QUESTION: {auc, auc_of_share}}\n"
               "bias: {QUESTION: {occupations, gap, share}}, rank correlations with P(woman)",
    .options = rows,
    .size = sizeof(pid_eval),
    .fields = AT(work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
