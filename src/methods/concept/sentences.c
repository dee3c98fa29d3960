/* sentences.c - see sentences.h. */

#include "methods/concept/sentences.h"

#include <string.h>

static ds_status make(ds_sentences **out, int64_t pictures, ds_error *err)
{
    ds_sentences *s = *out = ds_calloc(1, sizeof *s);
    const size_t n = (size_t)pictures;

    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for sentences");
    s->pictures = pictures;
    s->of = ds__arena_alloc(&s->arena, n * sizeof *s->of);
    s->place = ds__arena_alloc(&s->arena, n * sizeof *s->place);
    s->concept = ds__arena_alloc(&s->arena, n * sizeof *s->concept);
    s->free = ds__arena_alloc(&s->arena, n * sizeof *s->free);
    if (s->of == NULL || s->place == NULL || s->concept == NULL || s->free == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld sentences", (long long)pictures);
    return DS_OK;
}

static ds_status add(ds_sentences *s, int64_t picture, const ds_texts *templates,
                     const char *concept, int64_t k, const ds_tokenizer *t, ds_error *err)
{
    char *full = NULL, *free_text = NULL;
    const int64_t n = s->count;
    ds_status st = ds__template_expand(&full, templates, k, concept, err);

    for (int64_t i = 0; st == DS_OK && i < n; i++)
        if (strcmp(s->concept[i], full) == 0) {
            s->of[picture] = i;
            ds_free(full);
            return DS_OK;
        }
    if (st == DS_OK)
        st = ds__template_place(&free_text, &s->place[n], templates, k, t, err);
    if (st == DS_OK) {
        s->concept[n] = ds__arena_printf(&s->arena, "%s", full);
        s->free[n] = ds__arena_printf(&s->arena, "%s", free_text);
        s->of[picture] = n;
        s->count++;
        if (s->concept[n] == NULL || s->free[n] == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a sentence");
    }
    ds_free(full);
    ds_free(free_text);
    return st;
}

ds_status ds__sentences_new(ds_sentences **out, const ds_texts *templates, const char *concept,
                            int64_t first, int64_t pictures, const ds_tokenizer *t, ds_error *err)
{
    ds_status st = make(out, pictures, err);

    for (int64_t i = 0; st == DS_OK && i < pictures; i++)
        st = add(*out, i, templates, concept, first + i, t, err);
    if (st != DS_OK) {
        ds__sentences_free(*out);
        *out = NULL;
    }
    return st;
}

ds_status ds__sentences_of_prompt(ds_sentences **out, const char *prompt, int64_t pictures,
                                  const ds_tokenizer *t, ds_error *err)
{
    ds_tokens *tokens = NULL;
    const ds_word *last;
    ds_status st = make(out, pictures, err);

    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &tokens, prompt, err);
    last = st == DS_OK && tokens->word_count > 0 ? &tokens->words[tokens->word_count - 1] : NULL;
    if (st == DS_OK && (last == NULL || last->first != last->last))
        st = ds_fail(err, DS_E_ARG,
                     "prompt \"%.200s\": expected a last word of one token, which is the free one",
                     prompt);
    if (st == DS_OK) {
        ds_sentences *s = *out;

        s->count = 1;
        s->place[0] = last->first + 1;
        s->concept[0] = s->free[0] = ds__arena_printf(&s->arena, "%s", prompt);
        if (s->free[0] == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a sentence");
    }
    ds_tokens_free(tokens);
    if (st != DS_OK) {
        ds__sentences_free(*out);
        *out = NULL;
    }
    return st;
}

void ds__sentences_free(ds_sentences *s)
{
    if (s == NULL)
        return;
    ds__arena_free(&s->arena);
    ds_free(s);
}
