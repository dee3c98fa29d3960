/* eval_pid_job.h - what the parts of `eval pid` share: options, the measurement, answers as JSON, the
 * run folder. The same as src/methods/pid/work.h for the commands of the library; goes with the move of
 * the evaluations there. */

#ifndef DS_CLI_EVAL_PID_JOB_H
#define DS_CLI_EVAL_PID_JOB_H

#include <jansson.h>

#include <diffuscope/chart.h>
#include <diffuscope/page.h>
#include <diffuscope/pid.h>

#include "estimate_option.h"
#include "opts.h"
#include "picture_option.h"
#include "run_folder.h"

/* What is asked of a decomposition, and where it goes. */
/* clang-format off */
#define PID_QUESTION_OPTIONS \
    { .name = "redundancy", .kind = DS_OPTION_CHOICE, .choices = "pm|mmi-pixel|mmi-image|imin", .standard = "mmi-pixel", .help = "what counts as said by both words; pm is the paper's" }, \
    { .name = "form", .kind = DS_OPTION_CHOICE, .choices = "o|s", .standard = "o", .help = "informations to decompose: o, never negative, or s, signed" }, \
    { .name = "plain", .kind = DS_OPTION_FLAG, .help = "closed forms of the means, without cross-fitting against the bias of a maximum" }, \
    { .name = "delta", .kind = DS_OPTION_TEXT, .arg = "X", .help = "pm: surprisal of the second word less that of the first, in nats, or inf; without "                "it or --surprisal, 0 and a sweep" }, \
    { .name = "surprisal", .kind = DS_OPTION_TEXT, .arg = "FILE", .help = "pm: words and their surprisals -log p in nats, as a JSON object or in lines" }, \
    { .name = "seed", .letter = 's', .kind = DS_OPTION_SEED, .arg = "K", .standard = "42", .help = "seed of the draws, and of a picture that is drawn" }, \
    { .name = "out", .kind = DS_OPTION_OUTDIR, .arg = "DIR", .help = "run folder: result.json, tensors.safetensors, pictures, report.html, run.json" }
/* clang-format on */

typedef struct pid_job {
    const ds_args *args;
    ds_run_record record;
    ds_model *model;
    estimate estimate;
    picture picture;
    json_t *surprisal; /* {"word": h} or NULL */
    ds_pid_question question;
    bool swept; /* pm without a Delta */
    ds_pid *pid;

    /* what goes to the run folder; there even without one */
    json_t *result;
    ds_bundle *tensors;
    ds_page *page;
} pid_job;

/* Opens the model and reads the options above. Close after a failure too. */
ds_status pid_job_open(pid_job *j, const ds_args *a, const char *title, ds_error *err);
void pid_job_close(pid_job *j);

/* The same for commands that say themselves what a pair is. */
void pid_options_from(ds_pid_options *o, const pid_job *j);

/* Makes the decomposition of the job's picture and runs it; an earlier one is given up. */
ds_status pid_measure(pid_job *j, const ds_pid_options *o, const char *what, ds_error *err);

/* h_B - h_A of two words as the options say; 0 if they say nothing. DS_E_NOMATCH for a word that
 * the file of surprisals lacks. */
ds_status pid_delta(const pid_job *j, double *delta, const char *a, const char *b, ds_error *err);

/* {"value", "se"}; null for what is not finite. */
json_t *pid_value_json(ds_value v);
json_t *pid_real(double x);
/* The same number again; NaN for null. */
double pid_real_from(const json_t *value);
/* Adds a member to the job's result; takes the value over. DS_E_NOMEM if it is NULL. */
ds_status pid_result(pid_job *j, const char *name, json_t *value, ds_error *err);

/* DIR/NAME, if there is a run folder; the page shows it as well. */
ds_status pid_chart(pid_job *j, const char *svg, const char *name, const char *caption,
                    ds_error *err);

/* Writes the run folder (if any) and prints the result with --json. `sources` says what the record
 * should hold beside the options: the picture's prompt and the model. */
ds_status pid_finish(pid_job *j, ds_error *err);

#endif
