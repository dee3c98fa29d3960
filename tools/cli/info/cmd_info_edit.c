/* cmd_info_edit.c - `diffuscope info edit`: what a word's information predicts, beside what happens
 * when the word goes. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "commands.h"
#include "info_words.h"
#include "progress.h"
#include "report.h"

/* ---- the question ----------------------------------------------------------------------------- */

/* The prompt against itself without the word, or with another in its place. */
static ds_status ask(info_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    const char *prompt = opt_text(a, "prompt"), *word = opt_text(a, "word");
    char *edited;
    ds_status st;

    if (prompt == NULL)
        return ds_fail(err, DS_E_ARG, "--prompt TEXT is needed");
    st = ds_prompt_replace(&edited, j->tokenizer, prompt, word,
                           (ds_removal)opt_choice(a, "removal"), opt_text(a, "swap"), NULL, err);
    if (st == DS_OK)
        st = questions_text(&j->questions, prompt, edited, err);
    ds_free(edited);
    if (st == DS_OK) {
        j->questions.question[0].word = ds_strdup(word);
        snprintf(j->questions.question[0].key, sizeof j->questions.question[0].key, "edit");
    }
    return st;
}

/* ---- the flow --------------------------------------------------------------------------------- */

static void on_step(void *user, int64_t done, int64_t total)
{
    progress *bar = user;

    bar->total = total;
    progress_step(bar, done);
}

static ds_status change(ds_edit **edit, info_job *j, ds_error *err)
{
    ds_edit_options o = DS_EDIT_OPTIONS_INIT;
    const ds_tensor latent = ds_info_latent(j->info);
    progress bar;
    ds_status st;

    o.latent = &latent;
    o.prompt = j->questions.text[j->questions.pair[0].with];
    o.edited = j->questions.text[j->questions.pair[0].without];
    o.steps = opt_int(j->args, "ode-steps");
    o.on_step = on_step;
    o.user = &bar;
    o.cancel = cancel_on_interrupt();
    progress_begin(&bar, j->args, "editing", 3 * o.steps);
    st = ds_edit_new(edit, j->model, &o, err);
    progress_end(&bar);
    return st;
}

/* ---- results ---------------------------------------------------------------------------------- */

static double pearson(const info_job *j, const float *changed, ds_info_form form, ds_error *err)
{
    const ds_info_status s = ds_info_describe(j->info);
    int64_t n = s.height * s.width;
    float *map = ds_calloc((size_t)n, sizeof *map);
    double r = NAN;

    if (map != NULL && ds_info_map(j->info, map, NULL, 0, form, err) == DS_OK)
        r = ds_stats_coefficient(DS_PEARSON, map, changed, n);
    ds_free(map);
    return r;
}

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *edit_json(const info_job *j, const ds_edit *e, const float *changed, ds_error *err)
{
    const ds_info_status s = ds_info_describe(j->info);
    double total = 0;

    for (int64_t i = 0; i < s.height * s.width; i++)
        total += (double)changed[i];
    return json_pack(
        "{s:s, s:f, s:o, s:o, s:o, s:I}", "edited", j->questions.text[j->questions.pair[0].without],
        "change", total, "pixel_pearson_i_o", real(pearson(j, changed, DS_INFO_O, err)),
        "pixel_pearson_i_s", real(pearson(j, changed, DS_INFO_S, err)), "reconstruction_miss",
        real(ds_edit_miss(e)), "calls", (json_int_t)ds_edit_calls(e));
}

static ds_status save_picture(ds_edit *e, int which, const char *dir, const char *name,
                              ds_error *err)
{
    ds_image image = { 0 };
    char path[4096], file[32];
    ds_tensor planes;
    ds_status st = ds_edit_image(e, &planes, which, err);

    if (st == DS_OK)
        st = ds_image_from_planes(&image, planes.data, planes.dim[3], planes.dim[2], err);
    snprintf(file, sizeof file, "%s.png", name);
    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, file, err);
    if (st == DS_OK)
        st = ds_image_save_png(&image, path, NULL, 0, err);
    ds_image_clear(&image);
    return st;
}

/* edit.safetensors, and the two regenerated pictures. */
static ds_status save(const info_job *j, ds_edit *e, const float *changed, ds_error *err)
{
    static const char *const name[DS_EDIT_LATENTS] = { "input", "same", "changed", "noise" };
    const ds_info_status s = ds_info_describe(j->info);
    const char *dir = opt_text(j->args, "out");
    ds_bundle *b = NULL;
    ds_tensor *t;
    char path[4096];
    ds_status st;

    if (dir == NULL)
        return DS_OK;
    st = run_folder_make(dir, err);
    if (st == DS_OK)
        st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = ds_bundle_add(b, "change", DS_DTYPE_F32, DS_DIMS(s.height, s.width), &t, err);
    if (st == DS_OK)
        memcpy(t->data, changed, (size_t)(s.height * s.width) * sizeof *changed);
    for (int i = 0; st == DS_OK && i < DS_EDIT_LATENTS; i++) {
        ds_tensor from = ds_edit_latent(e, i);

        st = ds_bundle_add(b, name[i], DS_DTYPE_F32, from.rank, from.dim, &t, err);
        if (st == DS_OK)
            memcpy(t->data, from.data, (size_t)ds_tensor_count(&from) * sizeof(float));
    }
    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "edit.safetensors", err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    for (int i = DS_EDIT_SAME; st == DS_OK && i <= DS_EDIT_CHANGED; i++)
        st = save_picture(e, i, dir, name[i], err);
    return st;
}

static ds_status edit(info_job *j, ds_error *err)
{
    const ds_info_status s = ds_info_describe(j->info);
    float *changed = ds_calloc((size_t)(s.height * s.width), sizeof *changed);
    ds_edit *e = NULL;
    json_t *result, *part;
    ds_status st =
        changed != NULL ? change(&e, j, err) : ds_fail(err, DS_E_NOMEM, "no memory for a map");

    if (st == DS_OK) {
        ds_edit_change(e, changed);
        st = save(j, e, changed, err);
    }
    if (st == DS_OK) {
        result = info_job_json(j);
        part = edit_json(j, e, changed, err);
        if (!opt_flag(j->args, "json"))
            printf("correlation of change with i_o %.3f, with i_s %.3f; the flow and back misses "
                   "by %.2g\n",
                   json_number_value(json_object_get(part, "pixel_pearson_i_o")),
                   json_number_value(json_object_get(part, "pixel_pearson_i_s")), ds_edit_miss(e));
        json_object_set_new(result, "edit", part);
        st = info_job_save(j, result, NULL, err);
    }
    ds_edit_free(e);
    ds_free(changed);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    info_job j;
    ds_status st = info_job_begin(&j, a, err);

    if (st == DS_OK)
        st = ask(&j, err);
    if (st == DS_OK)
        st = info_job_measure(&j, err);
    if (st == DS_OK)
        st = edit(&j, err);
    info_job_free(&j);
    return st;
}

static const ds_opt options[] = {
    { "word", 0, OPT_TEXT, "W", NULL, 0, 0, "word of the prompt that goes", NULL, true },
    { "swap", 0, OPT_TEXT, "W2", NULL, 0, 0,
      "what comes in its place; without it as --removal says", NULL, false },
    { "removal", 0, OPT_CHOICE, "delete|underscore|neutral", "underscore", 0, 0,
      "what stands in place of the word: nothing, \"_\" or \"thing\"", NULL, false },
    { "ode-steps", 0, OPT_INT, "N", "50", 1, 10000,
      "steps of the flow to noise and back, two evaluations each", NULL, false },
    INFO_OPTIONS,
    PICTURE_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

const ds_command cmd_info_edit = {
    .name = "info-edit",
    .purpose = "what a word's information predicts, beside what happens when the word goes",
    .description =
        "Measures the information of a word given the rest of the prompt; takes the picture to "
        "noise under the prompt by a deterministic flow, and back under the same prompt and under "
        "the edited one; and correlates, pixel by pixel, the squared change of the latent with the "
        "maps. One picture's pixels are not independent, so the correlation comes without an "
        "interval: `eval info --edit` has one, over scenes.",
    .example =
        "diffuscope info edit -m sd15 --image cat.png --prompt \"a cat on a mat\" --word cat "
        "--swap dog --out run",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};
