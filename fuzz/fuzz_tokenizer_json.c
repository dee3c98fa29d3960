/* Any bytes as the tokenizer.json that transformers 5 writes, as the tokenizer_config.json beside it, and as a
 * prompt. */

#include "fuzz/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/tokenizer.h>

static void encode(const ds_tokenizer *t, const fz_part *prompt)
{
    const ds_tokenizer_info info = ds_tokenizer_describe(t);
    char *text = ds_alloc(prompt->size + 1);
    int64_t covered = 0;
    ds_tokens *tokens;

    memcpy(text, prompt->data, prompt->size);
    text[prompt->size] = '\0';
    if (ds_tokenizer_encode(t, &tokens, text, NULL) == DS_OK) {
        for (int64_t i = 0; i < tokens->count; i++)
            FZ_HOLDS(tokens->ids[i] >= 0 && tokens->ids[i] < info.size &&
                     ds_tokenizer_piece(t, tokens->ids[i]) != NULL);
        for (int64_t i = 0; i < tokens->word_count; i++) {
            FZ_HOLDS(tokens->words[i].first == covered && tokens->words[i].last >= covered);
            covered = tokens->words[i].last + 1;
        }
        FZ_HOLDS(covered == tokens->count);
        ds_tokens_free(tokens);
    }
    ds_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fz_part part[3];
    int n = fz_split(part, 3, data, size);
    char config[300];
    ds_error err = { 0 };
    ds_tokenizer *t;
    ds_status st;

    fz_put("tokenizer.json", part[0].data, part[0].size);
    snprintf(config, sizeof config, "%s/tokenizer_config.json", fz_folder());
    unlink(config);
    if (n > 1)
        fz_put("tokenizer_config.json", part[1].data, part[1].size);
    st = ds_tokenizer_open(&t, fz_folder(), &err);
    FZ_HOLDS(st == DS_OK || (err.code == st && err.text[0] != '\0'));
    if (st != DS_OK)
        return 0;
    encode(t, n > 2 ? &part[2] : &part[0]);
    ds_tokenizer_close(t);
    return 0;
}
