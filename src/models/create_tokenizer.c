/* create_tokenizer.c - the tokenizer of a new model: CLIP's 256 bytes, inside a word and at its
 * end, no merges, and the two special tokens as the last ids. Between them stand names that no text
 * can produce, so that the vocabulary has as many entries as the text encoder has embeddings. */

#include "models/create.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define START "<|startoftext|>"
#define END   "<|endoftext|>"

/* GPT-2's spelling of bytes: those that print stand for themselves, the others for U+0100 onwards;
 * ids are given in this order. Fills code[256] with characters. */
static void spell_bytes(int code[256])
{
    int n = 0, shifted = 0;

    for (int b = 0; b < 256; b++)
        if ((b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae)
            code[n++] = b;
    while (n < 256)
        code[n++] = 0x100 + shifted++;
}

static ds_status write_vocabulary(const char *path, int64_t size, ds_error *err)
{
    json_t *v = json_object();
    char piece[32];
    int code[256];
    int failed = 0;
    ds_status st;

    spell_bytes(code);
    for (int i = 0; i < 512; i++) {
        int c = code[i % 256];
        char utf8[3] = { (char)c, '\0', '\0' };

        if (c >= 0x80) {
            utf8[0] = (char)(0xc0 | c >> 6);
            utf8[1] = (char)(0x80 | (c & 0x3f));
        }
        snprintf(piece, sizeof piece, "%s%s", utf8, i < 256 ? "" : "</w>");
        failed |= json_object_set_new(v, piece, json_integer(i));
    }
    for (int64_t i = 512; i < size - 2; i++) {
        snprintf(piece, sizeof piece, "<|unused%lld|>", (long long)(i - 512));
        failed |= json_object_set_new(v, piece, json_integer(i));
    }
    failed |= json_object_set_new(v, START, json_integer(size - 2));
    failed |= json_object_set_new(v, END, json_integer(size - 1));
    st = failed ? ds_fail(err, DS_E_NOMEM, "no memory for a vocabulary")
                : ds__create_json(path, v, err);
    json_decref(v);
    return st;
}

static ds_status write_text(const char *path, const char *text, size_t size, ds_error *err)
{
    ds_out_file f;
    ds_status st = ds__out_open(&f, path, err);

    if (st == DS_OK)
        st = ds__out_write(&f, text, size, err);
    if (st == DS_OK)
        return ds__out_commit(&f, err);
    ds__out_abandon(&f);
    return st;
}

static ds_status write_settings(const char *folder, int64_t length, const char *pad, ds_error *err)
{
    char path[4096];
    json_t *j = json_pack("{s:b, s:s, s:s, s:b, s:s, s:I, s:s, s:s, s:s}", "add_prefix_space", 0,
                          "bos_token", START, "eos_token", END, "do_lower_case", 1, "errors",
                          "replace", "model_max_length", (json_int_t)length, "pad_token", pad,
                          "tokenizer_class", "CLIPTokenizer", "unk_token", END);
    json_t *map = json_pack("{s:s, s:s, s:s, s:s}", "bos_token", START, "eos_token", END,
                            "pad_token", pad, "unk_token", END);
    ds_status st;

    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    st = ds__create_json(path, j, err);
    snprintf(path, sizeof path, "%s/special_tokens_map.json", folder);
    if (st == DS_OK)
        st = ds__create_json(path, map, err);
    json_decref(j);
    json_decref(map);
    return st;
}

static ds_status copy_file(const char *from, const char *to, const char *name, ds_error *err)
{
    char path[4096], *text;
    size_t size;
    ds_status st;

    snprintf(path, sizeof path, "%s/%s", from, name);
    if (access(path, F_OK) != 0)
        return DS_OK; /* what must be there was found when the folder was opened */
    st = ds__file_read(&text, &size, path, (size_t)64 << 20, err);
    if (st != DS_OK)
        return st;
    snprintf(path, sizeof path, "%s/%s", to, name);
    st = write_text(path, text, size, err);
    ds_free(text);
    return st;
}

static ds_status copy_tokenizer(const char *from, const char *to, int64_t vocabulary, ds_error *err)
{
    static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json",
                                         "special_tokens_map.json", "added_tokens.json" };
    ds_tokenizer *t;
    int64_t size;
    ds_status st = ds_tokenizer_open(&t, from, err);

    if (st != DS_OK)
        return st;
    size = ds_tokenizer_describe(t).size;
    ds_tokenizer_close(t);
    if (size > vocabulary)
        return ds_fail(
            err, DS_E_SHAPE,
            "%s: the largest token id is %lld, but the text encoder's vocab_size is %lld", from,
            (long long)size - 1, (long long)vocabulary);
    for (size_t i = 0; st == DS_OK && i < DS_COUNT(names); i++)
        st = copy_file(from, to, names[i], err);
    return st;
}

ds_status ds__create_tokenizer(const ds_create *c, const char *folder, const json_t *encoder,
                               ds_error *err)
{
    char path[4096];
    ds_clip_config clip;
    ds_status st = ds__clip_config_read(&clip, encoder, "text encoder", false, err);

    if (st != DS_OK)
        return st;
    if (c->options->tokenizer != NULL)
        return copy_tokenizer(c->options->tokenizer, folder, clip.vocab, err);
    if (clip.vocab < 514)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "vocab_size is %lld: a vocabulary of bytes needs 514; give a tokenizer's "
                       "folder for a smaller one",
                       (long long)clip.vocab);
    if (clip.eos_id != 2 && clip.eos_id != clip.vocab - 1)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "eos_token_id is %lld: expected the last id, %lld (or 2, as old files have)",
                       (long long)clip.eos_id, (long long)clip.vocab - 1);
    snprintf(path, sizeof path, "%s/vocab.json", folder);
    st = write_vocabulary(path, clip.vocab, err);
    snprintf(path, sizeof path, "%s/merges.txt", folder);
    if (st == DS_OK)
        st = write_text(path, "#version: 0.2\n", 14, err);
    /* OpenCLIP's encoders, known by their exact GELU, were trained with id 0 as padding. */
    return st == DS_OK
               ? write_settings(folder, clip.positions, clip.act == DS_ACT_GELU ? "!" : END, err)
               : st;
}
