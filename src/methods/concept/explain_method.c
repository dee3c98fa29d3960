/* explain_method.c - `concept explain`: which words of a mixture made one particular picture (Chefer et al.,
 * arXiv 2306.00966, section 3.3, and the notebook of the published code). */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/concept/strip.h"
#include "methods/methods.h"
#include "pipeline/clip.h"

typedef struct explain_job {
    const char *run, *word, *clip;
    double threshold, together, near_concept;
    int64_t number, most;
    paint_options drawing;
    ds_decomposition *d;
} explain_job;

/* What the greedy removal works on. */
typedef struct removal {
    const explain_job *o;
    ds_job *job;
    ds_painter painter;
    ds_sentences *sentence;
    ds_clip *clip; /* NULL: latents are compared */
    float *text;   /* [words,P] of CLIP */
    int64_t words, plane, redraws;
    double *alpha;                              /* [words]: what is left */
    float *token, *reference, *latent, *vector; /* vector: CLIP's, of the reference and of now */
    double scale; /* mean square distance to the picture without any word */
} removal;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    explain_job *o = options;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK)
        st = ds__strip_check(j, &o->drawing, err);
    if (st == DS_OK)
        st = ds__decomposition_open(&o->d, o->run, o->word, j->model, t, err);
    if (st == DS_OK && !ds__job_given(j, "together"))
        o->together = o->clip != NULL ? 0.95 : 0.6; /* embeddings of synonyms lie less near */
    return st;
}

/* Draws the mixture that is left into r->latent, and into *image if it is not NULL. */
static ds_status redraw(removal *r, ds_image *image, ds_error *err)
{
    ds_status st = ds__decomposition_token(r->token, r->o->d, r->alpha, err);

    r->redraws++;
    return st == DS_OK
               ? ds__paint_tokens(&r->painter, image, r->latent, r->sentence, r->token, 1, err)
               : st;
}

/* How near the present picture is to the reference: CLIP's cosine, or 1 - distance / scale of latents. */
static ds_status similarity(removal *r, double *out, ds_error *err)
{
    ds_image image = { 0 };
    ds_status st = redraw(r, r->clip != NULL ? &image : NULL, err);
    const int64_t width = r->clip != NULL ? ds__clip_width(r->clip) : 0;

    if (st == DS_OK && r->clip != NULL) {
        st = ds__clip_images(r->clip, r->vector + width, &image, 1, r->job->o.cancel, err);
        *out = 0.0;
        for (int64_t i = 0; i < width; i++)
            *out += (double)r->vector[i] * r->vector[width + i];
    } else if (st == DS_OK) {
        *out = 1.0 - ds__strip_distance(r->latent, r->reference, r->plane) / r->scale;
    }
    ds_image_clear(&image);
    return st;
}

static double alike(const removal *r, int64_t a, int64_t b)
{
    const ds_words *w = &r->o->d->dictionary->words;
    const int64_t n = r->clip != NULL ? ds__clip_width(r->clip) : w->width[0];
    const float *x = (r->clip != NULL ? r->text : w->row[0]) + a * n;
    const float *y = (r->clip != NULL ? r->text : w->row[0]) + b * n;
    double xy = 0.0, xx = 0.0, yy = 0.0;

    for (int64_t i = 0; i < n; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    return xy / sqrt(xx * yy);
}

static int64_t left(const removal *r)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->words; i++)
        n += r->alpha[i] > 0.0;
    return n;
}

/* Tries to do without word i and all that are nearly the same. */
static ds_status try_without(removal *r, int64_t i, bool *removed, double *drop, ds_error *err)
{
    double *kept = ds_alloc((size_t)r->words * sizeof *kept), near = 0.0;
    ds_status st;

    if (kept == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for coefficients");
    memcpy(kept, r->alpha, (size_t)r->words * sizeof *kept);
    for (int64_t k = 0; k < r->words; k++)
        if (k == i || alike(r, i, k) > r->o->together)
            r->alpha[k] = 0.0;
    *removed = false;
    if (left(r) == 0) {
        memcpy(r->alpha, kept, (size_t)r->words * sizeof *kept);
        *drop = 1.0;
        ds_free(kept);
        return DS_OK;
    }
    st = similarity(r, &near, err);
    *drop = 1.0 - near;
    if (st == DS_OK && near > r->o->threshold)
        *removed = true;
    else
        memcpy(r->alpha, kept, (size_t)r->words * sizeof *kept);
    ds_free(kept);
    return st;
}

/* From the smallest coefficient to the largest, again and again until a round removes nothing. drop [words]:
 * what the picture lost when the word was last tried. */
static ds_status remove_all(removal *r, double *drop, ds_error *err)
{
    bool any = true;
    ds_status st = DS_OK;

    while (st == DS_OK && any) {
        any = false;
        for (int64_t i = r->words; st == DS_OK && i-- > 0;) {
            bool removed = false;

            if (r->alpha[i] > 0.0)
                st = try_without(r, i, &removed, &drop[i], err);
            any = any || removed;
            if (st == DS_OK)
                st = ds__job_progress(r->job, "redraws", r->redraws, r->redraws + left(r), err);
        }
    }
    return st;
}

/* ---- beginning --------------------------------------------------------------------------------- */

static ds_status open_clip(removal *r, ds_error *err)
{
    const ds_decomposition *d = r->o->d;
    float concept[2048];
    int64_t width;
    ds_status st = ds__clip_open(&r->clip, r->o->clip, err);

    if (st != DS_OK)
        return st;
    width = ds__clip_width(r->clip);
    r->text = ds_calloc((size_t)(r->words * width), sizeof *r->text);
    r->vector = ds_calloc((size_t)(2 * width), sizeof *r->vector);
    if (r->text == NULL || r->vector == NULL || width > 2048)
        return ds_fail(err, DS_E_NOMEM, "no memory for CLIP's vectors");
    st = ds__clip_texts(r->clip, r->text, d->dictionary->text, r->words, r->job->o.cancel, err);
    if (st == DS_OK)
        st = ds__clip_texts(r->clip, concept, &d->word, 1, r->job->o.cancel, err);
    for (int64_t i = 0; st == DS_OK && i < r->words; i++) {
        double cosine = 0.0;

        for (int64_t x = 0; x < width; x++)
        cosine += (double)concept[x] * r -> text[i * width + x];
        if (cosine > r->o->near_concept)
            r->alpha[i] = 0.0; /* another name of the concept explains nothing */
    }
    return st;
}

static ds_status begin(removal *r, ds_image *image, ds_error *err)
{
    const explain_job *o = r->o;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(r->job, &t, err);

    r->words = o->d->dictionary->words.count < o->most ? o->d->dictionary->words.count : o->most;
    if (st == DS_OK)
        st = ds__strip_painter(&r->painter, r->job, &o->drawing, err);
    if (st == DS_OK)
        st = ds__paint_plane(&r->plane, &r->painter, err);
    if (st == DS_OK)
        st = ds__sentences_new(&r->sentence, &o->d->templates, o->d->word, o->number, 1, t, err);
    r->alpha = ds_calloc((size_t)o->d->dictionary->words.count, sizeof *r->alpha);
    r->token = ds_calloc((size_t)ds__decomposition_width(o->d), sizeof *r->token);
    r->latent = ds_calloc((size_t)r->plane + 1, sizeof *r->latent);
    r->reference = ds_calloc((size_t)r->plane + 1, sizeof *r->reference);
    if (st == DS_OK &&
        (r->alpha == NULL || r->token == NULL || r->latent == NULL || r->reference == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    for (int64_t i = 0; st == DS_OK && i < r->words; i++)
        r->alpha[i] = o->d->alpha[i];
    if (st == DS_OK && o->clip != NULL)
        st = open_clip(r, err);
    if (st == DS_OK)
        st = redraw(r, image, err);
    if (st != DS_OK)
        return st;
    memcpy(r->reference, r->latent, (size_t)r->plane * sizeof *r->latent);
    if (r->clip != NULL)
        return ds__clip_images(r->clip, r->vector, image, 1, r->job->o.cancel, err);
    memset(r->token, 0, (size_t)ds__decomposition_width(o->d) * sizeof *r->token);
    st = ds__paint_tokens(&r->painter, NULL, r->latent, r->sentence, r->token, 1, err);
    r->scale = fmax(ds__strip_distance(r->latent, r->reference, r->plane), 1e-12);
    return st;
}

static void finish(removal *r)
{
    ds__sentences_free(r->sentence);
    ds__clip_close(r->clip);
    ds_free(r->text);
    ds_free(r->vector);
    ds_free(r->alpha);
    ds_free(r->token);
    ds_free(r->latent);
    ds_free(r->reference);
}

/* ---- the result -------------------------------------------------------------------------------- */

/* The reference, what is left together, and each survivor alone. */
static ds_status show(removal *r, ds_error *err)
{
    const ds_decomposition *d = r->o->d;
    const int64_t width = ds__decomposition_width(d), words = d->dictionary->words.count;
    float *token = ds_calloc((size_t)(16 * width), sizeof *token), *latents = NULL;
    double *alone = ds_calloc((size_t)words, sizeof *alone);
    const char *title[16] = { "reference", "survivors" };
    int64_t n = 2, plane;
    ds_status st = token == NULL || alone == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for tokens")
                       : ds__decomposition_token(token, d, d->alpha, err);

    if (st == DS_OK)
        st = ds__decomposition_token(token + width, d, r->alpha, err);
    for (int64_t i = 0; st == DS_OK && i < r->words && n < 10; i++) {
        if (r->alpha[i] == 0.0)
            continue;
        alone[i] = 1.0;
        title[n] = d->dictionary->text[i];
        st = ds__decomposition_token(token + n++ * width, d, alone, err);
        alone[i] = 0.0;
    }
    if (st == DS_OK)
        st = ds__strip_paint(r->job, &r->o->drawing, &d->templates, d->word, r->o->number, token, n,
                             title, "survivors", &latents, &plane, err);
    ds_free(token);
    ds_free(alone);
    ds_free(latents);
    return st;
}

static ds_status keep(removal *r, const double *drop, ds_error *err)
{
    ds_result *to = r->job->result;
    json_t *list = json_array();
    ds_status st;

    ds__result_say(to, "%s, seed %llu:", r->o->d->word, (unsigned long long)r->o->drawing.seed);
    for (int64_t i = 0; i < r->words; i++)
        if (r->alpha[i] > 0.0) {
            json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "token",
                                                  r->o->d->dictionary->text[i], "alpha",
                                                  r->alpha[i], "drop", drop[i]));
            ds__result_say(to, " %s", r->o->d->dictionary->text[i]);
        }
    ds__result_say(to, "\n");
    st = ds__result_set(to, "survivors", list, err);
    if (st == DS_OK)
        st = ds__result_set(to, "judge", json_string(r->clip != NULL ? "clip" : "latent"), err);
    if (st == DS_OK)
        st = ds__result_set(to, "redraws", json_integer(r->redraws), err);
    return st == DS_OK ? show(r, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    removal r = { .o = options, .job = j };
    ds_image image = { 0 };
    double *drop = NULL;
    ds_status st = begin(&r, &image, err);

    ds_image_clear(&image);
    if (st == DS_OK && (drop = ds_calloc((size_t)r.words, sizeof *drop)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of words");
    if (st == DS_OK)
        st = remove_all(&r, drop, err);
    if (st == DS_OK)
        st = keep(&r, drop, err);
    finish(&r);
    ds_free(drop);
    return st;
}

static void clear(void *options)
{
    ds__decomposition_close(((explain_job *)options)->d);
}

#define FIELD(name) offsetof(explain_job, name)

static const ds_option options[] = {
    RUN_ROWS(explain_job),
    { .name = "clip",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(clip),
      .arg = "DIR",
      .help = "judge pictures by CLIP (a CLIPModel folder), as published; without it by latents" },
    { .name = "threshold",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(threshold),
      .arg = "X",
      .standard = "0.93",
      .min = 0,
      .max = 1,
      .help = "a word goes if the picture without it is at least so near" },
    { .name = "together",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(together),
      .arg = "X",
      .min = 0,
      .max = 1,
      .help = "words whose texts are nearer than this go together; without it 0.95 by CLIP, "
              "0.6 by embeddings" },
    { .name = "near-concept",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(near_concept),
      .arg = "X",
      .standard = "0.92",
      .min = 0,
      .max = 1,
      .help = "with CLIP: words nearer than this to the concept are left out first" },
    { .name = "tokens",
      .kind = DS_OPTION_INT,
      .offset = FIELD(most),
      .arg = "N",
      .standard = "50",
      .min = 1,
      .max = 1000,
      .help = "words of the mixture that are begun with" },
    { .name = "sentence",
      .kind = DS_OPTION_INT,
      .offset = FIELD(number),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1 << 20,
      .help = "which sentence of the run's templates" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(explain_job, drawing), .block = ds__paint_rows },
    { 0 },
};

const ds_method ds__method_concept_explain = {
    .name = "concept-explain",
    .purpose = "which words of a mixture made one picture",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description = "Draws the mixture with one seed, then tries to do without each word, from the "
                   "smallest coefficient "
                   "to the largest, together with its near-duplicates: where the picture stays the "
                   "same, they are gone "
                   "for good. Rounds go on until one removes nothing. The picture is compared by "
                   "CLIP as published, or "
                   "without CLIP by 1 - distance of latents over the distance to the picture "
                   "without any word.",
    .example = "diffuscope concept explain --run run --seed 7 --out why",
    .results = "survivors: [{token, alpha, drop: what the picture loses without it}]\njudge, "
               "redraws, passes",
    .options = options,
    .size = sizeof(explain_job),
    .fields = FIELD(d),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};
