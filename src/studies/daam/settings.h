/* settings.h - which maps are scored, and how they are made of a trace. */

#ifndef DS_STUDIES_DAAM_SETTINGS_H
#define DS_STUDIES_DAAM_SETTINGS_H

#include <diffuscope/daam.h>
#include <diffuscope/option.h>

enum { MAP_SETTINGS = 32 };

/* Where a setting's map comes from. Traces are made once per scene and source. */
typedef enum map_source {
    MAP_WHOLE = 0,   /* no map: the whole image */
    MAP_DISC,        /* no map: discs in the middle */
    MAP_OURS,        /* a trace of all layers */
    MAP_PAPER,       /* a trace as the DAAM package makes it */
    MAP_WRONG_WORDS, /* ours, with another scene's words in the prompt: shall be worse */
    MAP_RANDOM,      /* ours, with random weights in UNet and text encoder: shall be worse */
    MAP_SOURCES
} map_source;

typedef struct map_setting {
    char name[32];
    char *text; /* what was given, cut into the strings below; NULL for a built-in */
    map_source source;
    bool other_word; /* the map of another word of the prompt: shall be worse */
    bool ask;        /* open vocabulary: the word alone, not the prompt */
    ds_daam_map_options map;
} map_setting;

typedef struct map_settings {
    int count;
    map_setting at[MAP_SETTINGS];
} map_settings;

/* Built-in settings by name, then those written as NAME:key=value;key=value. With neither, all
 * built-in ones whose source comes before `end`; one that does not is refused. Free after a failure
 * too. */
ds_status ds__map_settings_read(map_settings *s, const ds_texts *names, const ds_texts *given,
                                map_source end, ds_error *err);
void ds__map_settings_free(map_settings *s); /* an all-zero one is allowed */

/* Whether a setting needs a trace of this source, and (ask, refine) one that can do so. */
bool ds__map_settings_need(const map_settings *s, map_source source, bool ask, bool refine);

/* ---- maps of one setting ----------------------------------------------------------------------- */

typedef struct setting_maps {
    ds_daam_maps *maps;
    float *native;         /* [height, width]: room for one */
    float *token;          /* the same */
    int64_t height, width; /* of the maps */
    float calls;           /* by which the paper's sums become means; 1 for the others */
} setting_maps;

/* Of text `text` of a trace (0: the prompt). Close after a failure too. */
ds_status ds__setting_maps_open(setting_maps *m, const ds_daam *d, int64_t text,
                                const ds_daam_map_options *o, ds_error *err);
void ds__setting_maps_close(setting_maps *m); /* an all-zero one is allowed */

/* The map of a word, or of the tokens of one, brought to out [height, width]. */
ds_status ds__setting_maps_word(const setting_maps *m, float *out, int64_t height, int64_t width,
                                const char *word, ds_error *err);
ds_status ds__setting_maps_tokens(const setting_maps *m, float *out, int64_t height, int64_t width,
                                  const ds_word *word, ds_error *err);

#endif
