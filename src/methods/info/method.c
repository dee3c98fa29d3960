/* method.c - `info` and `info words`: how many nats a word carries about a picture, and where. */

#include "methods/info/work.h"
#include "methods/methods.h"

/* ---- info ------------------------------------------------------------------------------------- */

typedef struct info_job {
    info_ask ask;
    info_common common;
    info_work work;
} info_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    info_job *o = options;
    ds_status st = ds__info_check(&o->work, j, &o->common, err);

    if (st == DS_OK)
        st = ds__info_ask(&o->work, j, &o->common, &o->ask, err);
    return st == DS_OK ? ds__info_ready(&o->work, j, &o->common, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    info_job *o = options;
    ds_status st = ds__info_measure(&o->work, j, &o->common, err);

    if (st == DS_OK)
        st = ds__info_keep_removal(j, o->ask.removal, err);
    return st == DS_OK ? ds__info_keep(&o->work, j, &o->common, NULL, err) : st;
}

static void clear(void *options)
{
    ds__info_work_clear(&((info_job *)options)->work);
}

static const ds_option rows[] = {
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(info_job, ask), .block = ds__info_ask_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(info_job, common), .block = ds__info_rows },
    { 0 },
};

#define PARTS DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE

#define RESULTS                                                                                    \
    "i_o, i_s: of the first question, nats and bits with standard error and 95 % interval\n"       \
    "questions: [{key, kind, word, with, without, i_o, i_s}]\n"                                    \
    "optimality_gap: |sum of i_s - i_o| / sum of i_o, 0 for a perfect denoiser on average\n"       \
    "estimate: {calls, pilot_calls, draws, texts, replicates, nodes, seconds, logsnr, goal_met}"

const ds_method ds__method_info = {
    .name = "info",
    .purpose = "how many nats a word carries about a picture, and where",
    .paper = "Kong et al., arXiv:2310.07972",
    .description =
        "From noise predictions with and without a word: its pointwise mutual information with the "
        "picture, alone (mi) or beside the rest of the prompt (cmi), in total and per latent "
        "pixel. Two forms, which are different quantities: i_o is never below 0 and says how far "
        "the word moves the denoiser; i_s is signed and says whether the word makes the picture "
        "more likely. Every number has a standard error from independent replicates.\n\n"
        "result.json holds the totals in nats and bits, tensors.safetensors the maps i_o, i_s, "
        "i_o_se, i_s_se [h,w] of the first question and KEY.i_o and so on of all. With --draws, "
        "recorded draws are taken as they are, which repeats the published estimator. A run with "
        "--state that was ended goes on when it is started again.",
    .example = "diffuscope info -m sd15 --image cat.png --prompt \"a cat on a mat\" --word cat mat "
               "--se 5% --out run",
    .results = RESULTS,
    .options = rows,
    .size = sizeof(info_job),
    .fields = offsetof(info_job, work),
    .parts = PARTS,
    .check = check,
    .run = run,
    .clear = clear,
};

/* ---- info words ------------------------------------------------------------------------------- */

typedef struct words_job {
    info_kinds kinds;
    info_common common;
    info_work work;
} words_job;

static ds_status check_words(ds_job *j, void *options, ds_error *err)
{
    words_job *o = options;
    ds_tokenizer *t;
    ds_status st;

    if (o->common.prompt == NULL)
        return ds_fail(err, DS_E_ARG, "%s TEXT is needed", ds__job_name(j, "prompt"));
    st = ds__info_check(&o->work, j, &o->common, err);
    if (st == DS_OK)
        st = ds__job_tokenizer(j, &t, err);
    if (st == DS_OK)
        st =
            ds__questions_all_words(&o->work.questions, t, o->common.prompt,
                                    (unsigned)o->kinds.kind + 1, (ds_removal)o->kinds.removal, err);
    return st == DS_OK ? ds__info_ready(&o->work, j, &o->common, err) : st;
}

static ds_status run_words(ds_job *j, void *options, ds_error *err)
{
    words_job *o = options;
    ds_status st = ds__info_measure(&o->work, j, &o->common, err);

    if (st == DS_OK)
        st = ds__info_keep_removal(j, o->kinds.removal, err);
    return st == DS_OK ? ds__info_keep(&o->work, j, &o->common, NULL, err) : st;
}

static void clear_words(void *options)
{
    ds__info_work_clear(&((words_job *)options)->work);
}

static const ds_option words_rows[] = {
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(words_job, kinds), .block = ds__info_kind_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(words_job, common), .block = ds__info_rows },
    { 0 },
};

const ds_method ds__method_info_words = {
    .name = "info-words",
    .purpose = "the information of every word of a prompt at once",
    .paper = "Kong et al., arXiv:2310.07972",
    .description = "As `diffuscope info` for all words of the prompt, each once. They share their "
                   "draws: K words cost 1 + K evaluations per draw.",
    .example = "diffuscope info words -m sd15 -p \"a cat on a mat\" --out run",
    .results = RESULTS,
    .options = words_rows,
    .size = sizeof(words_job),
    .fields = offsetof(words_job, work),
    .parts = PARTS,
    .check = check_words,
    .run = run_words,
    .clear = clear_words,
};
