/* drawn.h - what is kept of pictures that a model drew: the record of their run, and PNGs that say
 * how they came about. */

#ifndef DS_JOB_DRAWN_H
#define DS_JOB_DRAWN_H

#include "job/folder.h"
#include "job/picture.h"

/* Model, token ids, sampler, calls and sizes into the job's record; the run's warnings were told by
 * ds__run_all. */
ds_status ds__drawn_record(ds_job *j, const ds_run *run, ds_error *err);

/* The texts of a PNG: "parameters", as other front ends write it, and the record (complete but for
 * times) as "diffuscope". */
typedef struct drawn_texts {
    char *parameters, *record;
    ds_png_text text[2];
} drawn_texts;
void ds__drawn_texts_clear(drawn_texts *t); /* an all-zero one is allowed */

/* Of a picture of the run, from this prompt and with this seed. strength: of image to image, below 0
 * otherwise. */
ds_status ds__drawn_texts(drawn_texts *out, const ds_job *j, const ds_run *run,
                          const draw_options *d, const char *prompt, uint64_t seed, double strength,
                          ds_error *err);

/* Picture b of the run; clear it with ds_image_clear. */
ds_status ds__drawn_image(ds_image *out, const ds_run *run, int64_t b, ds_error *err);

#endif
