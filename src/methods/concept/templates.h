/* templates.h - the sentences in which a concept is looked at.
 *
 * A template is a prompt with "<>" where the concept stands, and with alternatives in braces:
 * "a {noto|twemoji} <> on a {red|blue} background". Sentence k of several templates is template k mod
 * count, with alternatives chosen such that few sentences already cover all of each brace.
 *
 * Thread rule: no state. */

#ifndef DS_METHODS_CONCEPT_TEMPLATES_H
#define DS_METHODS_CONCEPT_TEMPLATES_H

#include <diffuscope/option.h>
#include <diffuscope/tokenizer.h>

#define DS_TEMPLATE_FREE "<>"

/* DS_E_ARG with what is wrong: no or several "<>", a brace without its partner, an empty brace, or "<>"
 * grown together with letters. */
ds_status ds__template_check(const char *text, ds_error *err);

/* How many sentences a template makes, at most 2^31. */
int64_t ds__template_count(const char *text);

/* Sentence k with `word` in place of "<>"; free with ds_free. */
ds_status ds__template_expand(char **out, const ds_texts *templates, int64_t k, const char *word,
                              ds_error *err);

/* "a photo of a cat" and "cat" to "a photo of a <>": the last time that the words occur as whole
 * words. Free with ds_free. DS_E_NOMATCH if they do not. */
ds_status ds__template_of_prompt(char **out, const ds_tokenizer *t, const char *prompt,
                                 const char *words, ds_error *err);

/* Sentence k with one token in place of "<>", a stand-in, and that token's place among the padded ids
 * (0 is the start token). Free *text with ds_free. */
ds_status ds__template_place(char **text, int64_t *place, const ds_texts *templates, int64_t k,
                             const ds_tokenizer *t, ds_error *err);

#endif
