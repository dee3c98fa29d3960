/* work.h - what info, info words, info score, info curve and info edit share: picture, questions,
 * estimate, numbers, figures. */

#ifndef DS_METHODS_INFO_WORK_H
#define DS_METHODS_INFO_WORK_H

#include "methods/estimate/job.h"
#include "job/picture.h"
#include "methods/info/questions.h"

/* Options of all of them (block ds__info_rows). */
typedef struct info_common {
    const char *prompt, *draw;
    const char *save_draws;
    ds_part_of part;
    ds_texts merge;
    ds_range range;
    look_options look;
    draw_options drawing;
    estimate_options estimate;
} info_common;
extern const ds_option ds__info_rows[];

/* Which words or texts (block ds__info_ask_rows). */
typedef struct info_ask {
    ds_texts word;
    const char *against;
    int kind, removal; /* "cmi|mi|both", ds_removal */
} info_ask;
extern const ds_option ds__info_ask_rows[];

/* The two of these that info words has alone (block). */
typedef struct info_kinds {
    int kind, removal;
} info_kinds;
extern const ds_option ds__info_kind_rows[];

/* What a job holds besides its options. */
typedef struct info_work {
    job_picture picture;
    job_estimate est;
    info_questions questions;
    ds_info *info;
} info_work;
void ds__info_work_clear(info_work *w);

/* For check: everything but the questions. */
ds_status ds__info_check(info_work *w, ds_job *j, const info_common *c, ds_error *err);
/* The questions of ds__info_ask_rows. */
ds_status ds__info_ask(info_work *w, ds_job *j, const info_common *c, const info_ask *ask,
                       ds_error *err);

/* At the end of check, when all is asked: what the measurement would refuse. */
ds_status ds__info_ready(info_work *w, ds_job *j, const info_common *c, ds_error *err);

/* For run: finds the picture, answers the questions, or merges what others answered. */
ds_status ds__info_measure(info_work *w, ds_job *j, const info_common *c, ds_error *err);

/* Numbers, tensors, figures and page into the job's result; svg is a chart for the page or NULL. */
ds_status ds__info_keep(info_work *w, ds_job *j, const info_common *c, const char *svg,
                        ds_error *err);
/* root.removal = the name of the style in which words are left out. */
ds_status ds__info_keep_removal(ds_job *j, int removal, ds_error *err);

/* {"nats", "se", "low", "high", "bits", "bits_se", "form"}; an error that is not known is null. */
json_t *ds__info_value_json(ds_value v, ds_info_form form);

/* draw.c: tensors, figures, page. */
ds_status ds__info_draw(info_work *w, ds_job *j, const info_common *c, const char *svg,
                        ds_error *err);

#endif
