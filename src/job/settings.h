/* settings.h - see settings.c. */

#ifndef DS_JOB_SETTINGS_H
#define DS_JOB_SETTINGS_H

#include <diffuscope/option.h>

#include <jansson.h>

#define DS_SETTINGS "settings.json"

/* Gives options that were not given the values that the model's folder (a path, or a name in the
 * Hugging Face cache) recommends. *words: an object whose keys are the words that it knows, left as it
 * is if the folder does not say; *told: what was taken ("steps 30, cfg-scale 3"), free with ds_free, NULL
 * if nothing. Without settings.json nothing changes; one that cannot be read is DS_E_FORMAT. */
ds_status ds__settings_apply(ds_option_set *set, const char *model, json_t **words, char **told,
                             ds_error *err);

/* *out: a warning of the words of a text that are not among `words`, free with ds_free; NULL: none. */
ds_status ds__settings_unknown(char **out, const json_t *words, const char *text, ds_error *err);

#endif
