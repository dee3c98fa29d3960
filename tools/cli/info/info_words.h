/* info_words.h - the options by which `info` and `info curve` ask about words or texts. */

#ifndef DS_CLI_INFO_WORDS_H
#define DS_CLI_INFO_WORDS_H

#include "info_job.h"

#define KIND_OPTIONS                                                                               \
    { "kind",     0,                                                                               \
      OPT_CHOICE, "cmi|mi|both",                                                                   \
      "cmi",      0,                                                                               \
      0,          "cmi: what the word adds to the rest of the prompt; mi: what it says alone",     \
      NULL,       false },                                                                         \
    {                                                                                              \
        "removal", 0, OPT_CHOICE, "delete|underscore|neutral", "delete", 0, 0,                     \
            "what stands in place of a word that is left out: nothing, \"_\" or \"thing\"", NULL,  \
            false                                                                                  \
    }

#define WORD_OPTIONS                                                                                \
    { "word", 0,    OPT_WORDS, "W", NULL, 0, 0, "words of the prompt, or runs of words in quotes",  \
      NULL,   false },                                                                              \
        { "against", 0,                                                                             \
          OPT_TEXT,  "TEXT",                                                                        \
          NULL,      0,                                                                             \
          0,         "compare --prompt with this text; without --word and --against, with no text", \
          NULL,      false },                                                                       \
        KIND_OPTIONS

/* The questions that they make. */
ds_status info_ask(info_job *j, ds_error *err);

#endif
