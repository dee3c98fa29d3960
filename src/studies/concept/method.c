/* method.c - `eval concept`: what concept and concept mix say, against a list of known answers. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "stats/student.h"
#include "studies/concept/ask.h"

typedef struct study {
    const char *truth;
    int kind; /* question_kind, or KINDS for all */
    int64_t limit;
    ask_options ask;

    struct truth known;
} study;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    study *s = options;

    if (!ds__job_given(j, "kind"))
        s->kind = KINDS;
    return ds__truth_read(&s->known, s->truth, s->kind, s->limit, err);
}

static void clear(void *options)
{
    ds__arena_free(&((study *)options)->known.arena);
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

typedef struct shares {
    double x[MOST_LINES], y[MOST_LINES], half[2][MOST_LINES];
    int64_t n;
} shares;

/* Found beside known shares: those that were planted, or those that the model draws. */
static void collect(shares *to, const study *s, question_kind kind, bool drawn)
{
    to->n = 0;
    for (int64_t i = 0; i < s->known.n; i++) {
        const question *q = &s->known.q[i];
        const double known = drawn ? q->drawn : q->truth;

        if (q->kind != kind || !isfinite(known) || !isfinite(q->share))
            continue;
        to->x[to->n] = q->share;
        to->half[0][to->n] = q->half[0];
        to->half[1][to->n] = q->half[1];
        to->y[to->n++] = known;
    }
}

/* How many prediction intervals from all other questions hold the known share, and their mean width. */
static int64_t covered(const shares *s, double *width)
{
    int64_t hits = 0;

    *width = 0.0;
    for (int64_t i = 0; i < s->n; i++) {
        const double t = ds__t_quantile(0.975, (double)(s->n - 3)); /* a line through n - 1 */
        double a, b, spread;

        line_without(s->x, s->y, s->n, i, &a, &b, &spread);
        *width += 2.0 * t * spread / (double)s->n;
        hits += fabs(s->y[i] - a - b * s->x[i]) <= t * spread;
    }
    return hits;
}

/* Ranking of the shares, and calibrated prediction intervals from all other questions. */
static ds_status sum_shares(ds_job *j, const study *s, question_kind kind, bool drawn,
                            const char *name, ds_error *err)
{
    double error = 0.0, width;
    ds_value r, rho = { 0 }, halves = { .value = NAN };
    char text[3][DS_INTERVAL_TEXT];
    int64_t hits;
    shares of;
    ds_status st;

    collect(&of, s, kind, drawn);
    if (of.n < 4)
        return DS_OK;
    st = ds_stats_correlation(&r, DS_PEARSON, of.x, of.y, NULL, of.n, err);
    if (st == DS_OK)
        st = ds_stats_correlation(&rho, DS_SPEARMAN, of.x, of.y, NULL, of.n, err);
    if (st == DS_OK)
        st = ds_stats_correlation(&halves, DS_PEARSON, of.half[0], of.half[1], NULL, of.n, err);
    for (int64_t i = 0; i < of.n; i++)
        error += fabs(of.x[i] - of.y[i]) / (double)of.n;
    hits = covered(&of, &width);
    if (st != DS_OK)
        return st;
    ds__result_say(j->result,
                   "%s: r = %.2f %s, rank correlation %.2f %s, n = %lld; mean distance %.2f; "
                   "calibrated intervals cover %lld, at +- %.2f; halves agree at %.2f %s\n",
                   name, r.value, ds__interval_text(text[0], r), rho.value,
                   ds__interval_text(text[1], rho), (long long)of.n, error, (long long)hits,
                   width / 2.0, halves.value, ds__interval_text(text[2], halves));
    return ds__result_set(j->result, name,
                          json_pack("{s:o, s:o, s:o, s:f, s:I, s:I, s:f}", "halves",
                                    ds__json_value(halves, NULL), "r", ds__json_value(r, NULL),
                                    "rank", ds__json_value(rho, NULL), "absolute_error", error,
                                    "covered", (json_int_t)hits, "n", (json_int_t)of.n,
                                    "interval_width", width),
                          err);
}

static ds_status sum_hits(ds_job *j, const study *s, question_kind kind, const char *name,
                          ds_error *err)
{
    const bool search = kind == MIXTURE || kind == OWN;
    int64_t hits = 0, text = 0, low = 0, n = 0;
    ds_value share;

    for (int64_t i = 0; i < s->known.n; i++) {
        const question *q = &s->known.q[i];

        if (q->kind != kind)
            continue;
        hits += q->hit;
        text += q->text_hit;
        low += q->ratio < 0.1;
        n++;
    }
    if (n == 0)
        return DS_OK;
    share = ds_stats_share(hits, n);
    ds__result_say(j->result, "%s: %lld of %lld (95 %%: %.2f to %.2f)", name, (long long)hits,
                   (long long)n, share.low, share.high);
    if (search)
        ds__result_say(j->result,
                       "; by cosine of embeddings alone: %lld; ten words below 10 %% of the empty "
                       "prompt's loss: %lld",
                       (long long)text, (long long)low);
    ds__result_say(j->result, "\n");
    return ds__result_set(j->result, name,
                          json_pack("{s:I, s:I, s:I, s:I, s:o}", "hits", (json_int_t)hits, "n",
                                    (json_int_t)n, "text_only", (json_int_t)text, "low_loss",
                                    (json_int_t)low, "share", ds__json_value(share, NULL)),
                          err);
}

static json_t *question_json(const question *q)
{
    static const char *const names[] = { "mixture", "own", "first", "senses", "share" };
    json_t *ranks = json_array();

    for (int64_t i = 0; i < q->answers; i++)
        json_array_append_new(ranks, json_integer(q->rank[i]));
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "kind", names[q->kind], "word",
                     q->word, "hit", (int)q->hit, "ranks", ranks, "share", ds__json_real(q->share),
                     "truth", ds__json_real(q->truth), "drawn", ds__json_real(q->drawn),
                     "top10_over_empty", ds__json_real(q->ratio));
}

static ds_status sums(ds_job *j, const study *s, ds_error *err)
{
    ds_status st = sum_hits(j, s, MIXTURE, "mixture", err);

    if (st == DS_OK)
        st = sum_hits(j, s, OWN, "own", err);
    if (st == DS_OK)
        st = sum_hits(j, s, FIRST, "first", err);
    if (st == DS_OK)
        st = sum_hits(j, s, SENSES, "senses", err);
    if (st == DS_OK)
        st = sum_shares(j, s, SENSES, false, "sense_share", err);
    if (st == DS_OK)
        st = sum_shares(j, s, SENSES, true, "sense_share_drawn", err);
    if (st == DS_OK)
        st = sum_shares(j, s, SHARE, false, "share", err);
    return st == DS_OK ? sum_shares(j, s, SHARE, true, "share_drawn", err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    study *s = options;
    json_t *list = json_array();
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->known.n; i++) {
        st = ds__ask(&s->known.q[i], j, &s->ask, err);
        if (st == DS_OK)
            json_array_append_new(list, question_json(&s->known.q[i]));
        if (st == DS_OK)
            st = ds__job_progress(j, "questions", i + 1, s->known.n, err);
    }
    if (st != DS_OK) {
        json_decref(list);
        return st;
    }
    st = ds__result_set(j->result, "questions", list, err);
    return st == DS_OK ? sums(j, s, err) : st;
}

#define FIELD(name) offsetof(study, name)

static const ds_option options[] = {
    { .name = "truth",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(truth),
      .arg = "FILE",
      .required = true,
      .help = "questions: a line has KIND, WORD, ANSWER|ANSWER and perhaps the share of the first "
              "answer, as planted and "
              "as the model draws it, between tabs" },
    { .name = "kind",
      .kind = DS_OPTION_CHOICE,
      .offset = FIELD(kind),
      .choices = QUESTION_KINDS,
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
      .offset = FIELD(ask.prompt),
      .arg = "TEMPLATE",
      .help = "as in concept" },
    { .name = "names",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(ask.names),
      .arg = "FILE",
      .help = "names for senses, as in concept mix" },
    { .name = "cache",
      .kind = DS_OPTION_STATE,
      .offset = FIELD(ask.cache),
      .arg = "FILE",
      .help = "of the names' answers, as in concept mix" },
    { .name = "dictionary",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(ask.dictionary),
      .arg = "FILE",
      .help = "words of a search, as in concept" },
    { .name = "restarts",
      .kind = DS_OPTION_INT,
      .offset = FIELD(ask.restarts),
      .arg = "N",
      .min = 1,
      .max = 16,
      .help = "of a search, as in concept" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = FIELD(ask.steps),
      .arg = "N",
      .min = 1,
      .max = 100000,
      .help = "of a search, as in concept" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .offset = FIELD(ask.pictures),
      .arg = "N",
      .min = 1,
      .max = 10000,
      .help = "of a search, as in concept" },
    { .name = "sentences",
      .kind = DS_OPTION_INT,
      .offset = FIELD(ask.sentences),
      .arg = "N",
      .min = 1,
      .max = 10000,
      .help = "as in concept mix" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = FIELD(ask.seed),
      .arg = "N",
      .standard = "42",
      .help = "of all" },
    { .name = "resume",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(ask.resume),
      .help = "read the answers that lie in the folder, and go on with the others" },
    { 0 },
};

const ds_method ds__method_eval_concept = {
    .name = "eval-concept",
    .purpose = "what concept and concept mix say, against known answers",
    .description =
        "Kinds of questions. mixture: are the answers the first words of the search's "
        "mixture? own: with its "
        "own word allowed, does the concept come first, with a share above 0.7? first: are "
        "the answers the first of concept mix? senses: "
        "are both answers among "
        "the first five of concept mix, and how do their shares rank? share: concept "
        "mix with the two answers "
        "as its only names (\"woman <>|man <>\"). Hits have Wilson's interval; shares a "
        "correlation with "
        "the truth, with its interval, and prediction intervals from a line through all "
        "other questions. Each question's own run lies in questions/KIND-WORD of the "
        "run folder. "
        "scripts/concept-truth writes the questions of the specimen's world.",
    .example = "scripts/concept-truth > truth.tsv && diffuscope eval concept --truth truth.tsv "
               "--kind share",
    .results = "questions: [{kind, word, hit, ranks, share, truth, drawn, top10_over_empty}]\n"
               "mixture, own, first, senses: {hits, n, text_only, low_loss, share}\n"
               "share, sense_share, share_drawn, sense_share_drawn: {r, rank, halves, "
               "absolute_error, covered, n, interval_width}",
    .options = options,
    .size = sizeof(study),
    .fields = FIELD(known),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
