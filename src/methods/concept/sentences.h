/* sentences.h - the prompts of a set of pictures, each once: with the concept's words, and with one free
 * token in their place.
 *
 * Thread rule: immutable after it was made. */

#ifndef DS_METHODS_CONCEPT_SENTENCES_H
#define DS_METHODS_CONCEPT_SENTENCES_H

#include "base/arena.h"
#include "methods/concept/templates.h"

typedef struct ds_sentences {
    ds_arena arena;
    int64_t pictures;
    int64_t count;        /* U sentences that differ */
    int64_t *of;          /* [pictures]: sentence of each */
    const char **concept; /* [U] with the concept */
    const char **free;    /* [U] with a stand-in of one token ... */
    int64_t *place;       /* [U] ... at this place of the padded ids */
} ds_sentences;

/* Sentences first, first + 1, ... of the templates. */
ds_status ds__sentences_new(ds_sentences **out, const ds_texts *templates, const char *concept,
                            int64_t first, int64_t pictures, const ds_tokenizer *t, ds_error *err);

/* One picture's sentence as it is, with the free token at its last word, which must be one token. */
ds_status ds__sentences_of_prompt(ds_sentences **out, const char *prompt, int64_t pictures,
                                  const ds_tokenizer *t, ds_error *err);
void ds__sentences_free(ds_sentences *s); /* NULL is allowed */

#endif
