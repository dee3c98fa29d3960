/* answer.h - what many prompts and seeds say together: means of conditions with intervals, differences of
 * pairs, what a study of this size can see, and an audit card that says what for and what not.
 *
 *   table.c     the values: a row per item, with its condition, prompt and seed
 *   read.c      tables from files, and labels beside them
 *   measure.c   the statistics of one measure
 *   tell.c      the same as JSON, in a terminal, and as table.csv
 *   page.c      the same as a page, with a gallery and the card
 *   card.c      the card
 *   options.c   the options that a method of this kind has
 *   method.c    `audit`: from files; `sweep` and `merge` call ds__answer_all with their own table */

#ifndef DS_STUDIES_ANSWER_ANSWER_H
#define DS_STUDIES_ANSWER_ANSWER_H

#include "job/job.h"
#include "stats/correction.h"
#include "stats/crossed.h"

/* ---- the table --------------------------------------------------------------------------------- */

typedef struct answer_measure {
    char *name;
    double *value; /* [room]; NaN: the item has none */
    int64_t room;
} answer_measure;

/* What a row belongs to, by number; names are in the order of their first row. */
typedef struct answer_factor {
    json_t *number; /* object: name -> number */
    char **name;    /* [count] */
    int64_t count, room;
    int64_t *of; /* [rows] */
} answer_factor;

typedef enum answer_part { ANSWER_CONDITION, ANSWER_PROMPT, ANSWER_SEED, ANSWER_PARTS } answer_part;

typedef struct answer_table {
    int64_t rows, room;
    answer_factor part[ANSWER_PARTS];
    char **item;     /* [rows]: the key of a row */
    char **picture;  /* [rows]: a file, or NULL */
    json_t *by_item; /* object: item -> row */
    answer_measure *measure;
    int64_t measures;
} answer_table; /* all zero is an empty table */

/* Adds a row; picture NULL: none. DS_E_FORMAT for an item that is there. */
ds_status ds__table_add(answer_table *t, const char *const part[ANSWER_PARTS], const char *item,
                        const char *picture, ds_error *err);
/* A measure of a row; made where it is new. */
ds_status ds__table_set(answer_table *t, int64_t row, const char *measure, double value,
                        ds_error *err);
int64_t ds__table_find(const answer_table *t, const char *item); /* -1: none */
void ds__table_free(answer_table *t);

/* ---- options ----------------------------------------------------------------------------------- */

typedef struct card_options {
    const char *purpose, *population, *metric, *harm, *limits;
} card_options;

typedef struct answer_options {
    ds_texts measure; /* which; none: all */
    const char *baseline, *truth;
    int over, correction;
    card_options card;
} answer_options;
extern const ds_option ds__answer_rows[];

/* ---- statistics -------------------------------------------------------------------------------- */

typedef struct answer_condition {
    ds_crossed_mean mean;
    int64_t prompts, seeds;
    int64_t rank_low, rank_high; /* 1 is the largest; 0: not known */
    double truth;                /* NaN: none given */
} answer_condition;

typedef struct answer_pair {
    int64_t a, b; /* conditions */
    ds_crossed_mean mean;
    double p, corrected; /* NaN: not tested */
} answer_pair;

/* What two conditions are compared on. */
typedef enum answer_paired {
    ANSWER_BY_PROMPT, /* the same prompts and seeds */
    ANSWER_BY_SEED,   /* the same seeds */
    ANSWER_UNPAIRED   /* nothing: their means */
} answer_paired;

typedef struct answer_statistics {
    const answer_table *table;
    const answer_options *options;
    int64_t measure; /* number */
    int64_t conditions, pairs, found, tested;
    answer_condition *condition; /* [conditions] */
    answer_pair *pair;           /* [pairs] */
    answer_paired paired;
    bool all_pairs;
    int64_t baseline;         /* number of a condition; -1: none */
    int64_t units;            /* of the median pair */
    double se;                /* of a difference: the median over pairs */
    double effect, corrected; /* seen with 80 % power: one comparison alone, all of them */
    int64_t known, covered;   /* conditions with a truth; those whose interval holds it */
    double distance;          /* mean |value - truth| */
    ds_value correlation;     /* of ranks with the truth */
} answer_statistics;

/* The chance by which a difference is to be found, and the level. */
#define ANSWER_POWER 0.8
#define ANSWER_LEVEL 0.05

/* Conditions of which all pairs are compared; of more only with a baseline. */
enum { ANSWER_ALL_PAIRS = 40 };

ds_status ds__answer_measure(answer_statistics *s, const answer_table *t, const answer_options *o,
                             int64_t measure, ds_error *err);
void ds__answer_clear(answer_statistics *s);

/* A sentence where units are too few for what is told; "" where they suffice. */
void ds__answer_few(char out[400], const answer_statistics *s);
/* What differences a study of this size sees. */
void ds__answer_power(char out[600], const answer_statistics *s);
/* For what intervals hold and how they were made. */
void ds__answer_intervals(char out[600], const answer_statistics *s);

/* The conditions beside known numbers. */
void ds__answer_known(char out[400], const answer_statistics *s);

/* ---- telling ----------------------------------------------------------------------------------- */

/* What stands on the card besides the options' texts. */
typedef struct answer_source {
    const char *what;   /* "occupation": what a condition is */
    json_t *provenance; /* object of texts and numbers; borrowed */
    json_t *card;       /* object of the plan's own texts; NULL: none */
    bool has_items;     /* the caller writes items.csv */
    bool
        side_by_side; /* the gallery lays the conditions' pictures of a prompt and seed beside each other */
} answer_source;

json_t *ds__answer_json(const answer_statistics *s);
void ds__answer_say(const answer_statistics *s, ds_result *r);
/* One row per condition and measure. */
ds_status ds__answer_csv(ds_job *j, const answer_statistics *s, int64_t n, ds_error *err);
/* The card: {"purpose": ..., "provenance": {...}}, a new reference. */
json_t *ds__answer_card(const answer_table *t, const answer_options *o, const answer_source *from);
ds_status ds__answer_page(ds_job *j, const answer_table *t, const answer_statistics *s, int64_t n,
                          const json_t *card, const answer_source *from, ds_error *err);
/* items.csv: the table itself, for `compare` and for others. */
ds_status ds__answer_items(ds_job *j, const answer_table *t, ds_error *err);

/* All of it into the result. */
ds_status ds__answer_all(ds_job *j, const answer_table *t, const answer_options *o,
                         const answer_source *from, ds_error *err);

/* ---- files ------------------------------------------------------------------------------------- */

typedef struct read_options {
    ds_texts labels;
    const char *by, *unit;
} read_options;

/* Rows of a CSV with a column `seed` and one of `prompt`; *by is set to the column of conditions. */
ds_status ds__table_read(answer_table *t, const char **by, const char *path, const read_options *o,
                         ds_error *err);
/* Numbers beside the rows: a CSV whose column `item` (or `picture`) has their keys. An item of a table
 * without such a column is called by its picture's file. */
ds_status ds__table_label(answer_table *t, const char *path, ds_error *err);

#endif
