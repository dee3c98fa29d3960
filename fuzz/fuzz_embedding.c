/* Any bytes as a textual inversion: "S" or "X" (which model), then a PyTorch file or safetensors, or, after
 * "L", lines as fz_put_lines takes them. What is accepted gives words that the tokenizer finds, and leaves
 * the model underneath as it was. */

#include "fuzz/support.h"

#include <string.h>

#include <diffuscope/embedding.h>
#include <diffuscope/tokenizer.h>

#include "fuzz/small.h"

static void words_are_known(const ds_model *m, const ds_model *base)
{
    ds_tokenizer *t, *old;
    ds_tokens *tokens;

    FZ_HOLDS(ds_model_tokenizer(base, &old, 1, NULL) == DS_OK);
    FZ_HOLDS(ds_model_tokenizer(m, &t, 1, NULL) == DS_OK);
    FZ_HOLDS(ds_tokenizer_describe(t).size > ds_tokenizer_describe(old).size);
    FZ_HOLDS(ds_tokenizer_encode(t, &tokens, "a <it> b", NULL) == DS_OK);
    FZ_HOLDS(tokens->count >= 3);
    for (int64_t i = 0; i < tokens->count; i++)
        FZ_HOLDS(tokens->ids[i] >= 0 && tokens->ids[i] < ds_tokenizer_describe(t).size);
    ds_tokens_free(tokens);
    ds_tokenizer_close(t);
    ds_tokenizer_close(old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_error err = { 0 };
    ds_model *base, *m = NULL;
    const char *path;
    char *text = NULL;
    uint64_t before;
    ds_status st;

    if (size < 2)
        return 0;
    base = fz_model(data[0] == 'X');
    before = fz_model_sum(base);
    if (data[1] == 'L') {
        text = ds_alloc(size - 1);
        memcpy(text, data + 2, size - 2);
        text[size - 2] = '\0';
        path = fz_put_lines("it.safetensors", text);
    } else {
        path = fz_put("it.safetensors", data + 1, size - 1);
    }
    st = ds_model_embedding(&m, base, &path, 1, &err);
    FZ_HOLDS((m != NULL) == (st == DS_OK));
    FZ_HOLDS(fz_model_sum(base) == before);
    if (st == DS_OK)
        words_are_known(m, base);
    else
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    ds_model_close(m);
    ds_free(text);
    return 0;
}
