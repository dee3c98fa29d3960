/* diffuscope/record.h - what makes a run repeatable: a JSON record, and the line of text that image
 * viewers know.
 *
 * Thread rule: a record belongs to one thread at a time. */

#ifndef DIFFUSCOPE_RECORD_H
#define DIFFUSCOPE_RECORD_H

#include <diffuscope/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the record (run.json) ------------------------------------------------------------------- */

typedef struct ds_record ds_record;

DS_API ds_status ds_record_new(ds_record **out, ds_error *err);
DS_API void ds_record_free(ds_record *r); /* NULL is allowed */

/* `path` names a member: "seed", or "model.sha256" for a member of an object that is made if it is
 * not there. A later value replaces an earlier one. Text must be UTF-8 (NULL is written as null),
 * reals finite. */
DS_API ds_status ds_record_text(ds_record *r, const char *path, const char *value, ds_error *err);
DS_API ds_status ds_record_int(ds_record *r, const char *path, int64_t value, ds_error *err);
DS_API ds_status ds_record_real(ds_record *r, const char *path, double value, ds_error *err);
DS_API ds_status ds_record_bool(ds_record *r, const char *path, bool value, ds_error *err);
DS_API ds_status ds_record_null(ds_record *r, const char *path, ds_error *err);

/* A number, or text above 2^63-1, where JSON readers lose digits. */
DS_API ds_status ds_record_seed(ds_record *r, const char *path, uint64_t seed, ds_error *err);

DS_API ds_status ds_record_ints(ds_record *r, const char *path, const int64_t *values, int64_t n,
                                ds_error *err);
DS_API ds_status ds_record_texts(ds_record *r, const char *path, const char *const *values,
                                 int64_t n, ds_error *err);

/* Any JSON value, as text. */
DS_API ds_status ds_record_json(ds_record *r, const char *path, const char *json, ds_error *err);

/* Adds versions.diffuscope, versions.oneDNN, instructions (the set that our kernels were chosen
 * for) and threads. */
DS_API ds_status ds_record_surroundings(ds_record *r, ds_error *err);

/* Adds model.path, model.files (path and SHA-256 of each file of weights) and model.sha256, one
 * number for all: that of the lines "SHA-256, two blanks, path, newline" in the order of the paths'
 * bytes, which is what sha256sum prints. Reads every byte of the weights. */
DS_API ds_status ds_record_model(ds_record *r, const char *model, ds_error *err);

/* The same of an open model, with how a single file's prediction type was decided. */
DS_API ds_status ds_record_open_model(ds_record *r, ds_model *m, ds_error *err);

/* Holds the files under `inputs` of a record (run.json's text) against their hashes. Relative paths begin
 * in the folder `start`. DS_E_FORMAT names the first file that has other bytes now, DS_E_IO one that is
 * gone. A record without inputs, of an older program, is accepted. */
DS_API ds_status ds_record_check_inputs(const char *record, const char *start, ds_error *err);

/* The text under a path, to be freed with ds_free. DS_E_NOMATCH if there is none. */
DS_API ds_status ds_record_get_text(const ds_record *r, const char *path, char **out,
                                    ds_error *err);

/* The record as JSON, members in the order in which they were first set; free with ds_free. */
DS_API ds_status ds_record_dump(const ds_record *r, char **out, ds_error *err);

/* Writes a temporary file and renames it: a reader never sees half a record. */
DS_API ds_status ds_record_save(const ds_record *r, const char *path, ds_error *err);

/* ---- the `parameters` text of a PNG ---------------------------------------------------------- */

/* What the layout of AUTOMATIC1111's web UI holds; image sites and viewers parse it. */
typedef struct ds_png_parameters {
    const char *prompt, *negative; /* NULL or "": none */
    int64_t steps;
    const char *sampler; /* our name: "euler_a"; written under the name known there: "Euler a" */
    bool karras;
    double cfg_scale;
    uint64_t seed;
    int64_t width, height;
    const char *model_sha256; /* the first ten digits are written; NULL: left out */
    const char *model;        /* name; NULL: left out */
    double strength;          /* of image-to-image; negative: left out */
} ds_png_parameters;

/* Free with ds_free. */
DS_API ds_status ds_png_parameters_text(char **out, const ds_png_parameters *p, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif
