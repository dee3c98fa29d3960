/* method.c - `pid`: what two words tell a picture alone, both, or only together. */

#include <string.h>

#include "methods/methods.h"
#include "methods/pid/pair.h"

/* ---- vocabularies ---------------------------------------------------------------------------- */

typedef struct vocabulary {
    json_t *root; /* whose keys are the words; NULL: there is none */
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

/* ---- the method ------------------------------------------------------------------------------- */

typedef struct pid_options {
    const char *prompt, *vocabulary;
    ds_texts words;
    look_options look;
    pid_common common;
    vocabulary read;
    pid_work work;
} pid_options;

static ds_pid_options asked(const pid_options *o)
{
    ds_pid_options p = ds__pid_options(&o->common, o->prompt, o->words.text, o->words.count);

    p.vocabulary = o->read.root != NULL ? o->read.side : NULL;
    return p;
}

static ds_status check_words(const pid_options *o, const ds_job *j, ds_error *err)
{
    if (o->words.count != 2)
        return ds_fail(err, DS_E_ARG,
                       "%s: expected two words, found %lld; the command pid all takes more",
                       ds__job_name(j, "words"), (long long)o->words.count);
    if (o->common.query.redundancy == DS_REDUNDANCY_IMIN && o->vocabulary == NULL)
        return ds_fail(err, DS_E_ARG, "%s imin is an expectation over words: it needs %s",
                       ds__job_name(j, "redundancy"), ds__job_name(j, "vocabulary"));
    return DS_OK;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    pid_options *o = options;
    pid_work *w = &o->work;
    ds_pid_options p;
    ds_status st = check_words(o, j, err);

    if (st == DS_OK && o->vocabulary != NULL)
        st = read_vocabulary(&o->read, o->vocabulary, err);
    if (st == DS_OK)
        st = ds__pid_check(w, j, "What two words tell a picture", &o->common.query,
                           &o->common.estimate, o->common.drawing.seed, err);
    if (st == DS_OK)
        st = ds__picture_check(j, &o->look, &o->common.drawing, o->prompt, err);
    if (st != DS_OK)
        return st;
    p = asked(o);
    st = ds__pid_check_texts(w, &p, err);
    return st == DS_OK ? ds__pid_delta(w, &w->question.delta, p.word[0], p.word[1], err) : st;
}

static ds_status measure(pid_options *o, ds_job *j, ds_error *err)
{
    const ds_pid_options p = asked(o);
    ds_status st =
        ds__picture_get(&o->work.picture, j, &o->look, &o->common.drawing, o->prompt, err);

    if (st == DS_OK)
        st = ds__job_time(j, "picture", err);
    if (st == DS_OK)
        st = ds__pid_measure(&o->work, &p, err);
    return st == DS_OK ? ds__job_time(j, "measured", err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    pid_options *o = options;
    const char *method = o->common.given == DS_PID_GIVEN_CONTEXT ? "cpid" : "pid";
    ds_status st = measure(o, j, err);

    if (st == DS_OK)
        st = ds__result_set(j->result, "method", json_string(method), err);
    if (st == DS_OK)
        st = ds__pid_keep_question(&o->work, err);
    if (st == DS_OK)
        st = ds__pid_keep_picture(&o->work, err);
    if (st == DS_OK)
        st = ds__pid_pair_keep(&o->work, o->words.text, 0, true, err);
    return st == DS_OK ? ds__pid_keep_estimate(&o->work, err) : st;
}

static void clear(void *options)
{
    pid_options *o = options;

    ds__pid_work_clear(&o->work);
    vocabulary_free(&o->read);
}

static const ds_option rows[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(pid_options, prompt),
      .arg = "TEXT",
      .help = "the prompt that the words belong to; draws the picture unless there is one" },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(pid_options, words),
      .arg = "A B",
      .required = true,
      .help = "the two words" },
    { .name = "vocabulary",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(pid_options, vocabulary),
      .arg = "FILE",
      .help = "imin: words that might stand in each word's place, {\"A\": {\"word\": probability, "
              "...}, \"B\": {...}} as JSON" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(pid_options, look), .block = ds__look_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(pid_options, common), .block = ds__pid_rows },
    { 0 },
};

const ds_method ds__method_pid = {
    .name = "pid",
    .purpose = "what two words tell a picture: both, one alone, only together",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "Partial information decomposition: of the nats that two words carry about a picture, R is "
        "said by both, U_A and U_B by one alone, S only by both together, each with its standard "
        "error, in total and per latent pixel. --given context asks it given the rest of the "
        "prompt. With --se, draws are added until the error of every atom is that part of i_AB.\n\n"
        "The run folder holds result.json; tensors.safetensors with R, U_A, U_B, S, i_o_A, i_o_B, "
        "i_o_AB, the same of i_s, all [h,w] with their errors (R_se), and replicates_o, "
        "replicates_s [replicates,3,h,w], from which any redundancy can be computed again; "
        "pid.png, informations.png, sweep.svg and report.html.",
    .example = "diffuscope pid -m sd15 -p \"a cow and a giraffe\" --words cow giraffe --out pid",
    .results =
        "atoms.image, atoms.sum_of_pixels: {R, U_A, U_B, S}, of the picture's totals and sums over "
        "pixels, nats with standard error\n"
        "informations: {A, B, AB, B|A}: {o, s}, nats with standard error and 95 % interval\n"
        "words, texts: what was asked\n"
        "prior: {delta, delta_known, h_A, h_B, prior_dominated, ...}, nats\n"
        "chain_residual: {o, s}, i_AB - i_A - i_(B|A), nats\n"
        "undecided_share, following_B_share: shares of the pixels\n"
        "reach_A, reach_B: largest i_A - i_B of a pixel, and largest i_B - i_A, nats\n"
        "selection_bias_bound, alignment: nats\n"
        "redundancies: {NAME: {image, sum_of_pixels}}, the atoms by other definitions\n"
        "sweep: [{delta, R_image, R_sum_of_pixels, prior_dominated}]\n"
        "estimate: {calls, pilot_calls, draws, texts, replicates, nodes, seconds, logsnr, "
        "goal_met}",
    .options = rows,
    .size = sizeof(pid_options),
    .fields = offsetof(pid_options, read),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
