/* questions.h - what `info` asks: from the user's words to texts in pairs. */

#ifndef DS_METHODS_INFO_QUESTIONS_H
#define DS_METHODS_INFO_QUESTIONS_H

#include <diffuscope/info.h>

typedef struct info_question {
    char key[96];     /* of tensors and files: "cat", "cat.mi" */
    const char *kind; /* "cmi", "mi", "against" */
    char *word;       /* NULL: of whole texts */
} info_question;

typedef struct info_questions {
    int64_t count, texts;
    info_question *question; /* [count] */
    ds_info_pair *pair;      /* [count] of texts */
    char **text;             /* [texts]; equal ones may occur twice: the library shares them */
} info_questions;

/* Bits; the option "kind", cmi|mi|both, is one less. */
enum { INFO_CMI = 1, INFO_MI = 2 };

/* The whole text against another. */
ds_status ds__questions_text(info_questions *q, const char *with, const char *without,
                             ds_error *err);

/* What a word says given the rest of the prompt (cmi), and alone (mi). */
ds_status ds__questions_word(info_questions *q, const ds_tokenizer *t, const char *prompt,
                             const char *word, unsigned kinds, ds_removal removal, ds_error *err);

/* All words of the prompt, each once, without punctuation. */
ds_status ds__questions_all_words(info_questions *q, const ds_tokenizer *t, const char *prompt,
                                  unsigned kinds, ds_removal removal, ds_error *err);
void ds__questions_free(info_questions *q); /* an all-zero one is allowed */

#endif
