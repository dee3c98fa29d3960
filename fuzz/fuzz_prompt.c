/* Any bytes as a prompt, on a vocabulary of a few letters: every token has a spelling, and the
 * words cover the tokens and their bytes once, in order. */

#include "fuzz/support.h"

#include <stdlib.h>
#include <string.h>

#include <diffuscope/tokenizer.h>

static ds_tokenizer *make_tokenizer(void)
{
    static const char vocab[] =
        "{\"a\": 0, \"b\": 1, \"a</w>\": 2, \"b</w>\": 3, \"ab\": 4, \"ab</w>\": 5, \"abab\": 6,"
        " \"!\": 7, \"Ã\": 8, \"©</w>\": 9, \"<|startoftext|>\": 10, \"<|endoftext|>\": 11}";
    static const char merges[] = "#version: 0.2\na b\na b</w>\nab ab\n";
    static const char special[] = "{\"pad_token\": \"!\"}";
    ds_tokenizer *t = NULL;

    fz_put("vocab.json", (const uint8_t *)vocab, strlen(vocab));
    fz_put("merges.txt", (const uint8_t *)merges, strlen(merges));
    fz_put("special_tokens_map.json", (const uint8_t *)special, strlen(special));
    FZ_HOLDS(ds_tokenizer_open(&t, fz_folder(), NULL) == DS_OK);
    return t;
}

static void check(const ds_tokenizer *t, const ds_tokens *k, const char *text)
{
    int64_t ids[77], next = 0, left = ds_tokenizer_pad(t, ids, k, 0);
    size_t at = 0;

    FZ_HOLDS(left == (k->count > 75 ? k->count - 75 : 0) && ids[0] == 10);
    for (int64_t i = 0; i < k->count; i++)
        FZ_HOLDS(k->pieces[i] != NULL);
    for (int64_t i = 0; i < k->word_count; i++) {
        const ds_word *w = &k->words[i];

        FZ_HOLDS(w->first == next && w->last >= w->first);
        FZ_HOLDS(w->begin >= at && w->end > w->begin && w->end <= strlen(text));
        FZ_HOLDS(memcmp(w->text, text + w->begin, w->end - w->begin) == 0);
        next = w->last + 1;
        at = w->end;
    }
    FZ_HOLDS(next == k->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ds_tokenizer *t;
    ds_tokens *k = NULL;
    ds_error err = { 0 };
    char *text = malloc(size + 1);

    if (t == NULL)
        t = make_tokenizer();
    memcpy(text, data, size);
    text[size] = '\0';
    if (ds_tokenizer_encode(t, &k, text, &err) == DS_OK)
        check(t, k, text);
    else
        FZ_HOLDS(k == NULL && err.code == DS_E_ARG);
    ds_tokens_free(k);
    free(text);
    return 0;
}
