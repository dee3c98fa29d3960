/* edits.c - the edits that a study compares, made by the instrument's own jobs. Sizes are those of the
 * publications or of an earlier study on other concepts; none was chosen on this one's pictures. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/rng.h>

#include "job/files.h"
#include "job/folder.h"
#include "methods/component/edits.h"
#include "methods/component/remove.h"
#include "methods/methods.h"
#include "studies/component/eval.h"

#include "base/file.h"

const char *const ds__eval_edit_names[EVAL_EDITS] = {
    "base",          "one-shot", "uce", "redirect", "random",    "within",
    "within-random", "rounds",   "row", "flat",     "magnitude", "prune",
};

/* What each edit is, as options of `component edit`. `stop`: by the published score. */
typedef struct recipe {
    bool stop;
    const char *select, *count, *ratio, *control, *rounds;
} recipe;

static const recipe recipes[EVAL_EDITS] = {
    [EVAL_ONE_SHOT] = { true, "global", "1000", NULL, "none", "1" },
    [EVAL_ROW] = { true, "row", NULL, "0.02", "none", "1" },
    [EVAL_FLAT] = { true, "flat", NULL, "0.001", "none", "1" },
    [EVAL_ROUNDS] = { false, "global", "1000", NULL, "none", "10" },
    [EVAL_PRUNE] = { false, "prune", NULL, "0.01", "none", "1" },
    [EVAL_RANDOM] = { false, "global", "1000", NULL, "random", "1" },
    [EVAL_MAGNITUDE] = { false, "global", "1000", NULL, "magnitude", "1" },
};

/* ---- jobs ------------------------------------------------------------------------------------ */

typedef struct setting {
    const char *name, *value; /* NULL value: left out */
} setting;

static ds_status new_job(ds_job **out, const component_eval *e, const ds_method *method,
                         const setting *s, size_t n, ds_error *err)
{
    ds_job_options o = DS_JOB_OPTIONS_INIT;
    ds_status st;

    o.model = e->job->model;
    o.cancel = e->job->o.cancel;
    st = ds_job_new(out, method, &o, err);
    if (st == DS_OK) /* of the same path, where the tokenizer lies */
        st = ds_job_set(*out, "model", ds__job_model_path(e->job), err);
    for (size_t i = 0; st == DS_OK && i < n; i++)
        if (s[i].value != NULL)
            st = ds_job_set(*out, s[i].name, s[i].value, err);
    return st;
}

static ds_status place(char *path, size_t size, const component_eval *e, const eval_concept *c,
                       const char *name, ds_error *err)
{
    char folder[3000];
    ds_status st = ds__run_file(folder, sizeof folder, e->job->common.folder, c->name, err);

    if (st == DS_OK)
        st = ds_folder_make(folder, err);
    return st == DS_OK ? ds__run_file(path, size, folder, name, err) : st;
}

static bool is_done(const char *folder)
{
    char path[4096];

    return ds__run_file(path, sizeof path, folder, "run.json", NULL) == DS_OK &&
           access(path, F_OK) == 0;
}

static ds_status run_into(ds_job *j, const component_eval *e, const char *folder, ds_error *err)
{
    ds_status st = ds__job_wrote(e->job, folder, err);

    if (st == DS_OK)
        st = ds_job_run(j, err);
    return st == DS_OK ? ds_result_save(ds_job_result(j), folder, err) : st;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static void asked_text(char *buf, size_t size, const component_eval *e, const eval_concept *c)
{
    const ds_world_tables *t = ds_world_words(e->w);

    if (c->style)
        snprintf(buf, size, "%s %s {cat|guitar} on a {red|green} background",
                 strchr("aeiou", t->style[c->at].word[0]) != NULL ? "an" : "a",
                 t->style[c->at].word);
    else
        snprintf(buf, size, "a {noto|twemoji} %s on a {red|green} background",
                 t->object[c->at].name[0]);
}

static ds_status scores(char *folder, size_t size, const component_eval *e, const eval_concept *c,
                        bool stop, ds_error *err)
{
    ds_job *j = NULL;
    char text[300];
    ds_status st = place(folder, size, e, c, stop ? "scores-stop" : "scores", err);

    if (st != DS_OK || is_done(folder))
        return st;
    asked_text(text, sizeof text, e, c);
    st = new_job(&j, e, &ds__method_component_score,
                 (setting[]){ { "concept", text },
                              { "rows", stop ? "stop" : "both" },
                              { "weights", "true" },
                              { "seeds", "2" },
                              { "exact", "0" } },
                 5, err);
    if (st == DS_OK)
        st = run_into(j, e, folder, err);
    ds_job_free(j);
    return st;
}

static ds_status make_edit(const char *folder, const component_eval *e, const eval_concept *c,
                           eval_edit edit, ds_error *err)
{
    const recipe *r = &recipes[edit];
    char from[4096];
    ds_job *j = NULL;
    ds_status st = scores(from, sizeof from, e, c, r->stop, err);

    if (st == DS_OK)
        st = new_job(&j, e, &ds__method_component_edit,
                     (setting[]){ { "scores", from },
                                  { "select", r->select },
                                  { "count", r->count },
                                  { "ratio", r->ratio },
                                  { "control", r->control },
                                  { "rounds", r->rounds },
                                  { "draws", "0" },
                                  { "doses", "0" },
                                  { "pictures", "0" } },
                     9, err);
    if (st == DS_OK)
        st = run_into(j, e, folder, err);
    ds_job_free(j);
    return st;
}

/* ---- redirect -------------------------------------------------------------------------------- */

/* Captions that are to be read as before: `captions` of each kept object; for UCE 60 bare names. */
static ds_status write_kept(const char *path, const component_eval *e, const eval_concept *c,
                            bool words, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(e->w);
    ds_out_text f;
    ds_status st = ds__out_text_open(&f, err);
    ds_rng rng;

    if (st == DS_OK)
        st = ds__job_wrote(e->job, path, err);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, e->seed + 17);
    for (int i = 0; st == DS_OK && i < c->keeps; i++) {
        char caption[DS_WORLD_CAPTION];

        if (words && (int64_t)i * 60 / c->keeps == (int64_t)(i + 1) * 60 / c->keeps)
            continue;
        if (words)
            fprintf(f.to, "%s\n", t->object[c->kept[i]].name[0]);
        for (int64_t k = 0; st == DS_OK && !words && k < e->captions; k++) {
            const int style = c->main_style[ds_rng_u32(&rng) % (uint32_t)c->styles];
            const int background = (int)(ds_rng_u32(&rng) % (uint32_t)t->plain);

            st = ds__eval_caption(caption, e, c->kept[i], 0, style, DS_STYLE_PREFIX, background,
                                  err);
            if (st == DS_OK)
                fprintf(f.to, "%s\n", caption);
        }
    }
    return ds__out_text_close(&f, path, st, err);
}

/* The concept's captions with a star in its place: an object in every style and six colours, or a style
 * before kept objects. */
static ds_status add_frames(ds_job *j, const component_eval *e, const eval_concept *c,
                            ds_error *err)
{
    const ds_world_tables *t = ds_world_words(e->w);
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < 24; i++) {
        const char *on = t->background[i % 6 % t->plain].text[0];
        const char *style = t->style[c->main_style[i / 6 % c->styles]].word;
        const char *object = t->object[c->kept[(7 * i + 3) % c->keeps]].name[0];
        char frame[300];

        if (c->style)
            snprintf(frame, sizeof frame, "%s * %s %s",
                     strchr("aeiou", t->style[c->at].word[0]) != NULL ? "an" : "a", object, on);
        else
            snprintf(frame, sizeof frame, "%s %s * %s",
                     strchr("aeiou", style[0]) != NULL ? "an" : "a", style, on);
        st = ds_job_set(j, "frame", frame, err);
    }
    return st;
}

static const char *word_of(const component_eval *e, const eval_concept *c, int at)
{
    const ds_world_tables *t = ds_world_words(e->w);

    return c->style ? t->style[at].word : t->object[at].name[0];
}

static ds_status make_redirect(const char *folder, const component_eval *e, const eval_concept *c,
                               eval_edit edit, ds_error *err)
{
    const bool uce = edit == EVAL_UCE;
    const bool within = edit == EVAL_WITHIN || edit == EVAL_WITHIN_RANDOM;
    char kept[4096], from[4096], heads[32];
    ds_job *j = NULL;
    ds_status st = place(kept, sizeof kept, e, c, uce ? "kept-words.txt" : "kept.txt", err);

    if (st == DS_OK && within)
        st = scores(from, sizeof from, e, c, false, err);
    if (st == DS_OK)
        st = write_kept(kept, e, c, uce, err);
    snprintf(heads, sizeof heads, "%lld",
             (long long)(e->heads > 0 ? e->heads : e->heads_there / 2));
    if (st == DS_OK)
        st = new_job(&j, e, &ds__method_component_redirect,
                     (setting[]){ { "concept", word_of(e, c, c->at) },
                                  { "to", word_of(e, c, c->to) },
                                  { "keep", kept },
                                  { "recipe", uce ? "uce" : "redirect" },
                                  { "weight", uce ? "1" : NULL },
                                  { "within", within ? from : NULL },
                                  { "heads", within ? heads : NULL },
                                  { "random", edit == EVAL_WITHIN_RANDOM ? "true" : NULL } },
                     8, err);
    if (st == DS_OK && !uce)
        st = add_frames(j, e, c, err);
    if (st == DS_OK)
        st = run_into(j, e, folder, err);
    ds_job_free(j);
    return st;
}

/* ---- edited models --------------------------------------------------------------------------- */

ds_status ds__eval_edited(ds_model **out, component_eval *e, int64_t concept_, eval_edit edit,
                          ds_error *err)
{
    const eval_concept *c = &e->c[concept_];
    char folder[4096];
    ds_edit changes = { 0 };
    ds_status st;

    *out = NULL;
    if (edit == EVAL_BASE)
        return DS_OK;
    st = place(folder, sizeof folder, e, c, ds__eval_edit_names[edit], err);
    if (st == DS_OK && !is_done(folder))
        st = recipes[edit].select != NULL ? make_edit(folder, e, c, edit, err)
                                          : make_redirect(folder, e, c, edit, err);
    if (st == DS_OK)
        st = ds__edit_open(&changes, folder, err);
    if (st == DS_OK)
        st = ds__edit_overlay(out, e->job->model, &changes, err);
    ds__edit_clear(&changes);
    return st;
}
