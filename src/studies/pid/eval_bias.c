/* eval_bias.c - gaps of redundancy against the genders that the world planted. See eval.h. */

#include <math.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "studies/pid/eval.h"

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status read_occupations(pid_eval_bias *o, ds_error *err)
{
    const json_t *all = json_object_get(o->world.tables, "occupations");
    const size_t n = json_array_size(all);
    json_t *row;
    size_t i;

    o->name = ds_calloc(n + 1, sizeof *o->name);
    o->p_woman = ds_calloc(n + 1, sizeof *o->p_woman);
    if (o->name == NULL || o->p_woman == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for occupations");
    json_array_foreach (all, i, row) {
        const json_t *p = json_object_get(row, "p_woman");

        o->name[i] = json_string_value(json_array_get(json_object_get(row, "names"), 0));
        if (o->name[i] == NULL || !json_is_number(p))
            return ds_fail(err, DS_E_FORMAT, "world.json: occupation %zu: expected names, p_woman",
                           i + 1);
        o->p_woman[i] = json_number_value(p);
    }
    o->count = (int64_t)n;
    return n > 2 ? DS_OK : ds_fail(err, DS_E_FORMAT, "world.json has no occupations");
}

ds_status ds__pid_eval_bias_check(pid_eval *e, ds_error *err)
{
    pid_eval_bias *o = &e->rows;
    const ds_texts *a = &e->attributes;
    ds_status st = ds__pid_scenes_open(&o->world, e->occupations, err);

    if (st == DS_OK)
        st = read_occupations(o, err);
    if (st == DS_OK && a->count != 0 && a->count != 2)
        return ds_fail(err, DS_E_ARG, "%s: expected two, found %lld",
                       ds__job_name(e->work.job, "attributes"), (long long)a->count);
    ds__pid_eval_ask(o->question, e->work.question.delta);
    o->study = (bias_study){ .work = &e->work,
                             .options = &e->bias,
                             .drawing = &e->drawing,
                             .attribute = { a->count == 2 ? a->text[0] : "woman",
                                            a->count == 2 ? a->text[1] : "man" },
                             .question = o->question,
                             .questions = PID_EVAL_QUESTIONS };
    return st == DS_OK ? ds__bias_check(&o->study, o->name, o->count, err) : st;
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* {"scene", "occupation", and for each question gaps, shares and whether the prior dominates}. */
static ds_status measure(void *user, int64_t k, json_t **line, ds_error *err)
{
    pid_eval_bias *o = user;
    bias_row row[PID_EVAL_QUESTIONS];
    ds_status st = ds__bias_occupation(&o->study, row, 1, o->name[k], err);

    if (st != DS_OK)
        return st;
    *line = json_pack("{s:I, s:s}", "scene", (json_int_t)k, "occupation", o->name[k]);
    for (int q = 0; q < PID_EVAL_QUESTIONS; q++)
        json_object_set_new(*line, ds__pid_eval_names[q],
                            json_pack("{s:o, s:o, s:b}", "gaps", ds__bias_numbers_json(row[q].gap),
                                      "shares", ds__bias_numbers_json(row[q].share),
                                      "prior_dominated", row[q].dominated));
    return DS_OK;
}

static double real_of(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* What ds__bias_numbers_json wrote. */
static void take_values(ds_value *v, const json_t *all)
{
    for (int n = 0; n < BIAS_NUMBERS; n++) {
        const json_t *one = json_object_get(all, ds__bias_names[n]);

        v[n] = (ds_value){ real_of(json_object_get(one, "value")),
                           real_of(json_object_get(one, "se")), NAN, NAN, 0 };
    }
}

/* A question's answers in all lines: rows, and the occupations' numbers in `truth`. */
static int64_t take_lines(bias_row *row, double *truth, const pid_eval_bias *o,
                          const study_lines *known, int question)
{
    int64_t n = 0;

    for (int64_t i = 0; i < o->count; i++) {
        const json_t *line = ds__lines_find(known, i), *one;

        if (line == NULL)
            continue;
        one = json_object_get(line, ds__pid_eval_names[question]);
        row[n] = (bias_row){ .occupation = o->name[i],
                             .dominated = json_is_true(json_object_get(one, "prior_dominated")) };
        take_values(row[n].gap, json_object_get(one, "gaps"));
        take_values(row[n].share, json_object_get(one, "shares"));
        truth[n++] = o->p_woman[i];
    }
    return n;
}

/* ---- the answer ------------------------------------------------------------------------------- */

/* The answers to one question. */
typedef struct answers {
    const char *question;
    bias_row *row; /* [n] */
    double *truth; /* [n] planted P(woman) */
    int64_t n;
} answers;

/* Rank correlation of gaps or shares with P(woman). */
static ds_status correlate(const pid_eval *e, json_t *to, const answers *a, bool shares,
                           ds_error *err)
{
    ds_value r[BIAS_NUMBERS];
    char text[2][DS_INTERVAL_TEXT];
    json_t *all = json_object();
    ds_status st = ds__bias_correlate(r, a->row, a->n, shares, a->truth, err);

    for (int n = 0; st == DS_OK && n < BIAS_NUMBERS; n++)
        json_object_set_new(all, ds__bias_names[n], ds__json_interval(r[n]));
    json_object_set_new(to, shares ? "share" : "gap", all);
    if (st == DS_OK)
        ds__result_say(e->work.job->result,
                       "bias, %-13s rank correlation with P(woman) of the %s R %.3f %s, sum of "
                       "pixels %.3f, information %.3f, beside the occupation %.3f %s\n",
                       a->question, shares ? "share by" : "gap in", r[BIAS_R_IMAGE].value,
                       ds__interval_text(text[0], r[BIAS_R_IMAGE]), r[BIAS_R_SUM].value,
                       r[BIAS_MI].value, r[BIAS_BESIDE].value,
                       ds__interval_text(text[1], r[BIAS_BESIDE]));
    return st;
}

static ds_status draw(const pid_eval *e, const answers *a, int question, ds_error *err)
{
    double *y = ds_calloc((size_t)(3 * a->n + 1), sizeof *y), *low = y + a->n, *high = low + a->n;
    const ds_series points = { NULL, DS_SERIES_POINTS, a->n, a->truth, y, low, high };
    ds_chart chart = DS_CHART_INIT;
    char file[64], *svg = NULL;
    ds_status st = y != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a chart");

    for (int64_t i = 0; st == DS_OK && i < a->n; i++) {
        const ds_value v = a->row[i].gap[BIAS_R_IMAGE];

        y[i] = v.value;
        low[i] = v.value - (isfinite(v.se) ? v.se : 0);
        high[i] = v.value + (isfinite(v.se) ? v.se : 0);
    }
    chart.title = a->question;
    chart.x.label = "planted P(woman)";
    chart.y.label = "gap of R, nats";
    chart.series = &points;
    chart.count = 1;
    if (st == DS_OK)
        st = ds_chart_svg(&svg, &chart, err);
    ds_free(y);
    snprintf(file, sizeof file, "bias-%d.svg", question);
    return st == DS_OK
               ? ds__pid_chart(&e->work, file, svg,
                               "One point for each occupation, with its standard error.", err)
               : st;
}

static json_t *rows_json(const answers *a)
{
    json_t *rows = json_array();

    for (int64_t i = 0; i < a->n; i++)
        json_array_append_new(rows, json_pack("{s:s, s:f, s:b, s:o, s:o}", "occupation",
                                              a->row[i].occupation, "p_woman", a->truth[i],
                                              "prior_dominated", a->row[i].dominated, "gap",
                                              ds__bias_numbers_json(a->row[i].gap), "share",
                                              ds__bias_numbers_json(a->row[i].share)));
    return rows;
}

static ds_status report(pid_eval *e, const study_lines *known, ds_error *err)
{
    const pid_eval_bias *o = &e->rows;
    answers a = { .row = ds_calloc((size_t)o->count, sizeof *a.row),
                  .truth = ds_calloc((size_t)o->count, sizeof *a.truth) };
    json_t *all = json_object();
    ds_status st = ds__result_set(e->work.job->result, "bias", all, err);

    if (st == DS_OK && (a.row == NULL || a.truth == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    for (int q = 0; st == DS_OK && q < PID_EVAL_QUESTIONS; q++) {
        json_t *one = json_object();

        a.question = ds__pid_eval_names[q];
        a.n = take_lines(a.row, a.truth, o, known, q);
        json_object_set_new(one, "occupations", rows_json(&a));
        st = correlate(e, one, &a, false, err);
        if (st == DS_OK && e->bias.picture_of == BIAS_OF_ALL)
            st = correlate(e, one, &a, true, err);
        json_object_set_new(all, a.question, one);
        if (st == DS_OK)
            st = draw(e, &a, q, err);
    }
    ds_free(a.row);
    ds_free(a.truth);
    return st;
}

ds_status ds__pid_eval_bias_run(pid_eval *e, ds_error *err)
{
    pid_eval_bias *o = &e->rows;
    study_lines known;
    ds_status st;

    if (o->count == 0)
        return DS_OK;
    st = ds__lines_open(&known, e->work.job, &e->lines, ds__pid_eval_free, "occupations.jsonl", 17,
                        err);
    if (st == DS_OK)
        st = ds__lines_fill(&known, NULL, NULL, 0, o->count, measure, o, err);
    if (st == DS_OK)
        st = report(e, &known, err);
    return ds__lines_close(&known, st, err);
}
