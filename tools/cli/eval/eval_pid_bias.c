/* eval_pid_bias.c - see eval_pid_bias.h. */

#include "eval_pid_bias.h"

#include <math.h>
#include <string.h>

#include "report.h"

static const char *const places[2] = { "{attribute}", "{occupation}" };

const char *const bias_names[BIAS_NUMBERS] = { "R_image", "R_sum_of_pixels", "mi",
                                               "beside_occupation" };

/* ---- texts ----------------------------------------------------------------------------------- */

/* Replaces the first `place` in *text, which is freed. */
static ds_status fill_place(char **text, const char *place, const char *by, ds_error *err)
{
    char *at = strstr(*text, place), *out;
    size_t before, after;

    if (at == NULL)
        return ds_fail(err, DS_E_ARG, "the template \"%.100s\" lacks %s", *text, place);
    before = (size_t)(at - *text);
    after = before + strlen(place);
    if (by == NULL && (*text)[after] == ' ')
        after++;
    else if (by == NULL && before > 0 && (*text)[before - 1] == ' ')
        before--;
    by = by != NULL ? by : "";
    out = ds_alloc(before + strlen(by) + strlen(*text + after) + 1);
    if (out == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
    memcpy(out, *text, before);
    strcpy(out + before, by);
    strcat(out, *text + after);
    ds_free(*text);
    *text = out;
    return DS_OK;
}

static ds_status fill(char **out, const char *pattern, const char *attribute,
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

static ds_status texts_new(texts *t, const ds_args *a, const char *occupation,
                           const char *const attribute[2], ds_error *err)
{
    const char *pattern = opt_text(a, "template");
    bool context = opt_choice(a, "given") == DS_PID_GIVEN_CONTEXT;
    ds_status st;

    *t = (texts){ .base = NULL };
    st = fill(&t->open, pattern, NULL, occupation, err);
    if (st == DS_OK && context)
        st = fill(&t->base, pattern, NULL, NULL, err);
    if (st == DS_OK && context)
        st = fill(&t->occupation, pattern, NULL, occupation, err);
    for (int k = 0; k < 2 && st == DS_OK; k++) {
        if (context)
            st = fill(&t->alone[k], pattern, attribute[k], NULL, err);
        if (st == DS_OK)
            st = fill(&t->both[k], pattern, attribute[k], occupation, err);
        t->quad[k] = (ds_pid_quad){ context ? t->base : "", context ? t->alone[k] : attribute[k],
                                    context ? t->occupation : occupation, t->both[k] };
    }
    return st;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Pictures are drawn from the template without an attribute, with the first, with the second. */
enum { OPEN, WITH_FIRST, WITH_SECOND, DRAWN };

/* All pictures' numbers for one question: value and error [2, BIAS_NUMBERS, DRAWN, pictures]. */
typedef struct series {
    double *value, *se;
    bool dominated;
} series;

static double *at(double *x, int64_t pictures, int k, int number, int drawn, int64_t shot)
{
    return x + ((k * BIAS_NUMBERS + number) * DRAWN + drawn) * pictures + shot;
}

typedef struct study {
    pid_job *job;
    const texts *texts;
    const char *occupation;
    const char *const *attribute;
    const ds_pid_question *question;
    int64_t questions, pictures;
    series *series; /* [questions] */
    bias_pictures of;
} study;

/* Number `question` of the pair at hand, which is attribute k's. */
static ds_status take_answer(const study *s, int drawn, int64_t shot, int k, int64_t pair,
                             int64_t question, ds_error *err)
{
    series *to = &s->series[question];
    ds_pid_question q = s->question[question];
    ds_value v[BIAS_NUMBERS];
    ds_pid_answer a;
    ds_status st = DS_OK;

    if (q.redundancy == DS_REDUNDANCY_PM && isfinite(q.delta))
        st = pid_delta(s->job, &q.delta, s->attribute[k], s->occupation, err);
    if (st == DS_OK)
        st = ds_pid_solve(s->job->pid, &a, NULL, NULL, pair, &q, err);
    if (st != DS_OK)
        return st;
    v[BIAS_R_IMAGE] = a.image[DS_PID_R];
    v[BIAS_R_SUM] = a.sum[DS_PID_R];
    v[BIAS_MI] = a.i_a;
    v[BIAS_BESIDE] =
        (ds_value){ a.i_ab.value - a.i_b.value, hypot(a.i_ab.se, a.i_b.se), NAN, NAN, 0 };
    to->dominated = to->dominated && a.dominated;
    for (int n = 0; n < BIAS_NUMBERS; n++) {
        *at(to->value, s->pictures, k, n, drawn, shot) = v[n].value;
        *at(to->se, s->pictures, k, n, drawn, shot) = v[n].se;
    }
    return DS_OK;
}

/* Mean of a - b (b NULL: of a) over pictures; its error is that of their scatter, or for one
 * picture that of its estimate. */
static ds_value mean_of(const double *a, const double *b, const double *se_a, const double *se_b,
                        int64_t n)
{
    ds_value v = { 0, NAN, NAN, NAN, 0 };
    double square = 0.0;

    for (int64_t i = 0; i < n; i++)
        v.value += (a[i] - (b != NULL ? b[i] : 0)) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = a[i] - (b != NULL ? b[i] : 0) - v.value;

        square += d * d;
    }
    if (n > 1)
        v.se = sqrt(square / ((double)n * (double)(n - 1)));
    else
        v.se = hypot(se_a[0], se_b != NULL ? se_b[0] : 0);
    return v;
}

/* The first attribute on one kind of pictures less the second on one kind. */
static ds_value gap_of(const series *s, int64_t pictures, int number, const int drawn[2])
{
    return mean_of(at(s->value, pictures, 0, number, drawn[0], 0),
                   at(s->value, pictures, 1, number, drawn[1], 0),
                   at(s->se, pictures, 0, number, drawn[0], 0),
                   at(s->se, pictures, 1, number, drawn[1], 0), pictures);
}

/* (g - g_B) / (g_A - g_B); error to first order, the three being means over different pictures. */
static ds_value share_of(ds_value g, ds_value a, ds_value b)
{
    double span = a.value - b.value, share = (g.value - b.value) / span;

    return (ds_value){ share, hypot(g.se, hypot(share * a.se, (1 - share) * b.se)) / fabs(span),
                       NAN, NAN, 0 };
}

static void fill_row(bias_row *row, const series *s, int64_t pictures, bias_pictures of)
{
    const int own[2] = { of == BIAS_OF_BOTH ? WITH_FIRST : OPEN,
                         of == BIAS_OF_BOTH ? WITH_SECOND : OPEN };

    row->dominated = s->dominated;
    for (int n = 0; n < BIAS_NUMBERS; n++) {
        for (int k = 0; k < 2; k++) {
            const int with[2] = { WITH_FIRST + k, WITH_FIRST + k };

            row->of[k][n] = mean_of(at(s->value, pictures, k, n, own[k], 0), NULL,
                                    at(s->se, pictures, k, n, own[k], 0), NULL, pictures);
            row->drawn[k][n] = of == BIAS_OF_ALL ? gap_of(s, pictures, n, with)
                                                 : (ds_value){ NAN, NAN, NAN, NAN, 0 };
        }
        row->gap[n] = gap_of(s, pictures, n, own);
        row->share[n] = share_of(row->gap[n], row->drawn[0][n], row->drawn[1][n]);
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* One picture under both pairs, or (picture-of both) under the pair that it was drawn from. */
static ds_status measure_picture(study *s, int drawn, int64_t shot, ds_error *err)
{
    const texts *t = s->texts;
    pid_job *j = s->job;
    ds_pid_options o = DS_PID_OPTIONS_INIT;
    int first = s->of == BIAS_OF_BOTH ? drawn - WITH_FIRST : 0;
    ds_status st;

    o.quad = t->quad + first;
    o.quads = s->of == BIAS_OF_BOTH ? 1 : 2;
    picture_clear(&j->picture);
    st = picture_draw(&j->picture, j->model, j->args,
                      drawn == OPEN ? t->open : t->both[drawn - WITH_FIRST],
                      opt_seed(j->args, "seed") + (uint64_t)shot, err);
    if (st == DS_OK)
        st = pid_measure(j, &o, s->occupation, err);
    for (int64_t p = 0; st == DS_OK && p < o.quads; p++)
        for (int64_t q = 0; st == DS_OK && q < s->questions; q++)
            st = take_answer(s, drawn, shot, first + (int)p, p, q, err);
    return st;
}

/* All kinds that --picture-of asks for, from the same seeds. */
static ds_status measure_pictures(study *s, ds_error *err)
{
    ds_status st = DS_OK;

    for (int drawn = s->of == BIAS_OF_BOTH ? WITH_FIRST : OPEN;
         drawn < (s->of == BIAS_OF_OCCUPATION ? WITH_FIRST : DRAWN); drawn++)
        for (int64_t shot = 0; st == DS_OK && shot < s->pictures; shot++)
            st = measure_picture(s, drawn, shot, err);
    return st;
}

ds_status pid_bias_occupation(pid_job *j, bias_row *row, int64_t stride, const char *occupation,
                              const char *const attribute[2], const ds_pid_question *question,
                              int64_t questions, ds_error *err)
{
    int64_t pictures = opt_int(j->args, "pictures"), each = 2 * BIAS_NUMBERS * DRAWN * pictures;
    series *all = ds_calloc((size_t)questions, sizeof *all);
    double *numbers = ds_calloc((size_t)(2 * questions * each), sizeof *numbers);
    texts t = { .base = NULL };
    const bias_pictures of = (bias_pictures)opt_choice(j->args, "picture-of");
    study s = { j, &t, occupation, attribute, question, questions, pictures, all, of };
    ds_status st = DS_OK;

    if (all == NULL || numbers == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    for (int64_t q = 0; st == DS_OK && q < questions; q++)
        all[q] = (series){ numbers + 2 * q * each, numbers + (2 * q + 1) * each, true };
    if (st == DS_OK)
        st = texts_new(&t, j->args, occupation, attribute, err);
    if (st == DS_OK)
        st = measure_pictures(&s, err);
    for (int64_t q = 0; st == DS_OK && q < questions; q++) {
        row[q * stride].occupation = occupation;
        fill_row(&row[q * stride], &all[q], pictures, of);
    }
    texts_free(&t);
    ds_free(all);
    ds_free(numbers);
    return st;
}

/* ---- what is told of the rows ---------------------------------------------------------------- */

json_t *bias_numbers_json(const ds_value v[BIAS_NUMBERS])
{
    json_t *o = json_object();

    for (int n = 0; n < BIAS_NUMBERS; n++)
        json_object_set_new(o, bias_names[n], pid_value_json(v[n]));
    return o;
}

ds_status bias_correlate(ds_value r[BIAS_NUMBERS], const bias_row *row, int64_t n, bool shares,
                         const double *truth, ds_error *err)
{
    double *x = ds_calloc((size_t)n, sizeof *x);
    ds_status st = x != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a correlation");

    for (int k = 0; st == DS_OK && k < BIAS_NUMBERS; k++) {
        for (int64_t i = 0; i < n; i++)
            x[i] = shares ? row[i].share[k].value : row[i].gap[k].value;
        st = ds_stats_correlation(&r[k], DS_SPEARMAN, x, truth, NULL, n, err);
    }
    ds_free(x);
    return st;
}
