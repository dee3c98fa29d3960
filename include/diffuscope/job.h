/* diffuscope/job.h - a method with its options: described, set, checked, run, its result taken.
 *
 *     const ds_method *info;
 *     ds_job *job;
 *     ds_method_find(&info, "info", err);                       (methods.h)
 *     ds_job_new(&job, info, NULL, err);
 *     ds_job_set(job, "prompt", "a cat on a mat", err);
 *     ds_job_set(job, "word", "cat", err);
 *     ds_job_run(job, err);                                     checks first
 *     ds_result_value(ds_job_result(job), "i_o", &v, NULL, err);
 *     ds_job_free(job);
 *
 * The command line, the Python package and replay are written over these calls.
 *
 * Experimental: may change with a minor version. Thread rule: a job belongs to one thread; several
 * may share a model. */

#ifndef DIFFUSCOPE_JOB_H
#define DIFFUSCOPE_JOB_H

#include <diffuscope/model.h>
#include <diffuscope/option.h>
#include <diffuscope/result.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_job ds_job;

/* Which of the options that many have a method takes, besides its own. */
enum {
    DS_JOB_MODEL = 1 << 0,          /* model: needed, or the specimen */
    DS_JOB_MODEL_OPTIONAL = 1 << 1, /* the same, but a method may go without */
    DS_JOB_COMPUTE = 1 << 2,        /* compute f32|bf16|ref */
    DS_JOB_THREADS = 1 << 3,        /* threads */
    DS_JOB_FOLDER = 1 << 4,         /* out: the run folder */
    DS_JOB_FOLDER_NEEDED = 1 << 5,  /* the same, and it must be given */
    DS_JOB_OWN_EMBEDDING = 1 << 6,  /* "embedding" is an option of its own: a file that it writes */
    DS_JOB_OWN_MODEL = 1 << 7 /* with MODEL: "model" is an option of its own: it opens several */
};

/* A method: an instrument, a study, or a plain command. Constant. */
typedef struct ds_method {
    const char *name;        /* "info", "info-words" */
    const char *purpose;     /* one line, lower case, no full stop */
    const char *paper;       /* "arXiv:2310.07972"; NULL */
    const char *description; /* paragraphs separated by an empty line */
    const char *example;     /* one command line */
    const char *results;     /* what result.json holds, a line "path: meaning, unit" each; NULL */
    const ds_option *options;
    size_t size;    /* of the struct that the options fill ... */
    size_t fields;  /* ... and where, in it, what is no option begins */
    unsigned parts; /* DS_JOB_... */

    /* What can be refused before the model is opened, which takes seconds for a large one. May be
     * NULL. */
    ds_status (*early)(ds_job *job, void *options, ds_error *err);

    /* All that can be refused, before anything costly runs: after it, only files, memory, the
     * network's own values and cancellation can fail. The model is open. May be NULL. */
    ds_status (*check)(ds_job *job, void *options, ds_error *err);

    /* The work. What it keeps goes into the job's result. */
    ds_status (*run)(ds_job *job, void *options, ds_error *err);

    /* Frees what check and run left in the options' struct; NULL: nothing. */
    void (*clear)(void *options);
} ds_method;

/* JSON of methods [count]: name, purpose, paper, options [{name, kind, default, min, max, unit,
 * choices, help}], results. Free with ds_free. */
DS_API ds_status ds_methods_json(const ds_method *const *methods, int count, char **out,
                                 ds_error *err);

/* The rows of the options that `parts` names, ended by an empty one. */
#define DS_COMMON_OPTIONS 16
DS_API void ds_common_options(ds_option out[DS_COMMON_OPTIONS], unsigned parts);

/* The folder of the model that comes with the library; free with ds_free. DS_E_ARG if it is not
 * found. In the option "model", the word "specimen" stands for it; the environment variable
 * DIFFUSCOPE_MODEL names another default. */
DS_API ds_status ds_specimen_find(char **out, ds_error *err);

/* Textual inversions by the option "embedding", and LoRAs by the options "lora" (FILE[=W[:WTE]]),
 * "lora-dir", "lora-partial" and by <lora:NAME:W[:WTE]> in
 * a prompt. _strip_tags takes the tags out of the prompts that are read; _add_lora replaces *m by a model with
 * the files added, and *unused gets a sentence about keys that were left out (free with ds_free) or
 * NULL. */
DS_API ds_status ds_options_strip_tags(ds_option_set *set, ds_error *err);
DS_API ds_status ds_options_add_lora(ds_model **m, const ds_option_set *set, char **unused,
                                     ds_error *err);

/* ---- a job ----------------------------------------------------------------------------------- */

typedef struct ds_job_options {
    size_t size;              /* set by DS_JOB_OPTIONS_INIT */
    ds_model *model;          /* an open model, borrowed; NULL: opened by the option "model" */
    ds_progress_fn *progress; /* or NULL */
    void (*remark)(void *user, const char *text, bool warning); /* a line for a person; or NULL */
    void *user;                                                 /* of both */
    const ds_cancel *cancel;                                    /* or NULL */
    bool dashes;               /* options are named as on a command line in messages */
    const struct ds_tap *taps; /* on every picture that the job draws (probe.h); borrowed */
    int n_taps;
} ds_job_options;

#define DS_JOB_OPTIONS_INIT                                                                        \
    {                                                                                              \
        .size = sizeof(ds_job_options)                                                             \
    }

/* o may be NULL. */
DS_API ds_status ds_job_new(ds_job **out, const ds_method *method, const ds_job_options *o,
                            ds_error *err);
DS_API void ds_job_free(ds_job *job); /* NULL is allowed */

DS_API const ds_method *ds_job_method(const ds_job *job);
DS_API ds_option_set *ds_job_options_of(ds_job *job);

/* ds_option_set_text of the job's options. */
DS_API ds_status ds_job_set(ds_job *job, const char *option, const char *text, ds_error *err);

/* Who is told, in place of what the options said; any may be NULL. */
DS_API void ds_job_listen(ds_job *job, ds_progress_fn *progress,
                          void (*remark)(void *user, const char *text, bool warning), void *user,
                          const ds_cancel *cancel);

/* Defaults, then all that can be refused. ds_job_run calls it unless it was called. */
DS_API ds_status ds_job_check(ds_job *job, ds_error *err);

/* The work; with the option "out", saves the run folder. DS_E_CANCELLED after a cancellation. */
DS_API ds_status ds_job_run(ds_job *job, ds_error *err);

/* The result of a job that has run; it lives as long as the job. NULL before. */
DS_API const ds_result *ds_job_result(const ds_job *job);

#ifdef __cplusplus
}
#endif
#endif
