/* judge.h - tells what a picture of the world shows, without asking the model that drew it.
 *
 * The foreground is what the background cannot explain; the answer is the drawing (any object or
 * person, any style) that explains the foreground best. Thread rule: an open judge is constant and
 * may be shared; a verdict belongs to its caller. */

#ifndef DS_WORLD_JUDGE_H
#define DS_WORLD_JUDGE_H

#include "world/world.h"

enum { DS_JUDGE_RANKS = 5, DS_JUDGE_ASKED = 2 };

typedef struct ds_judge ds_judge;

/* A concept is an object (0 .. objects-1) or what an occupation wears (objects + drawing). */
typedef struct ds_verdict_thing {
    int concept[DS_JUDGE_RANKS];      /* best first; -1 where there is no more */
    float cost[DS_JUDGE_RANKS];       /* root mean square difference in levels of 255 */
    int style;                        /* of the best */
    int gender, skin;                 /* of the best person, -1 if the best is an object */
    float asked[DS_JUDGE_ASKED];      /* cost of the concepts that the caller asked about */
    int asked_gender[DS_JUDGE_ASKED]; /* of the drawing that fitted such a concept best */
    float cx, cy, side;               /* where the best stands */
} ds_verdict_thing;

typedef struct ds_verdict {
    int background;
    bool watermark;
    int placed; /* of two things: thing[0] is left of (or above) thing[1]; DS_REL_NONE else */
    int things; /* found: 0 .. expected */
    ds_verdict_thing thing[DS_WORLD_THINGS];
} ds_verdict;

ds_status ds_judge_open(ds_judge **out, const ds_world *w, ds_error *err);
void ds_judge_close(ds_judge *j); /* NULL is allowed */

/* `things` is how many the picture should show (0 .. 2). `asked` are concepts whose cost is wanted
 * whatever their rank, -1 for none; NULL: none. DS_E_NOMEM. */
ds_status ds_judge_look(const ds_judge *j, ds_verdict *out, const uint8_t *rgb, int things,
                        const int asked[DS_JUDGE_ASKED], ds_error *err);

/* Which pixels the things cover: what the background does not explain, cut in two where two things
 * are expected. masks [things][DS_WORLD_SIDE * DS_WORLD_SIDE], in the order of a verdict's things.
 */
ds_status ds_judge_masks(const ds_judge *j, uint8_t *masks, const uint8_t *rgb, int things,
                         ds_error *err);

#endif
