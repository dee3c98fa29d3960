/* words.c - from a word to its tokens, in every occurrence.
 *
 * A word or phrase is encoded as the text was, and every place where its tokens stand in a row is
 * an occurrence. The package drops the mark of a word's end before it compares, so that "car" also
 * finds the first piece of "carpet": that is `loose`. Otherwise the mark counts. */

#include "methods/daam/daam.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool same_piece(const char *a, const char *b, bool loose)
{
    size_t n = strlen(a), m = strlen(b);

    if (loose && n > 4 && strcmp(a + n - 4, "</w>") == 0)
        n -= 4;
    if (loose && m > 4 && strcmp(b + m - 4, "</w>") == 0)
        m -= 4;
    return n == m && memcmp(a, b, n) == 0;
}

static void note(ds_daam_match *m, int64_t first, int64_t count)
{
    m->count++;
    for (int64_t i = 0; i < count && m->tokens < (int64_t)DS_COUNT(m->token); i++)
        m->token[m->tokens++] = first + i;
}

/* Adds the occurrences of `word`, if there are any. */
static ds_status search(const ds_tokenizer *tokenizer, const daam_text *t, const char *word,
                        bool loose, ds_daam_match *m, ds_error *err)
{
    ds_tokens *w;
    ds_status st = ds_tokenizer_encode(tokenizer, &w, word, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; w->count > 0 && i + w->count <= t->fit; i++) {
        int64_t k = 0;

        while (k < w->count && same_piece(t->tokens->pieces[i + k], w->pieces[k], loose))
            k++;
        if (k == w->count)
            note(m, i, w->count);
    }
    ds_tokens_free(w);
    return DS_OK;
}

/* ---- other forms ----------------------------------------------------------------------------- */

static const char *const irregular[][6] = {
    { "man", "men" },
    { "woman", "women" },
    { "child", "children" },
    { "person", "people" },
    { "mouse", "mice" },
    { "goose", "geese" },
    { "foot", "feet" },
    { "tooth", "teeth" },
    { "ox", "oxen" },
    { "leaf", "leaves" },
    { "knife", "knives" },
    { "wolf", "wolves" },
    { "shelf", "shelves" },
    { "wife", "wives" },
    { "be", "is", "are", "was", "were", "been" },
    { "go", "goes", "went", "gone", "going" },
    { "sit", "sits", "sat", "sitting" },
    { "stand", "stands", "stood", "standing" },
    { "run", "runs", "ran", "running" },
    { "fly", "flies", "flew", "flown", "flying" },
    { "eat", "eats", "ate", "eaten", "eating" },
    { "wear", "wears", "wore", "worn", "wearing" },
    { "hold", "holds", "held", "holding" },
    { "ride", "rides", "rode", "ridden", "riding" },
    { "drive", "drives", "drove", "driven", "driving" },
    { "swim", "swims", "swam", "swum", "swimming" },
    { "lie", "lies", "lay", "lain", "lying" },
};

static bool ends(const char *word, const char *tail)
{
    size_t n = strlen(word), m = strlen(tail);

    return n >= m + 2 && strcmp(word + n - m, tail) == 0;
}

static bool vowel(char c)
{
    return strchr("aeiou", c) != NULL;
}

/* Cuts the ending off and puts another one there. */
static void replace(char *out, size_t size, const char *word, size_t cut, const char *tail)
{
    snprintf(out, size, "%.*s%s", (int)(strlen(word) - cut), word, tail);
}

/* The base forms that an inflected English word may have, at most 8 of 64 bytes; the word first. */
static int bases(char out[8][64], const char *word)
{
    int n = 0;
    size_t length = strlen(word);

    if (length >= 60)
        return 0;
    strcpy(out[n++], word);
    if (ends(word, "ies"))
        replace(out[n++], 64, word, 3, "y");
    if (ends(word, "es"))
        replace(out[n++], 64, word, 2, "");
    if (ends(word, "s") && !ends(word, "ss"))
        replace(out[n++], 64, word, 1, "");
    if (ends(word, "ed") || ends(word, "er")) {
        replace(out[n++], 64, word, 2, "");
        replace(out[n++], 64, word, 1, "");
        if (length > 5 && word[length - 3] == word[length - 4] && !vowel(word[length - 3]))
            replace(out[n++], 64, word, 3, "");
    } else if (ends(word, "ing")) {
        replace(out[n++], 64, word, 3, "");
        replace(out[n++], 64, word, 3, "e");
        if (length > 6 && word[length - 4] == word[length - 5])
            replace(out[n++], 64, word, 4, "");
    }
    return n;
}

static bool irregular_pair(const char *a, const char *b)
{
    for (size_t i = 0; i < DS_COUNT(irregular); i++) {
        bool has_a = false, has_b = false;

        for (size_t k = 0; k < DS_COUNT(irregular[0]) && irregular[i][k] != NULL; k++) {
            has_a = has_a || strcmp(irregular[i][k], a) == 0;
            has_b = has_b || strcmp(irregular[i][k], b) == 0;
        }
        if (has_a && has_b)
            return true;
    }
    return false;
}

/* Do the two words have a base form in common? Both in lower case. */
static bool related(const char *a, const char *b)
{
    char x[8][64], y[8][64];
    int n = bases(x, a), m = bases(y, b);

    if (irregular_pair(a, b))
        return true;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < m; k++)
            if (strlen(x[i]) > 1 && strcmp(x[i], y[k]) == 0)
                return true;
    return false;
}

static void lower(char out[64], const char *word)
{
    size_t n = 0;

    for (; word[n] != '\0' && n < 63; n++)
        out[n] = (char)tolower((unsigned char)word[n]);
    out[n] = '\0';
}

static void search_forms(const daam_text *t, const char *word, ds_daam_match *m)
{
    char a[64], b[64];

    lower(a, word);
    for (int64_t i = 0; i < t->tokens->word_count; i++) {
        const ds_word *w = &t->tokens->words[i];

        lower(b, w->text);
        if (w->last >= t->fit || !related(a, b))
            continue;
        note(m, w->first, w->last - w->first + 1);
        memcpy(m->form, b, sizeof b);
    }
}

/* ---- the search ------------------------------------------------------------------------------ */

static ds_status no_match(const daam_text *t, const char *word, ds_error *err)
{
    char list[300] = "";

    for (int64_t i = 0; i < t->tokens->word_count; i++) {
        size_t used = strlen(list), more = strlen(t->tokens->words[i].text);

        if (used + more + 8 > sizeof list) {
            strcat(list, ", ...");
            break;
        }
        sprintf(list + used, "%s%s", i > 0 ? ", " : "", t->tokens->words[i].text);
    }
    ds_fail(err, DS_E_NOMATCH, "\"%.60s\" does not occur in %s; its words are: %s", word,
            t->fit < t->tokens->count ? "what the model was given of the text (the rest was cut)"
                                      : "the text",
            list);
    return ds_fail_at(err, DS_E_NOMATCH, word, -1);
}

static ds_status match(const ds_tokenizer *tokenizer, const daam_text *t, const char *word,
                       bool loose, ds_daam_match *out, ds_error *err)
{
    ds_status st;

    *out = (ds_daam_match){ 0 };
    st = search(tokenizer, t, word, loose, out, err);
    if (st == DS_OK && out->count == 0 && !loose)
        search_forms(t, word, out);
    if (st == DS_OK && out->count == 0)
        return no_match(t, word, err);
    return st;
}

ds_status ds__daam_match(const ds_daam *d, int64_t text, const char *word, bool loose,
                         ds_daam_match *out, ds_error *err)
{
    return match(ds__text_tokenizer(d->text_encoder), &d->trace.text[text], word, loose, out, err);
}

ds_status ds__daam_find_word(const ds_tokenizer *tokenizer, const char *text, const char *word,
                             bool loose, bool cut, ds_error *err)
{
    const int64_t room = ds_tokenizer_describe(tokenizer).length - 2; /* less start and end */
    daam_text t = { .text = text };
    ds_daam_match found;
    ds_status st = ds_tokenizer_encode(tokenizer, &t.tokens, text, err);

    if (st != DS_OK)
        return st;
    t.fit = cut && t.tokens->count > room ? room : t.tokens->count;
    st = match(tokenizer, &t, word, loose, &found, err);
    ds_tokens_free(t.tokens);
    return st;
}
