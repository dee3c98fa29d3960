/* clip_choice.c - what CLIP decides in a search: the dictionary, and which check is kept. See work.h. */

#include <string.h>

#include "methods/concept/clip_words.h"
#include "methods/concept/work.h"

ds_status ds__concept_clip_check(concept_work *w, ds_error *err)
{
    const concept_options *o = w->o;
    static const char *const need[] = { "clip-words", "clip-templates", "clip-near", "clip-cache" };

    for (size_t i = 0; o->clip == NULL && i < DS_COUNT(need); i++)
        if (ds__job_given(w->job, need[i]))
            return ds_fail(err, DS_E_ARG, "%s needs %s DIR", ds__job_name(w->job, need[i]),
                           ds__job_name(w->job, "clip"));
    if (o->clip == NULL && o->select == DS_SELECT_CLIP)
        return ds_fail(err, DS_E_ARG, "%s clip needs %s DIR", ds__job_name(w->job, "select"),
                       ds__job_name(w->job, "clip"));
    return o->clip != NULL ? ds__clip_open(&w->clip, o->clip, err) : DS_OK;
}

/* CLIP's vectors [n,P] of pictures first, first + 1, ... of a word's sentences, drawn with the word, or with a
 * token in its place. */
static ds_status see(concept_work *w, float *out, const char *word, const float *token,
                     int64_t first, int64_t n, ds_error *err)
{
    const int64_t some = w->o->batch, width = ds__clip_width(w->clip);
    ds_image *image = ds_calloc((size_t)some, sizeof *image);
    ds_status st = image == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for pictures") : DS_OK;

    for (int64_t k = 0; st == DS_OK && k < n; k += some) {
        const int64_t now = n - k < some ? n - k : some;
        ds_painter p = ds__concept_painter(w);
        ds_sentences *s = NULL;

        p.sampling.seed += (uint64_t)(first + k);
        st = ds__sentences_new(&s, &w->templates, word, first + k, now, w->tokenizer, err);
        if (st == DS_OK)
            st = ds__paint(&p, image, NULL, s, token, now, err);
        if (st == DS_OK)
            st = ds__clip_images(w->clip, out + k * width, image, now, w->job->o.cancel, err);
        for (int64_t i = 0; i < now; i++)
            ds_image_clear(&image[i]);
        ds__sentences_free(s);
        w->draw_passes += p.passes;
        w->decodes += p.decodes;
        if (st == DS_OK)
            st = ds__job_progress(w->job, "pictures for CLIP", k + now, n, err);
    }
    ds_free(image);
    return st;
}

static ds_status progress(void *user, int64_t done, int64_t total, ds_error *err)
{
    return ds__job_progress(user, "words by CLIP", done, total, err);
}

/* The words nearest to the mean of the concept's pictures; none that says the concept, unless its own words are
 * kept. */
static ds_status narrow(concept_work *w, concept_lane *l, const float *word, ds_error *err)
{
    const int64_t width = ds__clip_width(w->clip), n = w->pictures;
    float *picture = ds_calloc((size_t)((n + 2) * width), sizeof *picture);
    float *mean = picture + n * width, *concept = mean + width;
    double near = w->o->clip_near;
    ds_status st;

    if (picture == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for pictures' vectors");
    for (int64_t i = 0; i < w->o->keep.count; i++)
        near = strcmp(w->o->keep.text[i], "own") == 0 ? 2.0 : near;
    st = see(w, picture, l->word, NULL, w->held_pictures, n, err);
    for (int64_t i = 0; st == DS_OK && i < n * width; i++)
        mean[i % width] += picture[i] / (float)n;
    if (st == DS_OK)
        st = ds__clip_texts(w->clip, concept, &l->word, 1, w->job->o.cancel, err);
    if (st == DS_OK)
        st = ds__clip_choose(l->allowed, &l->n_allowed, word, w->dictionary->words.count, width,
                             mean, concept, near, w->o->clip_words, err);
    if (st == DS_OK && l->n_allowed < 2)
        st = ds_fail(err, DS_E_ARG, "%s: %lld words are left by CLIP: expected 2 or more", l->word,
                     (long long)l->n_allowed);
    ds_free(picture);
    return st;
}

ds_status ds__concept_clip_words(concept_work *w, ds_error *err)
{
    const ds_clip_words_options o = { .templates = w->o->clip_templates,
                                      .cache = w->o->clip_cache,
                                      .clip = w->o->clip,
                                      .cancel = w->job->o.cancel,
                                      .progress = progress,
                                      .user = w->job };
    const int64_t n = w->dictionary->words.count;
    float *word;
    ds_status st;

    if (w->clip == NULL)
        return DS_OK;
    word = ds_calloc((size_t)(n * ds__clip_width(w->clip)), sizeof *word);
    if (word == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the vectors of %lld words", (long long)n);
    st = ds__clip_words(word, w->clip, w->dictionary->text, n, &o, err);
    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++)
        st = narrow(w, &w->lane[i], word, err);
    ds_free(word);
    return st;
}

/* The published selection: the mean cosine of pictures of the token with the concept's own of the same seed and
 * sentence. */
ds_status ds__concept_clip_judge(void *user, int64_t lane, double *score, const float *token,
                                 ds_error *err)
{
    concept_work *w = user;
    concept_lane *l = &w->lane[lane];
    const int64_t width = ds__clip_width(w->clip), n = w->held_pictures;
    float *seen = ds_calloc((size_t)(n * width), sizeof *seen);
    ds_status st = DS_OK;

    *score = 0.0;
    if (seen == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for pictures' vectors");
    if (l->seen == NULL) {
        l->seen = ds_calloc((size_t)(n * width), sizeof *l->seen);
        st = l->seen == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for pictures' vectors")
                             : see(w, l->seen, l->word, NULL, 0, n, err);
    }
    if (st == DS_OK)
        st = see(w, seen, l->word, token, 0, n, err);
    for (int64_t i = 0; st == DS_OK && i < n * width; i++)
        *score += (double)seen[i] * l->seen[i] / (double)n;
    ds_free(seen);
    return st;
}
