/* table.h - table.csv: what a page shows as a table, with all digits, for a spreadsheet or a script. */

#ifndef DS_JOB_TABLE_H
#define DS_JOB_TABLE_H

#include "job/result.h"

/* Adds table.csv with a line for each of `rows`, an array of objects; nothing for an empty one. Columns are
 * the members, in the order in which they first come; one that is an object itself gives a column for each
 * of its members, NAME_MEMBER (of {value, se, low, high} the first is NAME alone), lists are left out. Takes
 * over `rows`; NULL: DS_E_NOMEM. */
ds_status ds__result_table(ds_result *r, json_t *rows, ds_error *err);

/* The same under another name. */
ds_status ds__result_rows(ds_result *r, const char *name, json_t *rows, ds_error *err);

/* The same of result.json's main list, unless the result has a table.csv: pictures, questions, concepts,
 * settings and the like. An object of objects is a list whose members' names are the first column; an
 * item that holds a list of objects itself (the words of a picture) gives a line for each of them. */
ds_status ds__result_main_table(ds_result *r, ds_error *err);

#endif
