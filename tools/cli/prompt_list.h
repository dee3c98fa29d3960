/* prompt_list.h - many prompts: from the command line, from a file or standard input, or made from
 * a template. */

#ifndef DS_CLI_PROMPT_LIST_H
#define DS_CLI_PROMPT_LIST_H

#include "opts.h"

/* For a command's table, beside its own --prompt (DS_OPTION_TEXTS). */
#define PROMPT_LIST_OPTIONS                                                                        \
    { .name = "prompts",                                                                           \
      .kind = DS_OPTION_TEXT,                                                                      \
      .arg = "FILE",                                                                               \
      .help = "file of prompts, one a line; - is standard input" },                                \
        { .name = "template",                                                                      \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "TEXT",                                                                           \
          .help = "prompts from a template such as \"{numeral} {noun}\": each name in braces "     \
                  "becomes a "                                                                     \
                  "word of that kind" },                                                           \
        { .name = "template-data",                                                                 \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "FILE",                                                                           \
          .help = "words of a template: lines of word, tab, kind" },                               \
    {                                                                                              \
        .name = "template-count", .kind = DS_OPTION_INT, .arg = "N", .standard = "10", .min = 1,   \
        .max = 100000, .help = "prompts to make from a template; words are drawn with --seed"      \
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
