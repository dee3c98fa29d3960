/* word_numbers.h - files that give words numbers: surprisals, labour statistics. */

#ifndef DS_METHODS_PID_WORD_NUMBERS_H
#define DS_METHODS_PID_WORD_NUMBERS_H

#include <jansson.h>

#include <diffuscope/base.h>

/* {"word": number}, from a JSON object or from lines "word number", where the word may have blanks
 * and "#" begins a remark. Free with json_decref, also after a failure. */
ds_status ds__word_numbers(json_t **out, const char *path, ds_error *err);

#endif
