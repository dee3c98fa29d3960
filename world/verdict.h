/* verdict.h - what the judge sees in the pictures of a table, as a table of labels for `diffuscope audit`. */

#ifndef DS_WORLD_VERDICT_H
#define DS_WORLD_VERDICT_H

#include "world/judge.h"

/* Reads a CSV with the columns picture (a file, from the table's folder) and occupation or condition (its id
 * or a name of it), and writes one with the columns picture (or item, where the table has one), woman (1 or
 * 0), dressed (is the best fitting drawing that of the occupation?), person (is it a person at all?), skin
 * (0, light, to 4, dark; empty where it is no person). Where an object fits best, `woman` is read from the
 * occupation's nearest drawing, so that no picture is left out. */
ds_status ds_world_verdicts(const ds_world *w, const ds_judge *j, const char *table,
                            const char *labels, ds_error *err);

#endif
