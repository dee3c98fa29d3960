/* mix_texts.h - what the texts alone say of a mixture of names, without the denoiser:
 *
 *   cosine    between the mean embedding of the concept's tokens and that of each name's
 *   encoder   the fit of mix.h on the text encoder's output in place of the network's answers: the mean over
 *             its places, in the first four sentences
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_MIX_TEXTS_H
#define DS_METHODS_CONCEPT_MIX_TEXTS_H

#include <diffuscope/option.h>
#include <diffuscope/verbs.h>

enum { DS_MIX_TEXTS_SHOWN = 10 };

typedef struct ds_mix_texts ds_mix_texts;

/* Encodes all names. All arguments but `out` must outlive the object. */
ds_status ds__mix_texts_new(ds_mix_texts **out, ds_model *m, const ds_tokenizer *t,
                            const ds_texts *templates, int64_t sentences, const char *const *names,
                            int64_t n, const ds_cancel *cancel, ds_error *err);
void ds__mix_texts_free(ds_mix_texts *x); /* NULL is allowed */

/* Names by falling value, the first ten: cosine, and shares above 0. */
typedef struct ds_mix_texts_answer {
    int64_t cosines, shares;
    int64_t near[DS_MIX_TEXTS_SHOWN], part[DS_MIX_TEXTS_SHOWN]; /* names */
    double cosine[DS_MIX_TEXTS_SHOWN], share[DS_MIX_TEXTS_SHOWN];
} ds_mix_texts_answer;

/* allowed [n]: at least 2. */
ds_status ds__mix_texts_fit(ds_mix_texts_answer *out, ds_mix_texts *x, const char *concept,
                            const bool *allowed, ds_error *err);

#endif
