/* dictionary.h - the words that a concept may be made of: rows of the text encoders' tables.
 *
 * By default every whole word of the vocabulary (a token that ends a word, in letters) whose row was
 * trained. Rows that no caption ever asked for keep the small norm of their first draw: where the sorted
 * norms have a gap of more than half (and neither side is a handful), those below it are left out.
 *
 * Thread rule: immutable after it was made, but for masks. */

#ifndef DS_METHODS_CONCEPT_DICTIONARY_H
#define DS_METHODS_CONCEPT_DICTIONARY_H

#include <diffuscope/model.h>
#include <diffuscope/option.h>
#include <diffuscope/tokenizer.h>

#include "base/arena.h"
#include "methods/concept/mixture.h"

/* Kinds of words that a concept is not explained by, unless asked for. */
enum {
    DS_KEEP_OWN = 1 << 0,         /* the concept's own words */
    DS_KEEP_INFLECTIONS = 1 << 1, /* their plurals, participles ... */
    DS_KEEP_FUNCTION = 1 << 2,    /* the, of, and ... */
    DS_KEEP_TEMPLATE = 1 << 3     /* words of the templates: styles, colours, places */
};

typedef struct ds_dictionary {
    ds_arena arena;
    ds_words words;
    int64_t *id;       /* [D] */
    const char **text; /* [D] without the mark of a word's end */
    int64_t untrained; /* whole words that were left out, since their row was never trained */
    int64_t split;     /* words of the file that are several tokens, left out */
} ds_dictionary;

typedef struct ds_dictionary_options {
    const char *file;   /* one word a line; NULL: the vocabulary */
    const int64_t *ids; /* [n_ids]: these rows, whatever they spell; NULL */
    int64_t n_ids;
    bool
        kappa_of_all; /* kappa: mean norm of all rows of the table, as published; else of the words */
} ds_dictionary_options;

ds_status ds__dictionary_new(ds_dictionary **out, ds_model *m, const ds_tokenizer *t,
                             const ds_dictionary_options *o, ds_error *err);
void ds__dictionary_free(ds_dictionary *d); /* NULL is allowed */

/* allowed [D] for a concept; `keep` of DS_KEEP_... Returns how many words are allowed. */
int64_t ds__dictionary_allow(bool *allowed, const ds_dictionary *d, const char *concept,
                             const ds_texts *templates, unsigned keep);

int64_t ds__dictionary_find(const ds_dictionary *d, const char *word); /* -1: not there */

/* Are two words forms of one (cat, cats; bake, baking)? English endings alone. */
bool ds__same_stem(const char *a, const char *b);

#endif
