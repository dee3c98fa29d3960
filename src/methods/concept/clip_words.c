/* clip_words.c - see clip_words.h. */

#include "methods/concept/clip_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/tensor.h>

#include "base/hash.h"
#include "methods/concept/mixture.h"

#define WORDS_AT_ONCE 8

static const char *const sentences[DS_CLIP_TEMPLATES] = {
    "a photo of a %s",           "a rendering of a %s",
    "a cropped photo of the %s", "the photo of a %s",
    "a photo of a clean %s",     "a photo of a dirty %s",
    "a dark photo of the %s",    "a photo of my %s",
    "a photo of the cool %s",    "a close-up photo of a %s",
    "a bright photo of the %s",  "a cropped photo of a %s",
    "a photo of the %s",         "a good photo of the %s",
    "a photo of one %s",         "a close-up photo of the %s",
    "a rendition of the %s",     "a photo of the clean %s",
    "a rendition of a %s",       "a photo of a nice %s",
    "a good photo of a %s",      "a photo of the nice %s",
    "a photo of the small %s",   "a photo of the weird %s",
    "a photo of the large %s",   "a photo of a cool %s",
    "a photo of a small %s",
};

static void to_length_1(float *x, int64_t n)
{
    double square = 0.0;

    for (int64_t i = 0; i < n; i++)
        square += (double)x[i] * x[i];
    for (int64_t i = 0; i < n && square > 0.0; i++)
        x[i] = (float)(x[i] / sqrt(square));
}

/* ---- the cache ----------------------------------------------------------------------------------- */

/* Of which words, sentences and CLIP. */
static ds_status identify(char hex[65], const char *const *word, int64_t n,
                          const ds_clip_words_options *o, ds_error *err)
{
    char path[1100], weights[65];
    ds_sha256 sha;
    ds_status st;

    snprintf(path, sizeof path, "%s/model.safetensors", o->clip);
    st = ds__sha256_file(weights, path, err);
    if (st != DS_OK)
        return st;
    ds__sha256_begin(&sha);
    ds__sha256_add(&sha, weights, 64);
    ds__sha256_add(&sha, &o->templates, sizeof o->templates);
    for (int64_t i = 0; i < n; i++)
        ds__sha256_add(&sha, word[i], strlen(word[i]) + 1);
    ds__sha256_end(&sha, hex);
    return DS_OK;
}

/* *found: the file is there, and of the same words; one of others is written over. */
static ds_status read_cache(float *out, bool *found, int64_t n, int64_t width, const char *hex,
                            const char *path, ds_error *err)
{
    ds_bundle *b;
    ds_tensor *t;
    const char *of;
    ds_status st;

    *found = false;
    if (access(path, F_OK) != 0)
        return DS_OK;
    st = ds_bundle_load(&b, path, err);
    if (st != DS_OK)
        return st;
    of = ds_bundle_meta(b, "clip-words");
    if (of != NULL && strcmp(of, hex) == 0) {
        st = ds_bundle_expect(b, "words", 2, (const int64_t[]){ n, width }, &t, err);
        if (st == DS_OK)
            ds_convert(out, DS_DTYPE_F32, t->data, t->dtype, n * width);
        *found = st == DS_OK;
    }
    ds_bundle_free(b);
    return st;
}

static ds_status write_cache(const float *words, int64_t n, int64_t width, const char *hex,
                             const char *path, ds_error *err)
{
    ds_bundle *b = NULL;
    ds_tensor *t;
    ds_status st = ds_bundle_new(&b, err);

    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "clip-words", hex, err);
    if (st == DS_OK)
        st = ds_bundle_add(b, "words", DS_DTYPE_F32, 2, (const int64_t[]){ n, width }, &t, err);
    if (st == DS_OK)
        memcpy(t->data, words, (size_t)(n * width) * sizeof *words);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

/* ---- words --------------------------------------------------------------------------------------- */

/* A few words in all sentences; vector [WORDS_AT_ONCE*DS_CLIP_TEMPLATES,P]. */
static ds_status some_words(float *out, ds_clip *c, const char *const *word, int64_t n,
                            const ds_clip_words_options *o, float *vector, ds_error *err)
{
    static char text[WORDS_AT_ONCE * DS_CLIP_TEMPLATES][160];
    const char *list[WORDS_AT_ONCE * DS_CLIP_TEMPLATES];
    const int64_t width = ds__clip_width(c), k = o->templates;
    ds_status st;

    for (int64_t i = 0; i < n * k; i++) {
        const char *sentence = sentences[i % k], *at = strstr(sentence, "%s");

        snprintf(text[i], sizeof text[i], "%.*s%.100s", (int)(at - sentence), sentence,
                 word[i / k]);
        list[i] = text[i];
    }
    st = ds__clip_texts(c, vector, list, n * k, o->cancel, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        float *to = out + i * width;

        memset(to, 0, (size_t)width * sizeof *to);
        for (int64_t s = 0; s < k; s++)
            for (int64_t x = 0; x < width; x++)
                to[x] += vector[(i * k + s) * width + x];
        to_length_1(to, width);
    }
    return st;
}

static ds_status encode(float *out, ds_clip *c, const char *const *word, int64_t n,
                        const ds_clip_words_options *o, ds_error *err)
{
    const int64_t width = ds__clip_width(c);
    float *vector = ds_calloc((size_t)(WORDS_AT_ONCE * o->templates * width), sizeof *vector);
    ds_status st = vector == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for vectors") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i += WORDS_AT_ONCE) {
        const int64_t some = n - i < WORDS_AT_ONCE ? n - i : WORDS_AT_ONCE;

        st = some_words(out + i * width, c, word + i, some, o, vector, err);
        if (st == DS_OK && o->progress != NULL)
            st = o->progress(o->user, i + some, n, err);
    }
    ds_free(vector);
    return st;
}

ds_status ds__clip_words(float *out, ds_clip *c, const char *const *word, int64_t n,
                         const ds_clip_words_options *o, ds_error *err)
{
    const int64_t width = ds__clip_width(c);
    bool found = false;
    char hex[65];
    ds_status st = DS_OK;

    if (o->cache != NULL)
        st = identify(hex, word, n, o, err);
    if (st == DS_OK && o->cache != NULL)
        st = read_cache(out, &found, n, width, hex, o->cache, err);
    if (st != DS_OK || found)
        return st;
    st = encode(out, c, word, n, o, err);
    return st == DS_OK && o->cache != NULL ? write_cache(out, n, width, hex, o->cache, err) : st;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

ds_status ds__clip_choose(bool *allowed, int64_t *left, const float *word, int64_t n, int64_t width,
                          const float *picture, const float *concept, double near, int64_t most,
                          ds_error *err)
{
    double *score = ds_calloc((size_t)n, sizeof *score);
    int64_t *top = ds_calloc((size_t)n, sizeof *top);
    ds_status st =
        score == NULL || top == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for cosines") : DS_OK;

    *left = 0;
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        allowed[i] = allowed[i] && !(dot(word + i * width, concept, width) > near);
        score[i] = allowed[i] ? dot(word + i * width, picture, width) : -INFINITY;
    }
    most = most < n ? most : n;
    if (st == DS_OK)
        st = ds__largest(top, most, score, n, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        allowed[i] = false;
    for (int64_t k = 0; st == DS_OK && k < most; k++)
        if (isfinite(score[top[k]])) {
            allowed[top[k]] = true;
            ++*left;
        }
    ds_free(score);
    ds_free(top);
    return st;
}
