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

ds_status ds_prompt_fit(char **out, const ds_tokenizer *t, const char *prompt, int64_t *cut,
                        ds_error *err)
{
    const int64_t room = ds_tokenizer_describe(t).length - 2;
    int64_t read = 0; /* tokens of the words that fit */
    size_t end = 0;
    ds_tokens *in = NULL;
    ds_status st = ds_tokenizer_encode(t, &in, prompt, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < in->word_count && in->words[i].last < room; i++) {
        end = in->words[i].end;
        read = in->words[i].last + 1;
    }
    if (in->count <= room)
        end = strlen(prompt);
    else if (in->weight != NULL)
        st = ds_fail(err, DS_E_UNSUPPORTED,
                     "the prompt has %lld tokens and the model reads %lld: a prompt with emphasis "
                     "is not cut; shorten it",
                     (long long)in->count, (long long)room);
    if (st == DS_OK && (*out = ds_alloc(end + 1)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
    if (st == DS_OK) {
        memcpy(*out, prompt, end);
        (*out)[end] = '\0';
    }
    if (cut != NULL)
        *cut = in->count <= room ? 0 : in->count - read;
    ds_tokens_free(in);
    return st;
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

static bool contains(const ds_tokens *in, const ds_tokens *want)
{
    for (int64_t i = 0; i < in->word_count; i++)
        if (matches(in, i, want))
            return true;
    return false;
}

/* The word is not in what the model reads of the prompt: is it behind? */
static ds_status absent(const char *word, const ds_tokens *want, const ds_tokens *in,
                        const ds_tokenizer *t, const char *prompt, ds_error *err)
{
    const int64_t room = ds_tokenizer_describe(t).length - 2;
    ds_tokens *all = NULL;
    ds_status st = ds_tokenizer_encode(t, &all, prompt, err);

    if (st == DS_OK && contains(all, want)) {
        ds_fail(err, DS_E_NOMATCH,
                "\"%.80s\" stands where the model does not read: the prompt has %lld tokens, and "
                "it reads %lld; shorten the prompt, or move the word forward",
                word, (long long)all->count, (long long)room);
        st = ds_fail_at(err, DS_E_NOMATCH, word, -1);
    } else if (st == DS_OK) {
        st = no_match(word, in, err);
    }
    ds_tokens_free(all);
    return st;
}

static ds_status replace(char **out, const ds_tokenizer *t, const char *prompt, const char *fitted,
                         const char *word, const char *with, int *times, ds_error *err)
{
    ds_tokens *in = NULL, *want = NULL;
    ds_status st = ds_tokenizer_encode(t, &in, fitted, err);

    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &want, word, err);
    if (st == DS_OK && want->count == 0)
        st = ds_fail(err, DS_E_ARG, "the word to look for is empty");
    if (st == DS_OK && !contains(in, want))
        st = absent(word, want, in, t, prompt, err);
    if (st == DS_OK) {
        *out = ds_alloc(rewrite(NULL, fitted, in, want, with, times) + 1);
        if (*out == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
        else
            rewrite(*out, fitted, in, want, with, times);
    }
    ds_tokens_free(in);
    ds_tokens_free(want);
    return st;
}

ds_status ds_prompt_replace(char **out, const ds_tokenizer *t, const char *prompt, const char *word,
                            ds_removal style, const char *with, int *times, ds_error *err)
{
    static const char *const styles[] = { "", "_", "thing" };
    char *fitted = NULL;
    int count = 0;
    ds_status st;

    *out = NULL;
    if (with == NULL && ((int)style < 0 || style >= (int)DS_COUNT(styles)))
        return ds_fail(err, DS_E_ARG, "unknown style of removal %d", (int)style);
    st = ds_prompt_fit(&fitted, t, prompt, NULL, err);
    if (st == DS_OK)
        st =
            replace(out, t, prompt, fitted, word, with != NULL ? with : styles[style], &count, err);
    if (times != NULL)
        *times = count;
    ds_free(fitted);
    return st;
}
