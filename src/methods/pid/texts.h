/* texts.h - which texts a decomposition compares: for each pair of words a base text, the two
 * texts with one word more, and the text with both. Texts and pairs of texts that several pairs of
 * words need are there once.
 *
 *           base                 A's text        B's text        both
 *   PID     ""                   A               B               "A B", "A and B" or the prompt
 *   CPID    prompt without both  without B       without A       prompt
 *
 * K words need 1 + K + K (K-1) / 2 texts in either case.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_PID_TEXTS_H
#define DS_METHODS_PID_TEXTS_H

#include <diffuscope/pid.h>

#include "base/arena.h"

/* Pairs of texts for the words of a vocabulary, each against the base text. */
typedef struct ds_pid_words {
    int64_t count[2];
    int64_t *single[2]; /* [count[k]]: word k's text with its i-th alternative */
    int64_t *joint;     /* [count[0], count[1]] */
    double *prior[2];   /* [count[k]], of sum 1 */
} ds_pid_words;

typedef struct ds_pid_texts {
    ds_arena arena;
    const char **text;
    ds_info_pair *pair; /* of texts */
    ds_pid_pair *unit;  /* pairs of words */
    int64_t texts, pairs, units;
    ds_pid_words vocabulary; /* count 0: there is none */
    char *warning;           /* or NULL */
} ds_pid_texts;

/* The options must live as long as the call; texts belong to `out`. Also after a failure, `out` is
 * to be freed. */
ds_status ds__pid_texts(ds_pid_texts *out, const ds_tokenizer *t, const ds_pid_options *o,
                        ds_error *err);
void ds__pid_texts_free(ds_pid_texts *t);

#endif
