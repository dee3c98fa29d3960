/* edit_method.c - `info edit`: what a word's information predicts, beside what happens when the word
 * goes. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "methods/info/work.h"
#include "methods/methods.h"

typedef struct edit_job {
    const char *word, *swap;
    int removal;
    int64_t ode_steps;
    info_common common;
    info_work work;
} edit_job;

/* ---- the question ----------------------------------------------------------------------------- */

/* The prompt against itself without the word, or with another in its place. */
static ds_status ask(edit_job *o, ds_job *j, ds_error *err)
{
    info_questions *q = &o->work.questions;
    const char *prompt = o->common.prompt;
    char *edited;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK)
        st = ds_prompt_replace(&edited, t, prompt, o->word, (ds_removal)o->removal, o->swap, NULL,
                               err);
    if (st != DS_OK)
        return st;
    st = ds__questions_text(q, prompt, edited, err);
    ds_free(edited);
    if (st != DS_OK)
        return st;
    snprintf(q->question[0].key, sizeof q->question[0].key, "edit");
    q->question[0].word = ds_strdup(o->word);
    return q->question[0].word != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a word");
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    ds_status st;

    if (o->common.prompt == NULL)
        return ds_fail(err, DS_E_ARG, "%s TEXT is needed", ds__job_name(j, "prompt"));
    st = ds__info_check(&o->work, j, &o->common, err);
    if (st == DS_OK)
        st = ask(o, j, err);
    return st == DS_OK ? ds__info_ready(&o->work, j, &o->common, err) : st;
}

/* ---- the flow --------------------------------------------------------------------------------- */

static ds_status on_progress(void *user, const ds_progress *p, ds_error *err)
{
    return ds__job_progress(user, p->stage, p->done, p->total, err);
}

static ds_status change(ds_counterfactual **edit, edit_job *o, ds_job *j, ds_error *err)
{
    const info_work *w = &o->work;
    ds_counterfactual_options e = DS_COUNTERFACTUAL_OPTIONS_INIT;
    const ds_tensor latent = ds_info_latent(w->info);

    e.latent = &latent;
    e.prompt = w->questions.text[w->questions.pair[0].with];
    e.edited = w->questions.text[w->questions.pair[0].without];
    e.steps = o->ode_steps;
    e.progress = on_progress;
    e.user = j;
    e.cancel = j->o.cancel;
    return ds_counterfactual_new(edit, j->model, &e, err);
}

/* ---- results ---------------------------------------------------------------------------------- */

static double pearson(const info_work *w, const float *changed, ds_info_form form, ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    int64_t n = s.height * s.width;
    float *map = ds_calloc((size_t)n, sizeof *map);
    double r = NAN;

    if (map != NULL && ds_info_map(w->info, map, NULL, 0, form, err) == DS_OK)
        r = ds_stats_coefficient(DS_PEARSON, map, changed, n);
    ds_free(map);
    return r;
}

static ds_status keep_numbers(const info_work *w, ds_result *r, const ds_counterfactual *e,
                              const float *changed, ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    const double by_o = pearson(w, changed, DS_INFO_O, err);
    const double by_s = pearson(w, changed, DS_INFO_S, err);
    double total = 0;

    for (int64_t i = 0; i < s.height * s.width; i++)
        total += (double)changed[i];
    ds__result_say(r,
                   "correlation of change with i_o %.3f, with i_s %.3f; the flow and back misses "
                   "by %.2g\n",
                   by_o, by_s, ds_counterfactual_miss(e));
    return ds__result_set(r, "edit",
                          json_pack("{s:s, s:f, s:o, s:o, s:o, s:I}", "edited",
                                    w->questions.text[w->questions.pair[0].without], "change",
                                    total, "pixel_pearson_i_o", ds__json_real(by_o),
                                    "pixel_pearson_i_s", ds__json_real(by_s), "reconstruction_miss",
                                    ds__json_real(ds_counterfactual_miss(e)), "calls",
                                    (json_int_t)ds_counterfactual_calls(e)),
                          err);
}

static const char *const latent_name[DS_COUNTERFACTUAL_LATENTS] = { "input", "same", "changed",
                                                                    "noise" };

static ds_status keep_picture(ds_counterfactual *e, int which, ds_result *r, ds_error *err)
{
    ds_image image = { 0 };
    ds_tensor planes;
    ds_status st = ds_counterfactual_image(e, &planes, which, err);

    if (st == DS_OK)
        st = ds_image_from_planes(&image, planes.data, planes.dim[3], planes.dim[2], err);
    return st == DS_OK ? ds__result_figure(r, latent_name[which], &image, true, err) : st;
}

/* The change and the latents as edit.*, and the two regenerated pictures. */
static ds_status keep(const info_work *w, ds_result *r, ds_counterfactual *e, const float *changed,
                      ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    ds_status st = ds__result_floats(r, "edit.change", DS_DIMS(s.height, s.width), changed, err);

    for (int i = 0; st == DS_OK && i < DS_COUNTERFACTUAL_LATENTS; i++) {
        const ds_tensor t = ds_counterfactual_latent(e, i);
        char name[32];

        snprintf(name, sizeof name, "edit.%s", latent_name[i]);
        st = ds__result_floats(r, name, t.rank, t.dim, t.data, err);
    }
    for (int i = DS_COUNTERFACTUAL_SAME; st == DS_OK && i <= DS_COUNTERFACTUAL_CHANGED; i++)
        st = keep_picture(e, i, r, err);
    return st == DS_OK ? keep_numbers(w, r, e, changed, err) : st;
}

static ds_status edit(edit_job *o, ds_job *j, ds_error *err)
{
    info_work *w = &o->work;
    const ds_info_status s = ds_info_describe(w->info);
    float *changed = ds_calloc((size_t)(s.height * s.width), sizeof *changed);
    ds_counterfactual *e = NULL;
    ds_status st =
        changed != NULL ? change(&e, o, j, err) : ds_fail(err, DS_E_NOMEM, "no memory for a map");

    if (st == DS_OK) {
        ds_counterfactual_change(e, changed);
        st = keep(w, j->result, e, changed, err);
    }
    ds_counterfactual_free(e);
    ds_free(changed);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    ds_status st = ds__info_measure(&o->work, j, &o->common, err);

    if (st == DS_OK)
        st = edit(o, j, err);
    if (st == DS_OK)
        st = ds__info_keep_removal(j, o->removal, err);
    return st == DS_OK ? ds__info_keep(&o->work, j, &o->common, NULL, err) : st;
}

static void clear(void *options)
{
    ds__info_work_clear(&((edit_job *)options)->work);
}

static const ds_option rows[] = {
    { .name = "word",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(edit_job, word),
      .arg = "W",
      .required = true,
      .help = "word of the prompt to remove" },
    { .name = "swap",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(edit_job, swap),
      .arg = "W2",
      .help = "text to put in its place; without it as --removal says" },
    { .name = "removal",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(edit_job, removal),
      .choices = "delete|underscore|neutral",
      .standard = "underscore",
      .help = "what replaces the word: nothing, \"_\" or \"thing\"" },
    { .name = "ode-steps",
      .kind = DS_OPTION_INT,
      .offset = offsetof(edit_job, ode_steps),
      .arg = "N",
      .standard = "50",
      .min = 1,
      .max = 10000,
      .help = "steps of the flow to noise and back, two evaluations each" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(edit_job, common), .block = ds__info_rows },
    { 0 },
};

const ds_method ds__method_info_edit = {
    .name = "info-edit",
    .purpose = "what a word's information predicts, beside what happens when the word goes",
    .paper = "Kong et al., arXiv:2310.07972, section 4.3",
    .description =
        "Measures the information of a word given the rest of the prompt; takes the picture to "
        "noise under the prompt by a deterministic flow, and back under the same prompt and under "
        "the edited one; and correlates, pixel by pixel, the squared change of the latent with the "
        "maps. One picture's pixels are not independent, so the correlation comes without an "
        "interval: `eval info --edit` has one, over scenes.",
    .example =
        "diffuscope info edit -m sd15 --image cat.png --prompt \"a cat on a mat\" --word cat "
        "--swap dog --out run",
    .results = "edit: {edited, change, pixel_pearson_i_o, pixel_pearson_i_s, reconstruction_miss, "
               "calls}\n"
               "questions, i_o, i_s, optimality_gap, estimate: as of info",
    .options = rows,
    .size = sizeof(edit_job),
    .fields = offsetof(edit_job, work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
