/* links.h - from link-grammar's links to relations; knows nothing of the library. */

#ifndef DS_OPTIONAL_LINKS_H
#define DS_OPTIONAL_LINKS_H

#include <diffuscope/syntax.h>

enum { DS__SYNTAX_WORDS = 254, DS__SYNTAX_LINKS = 1024 };

/* A word as the parser names it: the form, and what stands behind its last point ("n" of "cat.n",
 * "" if nothing does). */
typedef struct ds__link_word {
    const char *form;
    const char *mark;
} ds__link_word;

/* Words are indices; -1 is a wall or a word of the carrier sentence. */
typedef struct ds__link {
    const char *label; /* "Ds**c" */
    int left, right;
} ds__link;

/* Relations of these links, in the order of the dependents. `root` is the word that the rest hangs
 * on, -1 if unknown. Returns their number; out has room for DS__SYNTAX_LINKS. */
int ds__relations(ds_syntax_relation *out, const ds__link_word *words, int n_words,
                  const ds__link *links, int n_links, int root);

/* Part of speech of word i: from its links, or else from its mark. */
const char *ds__part_of_speech(const ds__link_word *words, int i, const ds__link *links,
                               int n_links);

#endif
