/* templates.c - see templates.h. */

#include "methods/concept/templates.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"

#define STAND_IN "x" /* one token in every vocabulary that has the letters */

static bool letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

ds_status ds__template_check(const char *text, ds_error *err)
{
    const char *at = strstr(text, DS_TEMPLATE_FREE);
    bool open = false;

    if (at == NULL || strstr(at + 1, DS_TEMPLATE_FREE) != NULL)
        return ds_fail(err, DS_E_ARG,
                       "template \"%.200s\": expected <> once, where the concept stands", text);
    if ((at > text && letter(at[-1])) || letter(at[2]))
        return ds_fail(err, DS_E_ARG, "template \"%.200s\": <> must be a word of its own", text);
    for (const char *c = text; *c != '\0'; c++) {
        if ((*c == '{' && open) || (*c == '}' && !open) || (open && c == at))
            return ds_fail(
                err, DS_E_ARG,
                "template \"%.200s\": expected alternatives as {a|b}, not nested, and <> "
                "outside of them",
                text);
        open = *c == '{' || (open && *c != '}');
    }
    if (open)
        return ds_fail(err, DS_E_ARG, "template \"%.200s\": a { without its }", text);
    return DS_OK;
}

/* Alternatives of the brace that begins at `at`. */
static int64_t alternatives(const char *at)
{
    int64_t n = 1;

    for (; *at != '\0' && *at != '}'; at++)
        n += *at == '|';
    return n;
}

int64_t ds__template_count(const char *text)
{
    int64_t n = 1;

    for (const char *c = text; *c != '\0' && n < (int64_t)1 << 31; c++)
        if (*c == '{')
            n *= alternatives(c);
    return n;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* The k-th of `total` choices: steps of about the golden section, so that neighbours differ in every
 * digit and all are met once. */
static int64_t scatter(int64_t k, int64_t total)
{
    int64_t stride = (int64_t)(0.618034 * (double)total);

    stride = stride < 1 ? 1 : stride;
    while (common_divisor(stride, total) != 1)
        stride++;
    return k % total * stride % total;
}

ds_status ds__template_expand(char **out, const ds_texts *templates, int64_t k, const char *word,
                              ds_error *err)
{
    const char *c = templates->text[k % templates->count];
    int64_t choice = scatter(k / templates->count, ds__template_count(c));
    ds_buffer b = { 0 };

    while (*c != '\0') {
        if (strncmp(c, DS_TEMPLATE_FREE, 2) == 0) {
            ds__buffer_add(&b, word, strlen(word));
            c += 2;
        } else if (*c == '{') {
            int64_t n = alternatives(c), skip = choice % n;
            const char *end;

            choice /= n;
            for (c++; skip > 0; c++)
                skip -= *c == '|';
            end = c + strcspn(c, "|}");
            ds__buffer_add(&b, c, (size_t)(end - c));
            c = strchr(end, '}') + 1;
        } else {
            ds__buffer_add(&b, c++, 1);
        }
    }
    return ds__buffer_take(&b, out, NULL, "a prompt", err);
}

/* Does the run of words that begins at word w equal `words`? Returns its last word, or -1. */
static int64_t run_at(const ds_tokens *prompt, int64_t w, const ds_tokens *words)
{
    const int64_t n = words->word_count;

    if (w + n > prompt->word_count)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (strcasecmp(prompt->words[w + i].text, words->words[i].text) != 0)
            return -1;
    return w + n - 1;
}

ds_status ds__template_of_prompt(char **out, const ds_tokenizer *t, const char *prompt,
                                 const char *words, ds_error *err)
{
    ds_tokens *p = NULL, *w = NULL;
    int64_t first = -1, last = -1;
    ds_status st = ds_tokenizer_encode(t, &p, prompt, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &w, words, err);
    for (int64_t i = 0; st == DS_OK && w->word_count > 0 && i < p->word_count; i++)
        if (run_at(p, i, w) >= 0) {
            first = i;
            last = run_at(p, i, w);
        }
    if (st == DS_OK && first < 0)
        st = ds_fail(err, DS_E_NOMATCH,
                     "prompt \"%.160s\" does not hold \"%.80s\": expected the word, or <> in its "
                     "place",
                     prompt, words);
    if (st == DS_OK) {
        ds_buffer b = { 0 };

        ds__buffer_add(&b, prompt, p->words[first].begin);
        ds__buffer_add(&b, DS_TEMPLATE_FREE, 2);
        ds__buffer_add(&b, prompt + p->words[last].end, strlen(prompt) - p->words[last].end);
        st = ds__buffer_take(&b, out, NULL, "a template", err);
    }
    ds_tokens_free(p);
    ds_tokens_free(w);
    return st;
}

ds_status ds__template_place(char **text, int64_t *place, const ds_texts *templates, int64_t k,
                             const ds_tokenizer *t, ds_error *err)
{
    char *marked, *at;
    ds_tokens *tokens = NULL;
    size_t offset;
    ds_status st = ds__template_expand(&marked, templates, k, DS_TEMPLATE_FREE, err);

    *place = -1;
    if (st != DS_OK)
        return st;
    at = strstr(marked, DS_TEMPLATE_FREE);
    offset = (size_t)(at - marked);
    memcpy(at, STAND_IN, 1);
    memmove(at + 1, at + 2, strlen(at + 2) + 1);
    st = ds_tokenizer_encode(t, &tokens, marked, err);
    for (int64_t i = 0; st == DS_OK && i < tokens->word_count; i++)
        if (tokens->words[i].begin == offset && tokens->words[i].first == tokens->words[i].last)
            *place = tokens->words[i].first + 1;
    if (st == DS_OK && *place < 0)
        st =
            ds_fail(err, DS_E_ARG, "template \"%.200s\": the place of <> is not one token", marked);
    if (st == DS_OK && *place >= ds_tokenizer_describe(t).length - 1)
        st = ds_fail(err, DS_E_ARG,
                     "template \"%.160s\": <> lies beyond the %lld tokens of a prompt", marked,
                     (long long)ds_tokenizer_describe(t).length);
    ds_tokens_free(tokens);
    *text = marked;
    if (st != DS_OK) {
        ds_free(marked);
        *text = NULL;
    }
    return st;
}
