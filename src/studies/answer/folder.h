/* folder.h - items of a run folder, whatever left it. */

#ifndef DS_STUDIES_ANSWER_FOLDER_H
#define DS_STUDIES_ANSWER_FOLDER_H

#include "studies/answer/answer.h"

/* Adds the items of the folder `path` under one condition; with NULL the prompt is the condition (of items.csv
 * its own), and an item is called by its picture's file inside of the folder:
 *
 *   items.csv                          what `audit` left
 *   table.csv with a column seed       a row each, with its picture and numbers
 *   *.jsonl with a "scene" in a line   a scene each; numbers by their path, means over lists
 *
 * *n is how many; 0: the folder has none. */
ds_status ds__table_folder(answer_table *t, int64_t *n, const char *condition, const char *path,
                           ds_error *err);

/* Numbers of result.json by path: an object of {path: {"value", "se"}}; "se" only where there is one. Lists
 * of objects are gone into by the name of their members (key, text, name ...), lists of numbers left out. */
ds_status ds__folder_numbers(json_t **out, const char *path, ds_error *err);

#endif
