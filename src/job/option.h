/* option.h - the inside of a set of options. */

#ifndef DS_JOB_OPTION_H
#define DS_JOB_OPTION_H

#include <diffuscope/option.h>

#include "base/arena.h"

typedef struct option_entry {
    const ds_option *row;
    void *field;       /* in the table's struct; NULL: there is none */
    const char *shown; /* the name in messages */
    bool given;
    const char *text;     /* as written, or the default */
    const char *resolved; /* the text that stands for it in the field; NULL: the same */
    int64_t whole;        /* INT, FLAG, CHOICE */
    uint64_t seed;
    double real;
    ds_range range;
    ds_part_of part;
    const char **list; /* TEXTS, WORDS */
    int64_t texts;
} option_entry;

struct ds_option_set {
    option_entry *entry;
    int count, room;
    bool dashes, finished;
    ds_arena arena;
};

/* Reads text into the value that its kind has, within the row's limits; nothing for texts, which
 * are kept as they are. */
ds_status ds__option_parse(option_entry *e, const char *text, ds_error *err);

/* A default that stands before the row's own, after ds_option_set_finish. */
ds_status ds__option_default(ds_option_set *s, int i, const char *text, ds_error *err);

#endif
