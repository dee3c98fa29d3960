/* prompt_words.c - a prompt with words replaced, by spans of tokens. See diffuscope/info.h. */

#include <diffuscope/info.h>

#include <stdio.h>
#include <string.h>

/* The word at `first` and those after it have the tokens of all words of `want`. */
static bool matches(const ds_tokens *in, int64_t first, const ds_tokens *want)
{
    int64_t from;

    if (first + want->word_count > in->word_count)
        return false;
    from = in->words[first].first;
    if (in->words[first + want->word_count - 1].last - from + 1 != want->count)
        return false;
    return memcmp(in->ids + from, want->ids, (size_t)want->count * sizeof *want->ids) == 0;
}

static ds_status no_match(const char *word, const ds_tokens *in, ds_error *err)
{
    char list[320] = "";
    size_t used = 0;

    for (int64_t i = 0; i < in->word_count && used < sizeof list; i++) {
        int n = snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ",
                         in->words[i].text);

        used += n > 0 ? (size_t)n : 0;
    }
    ds_fail(err, DS_E_NOMATCH, "\"%.80s\" is not a word of the prompt; its words are %s", word,
            in->word_count > 0 ? list : "none");
    return ds_fail_at(err, DS_E_NOMATCH, word, -1);
}

/* Writes the new text, or only measures it when out is NULL. */
static size_t rewrite(char *out, const char *prompt, const ds_tokens *in, const ds_tokens *want,
                      const char *with, int *times)
{
    size_t length = 0, from = 0, n = strlen(with);

    *times = 0;
    for (int64_t i = 0; i < in->word_count;) {
        size_t begin = in->words[i].begin;

        if (!matches(in, i, want)) {
            i++;
            continue;
        }
        if (out != NULL) {
            memcpy(out + length, prompt + from, begin - from);
            memcpy(out + length + begin - from, with, n);
        }
        length += begin - from + n;
        i += want->word_count;
        from = in->words[i - 1].end;
        ++*times;
    }
    if (out != NULL)
        strcpy(out + length, prompt + from);
    return length + strlen(prompt + from);
}

ds_status ds_prompt_replace(char **out, const ds_tokenizer *t, const char *prompt, const char *word,
                            ds_removal style, const char *with, int *times, ds_error *err)
{
    static const char *const styles[] = { "", "_", "thing" };
    ds_tokens *in = NULL, *want = NULL;
    int count = 0;
    ds_status st;

    *out = NULL;
    if (with == NULL && ((int)style < 0 || style >= (int)DS_COUNT(styles)))
        return ds_fail(err, DS_E_ARG, "unknown style of removal %d", (int)style);
    with = with != NULL ? with : styles[style];
    st = ds_tokenizer_encode(t, &in, prompt, err);
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &want, word, err);
    if (st == DS_OK && want->count == 0)
        st = ds_fail(err, DS_E_ARG, "the word to look for is empty");
    if (st == DS_OK) {
        size_t length = rewrite(NULL, prompt, in, want, with, &count);

        if (count == 0)
            st = no_match(word, in, err);
        else if ((*out = ds_alloc(length + 1)) == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
    }
    if (st == DS_OK)
        rewrite(*out, prompt, in, want, with, &count);
    if (times != NULL)
        *times = count;
    ds_tokens_free(in);
    ds_tokens_free(want);
    return st;
}
