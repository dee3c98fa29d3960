/* questions.c - see questions.h. */

#include "methods/info/questions.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/one_more.h"
#include "base/text.h"

/* Takes over `text`, which may be NULL after a failure. */
static ds_status add_text(info_questions *q, char *text, ds_error *err)
{
    char **all = text != NULL ? ds__one_more(q->text, q->texts, sizeof *all) : NULL;

    if (all == NULL) {
        ds_free(text);
        return ds_fail(err, DS_E_NOMEM, "no memory for the texts");
    }
    q->text = all;
    all[q->texts++] = text;
    return DS_OK;
}

/* Names of files and tensors keep letters and digits of any language. */
static void make_key(info_question *q, const char *word, const char *suffix)
{
    size_t n = 0;

    for (const char *c = word; *c != '\0' && n + 16 < sizeof q->key; c++)
        q->key[n++] = isalnum((unsigned char)*c) || (unsigned char)*c > 127 ? *c : '_';
    while (n > 0 && n + 17 >= sizeof q->key && ((unsigned char)q->key[n - 1] & 0xc0) == 0x80)
        n--; /* no half letters */
    snprintf(q->key + n, sizeof q->key - n, "%s", suffix);
}

static ds_status add_question(info_questions *q, const char *kind, const char *word, char *with,
                              char *without, ds_error *err)
{
    ds_info_pair *pair;
    info_question *all;
    ds_status st = add_text(q, with, err);

    if (st != DS_OK)
        ds_free(without);
    else
        st = add_text(q, without, err);
    if (st != DS_OK)
        return st;
    all = ds__one_more(q->question, q->count, sizeof *all);
    if (all != NULL)
        q->question = all;
    pair = ds__one_more(q->pair, q->count, sizeof *pair);
    if (pair != NULL)
        q->pair = pair;
    if (all == NULL || pair == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the questions");
    pair[q->count] = (ds_info_pair){ q->texts - 2, q->texts - 1 };
    all[q->count].kind = kind;
    make_key(&all[q->count], word != NULL ? word : kind,
             word == NULL         ? ""
             : strcmp(kind, "mi") ? ""
                                  : ".mi");
    q->count++;
    if (word != NULL && (all[q->count - 1].word = ds_strdup(word)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a word");
    return DS_OK;
}

ds_status ds__questions_text(info_questions *q, const char *with, const char *without,
                             ds_error *err)
{
    return add_question(q, without[0] == '\0' ? "mi" : "against", NULL, ds_strdup(with),
                        ds_strdup(without), err);
}

ds_status ds__questions_word(info_questions *q, const ds_tokenizer *t, const char *prompt,
                             const char *word, unsigned kinds, ds_removal removal, ds_error *err)
{
    ds_status st = DS_OK;

    if (kinds & INFO_CMI) {
        char *without;

        st = ds_prompt_replace(&without, t, prompt, word, removal, NULL, NULL, err);
        if (st == DS_OK)
            st = add_question(q, "cmi", word, ds_strdup(prompt), without, err);
    }
    if (st == DS_OK && (kinds & INFO_MI))
        st = add_question(q, "mi", word, ds_strdup(word), ds_strdup(""), err);
    return st;
}

ds_status ds__questions_all_words(info_questions *q, const ds_tokenizer *t, const char *prompt,
                                  unsigned kinds, ds_removal removal, ds_error *err)
{
    ds_tokens *tokens;
    ds_status st = ds_tokenizer_encode(t, &tokens, prompt, err);

    for (int64_t i = 0; st == DS_OK && i < tokens->word_count; i++) {
        const char *word = tokens->words[i].text;
        bool seen = false;

        for (int64_t k = 0; k < q->count; k++)
            seen = seen || strcmp(q->question[k].word, word) == 0;
        if (!seen && ds__has_letter(word))
            st = ds__questions_word(q, t, prompt, word, kinds, removal, err);
    }
    ds_tokens_free(tokens);
    if (st == DS_OK && q->count == 0)
        st = ds_fail(err, DS_E_ARG, "the prompt has no words");
    return st;
}

void ds__questions_free(info_questions *q)
{
    for (int64_t i = 0; i < q->texts; i++)
        ds_free(q->text[i]);
    for (int64_t i = 0; i < q->count; i++)
        ds_free(q->question[i].word);
    ds_free(q->text);
    ds_free(q->question);
    ds_free(q->pair);
    *q = (info_questions){ 0 };
}
