/* Any bytes as the files of a tokenizer and as a prompt for it:
 * vocab.json, merges.txt, special_tokens_map.json, tokenizer_config.json, added_tokens.json,
 * prompt. */

#include "fuzz/support.h"

#include <string.h>

#include <diffuscope/tokenizer.h>

enum { FILES = 5 };

static void encode(const ds_tokenizer *t, const fz_part *prompt)
{
    ds_tokenizer_info info = ds_tokenizer_describe(t);
    char *text = ds_alloc(prompt->size + 1);
    int64_t *ids = ds_calloc((size_t)info.length, sizeof *ids), covered = 0;
    ds_tokens *tokens;

    memcpy(text, prompt->data, prompt->size);
    text[prompt->size] = '\0';
    if (ds_tokenizer_encode(t, &tokens, text, NULL) == DS_OK) {
        for (int64_t i = 0; i < tokens->count; i++)
            FZ_HOLDS(tokens->ids[i] >= 0 && tokens->ids[i] < info.size);
        for (int64_t i = 0; i < tokens->word_count; i++) {
            FZ_HOLDS(tokens->words[i].first == covered && tokens->words[i].last >= covered);
            FZ_HOLDS(tokens->words[i].end <= strlen(text));
            covered = tokens->words[i].last + 1;
        }
        FZ_HOLDS(covered == tokens->count);
        ds_tokenizer_pad(t, ids, tokens, 0);
        ds_tokens_free(tokens);
    }
    ds_free(ids);
    ds_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const name[FILES] = { "vocab.json", "merges.txt", "special_tokens_map.json",
                                             "tokenizer_config.json", "added_tokens.json" };
    static const uint8_t nothing[] = "{}";
    fz_part part[FILES + 1];
    int n = fz_split(part, FILES + 1, data, size);
    ds_tokenizer *t;

    for (; n < FILES + 1; n++)
        part[n] = (fz_part){ nothing, 2 };
    for (int i = 0; i < FILES; i++)
        fz_put(name[i], part[i].data, part[i].size);
    if (ds_tokenizer_open(&t, fz_folder(), NULL) != DS_OK)
        return 0;
    encode(t, &part[FILES]);
    ds_tokenizer_close(t);
    return 0;
}
