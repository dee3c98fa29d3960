/* link_grammar.h - the grammar of captions, by link-grammar. Where that library is absent, so is
 * link_grammar.c. */

#ifndef DS_OPTIONAL_LINK_GRAMMAR_H
#define DS_OPTIONAL_LINK_GRAMMAR_H

#include <diffuscope/syntax.h>

extern const ds_grammar ds__link_grammar;

#endif
