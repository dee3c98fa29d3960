/* all.c - `pid all`: every pair of words of a prompt, as matrices; and `pid homonym`: one word with
 * each of the others, ranked by synergy. */

#include <math.h>
#include <string.h>
#include <strings.h>

#include <diffuscope/chart.h>

#include "base/text.h"
#include "methods/methods.h"
#include "methods/pid/pair.h"

#define MOST_WORDS 64

typedef struct word_list {
    const char *word[MOST_WORDS];
    int64_t count;
    char *copy[MOST_WORDS]; /* of those found in the prompt */
} word_list;

typedef struct all_options {
    const char *prompt;
    ds_texts words;
    look_options look;
    pid_common common;
    word_list list;
    pid_work work;
} all_options;

/* ---- words ----------------------------------------------------------------------------------- */

static bool listed(const word_list *l, const char *word)
{
    for (int64_t i = 0; i < l->count; i++)
        if (strcasecmp(l->word[i], word) == 0)
            return true;
    return false;
}

static ds_status add_words_of(word_list *l, const ds_tokens *t, const ds_job *j, ds_error *err)
{
    for (int64_t i = 0; i < t->word_count; i++) {
        const char *word = t->words[i].text;

        if (!ds__has_letter(word) || listed(l, word))
            continue;
        if (l->count == MOST_WORDS)
            return ds_fail(err, DS_E_ARG, "the prompt has more than %d words: name some with %s",
                           MOST_WORDS, ds__job_name(j, "words"));
        l->copy[l->count] = ds_strdup(word);
        if (l->copy[l->count] == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for the words");
        l->word[l->count] = l->copy[l->count];
        l->count++;
    }
    return DS_OK;
}

/* Those of the option; where these are no pair, those of the prompt too. */
static ds_status collect(all_options *o, ds_job *j, ds_error *err)
{
    word_list *l = &o->list;
    ds_tokenizer *t;
    ds_tokens *tokens = NULL;
    ds_status st;

    if (o->words.count > MOST_WORDS)
        return ds_fail(err, DS_E_ARG, "%s: expected at most %d, found %lld",
                       ds__job_name(j, "words"), MOST_WORDS, (long long)o->words.count);
    for (int64_t i = 0; i < o->words.count; i++)
        l->word[l->count++] = o->words.text[i];
    if (l->count >= 2)
        return DS_OK;
    st = ds__job_tokenizer(j, &t, err);
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &tokens, o->prompt, err);
    if (st == DS_OK)
        st = add_words_of(l, tokens, j, err);
    ds_tokens_free(tokens);
    if (st == DS_OK && l->count < 2)
        st = ds_fail(err, DS_E_ARG, "the prompt has one word: there is nothing to pair it with");
    return st;
}

/* ---- what both methods do --------------------------------------------------------------------- */

static ds_pid_options asked(const all_options *o, bool first_only)
{
    ds_pid_options p = ds__pid_options(&o->common, o->prompt, o->list.word, o->list.count);

    p.first_only = first_only;
    return p;
}

static ds_status check(all_options *o, ds_job *j, const char *title, bool first_only, ds_error *err)
{
    ds_pid_options p;
    ds_status st = ds__pid_check(&o->work, j, title, &o->common.query, &o->common.estimate,
                                 o->common.drawing.seed, err);

    if (st == DS_OK)
        st = ds__pid_refuse_imin(&o->work, err);
    if (st == DS_OK)
        st = ds__picture_check(j, &o->look, &o->common.drawing, o->prompt, err);
    if (st == DS_OK)
        st = collect(o, j, err);
    p = asked(o, first_only);
    return st == DS_OK ? ds__pid_check_texts(&o->work, &p, err) : st;
}

static ds_status measure(all_options *o, ds_job *j, bool first_only, ds_error *err)
{
    const ds_pid_options p = asked(o, first_only);
    ds_status st =
        ds__picture_get(&o->work.picture, j, &o->look, &o->common.drawing, o->prompt, err);

    if (st == DS_OK)
        st = ds__job_time(j, "picture", err);
    if (st == DS_OK)
        st = ds__pid_measure(&o->work, &p, err);
    if (st == DS_OK)
        st = ds__job_time(j, "measured", err);
    return st == DS_OK ? ds__pid_keep_picture(&o->work, err) : st;
}

/* Answers of all pairs [pairs], and their rows in result.json. */
static ds_status solve_all(const all_options *o, ds_pid_answer *answer, ds_error *err)
{
    const pid_work *w = &o->work;
    json_t *rows = json_array(), *row;
    ds_status st = ds__result_set(w->job->result, "pairs", rows, err);

    for (int64_t i = 0; st == DS_OK && i < ds_pid_pairs(w->pid); i++) {
        const ds_pid_pair p = ds_pid_pair_at(w->pid, i);
        ds_pid_question q = w->question;

        st = ds__pid_delta(w, &q.delta, o->list.word[p.word_a], o->list.word[p.word_b], err);
        if (st == DS_OK)
            st = ds_pid_solve(w->pid, &answer[i], NULL, NULL, i, &q, err);
        if (st == DS_OK)
            st = ds__pid_pair_json(&row, w, o->list.word, i, &q, &answer[i], err);
        if (st == DS_OK && json_array_append_new(rows, row) != 0)
            st = ds_fail(err, DS_E_NOMEM, "no memory for the pairs");
    }
    return st;
}

static ds_status keep_rest(const all_options *o, ds_error *err)
{
    json_t *words = json_array();
    ds_status st;

    for (int64_t i = 0; i < o->list.count; i++)
        json_array_append_new(words, json_string(o->list.word[i]));
    st = ds__result_set(o->work.job->result, "words", words, err);
    if (st == DS_OK)
        st = ds__pid_keep_question(&o->work, err);
    return st == DS_OK ? ds__pid_keep_estimate(&o->work, err) : st;
}

static ds_status run(ds_job *j, all_options *o, bool first_only,
                     ds_status (*keep)(const all_options *, const ds_pid_answer *, ds_error *),
                     ds_error *err)
{
    ds_pid_answer *answer = NULL;
    ds_status st = measure(o, j, first_only, err);

    if (st == DS_OK) {
        answer = ds_calloc((size_t)ds_pid_pairs(o->work.pid), sizeof *answer);
        st = answer != NULL ? solve_all(o, answer, err)
                            : ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    }
    if (st == DS_OK)
        st = keep(o, answer, err);
    if (st == DS_OK)
        st = keep_rest(o, err);
    ds_free(answer);
    return st;
}

static void clear(void *options)
{
    all_options *o = options;

    ds__pid_work_clear(&o->work);
    for (int i = 0; i < MOST_WORDS; i++)
        ds_free(o->list.copy[i]);
}

/* [n] or [n,n] doubles as a tensor. */
static ds_status keep_doubles(const pid_work *w, const char *name, const double *values, int rank,
                              int64_t n, ds_error *err)
{
    ds_bundle *b;
    ds_tensor *t;
    ds_status st = ds__result_bundle(w->job->result, &b, err);

    if (st == DS_OK)
        st = ds_bundle_add(b, name, DS_DTYPE_F64, rank, (const int64_t[]){ n, n }, &t, err);
    if (st == DS_OK)
        memcpy(t->data, values, (size_t)ds_tensor_count(t) * sizeof *values);
    return st;
}

/* ---- matrices -------------------------------------------------------------------------------- */

/* A word with itself: all its information is redundant. It depends on the other word's absence in
 * CPID, where the diagonal stays empty. */
static void fill_matrix(const all_options *o, double *value, double *se,
                        const ds_pid_answer *answer, int atom)
{
    const bool context = o->common.given == DS_PID_GIVEN_CONTEXT;
    const int64_t n = o->list.count;

    for (int64_t i = 0; i < n * n; i++)
        value[i] = se[i] = NAN;
    for (int64_t i = 0; i < ds_pid_pairs(o->work.pid); i++) {
        const ds_pid_pair p = ds_pid_pair_at(o->work.pid, i);
        const ds_value v = answer[i].image[atom];
        const int64_t both[2] = { p.word_a, p.word_b };

        for (int k = 0; k < 2; k++) {
            const ds_value own = k == 0 ? answer[i].i_a : answer[i].i_b;

            value[both[k] * n + both[1 - k]] = v.value;
            se[both[k] * n + both[1 - k]] = v.se;
            if (!context) {
                value[both[k] * n + both[k]] = atom == DS_PID_R ? own.value : 0;
                se[both[k] * n + both[k]] = atom == DS_PID_R ? own.se : 0;
            }
        }
    }
}

static ds_status draw_matrix(const all_options *o, const double *value, const double *se, int atom,
                             ds_error *err)
{
    static const char *const titles[2] = { "Redundancy: what both words say",
                                           "Synergy: what they say only together" };
    ds_matrix m = DS_MATRIX_INIT;
    bool synergy = atom == DS_PID_S, errors = true;
    char *svg;
    ds_status st;

    for (int64_t i = 0; i < o->list.count * o->list.count; i++)
        errors = errors && (isnan(value[i]) || isfinite(se[i]));
    m.title = titles[synergy];
    m.rows = m.columns = o->list.count;
    m.values = value;
    m.se = errors ? se : NULL;
    m.row_names = m.column_names = o->list.word;
    m.unit = "nats";
    m.colors = DS_COLORS_DIVERGING;
    m.floor_se = errors ? 2 : 0;
    st = ds_matrix_svg(&svg, &m, err);
    return st == DS_OK ? ds__pid_chart(&o->work, synergy ? "synergy.svg" : "redundancy.svg", svg,
                                       "Of the picture's totals, in nats. In brackets: within 2 "
                                       "standard errors of zero.",
                                       err)
                       : st;
}

static void say_matrix(const all_options *o, const double *value, const double *se, int atom)
{
    const word_list *l = &o->list;
    ds_result *r = o->work.job->result;

    ds__result_say(r, "%s, nats\n", ds_pid_atom_name(atom));
    for (int64_t i = 0; i < l->count; i++)
        for (int64_t k = i + 1; k < l->count; k++) {
            const ds_value v = { value[i * l->count + k], se[i * l->count + k], NAN, NAN, 0 };

            ds__result_say(r, "  %-16s %-16s %s\n", l->word[i], l->word[k], ds__pid_number(v).text);
        }
}

static ds_status keep_matrices(const all_options *o, const ds_pid_answer *answer, ds_error *err)
{
    static const int atoms[2] = { DS_PID_R, DS_PID_S };
    const int64_t n = o->list.count;
    double *value = ds_calloc((size_t)(2 * n * n), sizeof *value), *se = value + n * n;
    char name[16];
    ds_status st = DS_OK;

    if (value == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a matrix");
    for (int k = 0; st == DS_OK && k < 2; k++) {
        fill_matrix(o, value, se, answer, atoms[k]);
        snprintf(name, sizeof name, "%s_se", ds_pid_atom_name(atoms[k]));
        st = keep_doubles(&o->work, ds_pid_atom_name(atoms[k]), value, 2, n, err);
        if (st == DS_OK)
            st = keep_doubles(&o->work, name, se, 2, n, err);
        if (st == DS_OK)
            st = draw_matrix(o, value, se, atoms[k], err);
        say_matrix(o, value, se, atoms[k]);
    }
    ds_free(value);
    return st;
}

static ds_status check_all(ds_job *j, void *options, ds_error *err)
{
    all_options *o = options;

    if (o->words.count == 1)
        return ds_fail(err, DS_E_ARG, "%s: expected two or more words, found 1",
                       ds__job_name(j, "words"));
    return check(o, j, "What pairs of words tell a picture", false, err);
}

static ds_status run_all(ds_job *j, void *options, ds_error *err)
{
    return run(j, options, false, keep_matrices, err);
}

/* ---- homonyms -------------------------------------------------------------------------------- */

/* Numbers of the pairs by falling synergy, by insertion: they are few. */
static void rank(int64_t *order, const ds_pid_answer *answer, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i;

        for (;
             k > 0 && answer[order[k - 1]].image[DS_PID_S].value < answer[i].image[DS_PID_S].value;
             k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

/* Synergies with the first word, from the largest. */
typedef struct ranking {
    int64_t count;
    const char *word[MOST_WORDS];
    double value[MOST_WORDS], se[MOST_WORDS];
} ranking;

static void rank_words(ranking *r, const all_options *o, const ds_pid_answer *answer)
{
    int64_t order[MOST_WORDS];

    r->count = ds_pid_pairs(o->work.pid);
    rank(order, answer, r->count);
    for (int64_t i = 0; i < r->count; i++) {
        const ds_value s = answer[order[i]].image[DS_PID_S];

        r->word[i] = o->list.word[ds_pid_pair_at(o->work.pid, order[i]).word_b];
        r->value[i] = s.value;
        r->se[i] = s.se;
    }
}

static ds_status draw_ranking(const all_options *o, const ranking *r, ds_error *err)
{
    double low[MOST_WORDS], high[MOST_WORDS];
    ds_series bars = { NULL, DS_SERIES_BARS, r->count, NULL, r->value, low, high };
    ds_chart chart = DS_CHART_INIT;
    char title[160], *svg;
    ds_status st;

    for (int64_t i = 0; i < r->count; i++) {
        const double two = isfinite(r->se[i]) ? 2 * r->se[i] : 0;

        low[i] = r->value[i] - two;
        high[i] = r->value[i] + two;
    }
    snprintf(title, sizeof title, "Synergy with \"%.80s\"", o->list.word[0]);
    ds__mend_letters(title);
    chart.title = title;
    chart.x.names = r->word;
    chart.y.label = "S, nats";
    chart.series = &bars;
    chart.count = 1;
    chart.sideways = true;
    st = ds_chart_svg(&svg, &chart, err);
    return st == DS_OK
               ? ds__pid_chart(&o->work, "synergy.svg", svg, "Error bars: 2 standard errors.", err)
               : st;
}

static ds_status keep_ranking(const all_options *o, const ds_pid_answer *answer, ds_error *err)
{
    ds_result *to = o->work.job->result;
    json_t *rows = json_array();
    ranking r;
    ds_status st;

    rank_words(&r, o, answer);
    for (int64_t i = 0; i < r.count; i++) {
        const ds_value s = { r.value[i], r.se[i], NAN, NAN, 0 };

        json_array_append_new(
            rows, json_pack("{s:s, s:o}", "word", r.word[i], "S", ds__pid_value_json(s)));
        ds__result_say(to, "S(%s, %s) = %s nats\n", o->list.word[0], r.word[i],
                       ds__pid_number(s).text);
    }
    st = ds__result_set(to, "ranking", rows, err);
    if (st == DS_OK)
        st = keep_doubles(&o->work, "S", r.value, 1, r.count, err);
    if (st == DS_OK)
        st = keep_doubles(&o->work, "S_se", r.se, 1, r.count, err);
    return st == DS_OK ? draw_ranking(o, &r, err) : st;
}

static ds_status check_homonym(ds_job *j, void *options, ds_error *err)
{
    return check(options, j, "Which word settles the meaning of another", true, err);
}

static ds_status run_homonym(ds_job *j, void *options, ds_error *err)
{
    return run(j, options, true, keep_ranking, err);
}

/* ---- the methods ------------------------------------------------------------------------------ */

#define PROMPT_ROW                                                                                 \
    {                                                                                              \
        .name = "prompt", .letter = 'p', .kind = DS_OPTION_TEXT,                                   \
        .offset = offsetof(all_options, prompt), .arg = "TEXT", .required = true,                  \
        .help = "the prompt that the words belong to; draws the picture unless there is one"       \
    }

#define OTHER_ROWS                                                                                 \
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(all_options, look), .block = ds__look_rows },    \
    {                                                                                              \
        .kind = DS_OPTION_BLOCK, .offset = offsetof(all_options, common), .block = ds__pid_rows    \
    }

static const ds_option all_rows[] = {
    PROMPT_ROW,
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(all_options, words),
      .arg = "WORD...",
      .help = "without them all words of the prompt" },
    OTHER_ROWS,
    { 0 },
};

static const ds_option homonym_rows[] = {
    PROMPT_ROW,
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(all_options, words),
      .arg = "WORD...",
      .required = true,
      .help = "the word with several meanings, then those that it is tried with; with one word, "
              "all others of the prompt" },
    OTHER_ROWS,
    { 0 },
};

const ds_method ds__method_pid_all = {
    .name = "pid-all",
    .purpose = "redundancy and synergy of every pair of words",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "Decomposes every pair of words of a prompt on the same draws: K words cost 1 + K + K "
        "(K-1)/2 texts, not four for each pair. The run folder holds result.json with every pair, "
        "tensors.safetensors with the matrices R, S, R_se, S_se [K,K], and both as pictures.",
    .example = "diffuscope pid all -m sd15 -p \"a dog and a cat on a mat\" --out all",
    .results = "pairs: [as of pid: words, texts, informations, prior, atoms, ...]\n"
               "words: the words, in the order of the matrices\n"
               "estimate: as of pid",
    .options = all_rows,
    .size = sizeof(all_options),
    .fields = offsetof(all_options, list),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check_all,
    .run = run_all,
    .clear = clear,
};

const ds_method ds__method_pid_homonym = {
    .name = "pid-homonym",
    .purpose = "which word settles the meaning of another: ranked synergies",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "Decomposes the first word with each of the others and ranks them by synergy. A word that "
        "settles a meaning says more together with it than alone: in \"he swung the baseball "
        "bat\", S(bat, baseball) should exceed S(bat, swung). The run folder holds result.json "
        "with every pair, tensors.safetensors with S and S_se [K-1] in the order of the ranking, "
        "and a chart.",
    .example = "diffuscope pid homonym -m sd15 -p \"he swung the baseball bat\" "
               "--words bat baseball swung he --out bat",
    .results = "ranking: [{word, S}], from the largest synergy, nats with standard error\n"
               "pairs, words, estimate: as of pid all",
    .options = homonym_rows,
    .size = sizeof(all_options),
    .fields = offsetof(all_options, list),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check_homonym,
    .run = run_homonym,
    .clear = clear,
};
