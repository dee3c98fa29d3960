/* eval.c - the sets of scenes of `eval pid`. See eval.h. */

#include "studies/pid/eval.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

const char *const ds__pid_eval_free[] = { "scenes", NULL };

const char *const ds__pid_eval_names[PID_EVAL_QUESTIONS] = { "pm, o",        "pm, s",
                                                             "mmi-pixel, o", "mmi-pixel, s",
                                                             "mmi-image, o", "mmi-image, s" };

void ds__pid_eval_ask(ds_pid_question q[PID_EVAL_QUESTIONS], double delta)
{
    static const ds_redundancy kinds[] = { DS_REDUNDANCY_PM, DS_REDUNDANCY_MMI_PIXEL,
                                           DS_REDUNDANCY_MMI_IMAGE };

    for (int i = 0; i < PID_EVAL_QUESTIONS; i++) {
        q[i] = (ds_pid_question)DS_PID_QUESTION_INIT;
        q[i].redundancy = kinds[i / 2];
        q[i].form = i % 2 == 0 ? DS_INFO_O : DS_INFO_S;
        q[i].delta = delta;
    }
}

/* ---- kinds of scenes -------------------------------------------------------------------------- */

typedef ds_status sum_fn(pid_eval *e, const json_t *lines, int question, json_t *into,
                         ds_error *err);
static sum_fn sum_homonyms, sum_synonyms;

static const struct {
    const char *name, *file;
    pid_find_fn *find;
    const char *lacks;
    int atom; /* that is kept of each pair */
    sum_fn *sum;
} kinds[PID_EVAL_SETS] = {
    { "homonyms", "homonyms.jsonl", ds__pid_find_homonym,
      "no scene has a homonym that another word settles; export --select homonym", DS_PID_S,
      sum_homonyms },
    { "synonyms", "synonyms.jsonl", ds__pid_find_synonym, "no scene has an object with two names",
      DS_PID_R, sum_synonyms },
};

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status check_picture(const pid_eval_set *s, int64_t scene, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds__pid_scene_path(path, sizeof path, &s->world, scene, err);

    if (st == DS_OK && access(path, R_OK) != 0)
        st = ds_fail(err, DS_E_IO, "%s: %s; expected the picture of scene %lld", path,
                     strerror(errno), (long long)scene);
    return st;
}

ds_status ds__pid_set_check(pid_eval *e, int kind, const char *folder, ds_error *err)
{
    pid_eval_set *s = &e->set[kind];
    int64_t n;
    ds_status st = ds__pid_scenes_open(&s->world, folder, err);

    if (st != DS_OK)
        return st;
    s->eval = e;
    s->kind = kind;
    n = (int64_t)json_array_size(s->world.scenes);
    s->trial = ds_calloc((size_t)n, sizeof *s->trial);
    s->scene = ds_calloc((size_t)n, sizeof *s->scene);
    if (s->trial == NULL || s->scene == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld scenes", (long long)n);
    for (int64_t i = 0; st == DS_OK && i < n && s->count < e->scenes; i++)
        if (kinds[kind].find(&s->trial[s->count], &s->world, i)) {
            st = check_picture(s, i, err);
            s->scene[s->count++] = i;
        }
    return st == DS_OK && s->count == 0
               ? ds_fail(err, DS_E_NOMATCH, "%s: %s", folder, kinds[kind].lacks)
               : st;
}

/* ---- one scene -------------------------------------------------------------------------------- */

static ds_status decompose(pid_eval_set *s, const pid_trial *t, ds_error *err)
{
    pid_work *w = &s->eval->work;
    ds_pid_options o = DS_PID_OPTIONS_INIT;
    char path[PATH_SIZE];
    ds_status st = ds__pid_scene_path(path, sizeof path, &s->world, t->scene, err);

    ds__picture_clear(&w->picture);
    if (st == DS_OK)
        st = ds__picture_load(&w->picture, &s->eval->drawing, path, err);
    o.given = DS_PID_GIVEN_NOTHING; /* the caption lacks some of the words */
    o.joint = (ds_pid_joint)s->eval->joint;
    o.removal = (ds_removal)s->eval->removal;
    o.word = t->word;
    o.words = t->words;
    o.first_only = true;
    w->est.stage = t->word[0];
    return st == DS_OK ? ds__pid_measure(w, &o, err) : st;
}

/* One question: [{"value", "se"}] of the atom in each pair; of R also its share of the first word's
 * information. */
static ds_status answer(const pid_eval_set *s, const pid_trial *t, const ds_pid_question *q,
                        json_t *values, ds_error *err)
{
    const int atom = kinds[s->kind].atom;
    ds_status st = DS_OK;

    for (int p = 0; st == DS_OK && p < t->words - 1; p++) {
        ds_pid_answer a;
        json_t *value;

        st = ds_pid_solve(s->eval->work.pid, &a, NULL, NULL, p, q, err);
        if (st != DS_OK)
            break;
        value = ds__pid_value_json(a.image[atom]);
        if (atom == DS_PID_R)
            json_object_set_new(value, "share", ds__json_real(a.image[atom].value / a.i_a.value));
        json_array_append_new(values, value);
    }
    return st;
}

/* {"scene", "caption", the words, and for each question its values}. */
static json_t *line_of(const pid_eval_set *s, const pid_trial *t)
{
    const char *caption = ds__pid_scene_caption(&s->world, t->scene);
    const char *const *w = t->word;

    if (kinds[s->kind].find == ds__pid_find_homonym)
        return json_pack("{s:I, s:s, s:s, s:[s,s,s]}", "scene", (json_int_t)t->scene, "caption",
                         caption, "homonym", w[0], "words", w[1], w[2], w[3]);
    return json_pack("{s:I, s:s, s:[s,s]}", "scene", (json_int_t)t->scene, "caption", caption,
                     "names", w[0], w[1]);
}

static ds_status measure(void *user, int64_t k, json_t **out, ds_error *err)
{
    pid_eval_set *s = user;
    const pid_trial *t = &s->trial[k];
    ds_pid_question q[PID_EVAL_QUESTIONS];
    json_t *line = line_of(s, t);
    ds_status st = decompose(s, t, err);

    ds__pid_eval_ask(q, s->eval->work.question.delta);
    for (int i = 0; st == DS_OK && i < PID_EVAL_QUESTIONS; i++) {
        json_t *values = json_array();

        st = answer(s, t, &q[i], values, err);
        json_object_set_new(line, ds__pid_eval_names[i], values);
    }
    if (st != DS_OK)
        json_decref(line);
    *out = st == DS_OK ? line : NULL;
    return st;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static double real_at(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* A field of the values of pairs [first, first + pairs) in all lines: [lines, pairs], to be freed. */
static double *gather(const json_t *lines, int question, const char *field, int first, int pairs,
                      ds_error *err)
{
    double *x = ds_calloc(json_array_size(lines) * (size_t)pairs + 1, sizeof *x);
    json_t *line;
    size_t i;

    if (x == NULL)
        ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    json_array_foreach (lines, i, line)
        for (int p = 0; x != NULL && p < pairs; p++)
            x[i * (size_t)pairs + (size_t)p] =
                real_at(json_array_get(json_object_get(line, ds__pid_eval_names[question]),
                                       (size_t)(first + p)),
                        field);
    return x;
}

/* In how many scenes is S with the settling word above that with a rival, and by how much? */
static ds_status sum_homonyms(pid_eval *e, const json_t *lines, int question, json_t *into,
                              ds_error *err)
{
    static const char *const rival[] = { "article", "unrelated" };
    static const char *const shown[] = { "article", "unrelated word" };
    const int64_t n = (int64_t)json_array_size(lines);
    double *settling = gather(lines, question, "value", 0, 1, err);
    ds_status st = settling != NULL ? DS_OK : DS_E_NOMEM;

    for (int r = 0; st == DS_OK && r < 2; r++) {
        double *other = gather(lines, question, "value", 1 + r, 1, err);
        int64_t hits = 0;
        ds_value share, gap;

        for (int64_t i = 0; other != NULL && i < n; i++)
            hits += settling[i] > other[i];
        share = ds_stats_share(hits, n);
        st = other != NULL ? ds_stats_difference(&gap, settling, other, NULL, n, err) : DS_E_NOMEM;
        ds_free(other);
        if (st != DS_OK)
            break;
        json_object_set_new(into, rival[r],
                            json_pack("{s:o, s:o}", "share_above", ds__json_interval(share),
                                      "mean_difference", ds__json_interval(gap)));
        ds__result_say(e->work.job->result,
                       "homonyms, %-13s S with the settling word above S with the %s in %.1f %% "
                       "[%.1f, %.1f] of %lld; difference %.3g [%.3g, %.3g] nats\n",
                       ds__pid_eval_names[question], shown[r], 100 * share.value, 100 * share.low,
                       100 * share.high, (long long)n, gap.value, gap.low, gap.high);
    }
    ds_free(settling);
    return st;
}

static ds_status auc_of(ds_value *out, const json_t *lines, int question, const char *field,
                        ds_error *err)
{
    const int others = PID_SCENE_WORDS - 2;
    const int64_t n = (int64_t)json_array_size(lines);
    double *same = gather(lines, question, field, 0, 1, err);
    double *other = gather(lines, question, field, 1, others, err);
    ds_status st = same != NULL && other != NULL
                       ? ds_stats_auc(out, same, n, other, n * others, err)
                       : DS_E_NOMEM;

    ds_free(same);
    ds_free(other);
    return st;
}

/* How well does R tell a synonym from names of other things? */
static ds_status sum_synonyms(pid_eval *e, const json_t *lines, int question, json_t *into,
                              ds_error *err)
{
    ds_value auc, share;
    ds_status st = auc_of(&auc, lines, question, "value", err);

    if (st == DS_OK)
        st = auc_of(&share, lines, question, "share", err);
    if (st != DS_OK)
        return st;
    json_object_set_new(into, "auc", ds__json_interval(auc));
    json_object_set_new(into, "auc_of_share", ds__json_interval(share));
    ds__result_say(e->work.job->result,
                   "synonyms, %-13s AUC of R %.3f [%.3f, %.3f], of R over the name's information "
                   "%.3f [%.3f, %.3f]; %lld scenes\n",
                   ds__pid_eval_names[question], auc.value, auc.low, auc.high, share.value,
                   share.low, share.high, (long long)json_array_size(lines));
    return DS_OK;
}

static ds_status sum_up(pid_eval_set *s, const study_lines *known, ds_error *err)
{
    json_t *lines = json_array(), *all;
    ds_status st = DS_OK;

    for (int64_t k = 0; k < s->count; k++)
        if (ds__lines_find(known, s->scene[k]) != NULL)
            json_array_append(lines, ds__lines_find(known, s->scene[k]));
    all = json_pack("{s:I, s:O}", "scenes", (json_int_t)json_array_size(lines), "lines", lines);
    for (int q = 0; st == DS_OK && q < PID_EVAL_QUESTIONS; q++) {
        json_t *one = json_object();

        st = kinds[s->kind].sum(s->eval, lines, q, one, err);
        json_object_set_new(all, ds__pid_eval_names[q], one);
    }
    json_decref(lines);
    if (st != DS_OK) {
        json_decref(all);
        return st;
    }
    return ds__result_set(s->eval->work.job->result, kinds[s->kind].name, all, err);
}

ds_status ds__pid_set_run(pid_eval *e, int kind, ds_error *err)
{
    pid_eval_set *s = &e->set[kind];
    study_lines known;
    ds_status st;

    if (s->count == 0)
        return DS_OK;
    st = ds__lines_open(&known, e->work.job, &e->lines, ds__pid_eval_free, kinds[kind].file, 17,
                        err);
    if (st == DS_OK)
        st = ds__lines_fill(&known, NULL, s->scene, 0, s->count, measure, s, err);
    if (st == DS_OK)
        st = sum_up(s, &known, err);
    return ds__lines_close(&known, st, err);
}

void ds__pid_eval_clear(pid_eval *e)
{
    for (int k = 0; k < PID_EVAL_SETS; k++) {
        ds__pid_scenes_close(&e->set[k].world);
        ds_free(e->set[k].trial);
        ds_free(e->set[k].scene);
    }
    ds__pid_scenes_close(&e->rows.world);
    ds_free(e->rows.name);
    ds_free(e->rows.p_woman);
    ds__pid_work_clear(&e->work);
}
