/* text_only.c - what a concept's text says without the denoiser. See measure.h. */

#include <math.h>
#include <string.h>

#include "methods/concept/measure.h"
#include "optim/optim.h"
#include "pipeline/embeddings.h"

enum { BY_COSINE, BY_LEAST_SQUARES, BY_ENCODER };

#define NEAREST 512

static ds_status keep_top(ds_text_only *out, int which, const double *value, int64_t n,
                          double least, ds_error *err)
{
    const int64_t count = n < 10 ? n : 10;
    ds_status st = ds__largest(out->top[which], count, value, n, err);

    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        out->value[which][i] = value[out->top[which][i]];
        if (out->value[which][i] > least)
            out->count[which]++;
    }
    return st;
}

/* ---- embeddings -------------------------------------------------------------------------------- */

ds_status ds__mean_embedding(float *out, const ds_embeddings *e, const ds_tokenizer *t,
                             const char *text, ds_error *err)
{
    ds_tokens *tokens = NULL;
    ds_status st = ds_tokenizer_encode(t, &tokens, text, err);

    if (st == DS_OK && tokens->count == 0)
        st = ds_fail(err, DS_E_ARG, "\"%s\" has no tokens", text);
    for (int p = 0; st == DS_OK && p < e->tables; p++) {
        for (int64_t k = 0; k < tokens->count; k++)
            for (int64_t x = 0; x < e->width[p]; x++)
                out[x] += ds__embedding(e, p, tokens->ids[k])[x] / (float)tokens->count;
        out += e->width[p];
    }
    ds_tokens_free(tokens);
    return st;
}

static ds_status embed(float *out, const ds_measure *m, const ds_tokenizer *t, const char *concept,
                       ds_error *err)
{
    ds_embeddings *e = NULL;
    ds_status st = ds__embeddings_open(&e, m->model, err);

    if (st == DS_OK)
        st = ds__mean_embedding(out, e, t, concept, err);
    ds__embeddings_close(e);
    return st;
}

static double inner(const ds_words *w, int64_t i, int64_t j)
{
    double sum = 0.0;

    for (int p = 0; p < w->parts; p++)
        sum += ds__dot(w->row[p] + i * w->width[p], w->row[p] + j * w->width[p], w->width[p]);
    return sum;
}

static double inner_with(const ds_words *w, int64_t i, const float *e)
{
    double sum = 0.0;

    for (int p = 0; p < w->parts; p++) {
        sum += ds__dot(w->row[p] + i * w->width[p], e, w->width[p]);
        e += w->width[p];
    }
    return sum;
}

static ds_status by_cosine(ds_text_only *out, double *cosine, const ds_words *w, const float *e,
                           const bool *allowed, ds_error *err)
{
    const double length = sqrt(ds__sum_squares(e, ds__words_width(w)));

    for (int64_t i = 0; i < w->count; i++)
        cosine[i] = allowed[i] ? inner_with(w, i, e) / (length * sqrt(inner(w, i, i))) : -2.0;
    return keep_top(out, BY_COSINE, cosine, w->count, -1.5, err);
}

static ds_status by_least_squares(ds_text_only *out, const double *cosine, const ds_words *w,
                                  const float *e, ds_error *err)
{
    const int64_t n = w->count < NEAREST ? w->count : NEAREST;
    int64_t *near = ds_calloc((size_t)n, sizeof *near);
    double *gram = ds_calloc((size_t)(n * n), sizeof *gram),
           *right = ds_calloc((size_t)n, 2 * sizeof *right);
    double *share = ds_calloc((size_t)w->count, sizeof *share), most = 0.0, sum = 0.0;
    ds_status st = DS_OK;

    if (near == NULL || gram == NULL || right == NULL || share == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for least squares");
    if (st == DS_OK)
        st = ds__largest(near, n, cosine, w->count, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        right[i] = cosine[near[i]] > -1.5 ? inner_with(w, near[i], e) : 0.0;
        most = fmax(most, right[i]);
        for (int64_t j = 0; j <= i; j++)
            gram[i * n + j] = gram[j * n + i] = inner(w, near[i], near[j]);
    }
    if (st == DS_OK)
        st = ds__simplex_fit(right + n, gram, right, n, false, 0.1 * most, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        if (cosine[near[i]] > -1.5)
            share[near[i]] = right[n + i] * sqrt(gram[i * n + i]);
        sum += share[near[i]];
    }
    for (int64_t i = 0; st == DS_OK && sum > 0.0 && i < n; i++)
        share[near[i]] /= sum;
    if (st == DS_OK)
        st = keep_top(out, BY_LEAST_SQUARES, share, w->count, 0.0, err);
    ds_free(near);
    ds_free(gram);
    ds_free(right);
    ds_free(share);
    return st;
}

/* ---- the text encoder's output ------------------------------------------------------------------ */

typedef struct encoder_fit {
    const ds_measure *m;
    const ds_words *w;
    ds_encoder *e, *want, *empty;
    int64_t texts, tokens, width,
        shift; /* shift: by how many tokens the concept is longer than one */
    float *cotangent, *token, *gradient; /* [texts,T,D], [E], [E] */
} encoder_fit;

/* Every sentence up to four, with the free token, with the concept, and nothing. */
static ds_status open_encoders(encoder_fit *f, const ds_tokenizer *t, const char *concept,
                               ds_error *err)
{
    const ds_sentences *s = f->m->sentences;
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_place place[4];
    ds_tokens *tokens;
    ds_tensor h;
    ds_status st;

    f->texts = s->count < 4 ? s->count : 4;
    for (int64_t k = 0; k < f->texts; k++)
        place[k] = (ds_place){ .text = k, .place = s->place[k], .row = 0 };
    o.prompts = s->free;
    o.count = f->texts;
    o.places = place;
    o.n_places = f->texts;
    o.pull_back = true;
    o.cancel = f->m->cancel;
    st = ds_encoder_new(&f->e, f->m->model, &o, err);
    if (st == DS_OK)
        st = ds__encode_texts(&f->want, f->m->model, s->concept, f->texts, f->m->cancel, err);
    if (st == DS_OK)
        st = ds__encode_texts(&f->empty, f->m->model, (const char *const[]){ "" }, 1, f->m->cancel,
                              err);
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &tokens, concept, err);
    if (st != DS_OK)
        return st;
    f->shift = tokens->count - 1;
    ds_tokens_free(tokens);
    h = ds_conditions_hidden(ds_encoder_conditions(f->e));
    f->tokens = h.dim[1];
    f->width = h.dim[2];
    f->cotangent = ds_calloc((size_t)(f->texts * f->tokens * f->width), sizeof *f->cotangent);
    f->token = ds_calloc((size_t)ds__words_width(f->w), 2 * sizeof *f->token);
    if (f->cotangent == NULL || f->token == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for conditionings");
    f->gradient = f->token + ds__words_width(f->w);
    return DS_OK;
}

/* Mean square between two conditionings from the free token on; the second's tokens lie `shift` further
 * on. cotangent: NULL, or scale times its gradient. */
static double distance(encoder_fit *f, const ds_encoder *a, int64_t shift, double scale,
                       float *cotangent)
{
    const float *x = ds_conditions_hidden(ds_encoder_conditions(a)).data;
    const float *y = ds_conditions_hidden(ds_encoder_conditions(f->want)).data;
    const int64_t one = f->tokens * f->width, texts_of_a = a == f->empty ? 1 : f->texts;
    double sum = 0.0;
    int64_t count = 0;

    for (int64_t k = 0; k < f->texts; k++)
        count += (f->tokens - shift - f->m->sentences->place[k]) * f->width;
    for (int64_t k = 0; k < f->texts; k++)
        for (int64_t p = f->m->sentences->place[k]; p + shift < f->tokens; p++)
            for (int64_t i = 0; i < f->width; i++) {
                const int64_t at = (k < texts_of_a ? k : 0) * one + p * f->width + i;
                const double d = (double)x[at] - y[k * one + (p + shift) * f->width + i];

                sum += d * d / (double)count;
                if (cotangent != NULL)
                    cotangent[k * one + p * f->width + i] =
                        (float)(2.0 * scale * d / (double)count);
            }
    return sum;
}

static ds_status encoder_step(encoder_fit *f, ds_coefficients *c, double scale, double rho,
                              ds_error *err)
{
    const ds_words *w = f->w;
    float *at = f->token, *to = f->gradient;
    double term;
    ds_status st = ds__coefficients_token(c, f->token, err);

    for (int p = 0; p < w->parts; p++) {
        memcpy(ds_encoder_row(f->e, p, 0), at, (size_t)w->width[p] * sizeof *at);
        at += w->width[p];
    }
    if (st == DS_OK)
        st = ds_encode(f->e, err);
    if (st != DS_OK)
        return st;
    distance(f, f->e, f->shift, scale, f->cotangent);
    st = ds_encoder_pull(f->e, f->cotangent, NULL, err);
    for (int p = 0; st == DS_OK && p < w->parts; p++) {
        memcpy(to, ds_encoder_row_gradient(f->e, p, 0), (size_t)w->width[p] * sizeof *to);
        to += w->width[p];
    }
    if (st == DS_OK)
        st = ds__coefficients_pull(c, &term, f->gradient, rho, err);
    if (st == DS_OK)
        ds__coefficients_update(c);
    return st;
}

static ds_status by_encoder(ds_text_only *out, encoder_fit *f, const bool *allowed,
                            const ds_fit_options *fit, double empty_loss, const char *concept,
                            ds_error *err)
{
    const double scale = empty_loss / fmax(distance(f, f->empty, 0, 1.0, NULL), 1e-12);
    ds_coefficients *c;
    ds_rng rng;
    ds_status st = ds__coefficients_new(&c, DS_SOLVER_EG, f->w, allowed, fit->tokens, err);

    if (st != DS_OK)
        return st;
    c->eg.eta = fit->eta;
    ds__fit_rng(&rng, fit->seed, concept, fit->restart, -1);
    ds__coefficients_draw(c, fit->jitter, &rng);
    for (int64_t k = 0; st == DS_OK && k < fit->steps; k++) {
        const double at = (double)k / (double)fit->steps;
        const double ramp = (at - fit->ramp_from) / (fit->ramp_to - fit->ramp_from);

        st = encoder_step(f, c, scale, fit->rho * fmin(fmax(ramp, 0.0), 1.0), err);
    }
    if (st == DS_OK) {
        ds__mixture_shares(out->alpha, f->w, c->alpha);
        st = keep_top(out, BY_ENCODER, out->alpha, f->w->count, 0.0, err);
    }
    ds__coefficients_free(c);
    return st;
}

ds_status ds__text_only(ds_text_only *out, const ds_measure *m, const ds_tokenizer *t,
                        const char *concept, const bool *allowed, const ds_fit_options *fit,
                        double empty_loss, ds_error *err)
{
    const ds_words *w = &m->dictionary->words;
    encoder_fit f = { .m = m, .w = w };
    float *e = ds_calloc((size_t)ds__words_width(w), sizeof *e);
    double *cosine = ds_calloc((size_t)w->count, sizeof *cosine);
    ds_status st;

    *out = (ds_text_only){ .alpha = ds_calloc((size_t)w->count, sizeof *out->alpha) };
    if (e == NULL || cosine == NULL || out->alpha == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the texts' own answers");
    else
        st = embed(e, m, t, concept, err);
    if (st == DS_OK)
        st = by_cosine(out, cosine, w, e, allowed, err);
    if (st == DS_OK)
        st = by_least_squares(out, cosine, w, e, err);
    if (st == DS_OK)
        st = open_encoders(&f, t, concept, err);
    if (st == DS_OK)
        st = by_encoder(out, &f, allowed, fit, empty_loss, concept, err);
    ds_encoder_free(f.e);
    ds_encoder_free(f.want);
    ds_encoder_free(f.empty);
    ds_free(f.cotangent);
    ds_free(f.token);
    ds_free(e);
    ds_free(cosine);
    return st;
}

void ds__text_only_clear(ds_text_only *t)
{
    ds_free(t->alpha);
    *t = (ds_text_only){ 0 };
}
