/* decomposition.c - see decomposition.h. */

#include "methods/concept/decomposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "job/folder.h"

static ds_status damaged(const char *path, const char *what, ds_error *err)
{
    ds_fail(err, DS_E_FORMAT, "%s: expected the result of `diffuscope concept`: %s", path, what);
    return ds_fail_at(err, DS_E_FORMAT, path, -1);
}

static const json_t *find_concept(const json_t *root, const char *word)
{
    const json_t *list = json_object_get(root, "concepts");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "word"));

        if (name != NULL && (word == NULL || strcmp(name, word) == 0))
            return json_array_get(list, i);
    }
    return NULL;
}

static ds_status read_templates(ds_decomposition *d, const json_t *root, const char *path,
                                ds_error *err)
{
    const json_t *list = json_object_get(root, "templates");
    const size_t n = json_array_size(list);
    const char **text = ds__arena_alloc(&d->arena, (n + 1) * sizeof *text);

    if (n == 0)
        return damaged(path, "it has no templates", err);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(list, i));

        if (s == NULL)
            return damaged(path, "a template is no text", err);
        if (text == NULL || (text[i] = ds__arena_printf(&d->arena, "%s", s)) == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for templates");
    }
    d->templates = (ds_texts){ text, (int64_t)n };
    return DS_OK;
}

static ds_status read_words(ds_decomposition *d, const json_t *concept, const json_t *root,
                            ds_model *m, const ds_tokenizer *t, const char *path, ds_error *err)
{
    const json_t *list = json_object_get(concept, "tokens");
    const json_t *kappa = json_object_get(json_object_get(root, "dictionary"), "kappa");
    const size_t n = json_array_size(list);
    ds_dictionary_options o = { .n_ids = (int64_t)n };
    int64_t *ids = ds__arena_alloc(&d->arena, (n + 1) * sizeof *ids);
    ds_status st;

    d->alpha = ds__arena_alloc(&d->arena, (n + 1) * sizeof *d->alpha);
    if (ids == NULL || d->alpha == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu words", n);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_object_get(json_array_get(list, i), "id");
        const json_t *alpha = json_object_get(json_array_get(list, i), "alpha");

        if (!json_is_integer(id) || !json_is_number(alpha))
            return damaged(path, "a token has no id or no alpha", err);
        ids[i] = json_integer_value(id);
        d->alpha[i] = json_number_value(alpha);
    }
    o.ids = ids;
    st = ds__dictionary_new(&d->dictionary, m, t, &o, err);
    for (int p = 0; st == DS_OK && p < d->dictionary->words.parts; p++) {
        const json_t *k = json_array_get(kappa, (size_t)p);

        if (!json_is_number(k) || !(json_number_value(k) > 0.0))
            return damaged(path, "dictionary.kappa is missing", err);
        d->dictionary->words.kappa[p] = json_number_value(k);
    }
    return st;
}

static ds_status fill(ds_decomposition *d, const char *path, const char *word, ds_model *m,
                      const ds_tokenizer *t, ds_error *err)
{
    const json_t *concept;
    json_t *root;
    ds_status st = ds__json_load(&root, path, err);

    if (st != DS_OK)
        return st;
    concept = find_concept(root, word);
    if (concept == NULL)
        st = word == NULL ? damaged(path, "it has no concepts", err)
                          : ds_fail(err, DS_E_NOMATCH, "%s has no concept \"%s\"", path, word);
    if (st == DS_OK) {
        d->word =
            ds__arena_printf(&d->arena, "%s", json_string_value(json_object_get(concept, "word")));
        st = d->word == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a word")
                             : read_templates(d, root, path, err);
    }
    if (st == DS_OK)
        st = read_words(d, concept, root, m, t, path, err);
    json_decref(root);
    return st;
}

ds_status ds__decomposition_open(ds_decomposition **out, const char *folder, const char *word,
                                 ds_model *m, const ds_tokenizer *t, ds_error *err)
{
    char path[1024];
    ds_decomposition *d = ds_calloc(1, sizeof *d);
    ds_status st = d == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a decomposition")
                             : ds__run_file(path, sizeof path, folder, "result.json", err);

    *out = NULL;
    if (st == DS_OK)
        st = fill(d, path, word, m, t, err);
    if (st != DS_OK) {
        ds__decomposition_close(d);
        return st;
    }
    *out = d;
    return DS_OK;
}

void ds__decomposition_close(ds_decomposition *d)
{
    if (d == NULL)
        return;
    ds__dictionary_free(d->dictionary);
    ds__arena_free(&d->arena);
    ds_free(d);
}

int64_t ds__decomposition_width(const ds_decomposition *d)
{
    return ds__words_width(&d->dictionary->words);
}

ds_status ds__decomposition_token(float *token, const ds_decomposition *d, const double *alpha,
                                  ds_error *err)
{
    return ds__mixture_tokens(token, &d->dictionary->words, alpha != NULL ? alpha : d->alpha, NULL,
                              0, err);
}

ds_status ds__decomposition_find(int64_t *place, const ds_decomposition *d, const char *word,
                                 ds_error *err)
{
    const ds_dictionary *w = d->dictionary;

    *place = ds__dictionary_find(w, word);
    if (*place >= 0)
        return DS_OK;
    return ds_fail(err, DS_E_NOMATCH, "%s is no word of %s's mixture, which begins with %s, %s",
                   word, d->word, w->text[0], w->text[1]);
}

ds_status ds__decomposition_setting(int64_t *place, double *number, const ds_decomposition *d,
                                    const char *text, ds_error *err)
{
    char word[80], *end;
    const char *equals = strrchr(text, '=');
    const size_t n = equals != NULL ? (size_t)(equals - text) : 0;

    if (n == 0 || n >= sizeof word)
        return ds_fail(err, DS_E_ARG, "%.80s: expected WORD=NUMBER", text);
    memcpy(word, text, n);
    word[n] = '\0';
    *number = strtod(equals + 1, &end);
    if (end == equals + 1 || *end != '\0' || !isfinite(*number))
        return ds_fail(err, DS_E_ARG, "%.80s: expected WORD=NUMBER", text);
    return ds__decomposition_find(place, d, word, err);
}
