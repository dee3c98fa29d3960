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
    *s = (ds_special){ t->vocab.piece[id], strlen(text), id, 1, folded, { 0 } };
    return ds__normalise(&s->letters, text, s->bytes, NULL, err);
}

/* The vocabulary with room for `size` ids. */
static ds_status grow_vocabulary(ds_tokenizer *t, int64_t size, ds_error *err)
{
    const ds_vocab old = t->vocab;
    ds_status st;

    if (size <= old.size)
        return DS_OK;
    st = ds__vocab_new(&t->vocab, &t->arena, size, (size_t)size, err);
    for (int64_t id = 0; st == DS_OK && id < old.size; id++)
        if (old.piece[id] != NULL)
            ds__vocab_add(&t->vocab, old.piece[id], id);
    if (st != DS_OK)
        t->vocab = old;
    return st;
}

ds_status ds__tokenizer_learn(ds_tokenizer *t, const char *text, int64_t first, int64_t count,
                              ds_error *err)
{
    ds_special *s;
    ds_status st = grow_vocabulary(t, first + count, err);

    t->info.size = st == DS_OK && first + count > t->info.size ? first + count : t->info.size;
    for (int64_t k = 0; st == DS_OK && k < count; k++) {
        const char *piece = k == 0 ? ds__arena_printf(&t->arena, "%s", text)
                                   : ds__arena_printf(&t->arena, "%s_%lld", text, (long long)k);

        if (piece == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
        else if (t->vocab.piece[first + k] == NULL && !ds__vocab_add(&t->vocab, piece, first + k))
            t->vocab.piece[first + k] = piece; /* the spelling is a word already: by id alone */
    }
    if (st != DS_OK)
        return st;
    s = ds__grow(t->special, &t->special_room, t->special_count, 1, sizeof *s);
    if (s == NULL || (text = ds__arena_printf(&t->arena, "%s", text)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
    t->special = s;
    s += t->special_count++;
    *s = (ds_special){ text, strlen(text), first, count, true, { 0 } };
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
