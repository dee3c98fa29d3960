/* pair.c - see pair.h. */

#include "base/text.h"
#include "methods/pid/pair.h"

#include <math.h>
#include <string.h>

#include <diffuscope/chart.h>

/* ---- numbers --------------------------------------------------------------------------------- */

static double total(const ds_info *info, int64_t pair, ds_info_form form)
{
    return ds_info_total(info, pair, form).value;
}

/* 2 int E (e0 - eA).(e0 - eB): do the words move the denoiser the same way? With responses that add
 * up, this is S - R. */
static double alignment(const ds_info *info, const ds_pid_pair *p)
{
    return total(info, p->i_a, DS_INFO_O) + total(info, p->i_b, DS_INFO_O) -
           total(info, p->contrast, DS_INFO_O);
}

static json_t *both_forms(const ds_info *info, int64_t pair)
{
    return json_pack("{s:o, s:o}", "o", ds__json_value(ds_info_total(info, pair, DS_INFO_O), NULL),
                     "s", ds__json_value(ds_info_total(info, pair, DS_INFO_S), NULL));
}

static json_t *informations_json(const ds_info *info, const ds_pid_pair *p)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "A", both_forms(info, p->i_a), "B",
                     both_forms(info, p->i_b), "AB", both_forms(info, p->i_ab), "B|A",
                     both_forms(info, p->chain));
}

static json_t *delta_json(double delta)
{
    return isinf(delta) ? json_string(delta > 0 ? "inf" : "-inf") : json_real(delta);
}

/* Whether a word would have to be more than certain: its information exceeds its surprisal. */
static json_t *above_one(ds_value i, double surprisal)
{
    return isnan(surprisal) ? json_null() : json_boolean(i.value > surprisal);
}

static json_t *prior_json(const pid_work *w, const char *a, const char *b, const ds_pid_question *q,
                          const ds_pid_answer *answer)
{
    const bool known = ds__job_given(w->job, "delta") || w->surprisal != NULL;
    const double ha = ds__pid_surprisal(w, a), hb = ds__pid_surprisal(w, b);

    return json_pack("{s:o, s:b, s:o, s:o, s:b, s:b, s:o, s:o}", "delta", delta_json(q->delta),
                     "delta_known", known, "h_A", ds__json_real(ha), "h_B", ds__json_real(hb),
                     "prior_dominated", answer->dominated, "prior_dominated_image",
                     answer->image_dominated, "probability_above_1_A", above_one(answer->i_a, ha),
                     "probability_above_1_B", above_one(answer->i_b, hb));
}

static json_t *both_atoms(const ds_pid_answer *answer)
{
    return json_pack("{s:o, s:o}", "image", ds__pid_atoms_json(answer->image), "sum_of_pixels",
                     ds__pid_atoms_json(answer->sum));
}

static json_t *residual_json(const ds_info *info, const ds_pid_pair *p)
{
    return json_pack("{s:o, s:o}", "o", ds__json_real(ds__pid_chain_residual(info, p, DS_INFO_O)),
                     "s", ds__json_real(ds__pid_chain_residual(info, p, DS_INFO_S)));
}

/* How far the answer is decided, and how far a Delta reaches. */
static bool put_margins(json_t *to, const ds_pid_answer *answer)
{
    return json_object_set_new(to, "undecided_share", json_real(answer->undecided)) == 0 &&
           json_object_set_new(to, "following_B_share", json_real(answer->following_b)) == 0 &&
           json_object_set_new(to, "reach_A", ds__json_real(answer->reach_a)) == 0 &&
           json_object_set_new(to, "reach_B", ds__json_real(answer->reach_b)) == 0 &&
           json_object_set_new(to, "selection_bias_bound", ds__json_real(answer->bias)) == 0;
}

ds_status ds__pid_pair_json(json_t **out, const pid_work *w, const char *const *words, int64_t pair,
                            const ds_pid_question *q, const ds_pid_answer *answer, ds_error *err)
{
    const ds_info *info = ds_pid_info(w->pid);
    const ds_pid_pair p = ds_pid_pair_at(w->pid, pair);
    const char *a = words[p.word_a], *b = words[p.word_b];
    json_t *texts =
        json_pack("{s:s, s:s, s:s, s:s}", "base", p.base, "A", p.a, "B", p.b, "AB", p.ab);

    *out = json_pack("{s:[s,s], s:o, s:o, s:o, s:o, s:o}", "words", a, b, "texts", texts,
                     "informations", informations_json(info, &p), "prior",
                     prior_json(w, a, b, q, answer), "atoms", both_atoms(answer), "chain_residual",
                     residual_json(info, &p));
    if (*out != NULL && put_margins(*out, answer) &&
        json_object_set_new(*out, "alignment", ds__json_real(alignment(info, &p))) == 0)
        return DS_OK;
    json_decref(*out);
    *out = NULL;
    return ds_fail(err, DS_E_NOMEM, "no memory for the numbers of \"%.40s\" and \"%.40s\"", a, b);
}

/* Every redundancy that the measurement allows costs nothing. */
static ds_status keep_others(const pid_work *w, int64_t pair, ds_error *err)
{
    static const struct {
        const char *name;
        ds_redundancy kind;
        double delta;
    } rows[] = { { "pm, delta 0", DS_REDUNDANCY_PM, 0 },
                 { "pm, delta inf", DS_REDUNDANCY_PM, INFINITY },
                 { "pm, delta -inf", DS_REDUNDANCY_PM, -INFINITY },
                 { "mmi-pixel", DS_REDUNDANCY_MMI_PIXEL, 0 },
                 { "mmi-image", DS_REDUNDANCY_MMI_IMAGE, 0 } };
    json_t *all = json_object();
    ds_status st = ds__result_set(w->job->result, "redundancies", all, err);

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(rows); i++) {
        ds_pid_question q = w->question;
        ds_pid_answer a;

        q.redundancy = rows[i].kind;
        q.delta = rows[i].delta;
        st = ds_pid_solve(w->pid, &a, NULL, NULL, pair, &q, err);
        if (st == DS_OK && json_object_set_new(all, rows[i].name, both_atoms(&a)) != 0)
            st = ds_fail(err, DS_E_NOMEM, "no memory for other redundancies");
    }
    return st;
}

/* ---- the curve over Delta --------------------------------------------------------------------- */

#define SWEEP 33 /* values of Delta */

/* Redundancies with their bands of one standard error. */
typedef struct line {
    double value[SWEEP], low[SWEEP], high[SWEEP];
} line;

typedef struct sweep {
    double delta[SWEEP];
    line image, sum;
} sweep;

static void put_point(line *l, int i, ds_value v)
{
    const double se = fmax(0, v.se); /* 0 where it is not known */

    l->value[i] = v.value;
    l->low[i] = v.value - se;
    l->high[i] = v.value + se;
}

static json_t *point_json(double delta, const ds_pid_answer *a)
{
    return json_pack("{s:f, s:o, s:o, s:b}", "delta", delta, "R_image",
                     ds__pid_value_json(a->image[DS_PID_R]), "R_sum_of_pixels",
                     ds__pid_value_json(a->sum[DS_PID_R]), "prior_dominated", a->dominated);
}

/* From where the second word is followed everywhere to where the first is: beyond, nothing
 * changes. */
static ds_status fill_sweep(sweep *s, json_t *rows, const pid_work *w, int64_t pair,
                            const ds_pid_answer *answer, ds_error *err)
{
    double low = -fmax(answer->i_a.value - answer->i_b.value, answer->reach_a);
    double high = fmax(answer->i_b.value - answer->i_a.value, answer->reach_b);
    ds_status st = DS_OK;

    low = 1.1 * fmin(low, -1e-3);
    high = 1.1 * fmax(high, 1e-3);
    for (int i = 0; st == DS_OK && i < SWEEP; i++) {
        ds_pid_question q = w->question;
        ds_pid_answer a;

        q.redundancy = DS_REDUNDANCY_PM;
        q.plain = true; /* so that the curve falls as its formula does */
        q.delta = s->delta[i] = low + (high - low) * i / (SWEEP - 1);
        st = ds_pid_solve(w->pid, &a, NULL, NULL, pair, &q, err);
        if (st != DS_OK)
            break;
        put_point(&s->image, i, a.image[DS_PID_R]);
        put_point(&s->sum, i, a.sum[DS_PID_R]);
        if (json_array_append_new(rows, point_json(q.delta, &a)) != 0)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a curve");
    }
    return st;
}

static ds_status draw_sweep(char **svg, const sweep *s, const pid_work *w,
                            const ds_pid_answer *answer, ds_error *err)
{
    const ds_series series[2] = {
        { "of the picture's totals", DS_SERIES_CURVE, SWEEP, s->delta, s->image.value, s->image.low,
          s->image.high },
        { "sum over pixels", DS_SERIES_CURVE, SWEEP, s->delta, s->sum.value, s->sum.low,
          s->sum.high },
    };
    const bool asked = isfinite(w->question.delta);
    const ds_chart_line lines[3] = {
        { "i(A)", answer->i_a.value, false },
        { "i(B)", answer->i_b.value, false },
        { "Δ", asked ? w->question.delta : 0, true },
    };
    ds_chart chart = DS_CHART_INIT;

    chart.title = "Redundancy by the paper's definition";
    chart.x.label = "Δ = h(B) - h(A), nats";
    chart.y.label = "R, nats";
    chart.series = series;
    chart.count = 2;
    chart.lines = lines;
    chart.line_count = asked ? 3 : 2;
    return ds_chart_svg(svg, &chart, err);
}

static ds_status keep_sweep(const pid_work *w, const char *a, const char *b, int64_t pair,
                            const ds_pid_answer *answer, ds_error *err)
{
    sweep s = { .delta = { 0 } };
    json_t *rows = json_array();
    char caption[320], *svg = NULL;
    ds_status st = ds__result_set(w->job->result, "sweep", rows, err);

    if (st == DS_OK)
        st = fill_sweep(&s, rows, w, pair, answer, err);
    if (st == DS_OK)
        st = draw_sweep(&svg, &s, w, answer, err);
    snprintf(caption, sizeof caption,
             "A is %.60s, B is %.60s. Only the difference of the words' surprisals matters; beyond "
             "the ends of the curve the more probable word is followed everywhere.",
             a, b);
    ds__mend_letters(caption);
    return st == DS_OK ? ds__pid_chart(w, "sweep.svg", svg, caption, err) : st;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void say_table(const pid_work *w, const char *a, const char *b, const ds_pid_answer *answer)
{
    const ds_value i[3] = { answer->i_a, answer->i_b, answer->i_ab };
    const char *names[3] = { a, b, "both" };
    const ds_info_status s = ds_info_describe(ds_pid_info(w->pid));
    ds_result *r = w->job->result;

    ds__result_say(r, "information (%c), nats\n", w->question.form == DS_INFO_O ? 'o' : 's');
    for (int k = 0; k < 3; k++)
        ds__result_say(r, "  %-16s %s\n", names[k], ds__pid_number(i[k]).text);
    ds__result_say(r, "atoms (%s), nats   of the picture's totals   sum over pixels\n",
                   ds_redundancy_name(w->question.redundancy));
    for (int k = 0; k < DS_PID_ATOMS; k++)
        ds__result_say(r, "  %-16s %-25s %s\n", ds_pid_atom_name(k),
                       ds__pid_number(answer->image[k]).text, ds__pid_number(answer->sum[k]).text);
    if (w->question.redundancy == DS_REDUNDANCY_PM)
        ds__result_say(r, "Delta %g nats (%s)%s\n", w->question.delta,
                       w->swept ? "not known" : "given",
                       answer->dominated ? ": prior dominated" : "");
    ds__result_say(r, "%.0f %% of the pixels are undecided; %lld calls of the network\n",
                   100 * answer->undecided, (long long)s.calls);
}

static ds_status keep_numbers(const pid_work *w, const char *const *words, int64_t pair,
                              const ds_pid_answer *answer, ds_error *err)
{
    json_t *json;
    ds_status st = ds__pid_pair_json(&json, w, words, pair, &w->question, answer, err);

    if (st != DS_OK)
        return st;
    json_object_update(ds__result_root(w->job->result), json);
    json_decref(json);
    if (w->question.redundancy != DS_REDUNDANCY_PM || !answer->dominated)
        return DS_OK;
    return ds__job_warn(w->job,
                        "prior dominated: |Delta| exceeds every pixel's difference of "
                        "informations, so that R is the more probable word's information "
                        "everywhere",
                        err);
}

static ds_status keep(pid_work *w, pid_maps *m, const char *const *words, int64_t pair, bool say,
                      ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(w->pid, pair);
    const char *a = words[p.word_a], *b = words[p.word_b];
    ds_pid_answer answer;
    ds_status st = ds__pid_delta(w, &w->question.delta, a, b, err);

    if (st == DS_OK)
        st = ds_pid_solve(w->pid, &answer, m->atoms, m->se, pair, &w->question, err);
    if (st == DS_OK)
        st = keep_numbers(w, words, pair, &answer, err);
    if (st == DS_OK)
        st = ds__pid_keep_maps(w, m, pair, err);
    if (st == DS_OK)
        st = ds__pid_draw_pair(w, m, a, b, &answer, pair, err);
    if (st == DS_OK)
        st = keep_others(w, pair, err);
    if (st == DS_OK)
        st = keep_sweep(w, a, b, pair, &answer, err);
    if (st == DS_OK && say)
        say_table(w, a, b, &answer);
    return st;
}

ds_status ds__pid_pair_keep(pid_work *w, const char *const *words, int64_t pair, bool say,
                            ds_error *err)
{
    pid_maps m;
    ds_status st = ds__pid_maps_new(&m, ds_pid_info(w->pid), err);

    if (st == DS_OK)
        st = keep(w, &m, words, pair, say, err);
    ds__pid_maps_free(&m);
    return st;
}
