/* method.c - `eval concept`: what concept and concept mix say, against a list of known answers. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/methods.h>
#include <diffuscope/stats.h>

#include "base/file.h"
#include "job/job.h"
#include "methods/methods.h"

#define MOST_ANSWERS 4
#define MOST_LINES   512

typedef enum question_kind { MIXTURE = 0, OWN, SENSES, SHARE, KINDS } question_kind;

static const char kinds[] = "mixture|own|senses|share";

/* A line of the truth: KIND, WORD, ANSWER|ANSWER, NUMBER, separated by tabs. */
typedef struct question {
    question_kind kind;
    const char *word, *answer[MOST_ANSWERS];
    int64_t answers;
    double truth; /* share of the first answer; NaN: not known */

    bool hit, text_hit;
    double share, low, high; /* found */
    double half[2];          /* the same from either half of the sentences */
    double ratio;            /* loss of ten words over the empty prompt's */
    int64_t rank[MOST_ANSWERS];
} question;

typedef struct study {
    const char *truth, *names, *cache;
    ds_texts prompt;
    int kind; /* question_kind, or KINDS for all */
    int64_t restarts, sentences, limit, steps, pictures;
    uint64_t seed;

    ds_arena arena;
    question *q; /* [n] */
    int64_t n;
} study;

/* ---- the truth --------------------------------------------------------------------------------- */

static ds_status bad_line(const study *s, int64_t line, ds_error *err)
{
    return ds_fail(
        err, DS_E_FORMAT,
        "%s:%lld: expected KIND, WORD, ANSWER|ANSWER and perhaps a number between tabs, with "
        "KIND one of %s",
        s->truth, (long long)line, kinds);
}

static ds_status read_line(study *s, char *line, int64_t number, ds_error *err)
{
    question *q = &s->q[s->n];
    char *field[4] = { NULL }, *rest = line, *answers;
    int place;

    for (int i = 0; i < 4 && rest != NULL; i++)
        field[i] = strsep(&rest, "\t");
    place = field[0] != NULL ? ds_choice_place(kinds, field[0]) : -1;
    if (place < 0 || field[2] == NULL)
        return bad_line(s, number, err);
    *q = (question){ .kind = (question_kind)place, .truth = NAN };
    q->word = ds__arena_printf(&s->arena, "%s", field[1]);
    answers = ds__arena_printf(&s->arena, "%s", field[2]);
    if (q->word == NULL || answers == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a question");
    while (answers != NULL && q->answers < MOST_ANSWERS)
        q->answer[q->answers++] = strsep(&answers, "|");
    if (field[3] != NULL)
        q->truth = strtod(field[3], NULL);
    if ((q->kind == SHARE || q->kind == SENSES) && q->answers != 2)
        return bad_line(s, number, err);
    s->n++;
    return DS_OK;
}

static ds_status read_truth(study *s, ds_error *err)
{
    char *text, *line, *rest;
    size_t size;
    int64_t number = 0, taken[KINDS] = { 0 };
    ds_status st = ds__file_read(&text, &size, s->truth, (size_t)16 << 20, err);

    if (st != DS_OK)
        return st;
    s->q = ds__arena_alloc(&s->arena, MOST_LINES * sizeof *s->q);
    if (s->q == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for questions");
    for (line = strtok_r(text, "\r\n", &rest); st == DS_OK && line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        number++;
        if (line[0] == '#')
            continue;
        if (s->n == MOST_LINES)
            st = ds_fail(err, DS_E_FORMAT, "%s: more than %d questions", s->truth, MOST_LINES);
        if (st == DS_OK)
            st = read_line(s, line, number, err);
        if (st == DS_OK && ((s->kind < KINDS && s->q[s->n - 1].kind != (question_kind)s->kind) ||
                            (s->limit > 0 && taken[s->q[s->n - 1].kind] >= s->limit)))
            s->n--;
        else if (st == DS_OK)
            taken[s->q[s->n - 1].kind]++;
    }
    ds_free(text);
    if (st == DS_OK && s->n == 0)
        st = ds_fail(err, DS_E_NOMATCH, "%s: no question of the kind that is asked for", s->truth);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    study *s = options;

    if (!ds__job_given(j, "kind"))
        s->kind = KINDS;
    return read_truth(s, err);
}

static void clear(void *options)
{
    ds__arena_free(&((study *)options)->arena);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static ds_status set_number(ds_job *j, const char *name, int64_t value, ds_error *err)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)value);
    return value > 0 ? ds_job_set(j, name, text, err) : DS_OK;
}

static ds_status new_job(ds_job **out, ds_job *j, const study *s, const ds_method *method,
                         const char *word, ds_error *err)
{
    ds_job_options o = DS_JOB_OPTIONS_INIT;
    char seed[32];
    ds_status st;

    o.model = j->model;
    o.cancel = j->o.cancel;
    st = ds_job_new(out, method, &o, err);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
    if (st == DS_OK) /* of the same path, where the tokenizer lies */
        st = ds_job_set(*out, "model", ds__job_model_path(j), err);
    if (st == DS_OK)
        st = ds_job_set(*out, "word", word, err);
    if (st == DS_OK)
        st = ds_job_set(*out, "seed", seed, err);
    for (int64_t i = 0; st == DS_OK && i < s->prompt.count; i++)
        st = ds_job_set(*out, "prompt", s->prompt.text[i], err);
    return st;
}

static double number_at(const ds_result *r, const char *path)
{
    ds_value v;

    return ds_result_value(r, path, &v, NULL, NULL) == DS_OK ? v.value : NAN;
}

/* Place, from 1, of a text in a list of the result; 0: not there. */
static int64_t rank_of(const ds_result *r, const char *list, const char *key, const char *text)
{
    char path[120];

    for (int64_t k = 0; k < 1000; k++) {
        const char *found;

        snprintf(path, sizeof path, "%s.%lld.%s", list, (long long)k, key);
        found = ds_result_text(r, path);
        if (found == NULL)
            return 0;
        if (strcmp(found, text) == 0)
            return k + 1;
    }
    return 0;
}

/* The search: are the answers the first words, in any order? And by cosine alone? */
static ds_status ask_mixture(ds_job *j, const study *s, question *q, ds_error *err)
{
    ds_job *job = NULL;
    const ds_result *r;
    ds_status st = new_job(&job, j, s, &ds__method_concept, q->word, err);

    if (st == DS_OK)
        st = set_number(job, "restarts", s->restarts, err);
    if (st == DS_OK)
        st = set_number(job, "steps", s->steps, err);
    if (st == DS_OK)
        st = set_number(job, "pictures", s->pictures, err);
    if (st == DS_OK)
        st = ds_job_set(job, "no-pictures", "true", err);
    if (st == DS_OK && q->kind == OWN)
        st = ds_job_set(job, "keep", "own", err);
    if (st == DS_OK)
        st = ds_job_run(job, err);
    if (st == DS_OK) {
        r = ds_job_result(job);
        q->hit = q->text_hit = true;
        for (int64_t i = 0; i < q->answers; i++) {
            const int64_t text = rank_of(r, "concepts.0.text_only.cosine", "token", q->answer[i]);

            q->rank[i] = rank_of(r, "concepts.0.tokens", "token", q->answer[i]);
            q->hit = q->hit && q->rank[i] > 0 && q->rank[i] <= q->answers;
            q->text_hit = q->text_hit && text > 0 && text <= q->answers;
        }
        q->share = number_at(r, "concepts.0.tokens.0.share");
        q->ratio =
            number_at(r, "concepts.0.held_out.top10") / number_at(r, "concepts.0.held_out.empty");
        if (q->kind == OWN)
            q->hit = q->hit && q->share > 0.7;
    }
    ds_job_free(job);
    return st;
}

static ds_status ask_mix(ds_job *j, const study *s, question *q, bool two_names, ds_error *err)
{
    ds_job *job = NULL;
    ds_status st = new_job(&job, j, s, &ds__method_concept_mix, q->word, err);

    if (st == DS_OK)
        st = set_number(job, "sentences", s->sentences, err);
    for (int64_t i = 0; st == DS_OK && two_names && i < q->answers; i++)
        st = ds_job_set(job, "name", q->answer[i], err);
    if (st == DS_OK && !two_names && s->names != NULL)
        st = ds_job_set(job, "names", s->names, err);
    if (st == DS_OK && !two_names && s->cache != NULL)
        st = ds_job_set(job, "cache", s->cache, err);
    if (st == DS_OK)
        st = ds_job_run(job, err);
    if (st == DS_OK && two_names) {
        const ds_result *r = ds_job_result(job);
        const bool first = strncmp(ds_result_text(r, "concepts.0.parts.0.name"), q->answer[0],
                                   strcspn(q->answer[0], "<")) == 0;
        ds_value v = { .value = NAN };

        ds_result_value(r, "concepts.0.parts.0.share", &v, NULL, NULL);
        q->share = first ? v.value : 1.0 - v.value;
        q->half[0] = number_at(r, "concepts.0.parts.0.half_a");
        q->half[1] = number_at(r, "concepts.0.parts.0.half_b");
        for (int h = 0; h < 2; h++)
            q->half[h] = first ? q->half[h] : 1.0 - q->half[h];
        q->low = first ? v.low : 1.0 - v.high;
        q->high = first ? v.high : 1.0 - v.low;
    } else if (st == DS_OK) {
        q->hit = true;
        for (int64_t i = 0; i < q->answers; i++) {
            q->rank[i] = rank_of(ds_job_result(job), "concepts.0.parts", "name", q->answer[i]);
            q->hit = q->hit && q->rank[i] > 0 && q->rank[i] <= 5;
        }
    }
    ds_job_free(job);
    return st;
}

static ds_status ask(ds_job *j, const study *s, question *q, ds_error *err)
{
    ds_status st;

    if (q->kind == MIXTURE || q->kind == OWN)
        return ask_mixture(j, s, q, err);
    if (q->kind == SHARE)
        return ask_mix(j, s, q, true, err);
    st = ask_mix(j, s, q, false, err);
    return st == DS_OK ? ask_mix(j, s, q, true, err) : st;
}

/* ---- the sum ------------------------------------------------------------------------------------ */

/* truth = a + b share by least squares over the questions, `out` left out. */
static void line_without(const double *x, const double *y, int64_t n, int64_t out, double *a,
                         double *b, double *spread)
{
    double sx = 0, sy = 0, xx = 0, xy = 0, left = 0;
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++)
        if (i != out) {
            sx += x[i];
            sy += y[i];
            m++;
        }
    for (int64_t i = 0; i < n; i++)
        if (i != out) {
            xx += pow(x[i] - sx / (double)m, 2.0);
            xy += (x[i] - sx / (double)m) * (y[i] - sy / (double)m);
        }
    *b = xx > 0.0 ? xy / xx : 0.0;
    *a = sy / (double)m - *b * sx / (double)m;
    for (int64_t i = 0; i < n; i++)
        if (i != out)
            left += pow(y[i] - *a - *b * x[i], 2.0);
    *spread = m > 2 ? sqrt(left / (double)(m - 2) * (1.0 + 1.0 / (double)m)) : NAN;
}

/* Ranking of the shares, and calibrated prediction intervals from all other questions. */
static ds_status sum_shares(ds_job *j, const study *s, question_kind kind, const char *name,
                            ds_error *err)
{
    double x[MOST_LINES], y[MOST_LINES], half[2][MOST_LINES], error = 0.0, width = 0.0;
    int64_t n = 0, covered = 0;
    ds_value r, rho, halves = { .value = NAN };
    ds_status st;

    for (int64_t i = 0; i < s->n; i++)
        if (s->q[i].kind == kind && isfinite(s->q[i].truth)) {
            x[n] = s->q[i].share;
            half[0][n] = s->q[i].half[0];
            half[1][n] = s->q[i].half[1];
            y[n++] = s->q[i].truth;
        }
    if (n < 4)
        return DS_OK;
    st = ds_stats_correlation(&r, DS_PEARSON, x, y, NULL, n, err);
    if (st == DS_OK)
        st = ds_stats_correlation(&rho, DS_SPEARMAN, x, y, NULL, n, err);
    if (st == DS_OK)
        st = ds_stats_correlation(&halves, DS_PEARSON, half[0], half[1], NULL, n, err);
    for (int64_t i = 0; i < n; i++) {
        double a, b, spread;

        line_without(x, y, n, i, &a, &b, &spread);
        error += fabs(x[i] - y[i]) / (double)n;
        width += 2.0 * 1.96 * spread / (double)n;
        covered += fabs(y[i] - a - b * x[i]) <= 1.96 * spread;
    }
    if (st != DS_OK)
        return st;
    ds__result_say(j->result,
                   "%s: r = %.2f (95 %%: %.2f to %.2f), rank correlation %.2f (%.2f to %.2f), n = "
                   "%lld; calibrated intervals cover %lld\n",
                   name, r.value, r.low, r.high, rho.value, rho.low, rho.high, (long long)n,
                   (long long)covered);
    return ds__result_set(j->result, name,
                          json_pack("{s:o, s:o, s:o, s:f, s:I, s:I, s:f}", "halves",
                                    ds__json_value(halves, NULL), "r", ds__json_value(r, NULL),
                                    "rank", ds__json_value(rho, NULL), "absolute_error", error,
                                    "covered", (json_int_t)covered, "n", (json_int_t)n,
                                    "interval_width", width),
                          err);
}

static ds_status sum_hits(ds_job *j, const study *s, question_kind kind, const char *name,
                          ds_error *err)
{
    int64_t hits = 0, text = 0, n = 0;
    ds_value share;

    for (int64_t i = 0; i < s->n; i++)
        if (s->q[i].kind == kind) {
            hits += s->q[i].hit;
            text += s->q[i].text_hit;
            n++;
        }
    if (n == 0)
        return DS_OK;
    share = ds_stats_share(hits, n);
    ds__result_say(j->result, "%s: %lld of %lld", name, (long long)hits, (long long)n);
    if (kind != SENSES)
        ds__result_say(j->result, " (by cosine of embeddings alone: %lld)", (long long)text);
    ds__result_say(j->result, "\n");
    return ds__result_set(j->result, name,
                          json_pack("{s:I, s:I, s:I, s:o}", "hits", (json_int_t)hits, "n",
                                    (json_int_t)n, "text_only", (json_int_t)text, "share",
                                    ds__json_value(share, NULL)),
                          err);
}

static json_t *question_json(const question *q)
{
    json_t *ranks = json_array();

    for (int64_t i = 0; i < q->answers; i++)
        json_array_append_new(ranks, json_integer(q->rank[i]));
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "word", q->word, "hit", (int)q->hit, "ranks",
                     ranks, "share", ds__json_real(q->share), "truth", ds__json_real(q->truth),
                     "top10_over_empty", ds__json_real(q->ratio));
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    study *s = options;
    json_t *list = json_array();
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->n; i++) {
        s->q[i].share = s->q[i].ratio = NAN;
        st = ask(j, s, &s->q[i], err);
        if (st == DS_OK)
            json_array_append_new(list, question_json(&s->q[i]));
        if (st == DS_OK)
            st = ds__job_progress(j, "questions", i + 1, s->n, err);
    }
    if (st != DS_OK) {
        json_decref(list);
        return st;
    }
    st = ds__result_set(j->result, "questions", list, err);
    if (st == DS_OK)
        st = sum_hits(j, s, MIXTURE, "mixture", err);
    if (st == DS_OK)
        st = sum_hits(j, s, OWN, "own", err);
    if (st == DS_OK)
        st = sum_hits(j, s, SENSES, "senses", err);
    if (st == DS_OK)
        st = sum_shares(j, s, SENSES, "sense_share", err);
    return st == DS_OK ? sum_shares(j, s, SHARE, "share", err) : st;
}

#define FIELD(name) offsetof(study, name)

static const ds_option options[] = {
    { .name = "truth",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(truth),
      .arg = "FILE",
      .required = true,
      .help =
          "questions: a line has KIND, WORD, ANSWER|ANSWER and perhaps a number, between tabs" },
    { .name = "kind",
      .kind = DS_OPTION_CHOICE,
      .offset = FIELD(kind),
      .choices = "mixture|own|senses|share",
      .help = "ask questions of one kind alone" },
    { .name = "limit",
      .kind = DS_OPTION_INT,
      .offset = FIELD(limit),
      .arg = "N",
      .min = 0,
      .max = MOST_LINES,
      .help = "of each kind, the first N alone" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(prompt),
      .arg = "TEMPLATE",
      .help = "as in concept" },
    { .name = "names",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(names),
      .arg = "FILE",
      .help = "names for senses, as in concept mix" },
    { .name = "cache",
      .kind = DS_OPTION_TEXT,
      .offset = FIELD(cache),
      .arg = "FILE",
      .help = "of the names' answers, as in concept mix" },
    { .name = "restarts",
      .kind = DS_OPTION_INT,
      .offset = FIELD(restarts),
      .arg = "N",
      .min = 1,
      .max = 16,
      .help = "of a search, as in concept" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = FIELD(steps),
      .arg = "N",
      .min = 1,
      .max = 100000,
      .help = "of a search, as in concept" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .offset = FIELD(pictures),
      .arg = "N",
      .min = 1,
      .max = 10000,
      .help = "of a search, as in concept" },
    { .name = "sentences",
      .kind = DS_OPTION_INT,
      .offset = FIELD(sentences),
      .arg = "N",
      .min = 1,
      .max = 10000,
      .help = "as in concept mix" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = FIELD(seed),
      .arg = "N",
      .standard = "42",
      .help = "of all" },
    { 0 },
};

const ds_method ds__method_eval_concept = {
    .name = "eval-concept",
    .purpose = "what concept and concept mix say, against known answers",
    .description = "Kinds of questions. mixture: are the answers the first words of the search's "
                   "mixture? own: with its "
                   "own word allowed, does the concept come first, with a share above 0.7? senses: "
                   "are both answers among "
                   "the first five of concept mix, and how do their shares rank? share: concept "
                   "mix with the two answers "
                   "as its only names (\"woman <>|man <>\"). Hits have Wilson's interval; shares a "
                   "correlation with "
                   "the truth, with its interval, and prediction intervals from a line through all "
                   "other questions. "
                   "scripts/concept-truth writes the questions of the specimen's world.",
    .example = "scripts/concept-truth > truth.tsv && diffuscope eval concept --truth truth.tsv "
               "--kind share",
    .results = "questions: [{word, hit, ranks, share, truth, top10_over_empty}]\n"
               "mixture, own, senses: {hits, n, text_only, share}\n"
               "share, sense_share: {r, rank, halves, absolute_error, covered, n, interval_width}",
    .options = options,
    .size = sizeof(study),
    .fields = FIELD(arena),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
