/* config.h - reading a component's config.json strictly: every field is asked for by name; what
 * nobody asked for is refused, so that no setting of a checkpoint is silently ignored. */

#ifndef DS_MODELS_CONFIG_H
#define DS_MODELS_CONFIG_H

#include <jansson.h>

#include <diffuscope/base.h>

#define DS_CONFIG_FIELDS 128

/* On the stack of the reading function. The first failure sticks; getters then return the
 * default. */
typedef struct ds_config {
    const json_t *object;
    const char *what; /* "unet/config.json", for messages */
    const char *asked[DS_CONFIG_FIELDS];
    int n_asked;
    ds_error *err;
    ds_status status;
} ds_config;

void ds__config_begin(ds_config *c, const json_t *object, const char *what, ds_error *err);

/* Absent or null gives the default. */
int64_t ds__config_int(ds_config *c, const char *name, int64_t absent, int64_t min, int64_t max);
double ds__config_real(ds_config *c, const char *name, double absent, double min, double max);
bool ds__config_bool(ds_config *c, const char *name, bool absent);
const char *ds__config_text(ds_config *c, const char *name, const char *absent);

/* An integer, repeated, or a list of exactly n. */
void ds__config_ints(ds_config *c, const char *name, int64_t *out, int n, int64_t absent,
                     int64_t min, int64_t max);

/* A list of names: returns its length, at most max; each one's index in `known` goes to out. */
int ds__config_names(ds_config *c, const char *name, int *out, int max, const char *const *known,
                     int n_known);

/* Length of a list, 0 if absent. */
int ds__config_length(ds_config *c, const char *name);

/* The field may be absent, null, or one of the given values: anything else needs code that is not
 * here. `values` is a NULL-terminated list of JSON texts: "false", "1", "\"silu\"". */
void ds__config_only(ds_config *c, const char *name, const char *const *values);

/* Fields that do not change what is computed here. */
void ds__config_ignore(ds_config *c, const char *const *names);

/* Refuses what nobody asked for (names that begin with '_' and nulls are comments). */
ds_status ds__config_end(ds_config *c);

#endif
