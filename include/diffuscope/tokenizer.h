/* diffuscope/tokenizer.h - from a prompt to CLIP's token ids, and back to the words of the prompt.
 *
 * A tokenizer is immutable after opening: any number of threads may encode with it. */

#ifndef DIFFUSCOPE_TOKENIZER_H
#define DIFFUSCOPE_TOKENIZER_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_tokenizer ds_tokenizer;

/* Opens a folder with vocab.json and merges.txt. special_tokens_map.json, tokenizer_config.json and
 * added_tokens.json are read where present; without them CLIP's defaults hold ("<|startoftext|>",
 * "<|endoftext|>" for end, padding and unknown, 77 positions).
 * DS_E_IO, DS_E_FORMAT with file and expectation, DS_E_UNSUPPORTED for another kind of
 * tokenizer. */
DS_API ds_status ds_tokenizer_open(ds_tokenizer **out, const char *folder, ds_error *err);

/* The same for a model: a folder, a name in the Hugging Face cache or a single file, of which `number` 1
 * takes tokenizer/ and 2 tokenizer_2/, or for number 1 a tokenizer's folder itself.
 * DS_E_NOMATCH if the model has no such tokenizer. */
DS_API ds_status ds_tokenizer_open_model(ds_tokenizer **out, const char *model, int number,
                                         ds_error *err);
DS_API void ds_tokenizer_close(ds_tokenizer *t); /* NULL is allowed */

typedef struct ds_tokenizer_info {
    int64_t length;             /* model_max_length: ids in a padded prompt, with start and end */
    int64_t size;               /* largest id + 1 */
    int64_t bos, eos, pad, unk; /* ids */
} ds_tokenizer_info;

DS_API ds_tokenizer_info ds_tokenizer_describe(const ds_tokenizer *t);

/* The text of a token in the vocabulary's own spelling, "cat</w>"; NULL if there is no such id.
 * Bytes that do not print are spelt as GPT-2 does: 0x00 is U+0100 and so on. */
DS_API const char *ds_tokenizer_piece(const ds_tokenizer *t, int64_t id);

/* Id of a token spelt as above, -1 if the vocabulary lacks it. */
DS_API int64_t ds_tokenizer_find(const ds_tokenizer *t, const char *piece);

/* A word as a person would name it: what stands between white space, less the punctuation at its
 * edges, which makes words of its own ("a (black) cat," has a, (, black, ), cat and the comma).
 * Inside, everything is kept: 1girl, amane_kanata, it's, e-mail, $100. A special token is a
 * word. */
typedef struct ds_word {
    const char *text;    /* as in the prompt, case and all */
    int64_t first, last; /* its tokens, both ends included: indices into ds_tokens.ids */
    size_t begin, end;   /* its bytes in the prompt, end excluded */
} ds_word;

/* All tokens of a prompt, however many, without start, end and padding. Index 0 is the first token
 * after the start token, so it stands at position 1 of the padded ids. */
typedef struct ds_tokens {
    int64_t count;
    const int64_t *ids;
    const char *const *pieces; /* the tokenizer owns the strings: keep it open */
    int64_t word_count;
    const ds_word *words; /* in order; together they cover every token once */
    const float *weight;  /* [count], of emphasis; NULL: all are 1 */
    bool breaks;          /* a BREAK fills up a chunk (and is a word, of the tokens that fill) */
} ds_tokens;

/* What "(text:1.3)", "(text)", "[text]" and BREAK mean in a prompt: nothing, or weights of words. The
 * grammar of the last two is A1111's; they differ in what a text encoder's user makes of the weights. */
typedef enum ds_emphasis {
    DS_EMPHASIS_NONE,  /* the syntax is text */
    DS_EMPHASIS_A1111, /* z <- w z for each token, and the chunk's mean is restored */
    DS_EMPHASIS_COMFY  /* z <- z0 + w (z - z0), z0 the empty prompt's at the same place */
} ds_emphasis;

DS_API ds_status ds_emphasis_parse(ds_emphasis *out, const char *word, ds_error *err);

/* Would another setting than DS_EMPHASIS_NONE read this prompt in another way? */
DS_API bool ds_prompt_emphasises(const char *prompt);

/* From here on the tokenizer reads prompts so; words are still found by their bytes in the prompt as it
 * is written. Before threads share it. */
DS_API void ds_tokenizer_set_emphasis(ds_tokenizer *t, ds_emphasis emphasis);

/* text is UTF-8. DS_E_ARG with the byte offset if it is not, or if it is longer than 1 MiB.
 *
 * Special tokens are recognised wherever they stand; then NFC, white space splits, characters are
 * lowered one by one, and what remains is cut into contractions, runs of letters, single numbers
 * and runs of the rest, each encoded by byte-level BPE. */
DS_API ds_status ds_tokenizer_encode(const ds_tokenizer *t, ds_tokens **out, const char *text,
                                     ds_error *err);
DS_API void ds_tokens_free(ds_tokens *tokens); /* NULL is allowed */

/* Writes the `length` ids that the text encoder reads: start, tokens first, first + 1, ... as many
 * as fit, end, padding. Returns how many tokens after `first` did not fit: a caller that ignores it
 * cuts the prompt silently. A long prompt is taken in chunks by first += length - 2. */
DS_API int64_t ds_tokenizer_pad(const ds_tokenizer *t, int64_t *ids, const ds_tokens *tokens,
                                int64_t first);

#ifdef __cplusplus
}
#endif
#endif
