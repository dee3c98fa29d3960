/* sweep.h - items of a plan, one by one: a method's job for each, what is kept of it, and the answer.
 *
 *   plan.c      a plan as an ordered list of items
 *   items.c     one item: its job, on a model that stays open from item to item; its line
 *   method.c    `sweep`: options, all items, items.csv, the answer */

#ifndef DS_STUDIES_SWEEP_SWEEP_H
#define DS_STUDIES_SWEEP_SWEEP_H

#include "studies/answer/answer.h"
#include "studies/lines.h"
#include "studies/sweep/plan.h"

/* The model of the items that are under way: opened by a job that is checked and never runs. */
typedef struct sweep_model {
    ds_job *holder;
    char *key;    /* its options as JSON */
    char sha[65]; /* of its weights; "" for a method without a model */
} sweep_model;    /* all zero is none */

typedef struct sweep_items {
    ds_job *job; /* the sweep's */
    const sweep_plan *plan;
    sweep_model model;
    json_t *hashes; /* object: a model's key -> SHA-256 of its weights */
    bool pictures;  /* are kept */
} sweep_items;

void ds__sweep_close(sweep_items *s);

/* Refuses an item as its own job would. */
ds_status ds__sweep_check(sweep_items *s, int64_t k, ds_error *err);
/* Runs it: {"scene", "item", "weights", "numbers": {name: number}, "picture"}. */
ds_status ds__sweep_run(sweep_items *s, int64_t k, json_t **line, ds_error *err);

#endif
