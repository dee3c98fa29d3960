/* edit_method.c - `concept edit`: a word of a mixture turned up or down. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/concept/strip.h"
#include "base/text.h"
#include "methods/methods.h"

typedef struct edit_job {
    const char *run, *word;
    ds_texts scale, set;
    int64_t number;
    paint_options drawing;
    ds_decomposition *d;
} edit_job;

/* A setting must name a word of the mixture: told before anything is drawn. */
static ds_status check_edit(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    int64_t place;
    double number;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK && o->scale.count + o->set.count == 0)
        st = ds_fail(err, DS_E_ARG, "%s WORD=FACTOR or %s WORD=SHARE is needed",
                     ds__job_name(j, "scale"), ds__job_name(j, "set"));
    if (st == DS_OK)
        st = ds__strip_check(j, &o->drawing, err);
    if (st == DS_OK)
        st = ds__decomposition_open(&o->d, o->run, o->word, j->model, t, err);
    for (int64_t i = 0; st == DS_OK && i < o->scale.count; i++) {
        st = ds__decomposition_setting(&place, &number, o->d, o->scale.text[i], err);
        if (st == DS_OK && !(number > 0.0))
            st = ds_fail(err, DS_E_ARG, "%s: expected a factor above 0 (%s takes 0)",
                         o->scale.text[i], ds__job_name(j, "set"));
    }
    for (int64_t i = 0; st == DS_OK && i < o->set.count; i++) {
        st = ds__decomposition_setting(&place, &number, o->d, o->set.text[i], err);
        if (st == DS_OK && (number < 0.0 || number >= 1.0))
            st = ds_fail(err, DS_E_ARG, "%s: expected a share from 0 to below 1", o->set.text[i]);
    }
    return st;
}

/* Coefficients at `power` from -1 to 1: factors to that power; shares that far on the way. At 0 all are as
 * they were, bit for bit. */
static void edited(double *alpha, const edit_job *o, double power)
{
    const ds_words *w = &o->d->dictionary->words;
    int64_t place;
    double number;

    memcpy(alpha, o->d->alpha, (size_t)w->count * sizeof *alpha);
    for (int64_t i = 0; power != 0.0 && i < o->scale.count; i++)
        if (ds__decomposition_setting(&place, &number, o->d, o->scale.text[i], NULL) == DS_OK)
            alpha[place] *= pow(number, power);
    for (int64_t i = 0; power > 0.0 && i < o->set.count; i++)
        if (ds__decomposition_setting(&place, &number, o->d, o->set.text[i], NULL) == DS_OK) {
            const float *row = w->row[0] + place * w->width[0];
            double way = 0.0, length = 0.0;

            for (int64_t x = 0; x < w->width[0]; x++)
                length += (double)row[x] * row[x];
            for (int64_t k = 0; k < w->count; k++) {
                const float *other = w->row[0] + k * w->width[0];
                double norm = 0.0;

                for (int64_t x = 0; x < w->width[0]; x++)
                    norm += (double)other[x] * other[x];
                way += k != place ? alpha[k] * sqrt(norm) : 0.0;
            }
            /* A share s of the whole, the others as they are: a |D| = s / (1 - s) way. */
            alpha[place] += power * (number / (1.0 - number) * way / sqrt(length) - alpha[place]);
        }
}

/* The one word that is turned, by its place in the mixture; -1: there are several. */
static int64_t turned_word(const edit_job *o)
{
    int64_t place;
    double number;

    if (o->scale.count + o->set.count != 1 ||
        ds__decomposition_setting(&place, &number, o->d,
                                  o->scale.count > 0 ? o->scale.text[0] : o->set.text[0],
                                  NULL) != DS_OK)
        return -1;
    return place;
}

#define MOST_PICTURES 6 /* five of the strip, and the word alone */

typedef struct edit_strip {
    float *token; /* [n,width] */
    char text[MOST_PICTURES][80];
    const char *title[MOST_PICTURES];
    double power[MOST_PICTURES];
    int64_t steps, middle,
        n; /* pictures of the way; the one as found; with the word alone at the end */
} edit_strip;

static ds_status fill_strip(edit_strip *s, const edit_job *o, int64_t width, ds_error *err)
{
    const bool both = o->set.count == 0; /* a share has no opposite */
    const ds_words *w = &o->d->dictionary->words;
    const int64_t word = turned_word(o);
    double *alpha = ds_calloc((size_t)w->count, sizeof *alpha);
    ds_status st = alpha == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for tokens") : DS_OK;

    s->steps = both ? 5 : 3;
    s->middle = both ? 2 : 0;
    for (int64_t k = 0; st == DS_OK && k < s->steps; k++) {
        s->power[k] = (double)(k - s->middle) / 2.0;
        edited(alpha, o, s->power[k]);
        snprintf(s->text[k], sizeof s->text[k], s->power[k] == 0.0 ? "as found" : "edit %+.1f",
                 s->power[k]);
        s->title[k] = s->text[k];
        st = ds__decomposition_token(s->token + k * width, o->d, alpha, err);
    }
    s->n = s->steps;
    ds_free(alpha);
    if (st != DS_OK || word < 0)
        return st;
    snprintf(s->text[s->n], sizeof s->text[s->n], "%.60s alone", o->d->dictionary->text[word]);
    ds__mend_letters(s->text[s->n]);
    s->title[s->n] = s->text[s->n];
    for (int64_t p = 0, at = s->n * width; p < w->parts; p++) {
        memcpy(s->token + at, w->row[p] + word * w->width[p],
               (size_t)w->width[p] * sizeof *s->token);
        at += w->width[p];
    }
    s->n++;
    return DS_OK;
}

static json_t *strip_json(const edit_strip *s, const float *latents, int64_t plane)
{
    json_t *steps = json_array();

    for (int64_t k = 0; k < s->steps; k++) {
        const float *at = latents + k * plane;
        json_t *step =
            json_pack("{s:f, s:o}", "power", s->power[k], "from_found",
                      ds__json_real(ds__strip_distance(at, latents + s->middle * plane, plane)));

        if (s->n > s->steps)
            json_object_set_new(
                step, "from_word",
                ds__json_real(ds__strip_distance(at, latents + s->steps * plane, plane)));
        json_array_append_new(steps, step);
    }
    return steps;
}

static ds_status run_edit(ds_job *j, void *options, ds_error *err)
{
    edit_job *o = options;
    const int64_t width = ds__decomposition_width(o->d);
    edit_strip s = { .token = ds_calloc((size_t)(MOST_PICTURES * width), sizeof *s.token) };
    float *latents = NULL;
    int64_t plane = 0;
    ds_status st = s.token == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for tokens")
                                   : fill_strip(&s, o, width, err);

    if (st == DS_OK)
        st = ds__strip_paint(j, &o->drawing, &o->d->templates, o->d->word, o->number, s.token, s.n,
                             s.title, "strip", &latents, &plane, err);
    if (st == DS_OK)
        st = ds__result_floats(j->result, "tokens", DS_DIMS(s.n, width), s.token, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "steps", strip_json(&s, latents, plane), err);
    ds_free(s.token);
    ds_free(latents);
    return st;
}

static void clear_edit(void *options)
{
    ds__decomposition_close(((edit_job *)options)->d);
}

static const ds_option edit_options[] = {
    RUN_ROWS(edit_job),
    { .name = "scale",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(edit_job, scale),
      .arg = "WORD=FACTOR",
      .help = "multiply a word's coefficient" },
    { .name = "set",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(edit_job, set),
      .arg = "WORD=SHARE",
      .help = "give a word this share of the mixture, the others as they are" },
    { .name = "sentence",
      .kind = DS_OPTION_INT,
      .offset = offsetof(edit_job, number),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1 << 20,
      .help = "which sentence of the run's templates" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(edit_job, drawing), .block = ds__paint_rows },
    { 0 },
};

const ds_method ds__method_concept_edit = {
    .name = "concept-edit",
    .purpose = "turn a word of a mixture up or down, and see the picture change",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description = "Draws a strip with one seed: with --scale, the coefficients multiplied by the "
                   "factors to the "
                   "powers -1, -1/2, 0, 1/2 and 1, so that the mixture as it was found stands in "
                   "the middle, to the "
                   "bit; with --set, the way from there to the new share in three pictures. The "
                   "token keeps its "
                   "length.",
    .example = "diffuscope concept edit --run run --scale octopus=4 --out edit",
    .results = "steps: [{power, from_found, from_word: mean square distance of latents from the "
               "picture as found, and from that of the word alone}]\nsentence, passes",
    .options = edit_options,
    .size = sizeof(edit_job),
    .fields = offsetof(edit_job, d),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check_edit,
    .run = run_edit,
    .clear = clear_edit,
};
