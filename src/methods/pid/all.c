/* cmd_pid_all.c - `diffuscope pid all`: every pair of words of a prompt, as matrices; and `pid
 * homonym`: one word with each of the others, ranked by synergy. */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "model_option.h"
#include "pid_pair.h"
#include "report.h"

#define MOST_WORDS 64

static const ds_option all_options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "the prompt; draws the picture unless there is one",
      .required = true },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .arg = "WORD...",
      .help = "without them all words of the prompt" },
    PICTURE_OPTIONS,
    PID_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

static const ds_option homonym_options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "the prompt; draws the picture unless there is one",
      .required = true },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .arg = "WORD...",
      .help = "the word with several meanings, then those that it is tried with; with one word, "
              "all others "
              "of the prompt",
      .required = true },
    PICTURE_OPTIONS,
    PID_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

typedef struct list {
    const char *word[MOST_WORDS];
    int64_t count;
    char *copy[MOST_WORDS]; /* of those found in the prompt */
} list;

/* ---- words ----------------------------------------------------------------------------------- */

static void list_free(list *l)
{
    for (int i = 0; i < MOST_WORDS; i++)
        ds_free(l->copy[i]);
}

static bool has_letter(const char *text)
{
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80)
            return true;
    return false;
}

static bool listed(const list *l, const char *word)
{
    for (int64_t i = 0; i < l->count; i++)
        if (strcasecmp(l->word[i], word) == 0)
            return true;
    return false;
}

static ds_status add_words_of(list *l, const ds_tokens *t, ds_error *err)
{
    for (int64_t i = 0; i < t->word_count; i++) {
        const char *word = t->words[i].text;

        if (!has_letter(word) || listed(l, word))
            continue;
        if (l->count == MOST_WORDS)
            return ds_fail(err, DS_E_ARG,
                           "the prompt has more than %d words: name some with "
                           "--words",
                           MOST_WORDS);
        l->copy[l->count] = ds_strdup(word);
        if (l->copy[l->count] == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for the words");
        l->word[l->count] = l->copy[l->count];
        l->count++;
    }
    return DS_OK;
}

/* Those of --words, then (where these are fewer than `enough`) those of the prompt. */
static ds_status collect(list *l, const ds_args *a, int enough, ds_error *err)
{
    int count;
    const char *const *given = opt_texts(a, "words", &count);
    ds_tokenizer *t = NULL;
    ds_tokens *tokens = NULL;
    ds_status st;

    *l = (list){ .count = 0 };
    if (count > MOST_WORDS)
        return ds_fail(err, DS_E_ARG, "--words: expected at most %d, found %d", MOST_WORDS, count);
    for (int i = 0; i < count; i++)
        l->word[l->count++] = given[i];
    if (count >= enough)
        return DS_OK;
    st = tokenizer_from_options(&t, a, 1, err);
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &tokens, opt_text(a, "prompt"), err);
    if (st == DS_OK)
        st = add_words_of(l, tokens, err);
    ds_tokens_free(tokens);
    ds_tokenizer_close(t);
    if (st == DS_OK && l->count < 2)
        st = ds_fail(err, DS_E_ARG, "the prompt has one word: there is nothing to pair it with");
    return st;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Answers of all pairs, in the order of the pairs. */
static ds_status solve_all(pid_job *j, const list *l, ds_pid_answer *answer, ds_error *err)
{
    json_t *rows = json_array(), *row;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < ds_pid_pairs(j->pid); i++) {
        const ds_pid_pair p = ds_pid_pair_at(j->pid, i);
        ds_pid_question q = j->question;

        st = pid_delta(j, &q.delta, l->word[p.word_a], l->word[p.word_b], err);
        if (st == DS_OK)
            st = ds_pid_solve(j->pid, &answer[i], NULL, NULL, i, &q, err);
        if (st == DS_OK)
            st = pid_pair_json(&row, j, l->word, i, &q, &answer[i], err);
        if (st == DS_OK)
            json_array_append_new(rows, row);
    }
    if (st != DS_OK) {
        json_decref(rows);
        return st;
    }
    return pid_result(j, "pairs", rows, err);
}

static ds_status measure(pid_job *j, const list *l, bool first_only, ds_error *err)
{
    ds_pid_options o;
    ds_status st;

    if (j->question.redundancy == DS_REDUNDANCY_IMIN)
        return ds_fail(err, DS_E_ARG, "imin needs vocabularies of two words: use pid");
    pid_options_from(&o, j);
    o.prompt = opt_text(j->args, "prompt");
    o.word = l->word;
    o.words = l->count;
    o.first_only = first_only;
    st = picture_from_options(&j->picture, j->model, j->args, o.prompt, err);
    if (st == DS_OK)
        st = pid_measure(j, &o, "measuring", err);
    if (st == DS_OK)
        st = run_record_time(&j->record, "measured", err);
    return st == DS_OK ? pid_picture(j, &j->picture.shown, "image.png", "The picture", NULL, err)
                       : st;
}

static json_t *json_words(const list *l)
{
    json_t *words = json_array();

    for (int64_t i = 0; i < l->count; i++)
        json_array_append_new(words, json_string(l->word[i]));
    return words;
}

static ds_status finish(pid_job *j, const list *l, ds_error *err)
{
    ds_status st = pid_result(j, "words", json_words(l), err);

    if (st == DS_OK)
        st = pid_result(j, "unit", json_string("nats"), err);
    if (st == DS_OK)
        st = pid_result(j, "redundancy", json_string(ds_redundancy_name(j->question.redundancy)),
                        err);
    if (st == DS_OK)
        st = pid_result(j, "form", json_string(j->question.form == DS_INFO_O ? "o" : "s"), err);
    if (st == DS_OK)
        st = pid_result(j, "estimate", estimate_json(ds_pid_info(j->pid)), err);
    return st == DS_OK ? pid_finish(j, err) : st;
}

/* ---- matrices -------------------------------------------------------------------------------- */

/* A word with itself: all its information is redundant. It depends on the other word's absence in
 * CPID, where the diagonal stays empty. */
static void fill_matrix(const pid_job *j, double *value, double *se, const list *l,
                        const ds_pid_answer *answer, int atom)
{
    bool context = opt_choice(j->args, "given") == DS_PID_GIVEN_CONTEXT;

    for (int64_t i = 0; i < l->count * l->count; i++)
        value[i] = se[i] = NAN;
    for (int64_t i = 0; i < ds_pid_pairs(j->pid); i++) {
        const ds_pid_pair p = ds_pid_pair_at(j->pid, i);
        const ds_value v = answer[i].image[atom];
        const int64_t both[2] = { p.word_a, p.word_b };

        for (int k = 0; k < 2; k++) {
            const ds_value own = k == 0 ? answer[i].i_a : answer[i].i_b;

            value[both[k] * l->count + both[1 - k]] = v.value;
            se[both[k] * l->count + both[1 - k]] = v.se;
            if (!context) {
                value[both[k] * l->count + both[k]] = atom == DS_PID_R ? own.value : 0;
                se[both[k] * l->count + both[k]] = atom == DS_PID_R ? own.se : 0;
            }
        }
    }
}

static ds_status matrix_tensor(pid_job *j, const char *name, const double *values, int64_t n,
                               ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(j->tensors, name, DS_DTYPE_F64, DS_DIMS(n, n), &t, err);

    if (st == DS_OK)
        memcpy(t->data, values, (size_t)(n * n) * sizeof *values);
    return st;
}

static ds_status draw_matrix(pid_job *j, const double *value, const double *se, const list *l,
                             int atom, ds_error *err)
{
    static const char *const titles[2] = { "Redundancy: what both words say",
                                           "Synergy: what they say only together" };
    ds_matrix m = DS_MATRIX_INIT;
    bool synergy = atom == DS_PID_S, errors = true;
    char *svg = NULL;
    ds_status st;

    for (int64_t i = 0; i < l->count * l->count; i++)
        errors = errors && (isnan(value[i]) || isfinite(se[i]));
    m.title = titles[synergy];
    m.rows = m.columns = l->count;
    m.values = value;
    m.se = errors ? se : NULL;
    m.row_names = m.column_names = l->word;
    m.unit = "nats";
    m.colors = DS_COLORS_DIVERGING;
    m.floor_se = errors ? 2 : 0;
    st = ds_matrix_svg(&svg, &m, err);
    if (st == DS_OK)
        st = pid_chart(j, svg, synergy ? "synergy.svg" : "redundancy.svg",
                       "Of the picture's totals, in nats. In brackets: within 2 standard errors of "
                       "zero.",
                       err);
    ds_free(svg);
    return st;
}

static void print_matrix(const double *value, const double *se, const list *l, int atom)
{
    char number[64];

    printf("%s, nats\n", ds_pid_atom_name(atom));
    for (int64_t i = 0; i < l->count; i++)
        for (int64_t k = i + 1; k < l->count; k++)
            printf(
                "  %-16s %-16s %s\n", l->word[i], l->word[k],
                pid_number(number, sizeof number, value[i * l->count + k], se[i * l->count + k]));
}

static ds_status report_matrices(pid_job *j, const list *l, const ds_pid_answer *answer,
                                 ds_error *err)
{
    static const int atoms[2] = { DS_PID_R, DS_PID_S };
    size_t n = (size_t)(l->count * l->count);
    double *value = ds_calloc(2 * n, sizeof *value), *se = value + n;
    char name[16];
    ds_status st = DS_OK;

    if (value == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a matrix");
    for (int k = 0; st == DS_OK && k < 2; k++) {
        fill_matrix(j, value, se, l, answer, atoms[k]);
        st = matrix_tensor(j, ds_pid_atom_name(atoms[k]), value, l->count, err);
        snprintf(name, sizeof name, "%s_se", ds_pid_atom_name(atoms[k]));
        if (st == DS_OK)
            st = matrix_tensor(j, name, se, l->count, err);
        if (st == DS_OK)
            st = draw_matrix(j, value, se, l, atoms[k], err);
        if (st == DS_OK && !opt_flag(j->args, "json"))
            print_matrix(value, se, l, atoms[k]);
    }
    ds_free(value);
    return st;
}

static ds_status run_with(const ds_args *a, int enough, bool first_only, const char *title,
                          ds_status (*report)(pid_job *, const list *, const ds_pid_answer *,
                                              ds_error *),
                          ds_error *err)
{
    pid_job j = { .args = a };
    ds_pid_answer *answer = NULL;
    list l = { .count = 0 };
    ds_status st = pid_job_open(&j, a, title, err);

    if (st == DS_OK)
        st = collect(&l, a, enough, err);
    if (st == DS_OK)
        st = measure(&j, &l, first_only, err);
    if (st == DS_OK && (answer = ds_calloc((size_t)ds_pid_pairs(j.pid), sizeof *answer)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    if (st == DS_OK)
        st = solve_all(&j, &l, answer, err);
    if (st == DS_OK)
        st = report(&j, &l, answer, err);
    if (st == DS_OK)
        st = finish(&j, &l, err);
    ds_free(answer);
    list_free(&l);
    pid_job_close(&j);
    return st;
}

/* `enough`: two words are a pair; with one, the prompt's others join it. */
static ds_status run_all(const ds_args *a, ds_error *err)
{
    int count;

    opt_texts(a, "words", &count);
    if (count == 1)
        return ds_fail(err, DS_E_ARG, "--words: expected two or more words, found 1");
    return run_with(a, 2, false, "diffuscope pid all", report_matrices, err);
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

static ds_status draw_ranking(pid_job *j, const list *l, const int64_t *order,
                              const ds_pid_answer *answer, int64_t n, ds_error *err)
{
    double y[MOST_WORDS], low[MOST_WORDS], high[MOST_WORDS];
    const char *names[MOST_WORDS];
    ds_series bars = { NULL, DS_SERIES_BARS, n, NULL, y, low, high };
    ds_chart chart = DS_CHART_INIT;
    char title[160], *svg = NULL;
    ds_status st;

    for (int64_t i = 0; i < n; i++) {
        const ds_value v = answer[order[i]].image[DS_PID_S];

        names[i] = l->word[ds_pid_pair_at(j->pid, order[i]).word_b];
        y[i] = v.value;
        low[i] = v.value - (isfinite(v.se) ? 2 * v.se : 0);
        high[i] = v.value + (isfinite(v.se) ? 2 * v.se : 0);
    }
    snprintf(title, sizeof title, "Synergy with \"%.80s\"", l->word[0]);
    chart.title = title;
    chart.x.names = names;
    chart.y.label = "S, nats";
    chart.series = &bars;
    chart.count = 1;
    chart.sideways = true;
    st = ds_chart_svg(&svg, &chart, err);
    if (st == DS_OK)
        st = pid_chart(j, svg, "synergy.svg", "Error bars: 2 standard errors.", err);
    ds_free(svg);
    return st;
}

static ds_status report_ranking(pid_job *j, const list *l, const ds_pid_answer *answer,
                                ds_error *err)
{
    int64_t n = ds_pid_pairs(j->pid), order[MOST_WORDS];
    json_t *rows = json_array();
    char number[64];
    ds_status st;

    rank(order, answer, n);
    for (int64_t i = 0; i < n; i++) {
        const ds_value s = answer[order[i]].image[DS_PID_S];
        const char *word = l->word[ds_pid_pair_at(j->pid, order[i]).word_b];

        json_array_append_new(rows, json_pack("{s:s, s:o}", "word", word, "S", pid_value_json(s)));
        if (!opt_flag(j->args, "json"))
            printf("S(%s, %s) = %s nats\n", l->word[0], word,
                   pid_number(number, sizeof number, s.value, s.se));
    }
    st = pid_result(j, "ranking", rows, err);
    return st == DS_OK ? draw_ranking(j, l, order, answer, n, err) : st;
}

static ds_status run_homonym(const ds_args *a, ds_error *err)
{
    return run_with(a, 2, true, "diffuscope pid homonym", report_ranking, err);
}

const ds_command cmd_pid_all = {
    .name = "pid-all",
    .purpose = "redundancy and synergy of every pair of words",
    .description =
        "Decomposes every pair of words of a prompt on the same draws: K words cost 1 + K + K "
        "(K-1)/2 texts, not four for each pair. The run folder holds result.json with every pair, "
        "tensors.safetensors with the matrices R, S, R_se, S_se [K,K], and both as pictures.",
    .example = "diffuscope pid all -m sd15 -p \"a dog and a cat on a mat\" --out all",
    .options = all_options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS |
              COMMON_SHOW,
    .run = run_all,
};

const ds_command cmd_pid_homonym = {
    .name = "pid-homonym",
    .purpose = "which word settles the meaning of another: ranked synergies",
    .description =
        "Decomposes the first word with each of the others and ranks them by synergy. A word that "
        "settles a meaning says more together with it than alone: in \"he swung the baseball "
        "bat\", "
        "S(bat, baseball) should exceed S(bat, swung).",
    .example = "diffuscope pid homonym -m sd15 -p \"he swung the baseball bat\" "
               "--words bat baseball swung he --out bat",
    .options = homonym_options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS |
              COMMON_SHOW,
    .run = run_homonym,
};
