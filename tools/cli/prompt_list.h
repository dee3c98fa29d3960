/* prompt_list.h - many prompts: from the command line, from a file or standard input, or made from
 * a template. */

#ifndef DS_CLI_PROMPT_LIST_H
#define DS_CLI_PROMPT_LIST_H

#include "opts.h"

/* For a command's table, beside its own --prompt (OPT_TEXTS). */
#define PROMPT_LIST_OPTIONS                                                                        \
    { "prompts", 0,    OPT_TEXT, "FILE",                                                           \
      NULL,      0,    0,        "file of prompts, one a line; - is standard input",               \
      NULL,      false },                                                                          \
        { "template",                                                                              \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "TEXT",                                                                                  \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "prompts from a template such as \"{numeral} {noun}\": each name in braces becomes a "   \
          "word of that kind",                                                                     \
          NULL,                                                                                    \
          false },                                                                                 \
        { "template-data",                                                                         \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "FILE",                                                                                  \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "words of a template: lines of word, tab, kind",                                         \
          NULL,                                                                                    \
          false },                                                                                 \
    {                                                                                              \
        "template-count", 0, OPT_INT, "N", "10", 1, 100000,                                        \
            "prompts to make from a template; words are drawn with --seed", NULL, false            \
    }

typedef struct prompt_list {
    char **text;
    int64_t count, room;
} prompt_list;

/* All prompts that the options give, in the order above. DS_E_ARG if there is none. Free with
 * prompt_list_free, also after a failure. */
ds_status prompt_list_read(prompt_list *l, const ds_args *a, ds_error *err);
void prompt_list_free(prompt_list *l); /* an all-zero list is allowed */

#endif
