/* ask.c - see ask.h. */

#include "studies/concept/ask.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "job/files.h"
#include "job/folder.h"
#include "methods/methods.h"

/* A question's run: made now, or of before. */
typedef struct inquiry {
    ds_job *job;
    ds_result *before; /* read from its folder; NULL: made now */
    char folder[1024]; /* ""; the study has none */
} inquiry;

static void close_inquiry(inquiry *i)
{
    ds_job_free(i->job);
    ds__result_free(i->before);
}

static ds_status set_number(ds_job *j, const char *name, int64_t value, ds_error *err)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)value);
    return value > 0 ? ds_job_set(j, name, text, err) : DS_OK;
}

static ds_status set_text(ds_job *j, const char *name, const char *value, ds_error *err)
{
    return value != NULL ? ds_job_set(j, name, value, err) : DS_OK;
}

/* questions/KIND-WORD of the study's folder, letters and digits alone. */
static ds_status place(inquiry *i, ds_job *study, const char *kind, const char *word, ds_error *err)
{
    char folder[1024], name[200], list[1024];
    ds_status st;

    if (study->common.folder == NULL)
        return DS_OK;
    snprintf(name, sizeof name, "%s-%.150s", kind, word);
    for (char *c = name; *c != '\0'; c++)
        *c = isalnum((unsigned char)*c) || (unsigned char)*c > 127 ? *c : '-';
    st = ds__run_file(list, sizeof list, study->common.folder, "questions", err);
    if (st == DS_OK)
        st = ds__run_file(folder, sizeof folder, list, name, err);
    if (st == DS_OK)
        snprintf(i->folder, sizeof i->folder, "%s", folder);
    return st == DS_OK ? ds__job_wrote(study, folder, err) : st;
}

static ds_status open_inquiry(inquiry *i, ds_job *study, const ask_options *o, const char *kind,
                              const ds_method *method, const char *word, ds_error *err)
{
    ds_job_options jo = DS_JOB_OPTIONS_INIT;
    char seed[32];
    ds_status st = place(i, study, kind, word, err);

    jo.model = study->model;
    jo.cancel = study->o.cancel;
    if (st == DS_OK)
        st = ds_job_new(&i->job, method, &jo, err);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->seed);
    if (st == DS_OK) /* of the same path, where the tokenizer lies */
        st = ds_job_set(i->job, "model", ds__job_model_path(study), err);
    if (st == DS_OK)
        st = ds_job_set(i->job, "word", word, err);
    if (st == DS_OK)
        st = ds_job_set(i->job, "seed", seed, err);
    for (int64_t k = 0; st == DS_OK && k < o->prompt.count; k++)
        st = ds_job_set(i->job, "prompt", o->prompt.text[k], err);
    return st;
}

/* ---- runs of before ------------------------------------------------------------------------------ */

/* Options that say where a run goes and how it is made, and nothing of what comes out. */
static bool of_no_effect(const char *name)
{
    static const char *const names[] = {
        "out", "resume", "threads", "no-pictures", "model", "cache"
    };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The first option in which two records differ; NULL: none. One that a record lacks counts as not given. */
static const char *difference(json_t *now, json_t *then)
{
    const char *name;
    json_t *value;

    json_object_foreach (now, name, value) {
        const json_t *other = json_object_get(then, name);

        if (!of_no_effect(name) && other != NULL && !json_equal(value, other))
            return name;
    }
    return NULL;
}

static ds_status same_question(const inquiry *i, const json_t *then, ds_error *err)
{
    char *text = NULL;
    const char *name;
    json_t *now = NULL;
    ds_status st = ds_record_dump(i->job->record, &text, err);

    if (st == DS_OK)
        now = json_loads(text, 0, NULL);
    ds_free(text);
    if (st == DS_OK && now == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a record");
    if (st != DS_OK)
        return st;
    name = difference(json_object_get(now, "options"), json_object_get(then, "options"));
    if (name != NULL)
        st = ds_fail(err, DS_E_ARG,
                     "%s is of another run (%s differs): give the same options, or another folder",
                     i->folder, name);
    json_decref(now);
    return st;
}

static ds_status load(json_t **out, const inquiry *i, const char *name, ds_error *err)
{
    char path[1100];
    ds_status st = ds__run_file(path, sizeof path, i->folder, name, err);

    return st == DS_OK ? ds__json_load(out, path, err) : st;
}

/* Leaves i->before NULL where there is no finished run. */
static ds_status read_before(inquiry *i, ds_error *err)
{
    json_t *record = NULL, *root = NULL;
    char path[1100];
    ds_status st = ds__run_file(path, sizeof path, i->folder, "run.json", err);

    if (st != DS_OK || access(path, F_OK) != 0)
        return st;
    st = ds_job_check(i->job, err);
    if (st == DS_OK)
        st = load(&record, i, "run.json", err);
    if (st == DS_OK)
        st = same_question(i, record, err);
    if (st == DS_OK)
        st = load(&root, i, "result.json", err);
    if (st == DS_OK)
        st = ds__result_new(&i->before, err);
    if (st == DS_OK) {
        json_decref(i->before->root);
        i->before->root = json_incref(root);
    }
    json_decref(record);
    json_decref(root);
    return st;
}

/* *r is borrowed from the inquiry. The folder is set after the check of a run of before, which would refuse to
 * write into it. */
static ds_status answer(inquiry *i, const ds_result **r, const ask_options *o, ds_error *err)
{
    ds_status st = i->folder[0] != '\0' && o->resume ? read_before(i, err) : DS_OK;

    if (st == DS_OK && i->before == NULL && i->folder[0] != '\0')
        st = ds__files_begin(i->folder, false, err); /* of a question that a kill ended */
    if (st == DS_OK && i->before == NULL && i->folder[0] != '\0')
        st = ds_job_set(i->job, "out", i->folder, err);
    if (st == DS_OK && i->before == NULL)
        st = ds_job_run(i->job, err);
    *r = i->before != NULL ? i->before : ds_job_result(i->job);
    return st;
}

/* ---- answers ------------------------------------------------------------------------------------- */

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

static void read_mixture(question *q, const ds_result *r)
{
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

/* The search: are the answers the first words, in any order? And by cosine alone? */
static ds_status ask_mixture(question *q, ds_job *study, const ask_options *o, ds_error *err)
{
    const char *kind = q->kind == OWN ? "own" : "mixture";
    inquiry i = { 0 };
    const ds_result *r;
    ds_status st = open_inquiry(&i, study, o, kind, &ds__method_concept, q->word, err);

    if (st == DS_OK)
        st = set_number(i.job, "restarts", o->restarts, err);
    if (st == DS_OK)
        st = set_number(i.job, "steps", o->steps, err);
    if (st == DS_OK)
        st = set_number(i.job, "pictures", o->pictures, err);
    if (st == DS_OK)
        st = set_text(i.job, "dictionary", o->dictionary, err);
    if (st == DS_OK)
        st = ds_job_set(i.job, "no-pictures", "true", err);
    if (st == DS_OK && q->kind == OWN)
        st = ds_job_set(i.job, "keep", "own", err);
    if (st == DS_OK) /* a search that was stopped goes on */
        st = ds_job_set(i.job, "resume", "true", err);
    if (st == DS_OK)
        st = answer(&i, &r, o, err);
    if (st == DS_OK)
        read_mixture(q, r);
    close_inquiry(&i);
    return st;
}

/* Share of the first of two names. */
static void read_share(question *q, const ds_result *r)
{
    const char *name = ds_result_text(r, "concepts.0.parts.0.name");
    const bool first = name != NULL && strncmp(name, q->answer[0], strcspn(q->answer[0], "<")) == 0;
    ds_value v = { .value = NAN };

    ds_result_value(r, "concepts.0.parts.0.share", &v, NULL, NULL);
    q->share = first ? v.value : 1.0 - v.value;
    q->half[0] = number_at(r, "concepts.0.parts.0.half_a");
    q->half[1] = number_at(r, "concepts.0.parts.0.half_b");
    for (int h = 0; h < 2; h++)
        q->half[h] = first ? q->half[h] : 1.0 - q->half[h];
    q->low = first ? v.low : 1.0 - v.high;
    q->high = first ? v.high : 1.0 - v.low;
}

/* Places of the answers among all names: among the first five for senses, the first of all for first. */
static void read_places(question *q, const ds_result *r)
{
    const int64_t most = q->kind == FIRST ? q->answers : 5;

    q->hit = true;
    for (int64_t i = 0; i < q->answers; i++) {
        q->rank[i] = rank_of(r, "concepts.0.parts", "name", q->answer[i]);
        q->hit = q->hit && q->rank[i] > 0 && q->rank[i] <= most;
    }
}

static ds_status ask_mix(question *q, ds_job *study, const ask_options *o, bool two_names,
                         ds_error *err)
{
    const char *kind = q->kind == FIRST ? "first" : two_names ? "share" : "senses";
    inquiry i = { 0 };
    const ds_result *r;
    ds_status st = open_inquiry(&i, study, o, kind, &ds__method_concept_mix, q->word, err);

    if (st == DS_OK)
        st = set_number(i.job, "sentences", o->sentences, err);
    for (int64_t k = 0; st == DS_OK && two_names && k < q->answers; k++)
        st = ds_job_set(i.job, "name", q->answer[k], err);
    if (st == DS_OK && !two_names)
        st = set_text(i.job, "names", o->names, err);
    if (st == DS_OK && !two_names)
        st = set_text(i.job, "cache", o->cache, err);
    if (st == DS_OK)
        st = answer(&i, &r, o, err);
    if (st == DS_OK && two_names)
        read_share(q, r);
    else if (st == DS_OK)
        read_places(q, r);
    close_inquiry(&i);
    return st;
}

ds_status ds__ask(question *q, ds_job *study, const ask_options *o, ds_error *err)
{
    ds_status st;

    if (q->kind == MIXTURE || q->kind == OWN)
        return ask_mixture(q, study, o, err);
    if (q->kind == SHARE)
        return ask_mix(q, study, o, true, err);
    st = ask_mix(q, study, o, false, err);
    return st == DS_OK && q->kind == SENSES ? ask_mix(q, study, o, true, err) : st;
}
