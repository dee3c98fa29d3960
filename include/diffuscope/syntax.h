/* diffuscope/syntax.h - grammar of captions: heads, dependents and parts of speech.
 *
 * Sentences are parsed by link-grammar (an optional library), whose links have no direction; here
 * they become relations from a head to a dependent, named as Universal Dependencies does where
 * there is a counterpart:
 *
 *     det nummod amod compound nmod:PREP nmod:poss case nsubj obj attr obl:PREP advmod neg
 *     acl acl:relcl aux mark xcomp ccomp acomp conj:WORD cc appos compound:prt punct
 *
 * Thread rule: a parser belongs to one thread at a time. link-grammar keeps messages and a locale
 * per process; its messages are dropped. */

#ifndef DIFFUSCOPE_SYNTAX_H
#define DIFFUSCOPE_SYNTAX_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_parser ds_parser;

/* True if this build has link-grammar. */
DS_API bool ds_syntax_available(void);

/* Opens the English dictionary. DS_E_UNSUPPORTED without link-grammar, DS_E_IO without its
 * dictionary; both say what to install. */
DS_API ds_status ds_parser_open(ds_parser **out, ds_error *err);
DS_API void ds_parser_close(ds_parser *p); /* NULL is allowed */

typedef struct ds_syntax_word {
    const char *text;
    int64_t begin, end; /* its bytes in the text, end excluded */
    const char *tag;    /* NOUN PROPN PRON VERB AUX ADJ ADV ADP DET NUM CCONJ SCONJ PART INTJ PUNCT;
                           X if unknown */
} ds_syntax_word;

typedef struct ds_syntax_relation {
    int64_t head, dependent; /* indices into words */
    char name[24];
} ds_syntax_relation;

typedef struct ds_syntax {
    int64_t word_count, relation_count;
    const ds_syntax_word *words;
    const ds_syntax_relation *relations;
    int64_t left_out; /* words that the parse could not connect */
} ds_syntax;

/* The best parse of a sentence or of a noun phrase ("a cat on a mat"), of at most 1,000 bytes.
 * DS_E_NOMATCH if there is none. Free with ds_syntax_free. */
DS_API ds_status ds_parser_parse(ds_parser *p, ds_syntax **out, const char *text, ds_error *err);
DS_API void ds_syntax_free(ds_syntax *s); /* NULL is allowed */

/* ---- overlaps of maps under these relations ----------------------------------------------------
 */

/* For a relation with binary maps D of the dependent and H of the head, over pairs:
 *     mIoD = mean |D and H| / |D|   mIoH = mean |D and H| / |H|   mIoU   delta = |mIoD - mIoH|
 * mIoD above mIoH: the head's map is the larger one and holds the dependent's. */
typedef struct ds_syntax_overlap {
    char name[24]; /* of the relation; "all" and "unrelated" are added */
    int64_t pairs;
    double iod, ioh, iou;
} ds_syntax_overlap;

typedef struct ds_syntax_tag {
    char tag[8];
    int64_t words;
    double intensity; /* mean share of pixels that are on */
} ds_syntax_tag;

/* Sums over any number of captions. */
typedef struct ds_syntax_table ds_syntax_table;

DS_API ds_status ds_syntax_table_new(ds_syntax_table **out, ds_error *err);
DS_API void ds_syntax_table_free(ds_syntax_table *t); /* NULL is allowed */

/* masks[i] is the binary map [n] of word i; NULL for a word without one, whose relations are left
 * out, as are pairs of which a map is empty. */
DS_API ds_status ds_syntax_table_add(ds_syntax_table *t, const ds_syntax *s,
                                     const uint8_t *const *masks, int64_t n, ds_error *err);

/* Row i, sorted by name, "all" and "unrelated" first; false past the end. */
DS_API bool ds_syntax_table_relation(const ds_syntax_table *t, int64_t i, ds_syntax_overlap *out);
DS_API bool ds_syntax_table_tag(const ds_syntax_table *t, int64_t i, ds_syntax_tag *out);

#ifdef __cplusplus
}
#endif
#endif
