/* method.c - `compare`: one prompt through two models, or through one model with LoRAs of two strengths. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "methods/methods.h"
#include "studies/compare/compare.h"

enum { MOST_SHOWN = 16 }; /* pictures in the page */

#define AT(field) offsetof(compare_job, field)

static const ds_option rows[] = {
    { .name = "model",
      .letter = 'm',
      .kind = DS_OPTION_TEXTS,
      .offset = AT(model),
      .arg = "MODEL",
      .help = "the left model, and given again the right one; once for two strengths of a LoRA" },
    { .name = "left-lora",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(left_lora),
      .arg = "FILE[=W[:WTE]]",
      .help = "LoRA of the left side alone; --lora is for both" },
    { .name = "right-lora",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(right_lora),
      .arg = "FILE[=W[:WTE]]",
      .help = "LoRA of the right side alone" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .offset = AT(prompt),
      .arg = "TEXT",
      .help = "what both draw" },
    { .name = "method",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(method),
      .choices = "generate|daam",
      .standard = "generate",
      .help = "what is compared: the pictures, or the word maps too" },
    { .name = "word",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(word),
      .arg = "W",
      .help =
          "word or phrase whose maps to compare; with --method daam and no --word, every word" },
    { .name = "refine",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(refine),
      .choices = DS_DAAM_REFINE_CHOICES,
      .help = "refine the maps by self-attention, as `daam` does; without it, raw" },
    { .name = "batch-count",
      .letter = 'b',
      .kind = DS_OPTION_INT,
      .offset = AT(pictures),
      .arg = "N",
      .standard = "1",
      .min = 1,
      .max = 1024,
      .help = "pictures of each side; each has the seed that follows the one before" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(drawing), .block = ds__draw_rows },
    { .name = "runs",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(runs),
      .arg = "RUN",
      .positional = true,
      .max = 16,
      .help = "run folders of one command, in place of models: nothing is drawn, their items are "
              "compared by prompt and seed" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(answer), .block = ds__answer_rows },
    { 0 },
};

static ds_status check_runs(compare_job *o, ds_error *err)
{
    static const char *const drawn[] = { "prompt", "model", "left-lora", "right-lora", "word" };

    if (o->runs.count < 2)
        return ds_fail(err, DS_E_ARG, "expected two run folders or more, found one");
    for (size_t i = 0; i < DS_COUNT(drawn); i++)
        if (ds__job_given(o->job, drawn[i]))
            return ds_fail(err, DS_E_ARG, "%s is of a drawing; with run folders nothing is drawn",
                           ds__job_name(o->job, drawn[i]));
    return ds__compare_runs_read(&o->read, &o->runs, err);
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    compare_job *o = options;
    ds_status st;

    o->job = j;
    if (o->runs.count > 0)
        return check_runs(o, err);
    st = ds__draw_check(j, &o->drawing, err);
    if (st == DS_OK)
        st = ds__job_warn_of_prompt(j, o->prompt, err);
    return st == DS_OK ? ds__compare_open(o, err) : st;
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static const shot *shot_of(const compare_job *o, int s, int64_t b)
{
    return &o->of[s].shot[b];
}

static double pictures_apart(const compare_job *o, int64_t b)
{
    const shot *x = shot_of(o, LEFT, b);

    return ds__rms_apart(x->planes, shot_of(o, RIGHT, b)->planes,
                         3 * x->image.width * x->image.height);
}

static double latents_apart(const compare_job *o, int64_t b, int64_t step)
{
    const shot *x = shot_of(o, LEFT, b), *y = shot_of(o, RIGHT, b);

    return ds__relative_apart(x->latents + step * x->numbers, y->latents + step * y->numbers,
                              x->numbers);
}

static double maps_agree(const compare_job *o, int64_t b, int64_t w)
{
    const shot *x = shot_of(o, LEFT, b);

    return ds_stats_coefficient(DS_PEARSON, x->map[w], shot_of(o, RIGHT, b)->map[w],
                                x->width * x->height);
}

static double maps_share(const compare_job *o, int64_t b, int64_t w)
{
    const shot *x = shot_of(o, LEFT, b);

    return ds__shared_mass(x->map[w], shot_of(o, RIGHT, b)->map[w], x->width * x->height);
}

static double mean_of(const shot *s, int64_t w)
{
    const int64_t pixels = s->width * s->height;
    double sum = 0.0;

    for (int64_t i = 0; i < pixels; i++)
        sum += s->map[w][i];
    return sum / (double)pixels;
}

static json_t *word_json(const compare_job *o, int64_t b, int64_t w)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "text", o->word.text[w], "correlation",
                     ds__json_real(maps_agree(o, b, w)), "shared",
                     ds__json_real(maps_share(o, b, w)), "left",
                     ds__json_real(mean_of(shot_of(o, LEFT, b), w)), "right",
                     ds__json_real(mean_of(shot_of(o, RIGHT, b), w)));
}

static json_t *picture_json(const compare_job *o, int64_t b)
{
    const shot *x = shot_of(o, LEFT, b);
    json_t *words = json_array(), *steps = json_array(), *pic;

    for (int64_t w = 0; o->method == COMPARE_DAAM && w < o->word.count; w++)
        json_array_append_new(words, word_json(o, b, w));
    for (int64_t k = 0; k < x->steps; k++)
        json_array_append_new(steps, ds__json_real(latents_apart(o, b, k)));
    pic = json_pack("{s:o, s:o, s:o}", "seed", ds__json_seed(o->drawing.seed + (uint64_t)b),
                    "picture_rms", ds__json_real(pictures_apart(o, b)), "latents_apart", steps);
    if (o->method == COMPARE_DAAM)
        json_object_set_new(pic, "words", words);
    else
        json_decref(words);
    return pic;
}

/* The mean over pictures of a number of each. */
typedef double number_of(const compare_job *o, int64_t b, int64_t k);

static ds_status mean_over(ds_value *out, const compare_job *o, number_of *number, int64_t k,
                           ds_error *err)
{
    double *x = ds_calloc((size_t)o->pictures, sizeof *x);
    ds_status st;

    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for numbers");
    for (int64_t b = 0; b < o->pictures; b++)
        x[b] = number(o, b, k);
    st = ds_stats_mean(out, x, NULL, o->pictures, err);
    ds_free(x);
    return st;
}

static double picture_number(const compare_job *o, int64_t b, int64_t k)
{
    (void)k;
    return pictures_apart(o, b);
}

static ds_status keep_words(const compare_job *o, ds_error *err)
{
    json_t *words = json_array();
    ds_status st = DS_OK;

    for (int64_t w = 0; st == DS_OK && w < o->word.count; w++) {
        ds_value agree, share;

        st = mean_over(&agree, o, maps_agree, w, err);
        if (st == DS_OK)
            st = mean_over(&share, o, maps_share, w, err);
        if (st == DS_OK) {
            json_array_append_new(words, json_pack("{s:s, s:o, s:o}", "text", o->word.text[w],
                                                   "correlation", ds__json_interval(agree),
                                                   "shared", ds__json_interval(share)));
            ds__result_say(o->job->result, "%-20s maps correlate %.3f, share %.3f of their mass\n",
                           o->word.text[w], agree.value, share.value);
        }
    }
    if (st == DS_OK)
        return ds__result_set(o->job->result, "words", words, err);
    json_decref(words);
    return st;
}

static json_t *side_json(const compare_job *o, int s, char *what)
{
    const ds_texts own = s == LEFT ? o->left_lora : o->right_lora;
    json_t *loras = json_array();

    for (int64_t i = 0; i < own.count; i++)
        json_array_append_new(loras, json_string(own.text[i]));
    return json_pack("{s:s, s:s, s:o}", "model", what, "sampler", o->of[s].sampler, "loras", loras);
}

static ds_status keep_sides(const compare_job *o, ds_error *err)
{
    ds_status st = DS_OK;

    for (int s = 0; st == DS_OK && s < SIDES; s++) {
        char *what = NULL;

        st = ds__compare_describe(&what, o, s, err);
        if (st == DS_OK)
            ds__result_say(o->job->result, "%-5s %s (%s)\n", ds__side_names[s], what,
                           o->of[s].sampler);
        if (st == DS_OK)
            st = ds__result_set(o->job->result, ds__side_names[s], side_json(o, s, what), err);
        ds_free(what);
    }
    return st;
}

static ds_status keep_numbers(const compare_job *o, ds_error *err)
{
    const int64_t last = shot_of(o, LEFT, 0)->steps - 1;
    ds_result *r = o->job->result;
    json_t *pictures = json_array();
    ds_value rms, apart;
    ds_status st = keep_sides(o, err);

    if (st == DS_OK)
        st = mean_over(&rms, o, picture_number, 0, err);
    if (st == DS_OK)
        st = mean_over(&apart, o, latents_apart, last, err);
    for (int64_t b = 0; b < o->pictures; b++)
        json_array_append_new(pictures, picture_json(o, b));
    if (st == DS_OK)
        st = ds__result_set(r, "picture_rms", ds__json_interval(rms), err);
    if (st == DS_OK)
        st = ds__result_set(r, "latents_apart", ds__json_interval(apart), err);
    if (st == DS_OK)
        st = ds__result_set(r, "pictures", json_incref(pictures), err);
    json_decref(pictures);
    if (st != DS_OK)
        return st;
    ds__result_say(
        r, "pictures differ by %.3f of 1 (root mean square), latents by %.3f of their size\n",
        rms.value, apart.value);
    return o->method == COMPARE_DAAM ? keep_words(o, err) : DS_OK;
}

/* ---- tensors ----------------------------------------------------------------------------------- */

static ds_status keep_side_tensors(const compare_job *o, int s, int64_t b, ds_error *err)
{
    const shot *x = shot_of(o, s, b);
    const int64_t dim[] = { 1, 3, x->image.height, x->image.width },
                  map[] = { x->height, x->width };
    const int64_t run[] = { x->steps, x->numbers };
    ds_result *r = o->job->result;
    char name[160], key[320];
    ds_status st;

    ds__compare_name(name, o, ds__side_names[s], b);
    snprintf(key, sizeof key, "%s/image", name);
    st = ds__result_floats(r, key, 4, dim, x->planes, err);
    snprintf(key, sizeof key, "%s/latents", name);
    if (st == DS_OK)
        st = ds__result_floats(r, key, 2, run, x->latents, err);
    for (int64_t w = 0; st == DS_OK && o->method == COMPARE_DAAM && w < o->word.count; w++) {
        snprintf(key, sizeof key, "%s/word/%.120s", name, o->word.text[w]);
        st = ds__result_floats(r, key, 2, map, x->map[w], err);
    }
    return st;
}

/* ---- the page ---------------------------------------------------------------------------------- */

static const char about[] = "Both sides began with the same noise and used the same settings; all "
                            "that differs is the model, or what "
                            "was laid over it. A difference of pictures of 0.05 is hardly seen, "
                            "one above 0.2 is another picture. "
                            "Latents grow apart from step to step: where the curve rises early, "
                            "the layout is another one, where it "
                            "rises late, details are. A word's maps are compared at the places of "
                            "the picture: two models that draw "
                            "the same thing elsewhere have maps that differ, and both may be "
                            "right. One seed is an example; "
                            "--batch-count gives an interval over seeds.";

static ds_status keep_curve(const compare_job *o, ds_page *p, ds_error *err)
{
    const int64_t steps = shot_of(o, LEFT, 0)->steps;
    double *apart = ds_calloc((size_t)steps + 1, sizeof *apart);
    ds_status st;

    if (apart == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a curve");
    for (int64_t k = 0; k < steps; k++)
        for (int64_t b = 0; b < o->pictures; b++)
            apart[k] += latents_apart(o, b, k) / (double)o->pictures;
    st = ds__compare_curve(o, apart, steps, p, err);
    ds_free(apart);
    return st;
}

static ds_status keep_page(const compare_job *o, ds_error *err)
{
    ds_page *p = NULL;
    ds_status st = ds__result_page(o->job->result, &p, o->prompt, err);

    if (st == DS_OK)
        st = ds_page_text(p, ds_result_summary(o->job->result), err);
    for (int64_t b = 0; st == DS_OK && b < o->pictures && b < MOST_SHOWN; b++)
        st = ds__compare_show(o, b, p, err);
    if (st == DS_OK && o->pictures > MOST_SHOWN)
        st = ds_page_text(
            p, "Only the first 16 pictures are shown; result.json has the numbers of all.", err);
    if (st == DS_OK)
        st = ds_page_section(p, "The way apart", err);
    if (st == DS_OK)
        st = keep_curve(o, p, err);
    return st == DS_OK ? ds_page_text(p, about, err) : st;
}

/* ---- the run ----------------------------------------------------------------------------------- */

/* The right model's record stands under "right": a run is repeated from both. */
static ds_status record_right(const compare_job *o, ds_error *err)
{
    ds_record *r = NULL;
    char *text = NULL;
    json_t *root = NULL;
    ds_status st = ds_record_new(&r, err);

    if (st == DS_OK)
        st = ds_record_open_model(r, o->of[RIGHT].model, err);
    if (st == DS_OK)
        st = ds_record_dump(r, &text, err);
    root = text != NULL ? json_loads(text, 0, NULL) : NULL;
    ds_free(text);
    text =
        root != NULL ? json_dumps(json_object_get(root, "model"), JSON_REAL_PRECISION(15)) : NULL;
    if (st == DS_OK)
        st = text != NULL ? ds_record_json(o->job->record, "right", text, err)
                          : ds_fail(err, DS_E_NOMEM, "no memory for a record");
    free(text);
    json_decref(root);
    ds_record_free(r);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    compare_job *o = options;
    ds_status st = DS_OK;

    if (o->runs.count > 0)
        return ds__compare_runs_tell(j, &o->read, &o->runs, &o->answer, err);
    for (int s = 0; st == DS_OK && s < SIDES; s++) {
        st = ds__compare_draw(o, s, err);
        if (st == DS_OK)
            st = s == LEFT ? ds_record_open_model(j->record, o->of[s].model, err)
                           : record_right(o, err);
        ds_model_close(o->of[s].model); /* one at a time holds memory for its products */
        o->of[s].model = NULL;
    }
    if (st == DS_OK && strcmp(o->of[LEFT].sampler, o->of[RIGHT].sampler) != 0)
        st = ds__job_warn(
            j,
            "the models bring samplers of their own, which differ: --sampler makes them the same",
            err);
    if (st == DS_OK)
        st = keep_numbers(o, err);
    for (int s = 0; st == DS_OK && s < SIDES; s++)
        for (int64_t b = 0; st == DS_OK && b < o->pictures; b++)
            st = keep_side_tensors(o, s, b, err);
    if (st == DS_OK)
        st = keep_page(o, err);
    if (st == DS_OK && j->common.folder != NULL)
        ds__result_say(j->result, "%s\n", j->common.folder);
    return st;
}

static void clear(void *options)
{
    compare_job *o = options;

    ds__compare_runs_free(&o->read);
    ds__compare_close(o);
}

const ds_method ds__method_compare = {
    .name = "compare",
    .purpose = "two models, or two strengths of a LoRA, side by side",
    .description =
        "Draws the same prompt with the same noise and settings by two models, and says how far "
        "apart the pictures and, after each step, the latents are. With --method daam, also where "
        "the two read each word: the maps on one scale, their difference, their correlation and "
        "the share of their mass that lies at the same places.\n\n"
        "The models are -m LEFT -m RIGHT, or one model whose sides differ by --left-lora and "
        "--right-lora. Models whose latents differ in channels or scale are refused; where their "
        "own sizes differ, "
        "--width and --height are needed.\n\n"
        "The run folder holds left.png, right.png, difference.png, WORD.maps.png, "
        "WORD.difference.png, apart.svg, report.html, result.json, run.json, and "
        "tensors.safetensors with \"left/image\", \"left/latents\" [steps, numbers], "
        "\"left/word/WORD\" [h,w] and the same of \"right\"; with several pictures, their number "
        "stands behind each name.\n\n"
        "With RUN folders nothing is drawn: runs of one command (two models, LoRA strengths, "
        "versions) "
        "are laid side by side. What differs in their options is told first; then the numbers of "
        "result.json with their errors; and where the folders hold items (pictures of prompts and "
        "seeds, scenes of an evaluation, an audit), the differences on the same items as `audit` "
        "tells them, and the pictures beside each other.",
    .example = "diffuscope compare -m sd15.safetensors --left-lora style.safetensors=0.4 "
               "--right-lora style.safetensors=0.8 -p \"a cat on a mat\" --method daam --word cat "
               "--out two",
    .results = "left, right: {model, sampler, loras}\n"
               "picture_rms: root of the mean square of the pictures' difference, of 1, with "
               "interval over seeds\n"
               "latents_apart: the same of the last latents, relative to their size\n"
               "words: [{text, correlation, shared}], means over pictures\n"
               "pictures: [{seed, picture_rms, latents_apart: [steps], words: [{text, correlation, "
               "shared, left, right: mean of the map}]}]\n"
               "with RUN folders: differ: {option: [value of each]}, numbers: [{path, values, "
               "difference}], measures and card as of `audit`",
    .options = rows,
    .size = sizeof(compare_job),
    .fields = offsetof(compare_job, job),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_OWN_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
