/* plan.h - a sweep's plan: a method and the options of many items, as an ordered list.
 *
 *     { "method": "generate",
 *       "options": { "steps": 15, "prompt": "a noto {occupation} on a white background" },
 *       "each":    { "occupation": ["nurse", "pilot"], "seed": "0:100" },
 *       "zip":     [ { "lora": [[], ["a.safetensors=0.5"]], "condition": ["without", "half"] } ],
 *       "by":      "occupation",
 *       "card":    { "purpose": "...", ... } }
 *
 * Items are the product of all members of "each" and of all rows of each object of "zip" (whose lists are
 * as long as each other), the last running fastest. "A:B" stands for the whole numbers from A to B - 1. A
 * name that is no option of the method is a label: {NAME} in a text stands for its value. A CSV has a
 * row per item, its columns are options and labels, "method" among them or given apart.
 *
 * The key of an item is SHA-256 of its method and options as JSON without blanks, names in order; it does
 * not depend on the plan's layout. */

#ifndef DS_STUDIES_SWEEP_PLAN_H
#define DS_STUDIES_SWEEP_PLAN_H

#include <jansson.h>

#include "job/job.h"

enum { DS_PLAN_AXES = 16 };

typedef struct plan_axis {
    json_t *values; /* object: name -> array [count]; owned */
    int64_t count;
} plan_axis;

typedef struct sweep_plan {
    const ds_method *method;
    json_t *root;  /* the plan as it was given */
    json_t *fixed; /* options of all items; borrowed of the root */
    plan_axis axis[DS_PLAN_AXES];
    int axes;
    int64_t items;
    const char *by; /* name of what a condition is */
} sweep_plan;

/* From a file (.json or .csv), or with `path` NULL from a JSON object, of which a reference is taken.
 * `methods`: finds a method. DS_E_FORMAT names the member; options are parsed when items are made. */
typedef ds_status plan_find(const ds_method **out, const char *name, ds_error *err);
ds_status ds__plan_read(sweep_plan *p, const char *path, json_t *root, const char *method,
                        plan_find *find, ds_error *err);
void ds__plan_clear(sweep_plan *p); /* an all-zero plan is allowed */

/* What a condition is: `by`, else "condition", else the first axis that is neither prompt nor seed, else the
 * prompt. Borrowed. */
const char *ds__plan_condition(const sweep_plan *p);

typedef struct plan_item {
    json_t *options; /* name -> value */
    json_t *labels;  /* name -> value: those of the axes, also of options */
    char key[65];
    json_t *
        unit; /* the prompt, with all labels put in but that of the condition; NULL: there is none */
} plan_item;

ds_status ds__plan_item(plan_item *out, const sweep_plan *p, int64_t k, ds_error *err);
void ds__plan_item_clear(plan_item *i);

/* Sets an option of a job: a list once for each, null not at all. */
ds_status ds__plan_set(ds_job *job, const char *name, const json_t *value, ds_error *err);

/* A value as text of its own; "" for none. */
void ds__plan_text(char *out, size_t size, const json_t *value);

#endif
