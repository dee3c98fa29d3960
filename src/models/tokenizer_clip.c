/* tokenizer_clip.c - CLIP's own vocabulary, which single files do not hold.
 *
 * The list of merges is that of OpenAI's CLIP (https://github.com/openai/CLIP, bpe_simple_vocab_16e6,
 * Copyright (c) 2021 OpenAI, MIT licence); scripts/pack-merges makes clip_merges.bin from it. The
 * vocabulary follows: ids 0 to 255 are bytes, 256 to 511 bytes at the end of a word, 512 + n the result
 * of merge n, and then the two special tokens. */

#include "models/tokenizer.h"

#include <string.h>

static const unsigned char packed[] = {
#include "clip_merges.inc"
};

enum {
    MERGES = sizeof packed / 4,
    START = 512 + MERGES,
    END,
    SIZE,
    LENGTH = 77,
    BYTE_ROOM = 8,     /* of a byte's spelling with "</w>" */
    PIECE_ROOM = 1000, /* more than any merge of this list needs */
};

static int32_t id_at(size_t i)
{
    return packed[2 * i] | packed[2 * i + 1] << 8;
}

/* GPT-2's order: bytes that print, then the others. */
static void add_bytes(ds_tokenizer *t, char *pool)
{
    int id = 0, others = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < 256; b++) {
            bool prints = ds__byte_prints(b);

            if (prints != (pass == 0))
                continue;
            ds__spell_byte(pool, b, prints ? NULL : &others);
            strcpy(pool + 256 * BYTE_ROOM, pool);
            strcat(pool + 256 * BYTE_ROOM, "</w>");
            ds__vocab_add(&t->vocab, pool, id);
            ds__vocab_add(&t->vocab, pool + 256 * BYTE_ROOM, 256 + id);
            id++;
            pool += BYTE_ROOM;
        }
}

static ds_status add_merges(ds_tokenizer *t, ds_error *err)
{
    char piece[PIECE_ROOM];

    for (int32_t i = 0; i < MERGES; i++) {
        const ds_merge m = { id_at(2 * (size_t)i), id_at(2 * (size_t)i + 1), i, 512 + i };
        const char *copy;

        strcpy(piece, t->vocab.piece[m.left]);
        strcat(piece, t->vocab.piece[m.right]);
        copy = ds__arena_printf(&t->arena, "%s", piece);
        if (copy == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
        if (!ds__vocab_add(&t->vocab, copy, m.result) || !ds__merges_add(&t->merges, m))
            return ds_fail(err, DS_E_INTERNAL, "the built-in vocabulary is damaged at %d", i);
    }
    return DS_OK;
}

static ds_status fill(ds_tokenizer *t, int64_t pad, ds_error *err)
{
    char *pool = ds__arena_alloc(&t->arena, 512 * BYTE_ROOM);
    ds_status st;

    if (pool == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
    st = ds__vocab_new(&t->vocab, &t->arena, SIZE, SIZE, err);
    if (st == DS_OK)
        st = ds__merges_new(&t->merges, &t->arena, MERGES, err);
    if (st != DS_OK)
        return st;
    add_bytes(t, pool);
    st = add_merges(t, err);
    if (st != DS_OK)
        return st;
    ds__vocab_add(&t->vocab, "<|startoftext|>", START);
    ds__vocab_add(&t->vocab, "<|endoftext|>", END);
    ds__tokenizer_symbols(t);
    t->info = (ds_tokenizer_info){ LENGTH, SIZE, START, END, pad, END };
    st = ds__tokenizer_special(t, t->vocab.piece[START], true, err);
    if (st == DS_OK)
        st = ds__tokenizer_special(t, t->vocab.piece[END], true, err);
    return st == DS_OK ? ds__tokenizer_special(t, t->vocab.piece[pad], true, err) : st;
}

ds_status ds__tokenizer_open_clip(ds_tokenizer **out, int64_t pad, ds_error *err)
{
    ds_tokenizer *t = ds_calloc(1, sizeof *t);
    ds_status st;

    *out = NULL;
    if (t == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
    st = pad >= 0 && pad < SIZE ? fill(t, pad, err)
                                : ds_fail(err, DS_E_ARG, "padding id %lld: expected 0 to %d",
                                          (long long)pad, SIZE - 1);
    if (st != DS_OK) {
        ds_tokenizer_close(t);
        return st;
    }
    *out = t;
    return DS_OK;
}
