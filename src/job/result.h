/* result.h - how methods fill a result. What is handed over ("taken") belongs to the result, also
 * where the call fails. */

#ifndef DS_JOB_RESULT_H
#define DS_JOB_RESULT_H

#include <jansson.h>

#include <diffuscope/record.h>
#include <diffuscope/result.h>

#include "base/buffer.h"

typedef struct result_figure {
    char *name; /* without ".png" */
    ds_image image;
    ds_png_text *text; /* [texts], copied */
    int64_t texts;
    bool shown; /* in a terminal too */
} result_figure;

typedef struct result_file {
    char *name, *data;
    size_t bytes;
} result_file;

struct ds_result {
    json_t *root;   /* result.json */
    json_t *answer; /* what a program is told on standard output; NULL: the root */
    ds_record *record;
    ds_bundle *tensors;
    result_figure *figure;
    int figures;
    result_file *file;
    int files;
    char **warning;
    int warnings;
    ds_page *page;
    ds_buffer summary;
    char *name;              /* of a part: its folder below the run's; NULL: the whole */
    struct ds_result **part; /* [parts] that are kept in memory */
    int parts;
    json_t
        *written; /* object whose members are files of the run's folder, see files.h; NULL: none */
};

ds_status ds__result_new(ds_result **out, ds_error *err);
void ds__result_free(ds_result *r); /* NULL is allowed */

/* result.json, an object that the method fills. */
static inline json_t *ds__result_root(ds_result *r)
{
    return r->root;
}

/* Sets root[key], taking over `value`; DS_E_NOMEM if it is NULL. */
ds_status ds__result_set(ds_result *r, const char *key, json_t *value, ds_error *err);

/* Takes over what --json prints where that is not result.json. */
ds_status ds__result_answer(ds_result *r, json_t *answer, ds_error *err);

/* A zeroed f32 tensor of tensors.safetensors, to be filled. */
ds_status ds__result_tensor(ds_result *r, ds_tensor **out, const char *name, int rank,
                            const int64_t *dim, ds_error *err);
/* The same with values. */
ds_status ds__result_floats(ds_result *r, const char *name, int rank, const int64_t *dim,
                            const float *values, ds_error *err);
/* The set of tensors itself, which is made if there is none. */
ds_status ds__result_bundle(ds_result *r, ds_bundle **out, ds_error *err);

/* NAME.png; takes the pixels, and leaves an empty image. `shown`: also in a terminal. */
ds_status ds__result_figure(ds_result *r, const char *name, ds_image *image, bool shown,
                            ds_error *err);
/* The same with texts, which are copied. */
ds_status ds__result_figure_with(ds_result *r, const char *name, ds_image *image, bool shown,
                                 const ds_png_text *text, int64_t texts, ds_error *err);

/* Any other file of the folder; takes `data` (of ds_alloc). */
ds_status ds__result_file(ds_result *r, const char *name, char *data, size_t bytes, ds_error *err);

/* The page, made with this title by the first call. */
ds_status ds__result_page(ds_result *r, ds_page **out, const char *title, ds_error *err);

/* A part of a result, with a folder of its own below the run's: one of many pictures. It has files,
 * figures, tensors and a page, and no numbers or record. When it is filled, ds__result_part_done
 * writes it to `folder` and frees it, or keeps it where folder is NULL. */
ds_status ds__result_part(ds_result **out, const char *name, ds_error *err);
ds_status ds__result_part_done(ds_result *r, ds_result *part, const char *folder, ds_error *err);

/* A piece of what a person reads in a terminal. */
void ds__result_say(ds_result *r, const char *fmt, ...) DS_PRINTF(2, 3);

ds_status ds__result_warn(ds_result *r, const char *text, ds_error *err);

/* ---- numbers as JSON -------------------------------------------------------------------------- */

/* A number, or null where it is not finite. */
json_t *ds__json_real(double x);

/* The same to six digits behind the point. */
json_t *ds__json_rounded(double x);

/* A seed: text above 2^63-1, where JSON readers lose digits. */
json_t *ds__json_seed(uint64_t seed);

/* {unit: value, "se", "low", "high"}; unit NULL: "value". ds_result_value reads it back. */
json_t *ds__json_value(ds_value v, const char *unit);

/* "[0.412, 0.870]", or "(too few for an interval)". */
#define DS_INTERVAL_TEXT 64
const char *ds__interval_text(char out[DS_INTERVAL_TEXT], ds_value v);

/* {"value", "low", "high", "count"}: a number over many things. */
json_t *ds__json_interval(ds_value v);

/* Notes the files of `r`, which is `of` or a part of it, as files of the run in the folder ROOT. */
ds_status ds__result_note(ds_result *of, const char *root, const ds_result *r, ds_error *err);

#endif
