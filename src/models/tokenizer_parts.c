/* tokenizer_parts.c - what every way of making a tokenizer needs, and what can be asked of one. */

#include "models/tokenizer.h"

#include <string.h>

bool ds__byte_prints(int b)
{
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

/* Both ranges take at most two bytes of UTF-8. */
void ds__spell_byte(char out[3], int b, int *others)
{
    int code = ds__byte_prints(b) ? b : 0x100 + (*others)++;

    memset(out, 0, 3);
    if (code < 0x80) {
        out[0] = (char)code;
    } else {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
    }
}

void ds__tokenizer_symbols(ds_tokenizer *t)
{
    int others = 0;

    for (int b = 0; b < 256; b++) {
        char inside[3], final[8];

        ds__spell_byte(inside, b, &others);
        memcpy(final, inside, 3);
        strcat(final, "</w>");
        t->symbol[0][b] = (int32_t)ds__vocab_find(&t->vocab, inside);
        t->symbol[1][b] = (int32_t)ds__vocab_find(&t->vocab, final);
    }
}

ds_status ds__tokenizer_special(ds_tokenizer *t, const char *text, bool folded, ds_error *err)
{
    int64_t id = ds__vocab_find(&t->vocab, text);
    ds_special *s;

    if (id < 0 || text[0] == '\0')
        return ds_fail(err, DS_E_FORMAT, "the special token \"%.60s\" is not in vocab.json", text);
    for (size_t i = 0; i < t->special_count; i++)
        if (t->special[i].id == id)
            return DS_OK;
    s = ds__grow(t->special, &t->special_room, t->special_count, 1, sizeof *s);
    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
    t->special = s;
    s += t->special_count++;
    *s = (ds_special){ t->vocab.piece[id], strlen(text), id, folded, { 0 } };
    return ds__normalise(&s->letters, text, s->bytes, NULL, err);
}

/* ---- questions ------------------------------------------------------------------------------- */

void ds_tokenizer_close(ds_tokenizer *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->special_count; i++)
        ds_free(t->special[i].letters.at);
    ds_free(t->special);
    ds__arena_free(&t->arena);
    ds_free(t);
}

ds_tokenizer_info ds_tokenizer_describe(const ds_tokenizer *t)
{
    return t->info;
}

const char *ds_tokenizer_piece(const ds_tokenizer *t, int64_t id)
{
    return id >= 0 && id < t->vocab.size ? t->vocab.piece[id] : NULL;
}

int64_t ds_tokenizer_find(const ds_tokenizer *t, const char *piece)
{
    return ds__vocab_find(&t->vocab, piece);
}
