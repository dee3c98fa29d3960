/* info_job.h - what the commands info, info words, info score, info curve share: picture, model,
 * questions, estimate, and the files that come out. */

#ifndef DS_CLI_INFO_JOB_H
#define DS_CLI_INFO_JOB_H

#include "estimate_option.h"
#include "info_questions.h"
#include "picture_option.h"
#include "run_folder.h"

/* Options of all of them, beside PICTURE_OPTIONS and ESTIMATE_OPTIONS. */
#define INFO_OPTIONS                                                                               \
    { "prompt", 'p',                                                                               \
      OPT_TEXT, "TEXT",                                                                            \
      NULL,     0,                                                                                 \
      0,        "the text that is asked about; without --image and --latent, also what is drawn",  \
      NULL,     false },                                                                           \
        { "draw", 0,    OPT_TEXT, "TEXT",                                                          \
          NULL,   0,    0,        "draw the picture from this text instead of --prompt",           \
          NULL,   false },                                                                         \
        { "seed", 's',  OPT_SEED, "K",                                                             \
          "42",   0,    0,        "seed of the draws, and of a picture that is drawn",             \
          NULL,   false },                                                                         \
        { "save-draws",                                                                            \
          0,                                                                                       \
          OPT_OUTFILE,                                                                             \
          "FILE",                                                                                  \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "safetensors file for the draws that were made, to be given to --draws",                 \
          NULL,                                                                                    \
          false },                                                                                 \
        { "part",                                                                                  \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "I/N",                                                                                   \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "make only the replicates I, I + N, I + 2 N ... (I from 0) for --merge; needs --state",  \
          NULL,                                                                                    \
          false },                                                                                 \
        { "merge",                                                                                 \
          0,                                                                                       \
          OPT_WORDS,                                                                               \
          "FILE",                                                                                  \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "take the replicates from the --state files of all parts instead of making them",        \
          NULL,                                                                                    \
          false },                                                                                 \
        { "snr-range",                                                                             \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "LOW:HIGH",                                                                              \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "range of log-SNR; without it the schedule's, or -7:9 of the published design",          \
          NULL,                                                                                    \
          false },                                                                                 \
    {                                                                                              \
        "out", 0, OPT_OUTDIR, "DIR", NULL, 0, 0,                                                   \
            "run folder: result.json, tensors.safetensors, pictures, report.html, run.json", NULL, \
            false                                                                                  \
    }

typedef struct info_job {
    const ds_args *args;
    ds_model *model;
    ds_tokenizer *tokenizer;
    picture pic;
    estimate est;
    info_questions questions;
    ds_info *info;
    ds_run_record record;
} info_job;

/* Checks the options, opens the model, finds or draws the picture. */
ds_status info_job_begin(info_job *j, const ds_args *a, ds_error *err);

/* Answers the questions, or merges what others answered. */
ds_status info_job_measure(info_job *j, ds_error *err);

/* {"nats", "se", "low", "high", "bits", "bits_se", "form"}; an error that is not known is null. */
json_t *info_value_json(ds_info_value v, ds_info_form form);

/* {"questions": [...], "estimate": {...}, ...} with the first question's i_o and i_s on top. */
json_t *info_job_json(const info_job *j);

/* result.json (taken over), tensors, pictures, report, record; or on standard output with --json.
 * svg is a chart for the report or NULL. */
ds_status info_job_save(info_job *j, json_t *result, const char *svg, ds_error *err);
void info_job_free(info_job *j);

#endif
