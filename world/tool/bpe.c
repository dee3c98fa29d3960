/* bpe.c - learns the specimen's vocabulary: byte-pair merges over the words of the captions.
 *
 * Sennrich, Haddow, Birch 2016 (arXiv:1508.07909), in CLIP's spelling: the last symbol of a word
 * carries "</w>". The most frequent pair is merged first; of equally frequent ones, the first in
 * the order of the symbols' numbers, so that the result depends on the captions alone. It ends when
 * every word is a single symbol. Captions are ASCII in lower case. Thread rule: none of its own. */

#include "world/tool/bpe.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    BYTES = 256, /* symbols 0 .. 255 are bytes in CLIP's order, 256 .. 511 the same ending a word */
    WORDS = 4096,
    LETTERS = 24,
    MERGES = 8192,
    PIECE = 64,
    SLOTS = 1 << 15 /* of the table of pairs: at most WORDS * LETTERS / 4 of them are live */
};

typedef struct word {
    char text[LETTERS + 1];
    int64_t count;
    int symbol[LETTERS];
    int symbols;
} word;

typedef struct slot {
    int left, right;
    int64_t count;
} slot;

typedef struct learner {
    word word[WORDS];
    int words;
    int order[BYTES];  /* byte of symbol i */
    int number[BYTES]; /* symbol of byte i */
    int left[MERGES], right[MERGES];
    int merges;
    slot slots[SLOTS];
} learner;

/* CLIP numbers the bytes that print first (33-126, 161-172, 174-255), then the others. */
static bool prints(int byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

static void number_bytes(learner *l)
{
    int n = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < BYTES; b++)
            if (prints(b) == (pass == 0)) {
                l->order[n] = b;
                l->number[b] = n++;
            }
}

/* ---- words ----------------------------------------------------------------------------------- */

static ds_status count_word(learner *l, const char *text, size_t length, ds_error *err)
{
    int i = 0;
    word *x;

    if (length > LETTERS)
        return ds_fail(err, DS_E_FORMAT, "the word \"%.*s\" is longer than %d letters", (int)length,
                       text, LETTERS);
    while (i < l->words &&
           (strncmp(l->word[i].text, text, length) != 0 || l->word[i].text[length] != '\0'))
        i++;
    if (i == WORDS)
        return ds_fail(err, DS_E_FORMAT, "the captions have more than %d words", WORDS);
    x = &l->word[i];
    if (i == l->words) {
        l->words++;
        memcpy(x->text, text, length);
        x->symbols = (int)length;
        for (size_t k = 0; k < length; k++)
            x->symbol[k] = l->number[(uint8_t)text[k]] + (k + 1 == length ? BYTES : 0);
    }
    x->count++;
    return DS_OK;
}

/* Cuts as CLIP does: runs of letters, single digits, runs of anything else. */
static ds_status count_caption(learner *l, const char *s, ds_error *err)
{
    ds_status st = DS_OK;

    while (st == DS_OK && *s != '\0') {
        size_t n = 1;

        if (isalpha((unsigned char)*s))
            while (isalpha((unsigned char)s[n]))
                n++;
        else if (!isdigit((unsigned char)*s) && *s != ' ')
            while (s[n] != '\0' && !isalnum((unsigned char)s[n]) && s[n] != ' ')
                n++;
        if (*s != ' ')
            st = count_word(l, s, n, err);
        s += n;
    }
    return st;
}

static ds_status count_captions(learner *l, const ds_world *w, int64_t scenes, ds_error *err)
{
    ds_scene *s = ds_alloc(sizeof *s);
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "a scene") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < scenes; i++) {
        st = ds_world_draw(w, DS_SPLIT_TRAIN, i, &s->factors, err);
        if (st == DS_OK)
            st = ds_world_caption(w, s, err);
        if (st == DS_OK)
            st = count_caption(l, s->caption, err);
    }
    ds_free(s);
    return st;
}

/* Names that the sample happened to miss count once. */
static ds_status count_names(learner *l, const ds_world *w, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(w);
    ds_status st = DS_OK;

    for (int i = 0; i < t->objects; i++)
        for (int k = 0; st == DS_OK && k < t->object[i].names; k++)
            st = count_caption(l, t->object[i].name[k], err);
    for (int i = 0; i < t->occupations; i++)
        for (int k = 0; st == DS_OK && k < t->occupation[i].names; k++)
            st = count_caption(l, t->occupation[i].name[k], err);
    return st;
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* The most frequent pair; false if no word has two symbols left. */
static bool best_pair(learner *l, int *left, int *right)
{
    const slot *best = NULL;

    memset(l->slots, 0, sizeof l->slots);
    for (int i = 0; i < l->words; i++)
        for (int k = 0; k + 1 < l->word[i].symbols; k++) {
            int a = l->word[i].symbol[k], b = l->word[i].symbol[k + 1];
            uint32_t at = ((uint32_t)a * 40503u + (uint32_t)b * 2654435761u) % SLOTS;
            slot *s;

            while (l->slots[at].count != 0 && (l->slots[at].left != a || l->slots[at].right != b))
                at = (at + 1) % SLOTS;
            s = &l->slots[at];
            s->left = a;
            s->right = b;
            s->count += l->word[i].count;
        }
    for (int i = 0; i < SLOTS; i++) {
        const slot *s = &l->slots[i];

        if (s->count != 0 &&
            (best == NULL || s->count > best->count ||
             (s->count == best->count &&
              (s->left < best->left || (s->left == best->left && s->right < best->right)))))
            best = s;
    }
    if (best == NULL)
        return false;
    *left = best->left;
    *right = best->right;
    return true;
}

static void merge(learner *l, int left, int right, int into)
{
    for (int i = 0; i < l->words; i++) {
        word *x = &l->word[i];
        int n = 0;

        for (int k = 0; k < x->symbols; k++)
            if (k + 1 < x->symbols && x->symbol[k] == left && x->symbol[k + 1] == right) {
                x->symbol[n++] = into;
                k++;
            } else {
                x->symbol[n++] = x->symbol[k];
            }
        x->symbols = n;
    }
}

static ds_status learn(learner *l, ds_error *err)
{
    int left, right;

    while (best_pair(l, &left, &right)) {
        if (l->merges == MERGES)
            return ds_fail(err, DS_E_FORMAT, "%d merges are not enough for %d words", MERGES,
                           l->words);
        l->left[l->merges] = left;
        l->right[l->merges] = right;
        merge(l, left, right, 2 * BYTES + l->merges++);
    }
    return DS_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Spells a symbol as the files do; bytes that do not print are U+0100 and up. Returns its length.
 */
static size_t spell(const learner *l, int symbol, char *out)
{
    size_t n = 0;
    int byte, c;

    if (symbol >= 2 * BYTES) {
        n = spell(l, l->left[symbol - 2 * BYTES], out);
        return n + spell(l, l->right[symbol - 2 * BYTES], out + n);
    }
    byte = l->order[symbol % BYTES];
    c = prints(byte) ? byte : 256 + symbol % BYTES - 188; /* 188 bytes print */
    if (c >= 128) {
        out[n++] = (char)(0xc0 | c >> 6);
        c = 0x80 | (c & 63);
    }
    out[n++] = (char)c;
    memcpy(out + n, symbol >= BYTES ? "</w>" : "", symbol >= BYTES ? 5 : 1);
    return n + (symbol >= BYTES ? 4 : 0);
}

static ds_status write_json(json_t *j, const char *folder, const char *file, ds_error *err)
{
    char path[1200];
    int bad;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    bad = j == NULL || json_dump_file(j, path, JSON_INDENT(1)) != 0;
    json_decref(j);
    if (bad)
        return ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: cannot be written", path), path, -1);
    return DS_OK;
}

static ds_status write_vocab(const learner *l, const char *folder, ds_error *err)
{
    json_t *j = json_object();
    char piece[PIECE * 2];
    int size = 2 * BYTES + l->merges;

    for (int i = 0; i < size; i++) {
        spell(l, i, piece);
        json_object_set_new(j, piece, json_integer(i));
    }
    json_object_set_new(j, "<|startoftext|>", json_integer(size));
    json_object_set_new(j, "<|endoftext|>", json_integer(size + 1));
    return write_json(j, folder, "vocab.json", err);
}

static ds_status write_merges(const learner *l, const char *folder, ds_error *err)
{
    char path[1200], left[PIECE * 2], right[PIECE * 2];
    bool bad;
    FILE *f;

    snprintf(path, sizeof path, "%s/merges.txt", folder);
    f = fopen(path, "w");
    if (f == NULL)
        return ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno)), path, -1);
    fprintf(f, "#version: 0.2\n");
    for (int i = 0; i < l->merges; i++) {
        spell(l, l->left[i], left);
        spell(l, l->right[i], right);
        fprintf(f, "%s %s\n", left, right);
    }
    bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: cannot be written", path), path, -1);
    return DS_OK;
}

static ds_status write_settings(const char *folder, ds_error *err)
{
    const char *start = "<|startoftext|>", *end = "<|endoftext|>";
    json_t *config = json_pack("{s:b, s:s, s:b, s:s, s:s, s:i, s:s, s:s, s:s}", "add_prefix_space",
                               0, "bos_token", start, "do_lower_case", 1, "eos_token", end,
                               "errors", "replace", "model_max_length", 77, "pad_token", end,
                               "tokenizer_class", "CLIPTokenizer", "unk_token", end);
    json_t *map = json_pack("{s:s, s:s, s:s, s:s}", "bos_token", start, "eos_token", end,
                            "pad_token", end, "unk_token", end);
    ds_status st = write_json(config, folder, "tokenizer_config.json", err);

    if (st != DS_OK) {
        json_decref(map);
        return st;
    }
    return write_json(map, folder, "special_tokens_map.json", err);
}

ds_status ds_world_bpe(const ds_world *w, int64_t scenes, const char *folder, ds_bpe_summary *out,
                       ds_error *err)
{
    learner *l = ds_calloc(1, sizeof *l);
    ds_status st;

    if (l == NULL)
        return ds_fail(err, DS_E_NOMEM, "learning a vocabulary: %zu bytes", sizeof *l);
    number_bytes(l);
    st = count_captions(l, w, scenes, err);
    if (st == DS_OK)
        st = count_names(l, w, err);
    if (st == DS_OK)
        st = learn(l, err);
    if (st == DS_OK)
        st = write_vocab(l, folder, err);
    if (st == DS_OK)
        st = write_merges(l, folder, err);
    if (st == DS_OK)
        st = write_settings(folder, err);
    *out = (ds_bpe_summary){ l->words, l->merges, 2 * BYTES + l->merges + 2 };
    ds_free(l);
    return st;
}
