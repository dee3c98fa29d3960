/* job.h - what a method sees of its job. */

#ifndef DS_JOB_JOB_H
#define DS_JOB_JOB_H

#include <diffuscope/job.h>
#include <diffuscope/record.h>
#include <diffuscope/tokenizer.h>

#include "job/option.h"
#include "job/result.h"

/* The options that many methods have (options_common.c). */
typedef struct job_common {
    const char *model, *config, *vae, *text_encoder, *text_encoder_2;
    ds_texts lora, embedding;
    const char *lora_dir;
    bool lora_partial;
    int prediction; /* read as text: without a default */
    int emphasis;
    int compute;
    int64_t threads;
    const char *folder; /* "out" */
} job_common;

struct ds_job {
    const ds_method *method;
    ds_job_options o;
    ds_option_set *set;
    int rows; /* of the set that are the job's; those after them are its caller's */
    ds_option *rows_of_common;
    void *options; /* the method's struct */
    job_common common;
    ds_model *model; /* NULL: the method has none */
    bool model_is_ours;
    ds_record *record; /* the result's */
    ds_result *result;
    json_t *words; /* object whose keys are the words that the model knows; NULL: nobody says */
    json_t *heard; /* array, or NULL: what ds__job_warn says is noted there too */
    double start;  /* seconds of the monotonic clock */
    bool checked, done;
};

/* ---- options ---------------------------------------------------------------------------------- */

/* As a message names it: "--word" or "word". A name that the job lacks is a bug, and comes back as
 * it is. */
const char *ds__job_name(const ds_job *j, const char *option);
bool ds__job_given(const ds_job *j, const char *option);

/* ---- while it runs ---------------------------------------------------------------------------- */

/* A line for the person who waits; a warning also goes into the result, the record and the page, and
 * is told once however often it comes. */
void ds__job_remark(ds_job *j, const char *fmt, ...) DS_PRINTF(2, 3);
ds_status ds__job_warn(ds_job *j, const char *text, ds_error *err);

/* Warns if the prompt (or NULL) holds syntax of emphasis that is not read as such, or words that the
 * model's folder does not list among those that it knows. */
ds_status ds__job_warn_of_prompt(ds_job *j, const char *prompt, ds_error *err);

/* Tells how far a stage is; DS_E_CANCELLED after a cancellation. */
ds_status ds__job_progress(ds_job *j, const char *stage, int64_t done, int64_t total,
                           ds_error *err);

/* Adds the seconds that passed since the job began to the record, as timings.NAME. */
ds_status ds__job_time(ds_job *j, const char *name, ds_error *err);

/* The first tokenizer of the model; borrowed. */
ds_status ds__job_tokenizer(ds_job *j, ds_tokenizer **out, ds_error *err);

/* For early: another model in place of the one that the options name. */
ds_status ds__job_use_model(ds_job *j, const char *path, ds_error *err);

/* For a method of several models (DS_JOB_OWN_MODEL): opens one with the options of the job's model and
 * the LoRAs of the option `lora` besides. path NULL: the model that was handed in, or the default. */
ds_status ds__job_open_side(ds_job *j, ds_model **out, const char *path, const char *lora,
                            ds_error *err);

/* lora.c: the LoRAs of one option, as ds_options_add_lora. */
ds_status ds__options_add_lora_of(ds_model **m, const ds_option_set *set, const char *option,
                                  char **unused, ds_error *err);

/* Path of the model; "" for one that was handed in without a path. */
const char *ds__job_model_path(const ds_job *j);

/* ---- the rooms of a job ------------------------------------------------------------------------ */

ds_status ds__record_begin(ds_job *j, ds_error *err);   /* command, options, surroundings */
ds_status ds__record_options(ds_job *j, ds_error *err); /* again, where values changed */
/* The end of a page: warnings, command line and record. Called for the result's own page. */
ds_status ds__page_end(ds_job *j, ds_page *p, ds_error *err);

#endif
