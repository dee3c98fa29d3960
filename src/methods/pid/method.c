/* cmd_pid.c - `diffuscope pid`: what two words tell a picture alone, both, or only together. */

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "pid_pair.h"
#include "report.h"

static const ds_option options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "the prompt that the words belong to; draws the picture unless there is one" },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .arg = "A B",
      .help = "the two words",
      .required = true },
    PICTURE_OPTIONS,
    PID_OPTIONS,
    { .name = "vocabulary",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "imin: words that might stand in each word's place, {\"A\": {\"word\": probability, "
              "...}, "
              "\"B\": {...}} as JSON" },
    ESTIMATE_OPTIONS,
    { 0 },
};

/* ---- vocabularies ---------------------------------------------------------------------------- */

typedef struct vocabulary {
    json_t *root;
    ds_pid_vocabulary side[2];
    const char **word[2];
    double *prior[2];
} vocabulary;

static ds_status read_side(vocabulary *v, int k, const json_t *o, ds_error *err)
{
    json_t *p;
    const char *word;
    int64_t n = 0;

    if (!json_is_object(o))
        return ds_fail(err, DS_E_FORMAT, "expected objects \"A\" and \"B\" of words and numbers");
    v->word[k] = ds_calloc(json_object_size(o) + 1, sizeof *v->word[k]);
    v->prior[k] = ds_calloc(json_object_size(o) + 1, sizeof *v->prior[k]);
    if (v->word[k] == NULL || v->prior[k] == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a vocabulary");
    json_object_foreach ((json_t *)o, word, p) {
        if (!json_is_number(p))
            return ds_fail(err, DS_E_FORMAT, "\"%.80s\": expected a probability", word);
        v->word[k][n] = word;
        v->prior[k][n++] = json_number_value(p);
    }
    v->side[k] = (ds_pid_vocabulary){ v->word[k], v->prior[k], n };
    return DS_OK;
}

static ds_status read_vocabulary(vocabulary *v, const char *path, ds_error *err)
{
    json_error_t at;
    ds_status st;

    v->root = json_load_file(path, 0, &at);
    if (v->root == NULL)
        st = ds_fail(err, at.line < 0 ? DS_E_IO : DS_E_FORMAT, "%s, line %d", at.text, at.line);
    else
        st = read_side(v, 0, json_object_get(v->root, "A"), err);
    if (st == DS_OK)
        st = read_side(v, 1, json_object_get(v->root, "B"), err);
    return st == DS_OK ? DS_OK : ds_fail_at(err, st, path, -1);
}

static void vocabulary_free(vocabulary *v)
{
    for (int k = 0; k < 2; k++) {
        ds_free(v->word[k]);
        ds_free(v->prior[k]);
    }
    json_decref(v->root);
}

/* ---- the command ----------------------------------------------------------------------------- */

static ds_status measure(pid_job *j, const char *const *words, const vocabulary *v, ds_error *err)
{
    ds_pid_options o;
    ds_status st;

    pid_options_from(&o, j);
    o.prompt = opt_text(j->args, "prompt");
    o.word = words;
    o.words = 2;
    o.vocabulary = v->root != NULL ? v->side : NULL;
    st = picture_from_options(&j->picture, j->model, j->args, o.prompt, err);
    if (st == DS_OK)
        st = pid_measure(j, &o, "measuring", err);
    if (st == DS_OK)
        st = run_record_time(&j->record, "measured", err);
    return st;
}

static ds_status add_question(pid_job *j, ds_error *err)
{
    ds_status st = pid_result(
        j, "method",
        json_string(opt_choice(j->args, "given") == DS_PID_GIVEN_CONTEXT ? "cpid" : "pid"), err);

    if (st == DS_OK)
        st = pid_result(j, "unit", json_string("nats"), err);
    if (st == DS_OK)
        st = pid_result(j, "redundancy", json_string(ds_redundancy_name(j->question.redundancy)),
                        err);
    if (st == DS_OK)
        st = pid_result(j, "form", json_string(j->question.form == DS_INFO_O ? "o" : "s"), err);
    return st;
}

static ds_status check(const ds_args *a, int count, ds_error *err)
{
    bool imin = strcmp(opt_text(a, "redundancy"), "imin") == 0;

    if (count != 2)
        return ds_fail(err, DS_E_ARG, "--words: expected two words, found %d; pid all takes more",
                       count);
    if (imin && opt_text(a, "vocabulary") == NULL)
        return ds_fail(err, DS_E_ARG,
                       "--redundancy imin is an expectation over words: it needs --vocabulary");
    return DS_OK;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    int count;
    const char *const *words = opt_texts(a, "words", &count);
    vocabulary v = { NULL };
    pid_job j = { .args = a };
    ds_status st = check(a, count, err);

    if (st == DS_OK && opt_text(a, "vocabulary") != NULL)
        st = read_vocabulary(&v, opt_text(a, "vocabulary"), err);
    if (st == DS_OK)
        st = pid_job_open(&j, a, "diffuscope pid", err);
    if (st == DS_OK)
        st = measure(&j, words, &v, err);
    if (st == DS_OK)
        st = add_question(&j, err);
    if (st == DS_OK)
        st = pid_picture(&j, &j.picture.shown, "image.png", "The picture", NULL, err);
    if (st == DS_OK)
        st = pid_pair_report(&j, words, 0, err);
    if (st == DS_OK)
        st = pid_result(&j, "estimate", estimate_json(ds_pid_info(j.pid)), err);
    if (st == DS_OK)
        st = pid_finish(&j, err);
    pid_job_close(&j);
    vocabulary_free(&v);
    return st;
}

const ds_command cmd_pid = {
    .name = "pid",
    .purpose = "what two words tell a picture: both, one alone, only together",
    .description =
        "Partial information decomposition: of the nats that two words carry about a picture, R is "
        "said by both, U_A and U_B by one alone, S only by both together, each with its standard "
        "error, in total and per latent pixel. --given context asks it given the rest of the "
        "prompt. With --se, draws are added until the error of every atom is that part of i_AB.\n\n"
        "The run folder holds result.json; tensors.safetensors with R, U_A, U_B, S, i_o_A, i_o_B, "
        "i_o_AB, the same of i_s, all [h,w] with their errors (R_se), and replicates_o, "
        "replicates_s [replicates,3,h,w], from which any redundancy can be computed again; "
        "pid.png, "
        "informations.png, sweep.svg and report.html.",
    .example = "diffuscope pid -m sd15 -p \"a cow and a giraffe\" --words cow giraffe --out pid",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS |
              COMMON_SHOW,
    .run = run,
};
