/* near.c - see near.h. */

#include "methods/component/near.h"

#include <math.h>
#include <string.h>

#include <diffuscope/verbs.h>

#include "methods/component/select.h"
#include "methods/component/work.h"

enum { CHUNK = 32, SEEDS = 2, STEPS = 4 };

int64_t ds__last_word(const int64_t *ids, int64_t tokens)
{
    int64_t i = tokens - 1;

    while (i > 1 && ids[i] == ids[tokens - 1])
        i--;
    return i == tokens - 2 || i < 1 ? 1 : i;
}

ds_status ds__frame(ds_alternatives *out, const char *pattern, const char *word, ds_error *err)
{
    char text[1200];
    size_t n = 0;

    for (const char *p = pattern; *p != '\0' && n + strlen(word) + 2 < sizeof text; p++) {
        if (*p == '*') {
            memcpy(text + n, word, strlen(word));
            n += strlen(word);
        } else {
            text[n++] = *p;
        }
    }
    text[n] = '\0';
    return ds__alternatives_add(out, text, err);
}

int64_t ds__near_guide(const double *j, int64_t n)
{
    const double median = n % 2 ? j[n / 2] : 0.5 * (j[n / 2 - 1] + j[n / 2]);
    int64_t i = 0;

    while (i + 1 < n && j[i] < 0.5 * median)
        i++;
    return i;
}

/* ---- by embedding ---------------------------------------------------------------------------- */

/* The last token's embeddings of n texts, scaled to length 1: rows [n,width] appended to *out. */
static ds_status embed(float **out, int64_t *width, ds_job *j, const char *const *text, int64_t n,
                       ds_error *err)
{
    ds_status st = DS_OK;

    *out = NULL;
    for (int64_t first = 0; st == DS_OK && first < n; first += CHUNK) {
        ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
        ds_encoder *e = NULL;

        o.prompts = text + first;
        o.count = n - first < CHUNK ? n - first : CHUNK;
        o.cancel = j->o.cancel;
        st = ds_encoder_new(&e, j->model, &o, err);
        if (st == DS_OK)
            st = ds_encode(e, err);
        for (int64_t k = 0; st == DS_OK && k < o.count; k++) {
            const ds_conditions *c = ds_encoder_conditions(e);
            const ds_tensor h = ds_conditions_hidden(c);
            const int64_t w = h.dim[2];
            const float *x = (const float *)h.data + k * h.dim[1] * w +
                             ds__last_word(ds_conditions_ids(c, k), h.dim[1]) * w;
            double square = 0.0;

            *width = w;
            if (*out == NULL && (*out = ds_calloc((size_t)n, (size_t)w * sizeof **out)) == NULL)
                st = ds_fail(err, DS_E_NOMEM, "no memory for embeddings of words");
            for (int64_t i = 0; i < w; i++)
                square += (double)x[i] * x[i];
            for (int64_t i = 0; st == DS_OK && i < w; i++)
                (*out)[(first + k) * w + i] = (float)(x[i] / sqrt(square));
        }
        ds_encoder_free(e);
        if (st == DS_OK)
            st = ds__job_progress(j, "words", first + o.count, n, err);
    }
    return st;
}

static ds_status shortlist(ds_near *out, ds_job *j, const char *concept_,
                           const ds_alternatives *words, ds_error *err)
{
    const int64_t n = words->count;
    const char **text = ds_calloc((size_t)n + 1, sizeof *text);
    float *cosine = ds_calloc((size_t)n + 1, sizeof *cosine), *x = NULL;
    int64_t top[DS_NEAR_TRIED], width = 0;
    ds_status st = text == NULL || cosine == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a list of words")
                       : DS_OK;

    for (int64_t i = 0; st == DS_OK && i <= n; i++)
        text[i] = i < n ? words->text[i] : concept_;
    if (st == DS_OK)
        st = embed(&x, &width, j, text, n + 1, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        cosine[i] = strcmp(words->text[i], concept_) == 0 ? -2.0f : 0.0f;
        for (int64_t k = 0; k < width && cosine[i] > -2.0f; k++)
            cosine[i] += x[i * width + k] * x[n * width + k];
    }
    if (st == DS_OK)
        out->count = ds__top(top, cosine, n, DS_NEAR_TRIED);
    while (st == DS_OK && out->count > 0 && cosine[top[out->count - 1]] <= -2.0f)
        out->count--;
    for (int64_t i = 0; st == DS_OK && i < out->count; i++)
        out->word[i] = words->text[top[i]];
    ds_free(text);
    ds_free(cosine);
    ds_free(x);
    return st;
}

/* ---- by prediction --------------------------------------------------------------------------- */

/* Texts "{a dog|a dog|...}" and "{a fox|a wolf|...}": pairs that differ in the word. */
static ds_status pairs(ds_alternatives *concept_, ds_alternatives *base, const ds_near *near,
                       const char *word, const char *frame, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < near->count; i++) {
        st = ds__frame(concept_, frame, word, err);
        if (st == DS_OK)
            st = ds__frame(base, frame, near->word[i], err);
    }
    return st == DS_OK && (concept_->count != near->count || base->count != near->count)
               ? ds_fail(err, DS_E_ARG, "\"%.80s\": expected one text, not several", frame)
               : st;
}

static ds_status measure(ds_near *near, ds_job *j, const ds_alternatives *concept_,
                         const ds_alternatives *base, ds_error *err)
{
    component_work w = { 0 };
    component_question q = {
        .base = "", .seeds = SEEDS, .steps = STEPS, .batch = 8, .seed = 1, .guidance = 3.0
    };
    ds_status st;

    q.concept_ = (ds_texts){ concept_->text, concept_->count };
    st = ds__component_check_pairs(&w, j, j->model, &q, base, err);
    if (st == DS_OK)
        st = ds__component_measure(&w, j, NULL, 0, false, err);
    for (int64_t i = 0; st == DS_OK && i < near->count; i++)
        near->j[i] = ds__component_objective(&w, i);
    ds__component_clear(&w);
    return st;
}

static void sort(ds_near *near)
{
    for (int64_t i = 1; i < near->count; i++)
        for (int64_t k = i; k > 0 && near->j[k] < near->j[k - 1]; k--) {
            const double j = near->j[k];
            const char *w = near->word[k];

            near->j[k] = near->j[k - 1];
            near->word[k] = near->word[k - 1];
            near->j[k - 1] = j;
            near->word[k - 1] = w;
        }
}

ds_status ds__near(ds_near *out, ds_job *j, const char *concept_, const char *frame,
                   const ds_alternatives *words, ds_error *err)
{
    ds_alternatives c = { 0 }, b = { 0 };
    ds_status st;

    *out = (ds_near){ 0 };
    st = shortlist(out, j, concept_, words, err);
    if (st == DS_OK && out->count < DS_NEAR_LEAST)
        st = ds_fail(err, DS_E_NOMATCH,
                     "%lld words besides \"%.60s\": expected at least %d to choose a guide from",
                     (long long)out->count, concept_, DS_NEAR_LEAST);
    if (st == DS_OK)
        st = pairs(&c, &b, out, concept_, frame, err);
    if (st == DS_OK)
        st = measure(out, j, &c, &b, err);
    if (st == DS_OK) {
        sort(out);
        out->guide = ds__near_guide(out->j, out->count);
    }
    ds__alternatives_clear(&c);
    ds__alternatives_clear(&b);
    return st;
}
