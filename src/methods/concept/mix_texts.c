/* mix_texts.c - see mix_texts.h. */

#include "methods/concept/mix_texts.h"

#include <math.h>
#include <string.h>

#include "methods/concept/measure.h"
#include "methods/concept/simplex.h"
#include "optim/optim.h"
#include "pipeline/embeddings.h"

enum { SENTENCES = 4, TEXTS = 16 };

struct ds_mix_texts {
    ds_model *model;
    const ds_tokenizer *tokenizer;
    const ds_texts *templates;
    const char *const *name;
    int64_t n, sentences, width;
    const ds_cancel *cancel;
    ds_encoder *encoder;
    ds_embeddings *table;
    char *text[TEXTS];
    int64_t wide;     /* of an embedding, encoders side by side */
    float *embedding; /* [n + 1,wide]: the last is the concept's */
    float *feature;   /* [sentences,n + 1,width] */
};

/* ---- texts ------------------------------------------------------------------------------------- */

static ds_status encode(ds_mix_texts *x, ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_status st;

    if (x->encoder != NULL) {
        st = ds_encoder_set_prompts(x->encoder, (const char *const *)x->text, NULL, err);
    } else {
        o.prompts = (const char *const *)x->text;
        o.count = TEXTS;
        o.cancel = x->cancel;
        st = ds_encoder_new(&x->encoder, x->model, &o, err);
    }
    return st == DS_OK ? ds_encode(x->encoder, err) : st;
}

static void mean_of_places(float *out, const float *hidden, int64_t places, int64_t width)
{
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t p = 0; p < places; p++)
        for (int64_t i = 0; i < width; i++)
            out[i] += hidden[p * width + i] / (float)places;
}

/* Sentence k with each of the first count <= TEXTS names; the rest repeats the first. */
static ds_status read(ds_mix_texts *x, int64_t k, const char *const *names, int64_t count,
                      int64_t first, ds_error *err)
{
    ds_tensor h;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < TEXTS; i++) {
        ds_free(x->text[i]);
        x->text[i] = NULL;
        st = ds__template_expand(&x->text[i], x->templates, k, names[i < count ? i : 0], err);
    }
    if (st == DS_OK)
        st = encode(x, err);
    if (st != DS_OK)
        return st;
    h = ds_conditions_hidden(ds_encoder_conditions(x->encoder));
    if (x->feature == NULL) {
        x->width = h.dim[2];
        x->feature =
            ds_calloc((size_t)(x->sentences * (x->n + 1)), (size_t)x->width * sizeof *x->feature);
    }
    if (x->feature == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for what texts say");
    for (int64_t i = 0; i < count; i++)
        mean_of_places(x->feature + (k * (x->n + 1) + first + i) * x->width,
                       (const float *)h.data + i * h.dim[1] * h.dim[2], h.dim[1], h.dim[2]);
    return DS_OK;
}

static ds_status read_all(ds_mix_texts *x, ds_error *err)
{
    ds_status st = ds__embeddings_open(&x->table, x->model, err);

    for (int p = 0; st == DS_OK && p < x->table->tables; p++)
        x->wide += x->table->width[p];
    x->embedding = ds_calloc((size_t)(x->n + 1), (size_t)(x->wide + 1) * sizeof *x->embedding);
    if (st == DS_OK && x->embedding == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for embeddings");
    for (int64_t i = 0; st == DS_OK && i < x->n; i++)
        st =
            ds__mean_embedding(x->embedding + i * x->wide, x->table, x->tokenizer, x->name[i], err);
    for (int64_t k = 0; st == DS_OK && k < x->sentences; k++)
        for (int64_t first = 0; st == DS_OK && first < x->n; first += TEXTS)
            st = read(x, k, x->name + first, x->n - first < TEXTS ? x->n - first : TEXTS, first,
                      err);
    return st;
}

ds_status ds__mix_texts_new(ds_mix_texts **out, ds_model *m, const ds_tokenizer *t,
                            const ds_texts *templates, int64_t sentences, const char *const *names,
                            int64_t n, const ds_cancel *cancel, ds_error *err)
{
    ds_mix_texts *x = ds_calloc(1, sizeof *x);
    ds_status st;

    *out = NULL;
    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for what texts say");
    x->model = m;
    x->tokenizer = t;
    x->templates = templates;
    x->name = names;
    x->n = n;
    x->sentences = sentences < SENTENCES ? sentences : SENTENCES;
    x->cancel = cancel;
    st = read_all(x, err);
    if (st != DS_OK) {
        ds__mix_texts_free(x);
        return st;
    }
    *out = x;
    return DS_OK;
}

void ds__mix_texts_free(ds_mix_texts *x)
{
    if (x == NULL)
        return;
    ds_encoder_free(x->encoder);
    ds__embeddings_close(x->table);
    for (int i = 0; i < TEXTS; i++)
        ds_free(x->text[i]);
    ds_free(x->embedding);
    ds_free(x->feature);
    ds_free(x);
}

/* ---- fitting ----------------------------------------------------------------------------------- */

static ds_status nearest(ds_mix_texts_answer *out, const ds_mix_texts *x, double *value,
                         const int64_t *column, int64_t n, ds_error *err)
{
    const float *of = x->embedding + x->n * x->wide;
    const double length = sqrt(ds__sum_squares(of, x->wide));
    ds_status st;

    for (int64_t i = 0; i < n; i++) {
        const float *v = x->embedding + column[i] * x->wide;
        const double both = length * sqrt(ds__sum_squares(v, x->wide));

        value[i] = both > 0.0 ? ds__dot(v, of, x->wide) / both : 0.0;
    }
    out->cosines = n < DS_MIX_TEXTS_SHOWN ? n : DS_MIX_TEXTS_SHOWN;
    st = ds__largest(out->near, out->cosines, value, n, err);
    for (int64_t i = 0; st == DS_OK && i < out->cosines; i++) {
        out->cosine[i] = value[out->near[i]];
        out->near[i] = column[out->near[i]];
    }
    return st;
}

/* The simplex fit is blind to what all texts share: it is taken away first, for the sake of rounding. */
static ds_status mixture(ds_mix_texts_answer *out, ds_mix_texts *x, double *b,
                         const int64_t *column, int64_t n, ds_error *err)
{
    double *gram = ds_calloc((size_t)(n * n), sizeof *gram);
    double *right = ds_calloc((size_t)n, sizeof *right);
    float *v = ds_calloc((size_t)(n + 1), (size_t)x->width * sizeof *v);
    ds_status st = gram == NULL || right == NULL || v == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a fit of texts")
                       : DS_OK;

    for (int64_t k = 0; st == DS_OK && k < x->sentences; k++) {
        const float *all = x->feature + k * (x->n + 1) * x->width;
        const float *of = v + n * x->width;

        for (int64_t i = 0; i <= n; i++)
            for (int64_t d = 0; d < x->width; d++)
                v[i * x->width + d] =
                    all[(i < n ? column[i] : x->n) * x->width + d] - all[column[0] * x->width + d];
        for (int64_t i = 0; i < n; i++) {
            right[i] += ds__dot(v + i * x->width, of, x->width);
            for (int64_t j = 0; j < n; j++)
                gram[i * n + j] += ds__dot(v + i * x->width, v + j * x->width, x->width);
        }
    }
    if (st == DS_OK)
        st = ds__simplex_fit(b, gram, right, n, true, 0.0, err);
    out->shares = n < DS_MIX_TEXTS_SHOWN ? n : DS_MIX_TEXTS_SHOWN;
    if (st == DS_OK)
        st = ds__largest(out->part, out->shares, b, n, err);
    for (int64_t i = 0; st == DS_OK && i < out->shares; i++) {
        out->share[i] = b[out->part[i]];
        out->part[i] = column[out->part[i]];
    }
    while (st == DS_OK && out->shares > 0 && out->share[out->shares - 1] <= 0.0)
        out->shares--;
    ds_free(gram);
    ds_free(right);
    ds_free(v);
    return st;
}

ds_status ds__mix_texts_fit(ds_mix_texts_answer *out, ds_mix_texts *x, const char *concept,
                            const bool *allowed, ds_error *err)
{
    int64_t *column = ds_calloc((size_t)x->n, sizeof *column), n = 0;
    double *value = ds_calloc((size_t)x->n, sizeof *value);
    float *of = x->embedding + x->n * x->wide;
    ds_status st = column == NULL || value == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a fit of texts")
                       : DS_OK;

    *out = (ds_mix_texts_answer){ 0 };
    for (int64_t i = 0; st == DS_OK && i < x->n; i++)
        if (allowed[i])
            column[n++] = i;
    memset(of, 0, (size_t)x->wide * sizeof *of);
    if (st == DS_OK)
        st = ds__mean_embedding(of, x->table, x->tokenizer, concept, err);
    if (st == DS_OK)
        st = nearest(out, x, value, column, n, err);
    for (int64_t k = 0; st == DS_OK && k < x->sentences; k++)
        st = read(x, k, &concept, 1, x->n, err);
    if (st == DS_OK)
        st = mixture(out, x, value, column, n, err);
    ds_free(column);
    ds_free(value);
    return st;
}
