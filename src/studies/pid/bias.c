/* bias.c - see bias.h. */

#include "studies/pid/bias.h"

#include <math.h>
#include <string.h>

#include <diffuscope/stats.h>

static const char *const places[2] = { "{attribute}", "{occupation}" };

const char *const ds__bias_names[BIAS_NUMBERS] = { "R_image", "R_sum_of_pixels", "mi",
                                                   "beside_occupation" };

const ds_option ds__bias_rows[] = {
    { .name = "template",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(bias_options, pattern),
      .arg = "TEXT",
      .standard = "a {attribute} {occupation}",
      .help = "prompt with places for the attribute and the occupation" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .offset = offsetof(bias_options, pictures),
      .arg = "N",
      .standard = "4",
      .min = 1,
      .max = 10000,
      .help = "pictures per occupation; their scatter gives the standard error" },
    { .name = "picture-of",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(bias_options, picture_of),
      .choices = "occupation|both|all",
      .standard = "occupation",
      .help = "pictures drawn from the template without an attribute, the same for both; or one "
              "with each attribute; or all three, which tells where the first lie between the "
              "others" },
    { .name = "given",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(bias_options, given),
      .choices = "nothing|context",
      .standard = "nothing",
      .help =
          "what the words are conditioned on: nothing (PID), or the rest of the template (CPID)" },
    { 0 },
};

/* ---- texts ----------------------------------------------------------------------------------- */

/* Replaces the first `place` in *text, which is freed. */
static ds_status fill_place(char **text, const char *place, const char *by, ds_error *err)
{
    char *at = strstr(*text, place), *out;
    size_t before, after, size;

    if (at == NULL)
        return ds_fail(err, DS_E_ARG, "the template \"%.100s\" lacks %s", *text, place);
    before = (size_t)(at - *text);
    after = before + strlen(place);
    if (by == NULL && (*text)[after] == ' ')
        after++;
    else if (by == NULL && before > 0 && (*text)[before - 1] == ' ')
        before--;
    by = by != NULL ? by : "";
    size = before + strlen(by) + strlen(*text + after) + 1;
    out = ds_alloc(size);
    if (out == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
    snprintf(out, size, "%.*s%s%s", (int)before, *text, by, *text + after);
    ds_free(*text);
    *text = out;
    return DS_OK;
}

ds_status ds__bias_fill(char **out, const char *pattern, const char *attribute,
                        const char *occupation, ds_error *err)
{
    char *text = ds_strdup(pattern);
    ds_status st = text != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a prompt");

    *out = NULL;
    if (st == DS_OK)
        st = fill_place(&text, places[0], attribute, err);
    if (st == DS_OK)
        st = fill_place(&text, places[1], occupation, err);
    if (st == DS_OK)
        *out = text;
    else
        ds_free(text);
    return st;
}

ds_status ds__bias_check(const bias_study *s, const char *const *occupation, int64_t n,
                         ds_error *err)
{
    bool proportional = false; /* pm, which needs surprisals */
    double delta;
    char *sample;
    ds_status st = ds__bias_fill(&sample, s->options->pattern, "", "", err);

    ds_free(sample);
    for (int64_t q = 0; q < s->questions; q++)
        proportional = proportional || s->question[q].redundancy == DS_REDUNDANCY_PM;
    for (int64_t i = 0; proportional && i < n; i++)
        for (int k = 0; k < 2 && st == DS_OK; k++)
            st = ds__pid_delta(s->work, &delta, s->attribute[k], occupation[i], err);
    return st;
}

/* The texts of one occupation; quads point into them. */
typedef struct texts {
    char *base, *occupation, *alone[2], *both[2];
    char *open; /* without an attribute */
    ds_pid_quad quad[2];
} texts;

static void texts_free(texts *t)
{
    ds_free(t->base);
    ds_free(t->occupation);
    ds_free(t->open);
    for (int k = 0; k < 2; k++) {
        ds_free(t->alone[k]);
        ds_free(t->both[k]);
    }
}

static ds_status texts_new(texts *t, const bias_study *s, const char *occupation, ds_error *err)
{
    const char *pattern = s->options->pattern;
    const bool context = s->options->given == DS_PID_GIVEN_CONTEXT;
    ds_status st = ds__bias_fill(&t->open, pattern, NULL, occupation, err);

    if (st == DS_OK && context)
        st = ds__bias_fill(&t->base, pattern, NULL, NULL, err);
    if (st == DS_OK && context)
        st = ds__bias_fill(&t->occupation, pattern, NULL, occupation, err);
    for (int k = 0; k < 2 && st == DS_OK; k++) {
        const char *attribute = s->attribute[k];

        if (context)
            st = ds__bias_fill(&t->alone[k], pattern, attribute, NULL, err);
        if (st == DS_OK)
            st = ds__bias_fill(&t->both[k], pattern, attribute, occupation, err);
        t->quad[k] = (ds_pid_quad){ context ? t->base : "", context ? t->alone[k] : attribute,
                                    context ? t->occupation : occupation, t->both[k] };
    }
    return st;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Pictures are drawn from the template without an attribute, with the first, with the second. */
enum { OPEN, WITH_FIRST, WITH_SECOND, DRAWN };

/* What one picture says of either attribute. */
typedef struct reading {
    ds_value of[2][BIAS_NUMBERS];
} reading;

/* All pictures' readings for one question. */
typedef struct series {
    reading *kind[DRAWN]; /* [pictures] each */
    bool dominated;
} series;

/* One number of an attribute over the pictures of a kind; picture NULL: 0. */
typedef struct column {
    const reading *picture;
    int attribute, number;
} column;

static double value_at(column c, int64_t shot)
{
    return c.picture != NULL ? c.picture[shot].of[c.attribute][c.number].value : 0;
}

static double error_at(column c, int64_t shot)
{
    return c.picture != NULL ? c.picture[shot].of[c.attribute][c.number].se : 0;
}

/* Mean of a - b over n pictures; its error is that of their scatter, or for one picture that of its
 * estimate. */
static ds_value mean_of(column a, column b, int64_t n)
{
    ds_value v = { 0, NAN, NAN, NAN, 0 };
    double square = 0.0;

    for (int64_t i = 0; i < n; i++)
        v.value += (value_at(a, i) - value_at(b, i)) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = value_at(a, i) - value_at(b, i) - v.value;

        square += d * d;
    }
    if (n > 1)
        v.se = sqrt(square / ((double)n * (double)(n - 1)));
    else
        v.se = ds_stats_joint_error(error_at(a, 0), error_at(b, 0));
    return v;
}

static column column_of(const series *s, int kind, int attribute, int number)
{
    return (column){ s->kind[kind], attribute, number };
}

/* The first attribute on one kind of pictures less the second on one kind. */
static ds_value gap_of(const series *s, int64_t pictures, int number, const int kind[2])
{
    return mean_of(column_of(s, kind[0], 0, number), column_of(s, kind[1], 1, number), pictures);
}

/* (g - g_B) / (g_A - g_B); error to first order, the three being means over different pictures. */
static ds_value share_of(ds_value g, ds_value a, ds_value b)
{
    double span = a.value - b.value, share = (g.value - b.value) / span;
    double se = ds_stats_joint_error(g.se, ds_stats_joint_error(share * a.se, (1 - share) * b.se)) /
                fabs(span);

    return (ds_value){ share, se, NAN, NAN, 0 };
}

static void fill_row(bias_row *row, const series *s, int64_t pictures, int of)
{
    const ds_value unknown = { NAN, NAN, NAN, NAN, 0 };
    const int own[2] = { of == BIAS_OF_BOTH ? WITH_FIRST : OPEN,
                         of == BIAS_OF_BOTH ? WITH_SECOND : OPEN };

    row->dominated = s->dominated;
    for (int n = 0; n < BIAS_NUMBERS; n++) {
        for (int k = 0; k < 2; k++) {
            const int with[2] = { WITH_FIRST + k, WITH_FIRST + k };

            row->of[k][n] =
                mean_of(column_of(s, own[k], k, n), (column){ .picture = NULL }, pictures);
            row->drawn[k][n] = of == BIAS_OF_ALL ? gap_of(s, pictures, n, with) : unknown;
        }
        row->gap[n] = gap_of(s, pictures, n, own);
        row->share[n] = share_of(row->gap[n], row->drawn[0][n], row->drawn[1][n]);
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* One occupation while it is measured. */
typedef struct trial {
    const bias_study *study;
    const char *occupation;
    texts texts;
    series *series; /* [questions] */
    reading *all;   /* of all series */
} trial;

/* Answers a question about the pair at hand, which is that of attribute k. */
static ds_status take_answer(const trial *t, int kind, int64_t shot, int k, int64_t pair,
                             int64_t question, ds_error *err)
{
    const pid_work *w = t->study->work;
    series *to = &t->series[question];
    ds_value *v = to->kind[kind][shot].of[k];
    ds_pid_question q = t->study->question[question];
    ds_pid_answer a;
    ds_status st = DS_OK;

    if (q.redundancy == DS_REDUNDANCY_PM && isfinite(q.delta))
        st = ds__pid_delta(w, &q.delta, t->study->attribute[k], t->occupation, err);
    if (st == DS_OK)
        st = ds_pid_solve(w->pid, &a, NULL, NULL, pair, &q, err);
    if (st != DS_OK)
        return st;
    v[BIAS_R_IMAGE] = a.image[DS_PID_R];
    v[BIAS_R_SUM] = a.sum[DS_PID_R];
    v[BIAS_MI] = a.i_a;
    v[BIAS_BESIDE] = (ds_value){ a.i_ab.value - a.i_b.value,
                                 ds_stats_joint_error(a.i_ab.se, a.i_b.se), NAN, NAN, 0 };
    to->dominated = to->dominated && a.dominated;
    return DS_OK;
}

/* One picture under both pairs, or (picture-of both) under the pair that it was drawn from. */
static ds_status measure_picture(const trial *t, int kind, int64_t shot, ds_error *err)
{
    const bias_study *s = t->study;
    const bool one = s->options->picture_of == BIAS_OF_BOTH;
    const char *prompt = kind == OPEN ? t->texts.open : t->texts.both[kind - WITH_FIRST];
    const int first = one ? kind - WITH_FIRST : 0;
    ds_pid_options o = DS_PID_OPTIONS_INIT;
    ds_status st;

    o.quad = t->texts.quad + first;
    o.quads = one ? 1 : 2;
    ds__picture_clear(&s->work->picture);
    st = ds__picture_draw(&s->work->picture, s->work->job, s->drawing, prompt,
                          s->drawing->seed + (uint64_t)shot, err);
    if (st == DS_OK)
        st = ds__pid_measure(s->work, &o, err);
    for (int64_t p = 0; st == DS_OK && p < o.quads; p++)
        for (int64_t q = 0; st == DS_OK && q < s->questions; q++)
            st = take_answer(t, kind, shot, first + (int)p, p, q, err);
    return st;
}

/* All kinds that are asked for, from the same seeds. */
static ds_status measure_pictures(const trial *t, ds_error *err)
{
    const int of = t->study->options->picture_of;
    const int first = of == BIAS_OF_BOTH ? WITH_FIRST : OPEN;
    const int end = of == BIAS_OF_OCCUPATION ? WITH_FIRST : DRAWN;
    ds_status st = DS_OK;

    for (int kind = first; kind < end; kind++)
        for (int64_t shot = 0; st == DS_OK && shot < t->study->options->pictures; shot++)
            st = measure_picture(t, kind, shot, err);
    return st;
}

static ds_status trial_new(trial *t, const bias_study *s, const char *occupation, ds_error *err)
{
    const int64_t pictures = s->options->pictures;

    *t = (trial){ .study = s, .occupation = occupation };
    t->series = ds_calloc((size_t)s->questions, sizeof *t->series);
    t->all = ds_calloc((size_t)(s->questions * DRAWN * pictures), sizeof *t->all);
    if (t->series == NULL || t->all == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    for (int64_t q = 0; q < s->questions; q++) {
        t->series[q].dominated = true;
        for (int kind = 0; kind < DRAWN; kind++)
            t->series[q].kind[kind] = t->all + (q * DRAWN + kind) * pictures;
    }
    return texts_new(&t->texts, s, occupation, err);
}

ds_status ds__bias_occupation(const bias_study *s, bias_row *row, int64_t stride,
                              const char *occupation, ds_error *err)
{
    trial t;
    ds_status st = trial_new(&t, s, occupation, err);

    s->work->est.stage = occupation;
    if (st == DS_OK)
        st = measure_pictures(&t, err);
    for (int64_t q = 0; st == DS_OK && q < s->questions; q++) {
        row[q * stride].occupation = occupation;
        fill_row(&row[q * stride], &t.series[q], s->options->pictures, s->options->picture_of);
    }
    s->work->est.stage = NULL;
    texts_free(&t.texts);
    ds_free(t.series);
    ds_free(t.all);
    return st;
}

/* ---- what is told of the rows ---------------------------------------------------------------- */

json_t *ds__bias_numbers_json(const ds_value v[BIAS_NUMBERS])
{
    json_t *o = json_object();

    for (int n = 0; n < BIAS_NUMBERS; n++)
        json_object_set_new(o, ds__bias_names[n], ds__pid_value_json(v[n]));
    return o;
}

ds_status ds__bias_correlate(ds_value r[BIAS_NUMBERS], const bias_row *row, int64_t n, bool shares,
                             const double *truth, ds_error *err)
{
    double *x = ds_calloc((size_t)n + 1, sizeof *x);
    ds_status st = x != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a correlation");

    for (int k = 0; st == DS_OK && k < BIAS_NUMBERS; k++) {
        for (int64_t i = 0; i < n; i++)
            x[i] = shares ? row[i].share[k].value : row[i].gap[k].value;
        st = ds_stats_correlation(&r[k], DS_SPEARMAN, x, truth, NULL, n, err);
    }
    ds_free(x);
    return st;
}
