/* work.h - what pid, pid all, pid homonym and the studies of decompositions share: options, checks,
 * the measurement, numbers. */

#ifndef DS_METHODS_PID_WORK_H
#define DS_METHODS_PID_WORK_H

#include <jansson.h>

#include <diffuscope/pid.h>

#include "job/picture.h"
#include "methods/estimate/job.h"

/* What a decomposition is asked, given a measurement (block ds__pid_query_rows). */
typedef struct pid_query {
    int redundancy, form; /* ds_redundancy, ds_info_form */
    bool plain;
    const char *delta, *surprisal;
} pid_query;
extern const ds_option ds__pid_query_rows[];

/* Options of commands that take words of a prompt (block ds__pid_rows). */
typedef struct pid_common {
    int given, joint, removal; /* ds_pid_given, ds_pid_joint, ds_removal */
    pid_query query;
    draw_options drawing;
    estimate_options estimate;
} pid_common;
extern const ds_option ds__pid_rows[];

/* What a job holds besides its options. */
typedef struct pid_work {
    ds_job *job;
    const char *title; /* of the page */
    job_picture picture;
    job_estimate est;
    ds_pid_question question;
    json_t *surprisal; /* {"word": h}, or NULL */
    bool swept;        /* pm without a Delta */
    ds_pid *pid;
} pid_work;
void ds__pid_work_clear(pid_work *w);

/* ---- for check -------------------------------------------------------------------------------- */

/* The question and the estimate. */
ds_status ds__pid_check(pid_work *w, ds_job *j, const char *title, const pid_query *q,
                        const estimate_options *e, uint64_t seed, ds_error *err);

/* What ds_pid_new is to be called with; prompt and words are borrowed. */
ds_pid_options ds__pid_options(const pid_common *c, const char *prompt, const char *const *word,
                               int64_t words);

/* Whether the texts of a decomposition can be made, and all words have surprisals where there is a
 * file of them; warns of words that are not in the prompt. */
ds_status ds__pid_check_texts(pid_work *w, const ds_pid_options *o, ds_error *err);

/* DS_E_ARG for a redundancy that needs more than words. */
ds_status ds__pid_refuse_imin(const pid_work *w, ds_error *err);

/* h_B - h_A of two words as the options say; 0 if they say nothing. DS_E_NOMATCH for a word that the
 * file of surprisals lacks. */
ds_status ds__pid_delta(const pid_work *w, double *delta, const char *a, const char *b,
                        ds_error *err);

/* ---- for run ---------------------------------------------------------------------------------- */

/* Decomposes the picture of the job; an earlier decomposition is given up. */
ds_status ds__pid_measure(pid_work *w, const ds_pid_options *o, ds_error *err);

/* Surprisal of a word in the file; NaN without one. */
double ds__pid_surprisal(const pid_work *w, const char *word);

/* ---- results ---------------------------------------------------------------------------------- */

/* "unit", "redundancy" and "form". */
ds_status ds__pid_keep_question(const pid_work *w, ds_error *err);
ds_status ds__pid_keep_estimate(const pid_work *w, ds_error *err);

/* The page of the job. */
ds_status ds__pid_page(const pid_work *w, ds_page **out, ds_error *err);
/* NAME.png, also on the page; takes the pixels. Nothing for an empty image. */
ds_status ds__pid_figure(const pid_work *w, const char *name, ds_image *image, bool shown,
                         const char *alt, const char *caption, ds_error *err);
/* image.png: the picture that was looked at. */
ds_status ds__pid_keep_picture(const pid_work *w, ds_error *err);
/* NAME, also on the page; takes the drawing. */
ds_status ds__pid_chart(const pid_work *w, const char *name, char *svg, const char *caption,
                        ds_error *err);

/* i_AB - i_A - i_(B|A): zero for s; for o, what the atoms hold beside synergy. */
double ds__pid_chain_residual(const ds_info *info, const ds_pid_pair *p, ds_info_form form);

/* {"value", "se"}; null for what is not finite. */
json_t *ds__pid_value_json(ds_value v);
/* {"R": {"value", "se"}, "U_A": ..., "U_B": ..., "S": ...} */
json_t *ds__pid_atoms_json(const ds_value atoms[DS_PID_ATOMS]);

/* "1.23 ± 0.04": two digits of the error. */
typedef struct pid_number {
    char text[64];
} pid_number;
pid_number ds__pid_number(ds_value v);

#endif
