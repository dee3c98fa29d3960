/* diffuscope/syntax.h - grammar of captions: heads, dependents and parts of speech.
 *
 * Sentences are parsed by link-grammar (in libdiffuscope-report, see optional.h), whose links have no direction; here
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

/* True if somebody offers to parse: see ds_grammar_use. */
DS_API bool ds_syntax_available(void);

/* Opens the English dictionary. DS_E_UNSUPPORTED if nobody offers to parse, DS_E_IO without a
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

/* Who parses: libdiffuscope-report (optional.h), or the caller's own functions. */
typedef struct ds_grammar {
    size_t size; /* sizeof (ds_grammar) */
    ds_status (*open)(void **state, ds_error *err);
    void (*close)(void *state);
    ds_status (*parse)(void *state, ds_syntax **out, const char *text, ds_error *err);
    void (*release)(ds_syntax *s); /* of what parse made */
} ds_grammar;

/* From here on captions are parsed by these; the table is borrowed for good. NULL: by nobody. */
DS_API void ds_grammar_use(const ds_grammar *grammar);

#ifdef __cplusplus
}
#endif
#endif
