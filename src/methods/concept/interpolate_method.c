/* interpolate_method.c - `concept interpolate`: from one word to another. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/concept/strip.h"
#include "methods/methods.h"

typedef struct interpolate_job {
    ds_texts words, prompt;
    int64_t count;
    paint_options drawing;
    ds_dictionary *d; /* of the two */
    ds_texts templates;
} interpolate_job;

static ds_status check_interpolate(ds_job *j, void *options, ds_error *err)
{
    static const char *const standard[] = { "a picture of a <>" };
    interpolate_job *o = options;
    ds_dictionary_options d = { .n_ids = 2 };
    int64_t ids[2];
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK)
        st = ds__strip_check(j, &o->drawing, err);
    o->templates = o->prompt.count > 0 ? o->prompt : (ds_texts){ standard, 1 };
    for (int64_t i = 0; st == DS_OK && i < o->templates.count; i++)
        st = ds__template_check(o->templates.text[i], err);
    for (int64_t i = 0; st == DS_OK && i < 2; i++) {
        ds_tokens *tokens;

        st = ds_tokenizer_encode(t, &tokens, o->words.text[i], err);
        if (st == DS_OK && tokens->count != 1)
            st = ds_fail(err, DS_E_ARG, "\"%s\" is %lld tokens: expected one", o->words.text[i],
                         (long long)tokens->count);
        if (st == DS_OK)
            ids[i] = tokens->ids[0];
        ds_tokens_free(tokens);
    }
    d.ids = ids;
    return st == DS_OK ? ds__dictionary_new(&o->d, j->model, t, &d, err) : st;
}

/* (1-s) a + s b, with the length that lies as far between theirs: the ends are the words' own vectors to
 * the bit. (The paper gives all of them one length.) */
static void between(float *out, const float *a, const float *b, double s, int64_t n)
{
    double aa = 0.0, bb = 0.0, rr = 0.0, length;

    for (int64_t i = 0; i < n; i++) {
        const double r = (1.0 - s) * a[i] + s * b[i];

        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
        rr += r * r;
    }
    length = (1.0 - s) * sqrt(aa) + s * sqrt(bb);
    for (int64_t i = 0; i < n; i++)
        out[i] = s == 0.0   ? a[i]
                 : s == 1.0 ? b[i]
                            : (float)(((1.0 - s) * a[i] + s * b[i]) * length / sqrt(rr));
}

static ds_status run_interpolate(ds_job *j, void *options, ds_error *err)
{
    interpolate_job *o = options;
    const ds_words *w = &o->d->words;
    const int64_t width = ds__words_width(w), n = o->count;
    float *token = ds_calloc((size_t)(n * width), sizeof *token), *latents = NULL, *at = token;
    char text[16][32];
    const char *title[16] = { NULL };
    json_t *steps = json_array();
    int64_t plane = 0;
    ds_status st = token == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for tokens") : DS_OK;

    for (int64_t k = 0; st == DS_OK && k < n; k++) {
        const double s = (double)k / (double)(n - 1);

        for (int p = 0; p < w->parts; p++) {
            between(at, w->row[p], w->row[p] + w->width[p], s, w->width[p]);
            at += w->width[p];
        }
        if (k == 0 || k == n - 1)
            snprintf(text[k], sizeof text[k], "%.30s", o->words.text[k == 0 ? 0 : 1]);
        else
            snprintf(text[k], sizeof text[k], "%.2f", s);
        title[k] = text[k];
    }
    if (st == DS_OK)
        st = ds__strip_paint(j, &o->drawing, &o->templates, o->words.text[0], 0, token, n, title,
                             "strip", &latents, &plane, err);
    for (int64_t k = 0; st == DS_OK && k < n; k++)
        json_array_append_new(
            steps, json_pack("{s:f, s:o, s:o}", "at", (double)k / (double)(n - 1), "from_a",
                             ds__json_real(ds__strip_distance(latents + k * plane, latents, plane)),
                             "from_b",
                             ds__json_real(ds__strip_distance(latents + k * plane,
                                                              latents + (n - 1) * plane, plane))));
    if (st == DS_OK)
        st = ds__result_set(j->result, "steps", steps, err);
    else
        json_decref(steps);
    ds_free(token);
    ds_free(latents);
    return st;
}

static void clear_interpolate(void *options)
{
    ds__dictionary_free(((interpolate_job *)options)->d);
}

static const ds_option interpolate_options[] = {
    { .name = "words",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(interpolate_job, words),
      .arg = "A B",
      .min = 2,
      .max = 2,
      .positional = true,
      .help = "two words of one token each" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(interpolate_job, prompt),
      .arg = "TEMPLATE",
      .help = "sentence with <> in their place; without it \"a picture of a <>\"" },
    { .name = "count",
      .kind = DS_OPTION_INT,
      .offset = offsetof(interpolate_job, count),
      .arg = "N",
      .standard = "7",
      .min = 2,
      .max = 16,
      .help = "pictures, both ends included" },
    { .kind = DS_OPTION_BLOCK,
      .offset = offsetof(interpolate_job, drawing),
      .block = ds__paint_rows },
    { 0 },
};

const ds_method ds__method_concept_interpolate = {
    .name = "concept-interpolate",
    .purpose = "pictures on the way from one word's vector to another's",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description = "With one seed. The ends are the pictures of the words themselves, to the bit.",
    .example = "diffuscope concept interpolate octopus pineapple --out run",
    .results = "steps: [{at, from_a, from_b: mean square distances of latents}]\npasses",
    .options = interpolate_options,
    .size = sizeof(interpolate_job),
    .fields = offsetof(interpolate_job, d),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check_interpolate,
    .run = run_interpolate,
    .clear = clear_interpolate,
};
