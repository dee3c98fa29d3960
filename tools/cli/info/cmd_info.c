/* cmd_info.c - `diffuscope info` and `diffuscope info words`: how many nats a word carries about a
 * picture, and where. */

#include "commands.h"
#include "info_words.h"

/* ---- info ------------------------------------------------------------------------------------ */

ds_status info_ask(info_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    const char *prompt = opt_text(a, "prompt"), *against = opt_text(a, "against");
    unsigned kinds = kinds_option(a);
    int n;
    const char *const *word = opt_texts(a, "word", &n);
    ds_status st = DS_OK;

    if (n > 0 && against != NULL)
        return ds_fail(err, DS_E_ARG, "--word and --against exclude each other");
    if (prompt == NULL && (n == 0 || (kinds & INFO_CMI)))
        return ds_fail(err, DS_E_ARG,
                       "--prompt TEXT is needed, but for --word W... with --kind mi");
    if (n == 0)
        return questions_text(&j->questions, prompt, against != NULL ? against : "", err);
    for (int i = 0; st == DS_OK && i < n; i++)
        st = questions_word(&j->questions, j->tokenizer, prompt, word[i], kinds,
                            (ds_removal)opt_choice(a, "removal"), err);
    return st;
}

static ds_status finish(info_job *j, ds_status st, ds_error *err)
{
    if (st == DS_OK)
        st = info_job_measure(j, err);
    if (st == DS_OK)
        st = info_job_save(j, info_job_json(j), NULL, err);
    info_job_free(j);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    info_job j;
    ds_status st = info_job_begin(&j, a, err);

    if (st == DS_OK)
        st = info_ask(&j, err);
    return finish(&j, st, err);
}

static const ds_opt options[] = {
    WORD_OPTIONS, INFO_OPTIONS, PICTURE_OPTIONS, ESTIMATE_OPTIONS, { 0 },
};

#define COMMON                                                                                     \
    COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS | COMMON_SHOW

const ds_command cmd_info = {
    .name = "info",
    .purpose = "how many nats a word carries about a picture, and where",
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
    .options = options,
    .common = COMMON,
    .run = run,
};

/* ---- info words ------------------------------------------------------------------------------ */

static ds_status run_words(const ds_args *a, ds_error *err)
{
    info_job j;
    ds_status st = info_job_begin(&j, a, err);

    if (st == DS_OK)
        st = questions_all_words(&j.questions, j.tokenizer, opt_text(a, "prompt"), kinds_option(a),
                                 (ds_removal)opt_choice(a, "removal"), err);
    return finish(&j, st, err);
}

static ds_status run_words_checked(const ds_args *a, ds_error *err)
{
    if (opt_text(a, "prompt") == NULL)
        return ds_fail(err, DS_E_ARG, "--prompt TEXT is needed");
    return run_words(a, err);
}

static const ds_opt words_options[] = {
    KIND_OPTIONS, INFO_OPTIONS, PICTURE_OPTIONS, ESTIMATE_OPTIONS, { 0 },
};

const ds_command cmd_info_words = {
    .name = "info-words",
    .purpose = "the information of every word of a prompt at once",
    .description = "As `diffuscope info` for all words of the prompt, each once. They share their "
                   "draws: K words cost 1 + K evaluations per draw.",
    .example = "diffuscope info words -m sd15 -p \"a cat on a mat\" --out run",
    .options = words_options,
    .common = COMMON,
    .run = run_words_checked,
};
