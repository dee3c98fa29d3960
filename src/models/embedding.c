/* embedding.c - textual inversions onto a model. See diffuscope/embedding.h. */

#include "models/model.h"

#include <diffuscope/embedding.h>
#include <diffuscope/overlay.h>

#include <stdio.h>
#include <string.h>

#include "ops/params.h"
#include "weights/checkpoint.h"

#define TEXT_SIZE 160

static const char *const tables[2] = {
    "text_encoder.text_model.embeddings.token_embedding.weight",
    "text_encoder_2.text_model.embeddings.token_embedding.weight",
};

static ds_status refuse(const char *path, ds_status code, const char *why, ds_error *err)
{
    ds_fail(err, code, "%s: %s", path, why);
    return ds_fail_at(err, code, path, -1);
}

/* ---- what the file has ------------------------------------------------------------------------ */

static int encoders_of(const ds_model *m)
{
    return m->weights[DS_TEXT_ENCODER_2] != NULL ? 2 : 1;
}

/* The tensor of each encoder, and the word if the file has one (NULL: none). */
static ds_status find_vectors(const ds_tensor *out[2], const char **word, const ds_bundle *b,
                              int encoders, const char *path, ds_error *err)
{
    const ds_tensor *l = ds_bundle_find(b, "clip_l"), *g = ds_bundle_find(b, "clip_g");

    *word = ds_bundle_meta(b, "name");
    out[0] = out[1] = NULL;
    if (l != NULL || g != NULL) {
        if (encoders == 2 && (l == NULL || g == NULL))
            return refuse(path, DS_E_NOMATCH, "expected both clip_l and clip_g for this model",
                          err);
        out[0] = l;
        out[1] = encoders == 2 ? g : NULL;
        return l != NULL ? DS_OK : refuse(path, DS_E_NOMATCH, "it has clip_g alone, of XL", err);
    }
    if (encoders == 2)
        return refuse(path, DS_E_NOMATCH,
                      "expected clip_l and clip_g: a model of two text encoders needs both", err);
    if (ds_bundle_count(b) != 1)
        return refuse(path, DS_E_UNSUPPORTED,
                      "expected a textual inversion: one tensor, or clip_l and clip_g", err);
    out[0] = ds_bundle_at(b, 0);
    if (strcmp(ds_bundle_name(b, 0), "emb_params") != 0 &&
        strncmp(ds_bundle_name(b, 0), "string_to_param.", 16) != 0)
        *word = ds_bundle_name(b, 0);
    return DS_OK;
}

static ds_status check_vectors(const ds_tensor *t, int64_t width, int64_t *count, const char *path,
                               ds_error *err)
{
    char shape[160], why[320];
    int64_t n = t->rank == 2 ? t->dim[0] : t->rank == 1 ? 1 : 0;

    if (n < 1 || n > 75 || t->dim[t->rank - 1] != width) {
        snprintf(why, sizeof why,
                 "vectors of shape %s; this model's text encoder reads [1 to 75, %lld]",
                 ds_tensor_shape(t, shape, sizeof shape), (long long)width);
        return refuse(path, DS_E_SHAPE, why, err);
    }
    if (*count != 0 && *count != n)
        return refuse(path, DS_E_SHAPE, "clip_l and clip_g hold different numbers of vectors", err);
    *count = n;
    return DS_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void add_word(ds_learned *l, const char *text, bool brackets)
{
    char *to = l->text[l->texts];

    if (text == NULL || text[0] == '\0' || strlen(text) + 3 > TEXT_SIZE ||
        l->texts == (int)DS_COUNT(l->text))
        return;
    snprintf(to, TEXT_SIZE, brackets ? "<%s>" : "%s", text);
    for (int i = 0; i < l->texts; i++)
        if (strcmp(l->text[i], to) == 0)
            return;
    l->texts++;
}

static void add_words(ds_learned *l, const char *word, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    char stem[TEXT_SIZE];

    snprintf(stem, sizeof stem, "%.*s", (int)(dot != NULL ? dot - base : (long)strlen(base)), base);
    add_word(l, word, false);
    if (word != NULL && word[0] != '<')
        add_word(l, word, true);
    add_word(l, stem, false);
    add_word(l, stem, true);
}

static ds_status widen(ds_model *m, ds_learned *l, const ds_tensor *const vectors[2], int encoders,
                       ds_error *err)
{
    for (int e = 0; e < encoders; e++) {
        ds_param *q;
        int64_t width = m->clip[e].width;
        ds_status st = ds__params_widen(m->params, &q, tables[e], l->count, err);

        if (st != DS_OK)
            return st;
        l->first[e] = m->clip[e].vocab;
        ds_convert((float *)q->value.data + l->first[e] * width, DS_DTYPE_F32, vectors[e]->data,
                   vectors[e]->dtype, l->count * width);
        m->clip[e].vocab += l->count;
    }
    return DS_OK;
}

static ds_status add_file(ds_model *m, const char *path, ds_error *err)
{
    const int encoders = encoders_of(m);
    const ds_tensor *vectors[2];
    const char *word;
    ds_learned *l, **end = &m->learned;
    ds_bundle *b;
    ds_status st = ds__tensors_map(&b, path, err);

    if (st != DS_OK)
        return st;
    l = ds_calloc(1, sizeof *l);
    if (l == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    if (st == DS_OK)
        st = find_vectors(vectors, &word, b, encoders, path, err);
    for (int e = 0; st == DS_OK && e < encoders; e++)
        st = check_vectors(vectors[e], m->clip[e].width, &l->count, path, err);
    if (st == DS_OK)
        st = widen(m, l, vectors, encoders, err);
    if (st == DS_OK) {
        add_words(l, word, path);
        while (*end != NULL)
            end = &(*end)->next;
        *end = l;
    } else {
        ds_free(l);
    }
    ds_bundle_free(b);
    return st;
}

ds_status ds_model_embedding(ds_model **out, ds_model *model, const char *const *path, int count,
                             ds_error *err)
{
    ds_model *m = NULL;
    ds_status st = ds__model_need(model, DS_TEXT_ENCODER, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds_model_overlay(&m, model, &(ds_overlay){ NULL, 0 }, err);
    for (int i = 0; st == DS_OK && i < count; i++)
        st = add_file(m, path[i], err);
    if (st == DS_OK)
        *out = m;
    else
        ds_model_close(m);
    return st;
}
