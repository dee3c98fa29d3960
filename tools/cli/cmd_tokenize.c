/* cmd_tokenize.c - `diffuscope tokenize`: what the text encoder reads, and which words it came
 * from. */

#include <diffuscope/tokenizer.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "model_option.h"
#include "say.h"
#include "print.h"

#define MAX_INPUT ((size_t)1 << 20)

/* All of standard input, less the line end that a terminal or echo adds; free with ds_free. */
static ds_status read_input(char **out, ds_error *err)
{
    char *text = ds_alloc(MAX_INPUT + 2);
    size_t n;

    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the text on standard input");
    n = fread(text, 1, MAX_INPUT + 1, stdin);
    text[n] = '\0';
    *out = text;
    if (ferror(stdin))
        return ds_fail(err, DS_E_IO, "standard input could not be read");
    if (n > MAX_INPUT)
        return ds_fail(err, DS_E_ARG, "standard input: expected at most %zu bytes", MAX_INPUT);
    if (memchr(text, '\0', n) != NULL)
        return ds_fail(err, DS_E_ARG, "standard input: found a zero byte, which no prompt holds");
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    return DS_OK;
}

static json_t *json_of_words(const ds_tokens *k)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < k->word_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "text", k->words[i].text, "first",
                                              (json_int_t)k->words[i].first, "last",
                                              (json_int_t)k->words[i].last));
    return list;
}

static ds_status print_all(const ds_tokens *k, const int64_t *ids, int64_t length, int64_t cut,
                           ds_error *err)
{
    json_t *list = json_array(), *tokens = json_array(), *root;
    char *text;

    for (int64_t i = 0; i < length; i++)
        json_array_append_new(list, json_integer(ids[i]));
    for (int64_t i = 0; i < k->count; i++)
        json_array_append_new(tokens, json_string(k->pieces[i]));
    root = json_pack("{s:o, s:o, s:o, s:I}", "ids", list, "tokens", tokens, "words",
                     json_of_words(k), "cut", (json_int_t)cut);
    text = root != NULL ? json_dumps(root, 0) : NULL;
    json_decref(root);
    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the tokens");
    print_json(text);
    free(text);
    return DS_OK;
}

/* One line per word: its text and its tokens with their ids; a mark where the limit cuts. */
static void print_words(const ds_tokens *k, int64_t kept)
{
    for (int64_t i = 0; i < k->word_count; i++) {
        const ds_word *w = &k->words[i];

        print("%s\t", w->text);
        for (int64_t j = w->first; j <= w->last; j++)
            print("%s%s %lld%s", j > w->first ? ", " : "", k->pieces[j], (long long)k->ids[j],
                  j >= kept ? " (cut off)" : "");
        print("\n");
    }
    print("%lld tokens, of %lld that fit\n", (long long)k->count, (long long)kept);
}

static ds_status show(const ds_args *a, const ds_tokenizer *t, const ds_tokens *k, ds_error *err)
{
    int64_t length = ds_tokenizer_describe(t).length;
    int64_t *ids = ds_calloc((size_t)length, sizeof *ids);
    int64_t cut;
    ds_status st = DS_OK;

    if (ids == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld ids", (long long)length);
    cut = ds_tokenizer_pad(t, ids, k, 0);
    if (opt_flag(a, "json"))
        st = print_all(k, ids, length, cut, err);
    else
        print_words(k, length - 2);
    if (cut > 0)
        remark(a, "the text has %lld tokens; the last %lld are cut off, since the model reads %lld",
               (long long)k->count, (long long)cut, (long long)length - 2);
    ds_free(ids);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    const char *text = opts_positional(a, 0);
    char *input = NULL;
    ds_tokenizer *t = NULL;
    ds_tokens *k = NULL;
    ds_status st = strcmp(text, "-") == 0 ? read_input(&input, err) : DS_OK;

    if (st == DS_OK)
        st = tokenizer_from_options(&t, a, (int)opt_int(a, "tokenizer"), err);
    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &k, input != NULL ? input : text, err);
    if (st == DS_OK)
        st = show(a, t, k, err);
    ds_tokens_free(k);
    ds_tokenizer_close(t);
    ds_free(input);
    return st;
}

static const ds_option options[] = {
    { .name = "tokenizer",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "1",
      .min = 1,
      .max = 2,
      .help = "which of the model's tokenizers; SDXL has two, which differ in their padding" },
    { 0 },
};

const ds_command cmd_tokenize = {
    .name = "tokenize",
    .purpose = "show the tokens and words of a prompt",
    .positional = "TEXT",
    .description =
        "Prints one line per word with its tokens and their ids; a TEXT of - is read from standard "
        "input. MODEL may also be a tokenizer's own folder, with vocab.json and merges.txt.\n\n"
        "With --json: \"ids\" as the text encoder reads them, with start, end and padding; all "
        "\"tokens\", without those; \"words\" with the indices of their \"first\" and \"last\" "
        "token "
        "in \"tokens\", counted from 0, so that token i stands at position i + 1 of \"ids\"; and "
        "\"cut\", the number of tokens that did not fit.",
    .example = "diffuscope tokenize -m sd15 \"a photo of a cat\"",
    .options = options,
    .common = COMMON_MODEL | COMMON_JSON,
    .least = 1,
    .most = 1,
    .run = run,
};
