/* pid.c - partial information decomposition of a picture: texts to the estimator, its statistics to
 * atoms. The formulas are in atoms.c, the texts in texts.c. */

#include "methods/pid/pid.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

#include "methods/info/info.h"

struct ds_pid {
    ds_pid_texts texts;
    ds_info *info;
    ds_pid_question goal;
    double floor;
};

/* ---- from statistics to replicates of the three maps ----------------------------------------- */

/* One block of doubles, cut into what solving needs. */
typedef struct workspace {
    double *block;
    double *map[3];              /* [replicates, pixels]: i_a, i_b, i_ab */
    double *mean[DS_PID_ATOMS];  /* [pixels] */
    double *error[DS_PID_ATOMS]; /* [pixels] */
    double *total[3];            /* [replicates] */
    double *scratch;             /* [2, atoms, replicates] */
    int64_t replicates, pixels;
} workspace;

static ds_status workspace_new(workspace *w, int64_t replicates, int64_t pixels, ds_error *err)
{
    int64_t each = replicates * pixels;
    double *p;

    *w = (workspace){ .replicates = replicates, .pixels = pixels };
    w->block = ds_calloc((size_t)(3 * each + 2 * DS_PID_ATOMS * pixels + 3 * replicates +
                                  2 * DS_PID_ATOMS * replicates),
                         sizeof *w->block);
    if (w->block == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the maps of %lld replicates",
                       (long long)replicates);
    p = w->block;
    for (int i = 0; i < 3; i++, p += each)
        w->map[i] = p;
    for (int k = 0; k < DS_PID_ATOMS; k++, p += 2 * pixels) {
        w->mean[k] = p;
        w->error[k] = p + pixels;
    }
    for (int i = 0; i < 3; i++, p += replicates)
        w->total[i] = p;
    w->scratch = p;
    return DS_OK;
}

static void read_maps(workspace *w, const ds_estimator *e, const ds_pid_pair *pair,
                      ds_info_form form)
{
    const int64_t of[3] = { pair->i_a, pair->i_b, pair->i_ab };

    for (int i = 0; i < 3; i++)
        for (int64_t r = 0; r < w->replicates; r++)
            ds__estimate_map(e, w->map[i] + r * w->pixels, of[i], form, r, 1);
}

/* ---- specific information -------------------------------------------------------------------- */

/* Replicates of the expectation over `count` alternatives, whose probabilities given the picture
 * come from the totals of all replicates: given them, it is linear in the maps. */
static ds_status specific_maps(double *out, const workspace *w, const ds_estimator *e,
                               const int64_t *pair, const double *prior, int64_t count,
                               ds_info_form form, ds_error *err)
{
    double *total = ds_calloc((size_t)(count * (1 + w->pixels)), sizeof *total);
    double *maps = total + count;

    if (total == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the maps of %lld words", (long long)count);
    for (int64_t i = 0; i < count; i++)
        total[i] = ds__estimate_total(e, pair[i], DS_INFO_S, 0, 0);
    for (int64_t r = 0; r < w->replicates; r++) {
        for (int64_t i = 0; i < count; i++)
            ds__estimate_map(e, maps + i * w->pixels, pair[i], form, r, 1);
        ds__pid_specific(out + r * w->pixels, prior, total, maps, count, w->pixels);
    }
    ds_free(total);
    return DS_OK;
}

static ds_status read_specific(workspace *w, const ds_estimator *e, const ds_pid_words *v,
                               ds_info_form form, ds_error *err)
{
    int64_t both;
    double *prior;
    ds_status st = DS_OK;

    if (v == NULL || v->count[0] == 0)
        return ds_fail(err, DS_E_ARG,
                       "imin is an expectation over words: it needs a vocabulary for each");
    both = v->count[0] * v->count[1];
    prior = ds_calloc((size_t)both, sizeof *prior);
    if (prior == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld pairs of words", (long long)both);
    for (int64_t i = 0; i < both; i++)
        prior[i] = v->prior[0][i / v->count[1]] * v->prior[1][i % v->count[1]];
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = specific_maps(w->map[k], w, e, v->single[k], v->prior[k], v->count[k], form, err);
    if (st == DS_OK)
        st = specific_maps(w->map[2], w, e, v->joint, prior, both, form, err);
    ds_free(prior);
    return st;
}

/* ---- answers --------------------------------------------------------------------------------- */

static ds_value value_of(const double *x, int64_t n)
{
    ds_value v = ds__replicate_value(x, n);

    return (ds_value){ v.value, v.se, NAN, NAN, 0 };
}

static void sum_maps(workspace *w)
{
    for (int i = 0; i < 3; i++)
        for (int64_t r = 0; r < w->replicates; r++) {
            double sum = 0.0;

            for (int64_t j = 0; j < w->pixels; j++)
                sum += w->map[i][r * w->pixels + j];
            w->total[i][r] = sum;
        }
}

static double mean_at(const workspace *w, int map, int64_t j)
{
    double sum = 0.0;

    for (int64_t r = 0; r < w->replicates; r++)
        sum += w->map[map][r * w->pixels + j];
    return sum / (double)w->replicates;
}

/* Standard error of i_a - i_b at a pixel. */
static double gap_error(const workspace *w, int64_t j, double gap)
{
    double square = 0.0, n = (double)w->replicates;

    for (int64_t r = 0; r < w->replicates; r++) {
        double d = w->map[0][r * w->pixels + j] - w->map[1][r * w->pixels + j] - gap;

        square += d * d;
    }
    return w->replicates > 1 ? sqrt(square / (n * (n - 1))) : 0.0;
}

static void examine_gaps(ds_pid_answer *out, const workspace *w, const ds_pid_question *q)
{
    out->reach_a = out->reach_b = -INFINITY;
    out->bias = 0.0;
    for (int64_t j = 0; j < w->pixels; j++) {
        double gap = mean_at(w, 0, j) - mean_at(w, 1, j);
        double margin = q->redundancy == DS_REDUNDANCY_PM ? gap + q->delta : gap;

        out->reach_a = fmax(out->reach_a, gap);
        out->reach_b = fmax(out->reach_b, -gap);
        if (isfinite(margin))
            out->bias += ds__pid_bias(margin, gap_error(w, j, gap));
    }
    if (q->redundancy == DS_REDUNDANCY_MMI_IMAGE)
        out->bias = 0.0;
}

static void solve_image(ds_pid_answer *out, workspace *w, const ds_pid_question *q)
{
    const ds_pid_sample s = { w->total[0], w->total[1], w->total[2], w->replicates, 1 };
    double mean[DS_PID_ATOMS], error[DS_PID_ATOMS];
    ds_pid_estimate at;

    for (int k = 0; k < DS_PID_ATOMS; k++)
        at.atom[k] = (ds_pid_field){ &mean[k], &error[k] };
    ds__pid_estimate(&at, q->redundancy, q->delta, q->plain, &s, w->scratch);
    for (int k = 0; k < DS_PID_ATOMS; k++)
        out->image[k] = (ds_value){ mean[k], error[k], NAN, NAN, 0 };
    out->i_a = value_of(w->total[0], w->replicates);
    out->i_b = value_of(w->total[1], w->replicates);
    out->i_ab = value_of(w->total[2], w->replicates);
    out->image_dominated = q->redundancy == DS_REDUNDANCY_PM && q->delta != 0 &&
                           (at.following_b == 0) == (q->delta > 0);
}

static void solve_pixels(ds_pid_answer *out, float *maps, float *se, workspace *w,
                         const ds_pid_question *q)
{
    const ds_pid_sample s = { w->map[0], w->map[1], w->map[2], w->replicates, w->pixels };
    ds_pid_estimate at;

    for (int k = 0; k < DS_PID_ATOMS; k++)
        at.atom[k] = (ds_pid_field){ w->mean[k], w->error[k] };
    ds__pid_estimate(&at, q->redundancy, q->delta, q->plain, &s, w->scratch);
    for (int k = 0; k < DS_PID_ATOMS; k++)
        out->sum[k] = at.sum[k];
    out->undecided = (double)at.undecided / (double)w->pixels;
    out->following_b = (double)at.following_b / (double)w->pixels;
    out->dominated = q->redundancy == DS_REDUNDANCY_PM && q->delta != 0 &&
                     at.following_b == (q->delta > 0 ? 0 : w->pixels);
    for (int k = 0; k < DS_PID_ATOMS; k++)
        for (int64_t j = 0; j < w->pixels; j++) {
            if (maps != NULL)
                maps[k * w->pixels + j] = (float)w->mean[k][j];
            if (se != NULL)
                se[k * w->pixels + j] = (float)w->error[k][j];
        }
}

ds_status ds__pid_solve(const ds_estimator *e, ds_pid_answer *out, float *maps, float *se,
                        const ds_pid_pair *pair, const ds_pid_words *words,
                        const ds_pid_question *q, ds_error *err)
{
    const ds_estimate_state state = ds__estimate_state(e);
    workspace w;
    ds_status st;

    *out = (ds_pid_answer){ .undecided = 0 };
    if (isnan(q->delta))
        return ds_fail(err, DS_E_ARG, "Delta is not a number");
    if (state.replicates < 1)
        return ds_fail(err, DS_E_ARG, "nothing has been drawn yet: run the estimate first");
    st = workspace_new(&w, state.replicates, state.height * state.width, err);
    if (st == DS_OK && q->redundancy == DS_REDUNDANCY_IMIN)
        st = read_specific(&w, e, words, q->form, err);
    else if (st == DS_OK)
        read_maps(&w, e, pair, q->form);
    if (st == DS_OK) {
        sum_maps(&w);
        solve_image(out, &w, q);
        solve_pixels(out, maps, se, &w, q);
        examine_gaps(out, &w, q);
    }
    ds_free(w.block);
    return st;
}

/* ---- the public object ----------------------------------------------------------------------- */

static ds_status make_texts(ds_pid *p, ds_model *m, const ds_pid_options *o, ds_error *err)
{
    ds_text *text = NULL;
    ds_status st = ds__text_open(&text, m, err);

    if (st == DS_OK)
        st = ds__pid_texts(&p->texts, ds__text_tokenizer(text), o, err);
    ds__text_close(text);
    return st;
}

/* Every atom of every pair of words is known to `share` of the pair's whole information. Memory
 * that is short ends the run: what is there can be read. */
static bool enough(void *user, const ds_estimator *e, double share)
{
    const ds_pid *p = user;

    for (int64_t i = 0; i < p->texts.units; i++) {
        ds_pid_answer a;

        if (ds__pid_solve(e, &a, NULL, NULL, &p->texts.unit[i], &p->texts.vocabulary, &p->goal,
                          NULL) != DS_OK)
            return true;
        for (int k = 0; k < DS_PID_ATOMS; k++)
            if (!(a.image[k].se <= share * fmax(fabs(a.i_ab.value), p->floor)))
                return false;
    }
    return true;
}

static ds_status take_question(ds_pid_question *q, const ds_pid_question *given, ds_error *err)
{
    const ds_pid_question defaults = DS_PID_QUESTION_INIT;

    return ds__options_take(q, sizeof *q, &defaults, given, "pid question", "DS_PID_QUESTION_INIT",
                            err);
}

/* The options of pid and of the information in them, whichever version the caller has. */
static ds_status take_options(ds_pid_options *o, ds_info_options *i, const ds_pid_options *given,
                              ds_error *err)
{
    const ds_pid_options defaults = DS_PID_OPTIONS_INIT;
    const ds_info_options standard = DS_INFO_OPTIONS_INIT;
    ds_status st =
        ds__options_take(o, sizeof *o, &defaults, given, "pid options", "DS_PID_OPTIONS_INIT", err);

    if (st == DS_OK && o->info == NULL)
        st = ds_fail(err, DS_E_ARG, "pid options: info is missing");
    return st == DS_OK ? ds__options_take(i, sizeof *i, &standard, o->info, "info options",
                                          "DS_INFO_OPTIONS_INIT", err)
                       : st;
}

ds_status ds_pid_new(ds_pid **out, ds_model *m, const ds_pid_options *given, ds_error *err)
{
    ds_pid *p;
    ds_pid_options taken;
    const ds_pid_options *o = &taken;
    ds_info_options i;
    ds_status st = take_options(&taken, &i, given, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    p = ds_calloc(1, sizeof *p);
    if (p == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a decomposition");
    st = make_texts(p, m, o, err);
    if (st == DS_OK) {
        i.prompt = p->texts.text;
        i.prompts = p->texts.texts;
        i.pair = p->texts.pair;
        i.pairs = p->texts.pairs;
        st = ds_info_new(&p->info, m, &i, err);
    }
    if (st == DS_OK && o->goal != NULL)
        st = take_question(&p->goal, o->goal, err);
    if (st == DS_OK && o->goal != NULL) {
        p->floor = i.floor;
        ds__info_set_goal(p->info, enough, p);
    }
    if (st != DS_OK) {
        ds_pid_free(p);
        return st;
    }
    *out = p;
    return DS_OK;
}

void ds_pid_free(ds_pid *p)
{
    if (p == NULL)
        return;
    ds_info_free(p->info);
    ds__pid_texts_free(&p->texts);
    ds_free(p);
}

ds_info *ds_pid_info(const ds_pid *p)
{
    return p->info;
}

int64_t ds_pid_pairs(const ds_pid *p)
{
    return p->texts.units;
}

ds_pid_pair ds_pid_pair_at(const ds_pid *p, int64_t i)
{
    return p->texts.unit[i];
}

const char *ds_pid_warning(const ds_pid *p, int i)
{
    if (p->texts.warning != NULL && i-- == 0)
        return p->texts.warning;
    return ds_info_warning(p->info, i);
}

static ds_status check_pair(const ds_pid *p, int64_t pair, ds_error *err)
{
    if (pair >= 0 && pair < p->texts.units)
        return DS_OK;
    return ds_fail(err, DS_E_ARG, "pair %lld of %lld", (long long)pair, (long long)p->texts.units);
}

ds_status ds_pid_solve(const ds_pid *p, ds_pid_answer *out, float *maps, float *se, int64_t pair,
                       const ds_pid_question *q, ds_error *err)
{
    ds_pid_question taken;
    ds_status st = check_pair(p, pair, err);

    if (st == DS_OK)
        st = take_question(&taken, q, err);
    if (st != DS_OK)
        return st;
    return ds__pid_solve(ds__info_estimate(p->info), out, maps, se, &p->texts.unit[pair],
                         &p->texts.vocabulary, &taken, err);
}

ds_status ds_pid_replicates(const ds_pid *p, float *maps, int64_t pair, ds_info_form form,
                            ds_error *err)
{
    const ds_estimator *e = ds__info_estimate(p->info);
    const ds_estimate_state state = ds__estimate_state(e);
    int64_t pixels = state.height * state.width;
    ds_status st = check_pair(p, pair, err);
    double *map;

    if (st != DS_OK)
        return st;
    map = ds_calloc((size_t)pixels, sizeof *map);
    if (map == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a map");
    for (int64_t r = 0; r < state.replicates; r++)
        for (int i = 0; i < 3; i++) {
            const ds_pid_pair *u = &p->texts.unit[pair];
            const int64_t of[3] = { u->i_a, u->i_b, u->i_ab };

            ds__estimate_map(e, map, of[i], form, r, 1);
            for (int64_t j = 0; j < pixels; j++)
                *maps++ = (float)map[j];
        }
    ds_free(map);
    return DS_OK;
}
