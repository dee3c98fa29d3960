/* eval.h - `eval component`: what edits of concepts do to pictures of the world, which its judge reads
 * without asking the model.
 *
 * A *cell* is one edit of one concept; a *round* draws a few pictures of each kind in a cell, with the
 * same texts and noise under every edit, so that pictures compare in pairs. Rounds come one after the
 * other over all cells: a study that is ended early has few pictures of every cell, not all of some.
 *
 * Thread rule: an object belongs to its job's thread. */

#ifndef DS_STUDIES_COMPONENT_EVAL_H
#define DS_STUDIES_COMPONENT_EVAL_H

#include "methods/component/edit.h"
#include "studies/lines.h"
#include "world/judge.h"

/* Edits; their numbers stand in files, so new ones go to the end. */
typedef enum eval_edit {
    EVAL_BASE = 0,
    EVAL_ONE_SHOT,
    EVAL_UCE,
    EVAL_REDIRECT,
    EVAL_RANDOM,
    EVAL_WITHIN,
    EVAL_WITHIN_RANDOM,
    EVAL_ROUNDS,
    EVAL_ROW,
    EVAL_FLAT,
    EVAL_MAGNITUDE,
    EVAL_PRUNE,
    EVAL_EDITS,
    EVAL_EDIT_NUMBERS = 32 /* room in the numbers of lines */
} eval_edit;
extern const char *const ds__eval_edit_names[EVAL_EDITS];

/* What a picture is for. Held-out others are in no text that an edit reads; near ones are the guide and
 * the concept's neighbours in the world's list. */
typedef enum eval_kind {
    EVAL_TARGET = 0,
    EVAL_SYNONYM,
    EVAL_NEAR,
    EVAL_OTHERS,
    EVAL_KINDS
} eval_kind;
extern const char *const ds__eval_kind_names[EVAL_KINDS];
extern const int ds__eval_per_round[EVAL_KINDS];
enum { EVAL_PICTURES = 16 }; /* of a round: the sum of those */

enum { EVAL_NEIGHBOURS = 5, EVAL_STYLES = 6 };

/* A concept: an object or a style of the world, and the one that it is redirected to. */
typedef struct eval_concept {
    char name[64]; /* as files and results call it */
    bool style;
    int at, to;                                 /* objects, or styles */
    int neighbour[EVAL_NEIGHBOURS], neighbours; /* objects: the guide first */
    int main_style[EVAL_STYLES], styles; /* those of its pictures, the concept's own left out */
    int *other, others;                  /* held-out objects */
    int *kept, keeps;                    /* objects of the captions to be read as before */
} eval_concept;

typedef struct component_eval {
    ds_texts concept_;
    const char *world, *edits;
    int64_t rounds, steps, heads, captions;
    double guidance;
    uint64_t seed;
    lines_options lines;
    /* what is no option */
    ds_job *job;
    ds_world *w;
    ds_judge *judge;
    eval_concept *c;
    int64_t count;
    bool wanted[EVAL_EDITS];
    int64_t heads_there; /* that read the text */
    struct eval_drawing {
        int64_t concept_;
        int edit;
        ds_model *model;
    } drawn; /* the edited model of the last cell */
} component_eval;

/* One picture's choices. */
typedef struct eval_picture {
    eval_kind kind;
    int object, style;
    char caption[DS_WORLD_CAPTION];
} eval_picture;

/* Finds "dog=fox" in the world's tables, and what is kept and held out. DS_E_NOMATCH. */
ds_status ds__eval_concept_find(eval_concept *c, const component_eval *e, const char *text,
                                ds_error *err);
void ds__eval_concept_clear(eval_concept *c);

/* Picture i of a round. */
ds_status ds__eval_picture(eval_picture *out, const component_eval *e, const eval_concept *c,
                           int64_t round, int i, ds_error *err);

/* The article and noun of a thing before a plain background, in one of the world's wordings. */
ds_status ds__eval_caption(char out[DS_WORLD_CAPTION], const component_eval *e, int object,
                           int name, int style, ds_style_form form, int background, ds_error *err);

/* A model with the edit, made once and kept in the study's folder. EVAL_BASE gives NULL. */
ds_status ds__eval_edited(ds_model **out, component_eval *e, int64_t concept_, eval_edit edit,
                          ds_error *err);

/* Draws and judges a round of a cell: its line. */
ds_status ds__eval_round(json_t **line, component_eval *e, int64_t concept_, eval_edit edit,
                         int64_t round, ds_error *err);

/* Numbers, lines of text and the page from the lines alone. */
ds_status ds__eval_table(component_eval *e, const json_t *lines, ds_error *err);

#endif
