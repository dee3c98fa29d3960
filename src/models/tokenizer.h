/* tokenizer.h - what the files of the tokenizer share. See diffuscope/tokenizer.h for the rules.
 *
 *   tokenizer.c           opening a folder, or a model's
 *   tokenizer_parts.c     what every way of opening needs
 *   tokenizer_vocab.c     spelling <-> id, and the table of merges
 *   tokenizer_text.c      prompt -> normalised characters, special tokens marked
 *   tokenizer_encode.c    characters -> pieces -> tokens and words
 *   tokenizer_json.c      tokenizer.json, taken apart into the older files
 *   tokenizer_clip.c      CLIP's own vocabulary, which is part of this library
 *   emphasis.c            weights of words, which the tokenizer reads over
 *   bpe.c                 byte-pair encoding of one piece */

#ifndef DS_MODELS_TOKENIZER_H
#define DS_MODELS_TOKENIZER_H

#include <diffuscope/tokenizer.h>

#include <jansson.h>

#include "base/arena.h"
#include "weights/store.h"

#define DS__MAX_TEXT ((size_t)1 << 20) /* bytes of a prompt */
#define DS__MAX_IDS  ((int64_t)1 << 20)

/* Ids by spelling: open addressing, a power of two slots, at most half full; -1 marks a free
 * one. */
typedef struct ds_vocab {
    const char **piece; /* [size], NULL where the vocabulary has a gap */
    int64_t size;       /* largest id + 1 */
    int32_t *slot;
    size_t slots;
} ds_vocab;

/* One line of merges.txt; lower ranks merge first. */
typedef struct ds_merge {
    int32_t left, right;
    int32_t rank; /* -1 marks a free slot */
    int32_t result;
} ds_merge;

typedef struct ds_merges {
    ds_merge *slot;
    size_t slots;
} ds_merges;

/* A character after normalisation. A special token counts as one character: ~id, which is
 * negative.*/
typedef struct ds_char {
    int32_t code;
    uint32_t begin, end; /* the bytes of the prompt that it came from */
} ds_char;

typedef struct ds_chars {
    ds_char *at;
    size_t count, room;
} ds_chars;

typedef struct ds_special {
    const char *text;
    size_t bytes;
    int64_t id;
    int64_t count;    /* ids from id on; 0 means 1 */
    bool folded;      /* "normalized" in the files: also matched in normalised text */
    ds_chars letters; /* the text, normalised */
} ds_special;

struct ds_tokenizer {
    ds_arena arena;
    ds_vocab vocab;
    ds_merges merges;
    int32_t symbol[2][256]; /* byte -> id, inside a piece and at its end ("</w>"); -1: none */
    ds_special *special;
    size_t special_count, special_room;
    ds_tokenizer_info info;
    ds_emphasis emphasis;
};

/* ---- tokenizer_parts.c ----------------------------------------------------------------------- */

/* Spelling of byte b in a vocabulary: printing Latin-1 stands for itself, and the 68 others for
 * U+0100 onwards in order (GPT-2's table): *others counts them. At most two bytes and a NUL. */
void ds__spell_byte(char out[3], int b, int *others);
bool ds__byte_prints(int b);

/* Looks the 512 single-byte tokens up. */
void ds__tokenizer_symbols(ds_tokenizer *t);

/* Enters a special token of the vocabulary once; what is said of it first holds. */
ds_status ds__tokenizer_special(ds_tokenizer *t, const char *text, bool folded, ds_error *err);

/* A text that stands for ids first .. first + count - 1, which follow those that there are. */
ds_status ds__tokenizer_learn(ds_tokenizer *t, const char *text, int64_t first, int64_t count,
                              ds_error *err);

/* ---- tokenizer_json.c, tokenizer_clip.c ------------------------------------------------------ */

/* Takes tokenizer.json apart: the vocabulary (to be released), the text of merges.txt (of
 * ds_alloc), and the added tokens, which go to config as "added_tokens_decoder". */
ds_status ds__tokenizer_json_split(json_t *file, json_t *config, json_t **vocab, char **merges,
                                   size_t *size, ds_error *err);

/* CLIP's 49,408 tokens, 77 positions, padding with that id. */
ds_status ds__tokenizer_open_clip(ds_tokenizer **out, int64_t pad, ds_error *err);

/* ---- tokenizer_vocab.c ----------------------------------------------------------------------- */

ds_status ds__vocab_new(ds_vocab *v, ds_arena *arena, int64_t size, size_t count, ds_error *err);
/* piece must live as long as the vocabulary; false if spelling or id is taken. */
bool ds__vocab_add(ds_vocab *v, const char *piece, int64_t id);
int64_t ds__vocab_find(const ds_vocab *v, const char *piece); /* -1 if absent */

ds_status ds__merges_new(ds_merges *m, ds_arena *arena, size_t count, ds_error *err);
bool ds__merges_add(ds_merges *m, ds_merge merge); /* false if the pair is there already */
const ds_merge *ds__merges_find(const ds_merges *m, int32_t left, int32_t right); /* or NULL */

/* ---- tokenizer_text.c ------------------------------------------------------------------------ */

/* Appends the normalised characters of text, with the special tokens of t marked; t == NULL: none.
 * DS_E_ARG for bad UTF-8 or too many bytes, DS_E_NOMEM. The caller frees out->at in any case. */
ds_status ds__normalise(ds_chars *out, const char *text, size_t bytes, const ds_tokenizer *t,
                        ds_error *err);
bool ds__char_is_space(int32_t code);

/* `at` with room for `more` elements of `size` bytes behind the first `count`, moved if need be
 * (the room doubles); NULL when memory is exhausted, and `at` is then unchanged. */
void *ds__grow(void *at, size_t *room, size_t count, size_t more, size_t size);

/* ---- bpe.c ----------------------------------------------------------------------------------- */

/* Working memory, kept from piece to piece. */
typedef struct ds_bpe ds_bpe;

ds_bpe *ds__bpe_new(void); /* NULL when memory is exhausted */
void ds__bpe_free(ds_bpe *b);

/* Encodes the n > 0 bytes of one piece. *ids is valid until the next call. */
ds_status ds__bpe_encode(ds_bpe *b, const int32_t **ids, size_t *count, const ds_tokenizer *t,
                         const uint8_t *bytes, size_t n, ds_error *err);

#endif
