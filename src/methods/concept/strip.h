/* strip.h - pictures of several tokens with one seed, side by side: what edit, interpolate, explain and bias
 * show. */

#ifndef DS_METHODS_CONCEPT_STRIP_H
#define DS_METHODS_CONCEPT_STRIP_H

#include "job/job.h"
#include "job/picture.h"
#include "methods/concept/decomposition.h"
#include "methods/concept/pictures.h"

/* How pictures are drawn (block ds__paint_rows). */
typedef struct paint_options {
    int64_t steps;
    picture_size size;
    double cfg;
    const char *sampler;
    uint64_t seed;
} paint_options;
extern const ds_option ds__paint_rows[];

/* Which mixture: `run` and `word` of `type`. */
#define RUN_ROWS(type)                                                                             \
    { .name = "run",                                                                               \
      .kind = DS_OPTION_FILE,                                                                      \
      .offset = offsetof(type, run),                                                               \
      .arg = "DIR",                                                                                \
      .required = true,                                                                            \
      .help = "run folder of concept" },                                                           \
    {                                                                                              \
        .name = "word", .letter = 'w', .kind = DS_OPTION_TEXT, .offset = offsetof(type, word),     \
        .arg = "W", .help = "which of its concepts; without it the first"                          \
    }

/* For check. */
ds_status ds__strip_check(ds_job *j, const paint_options *o, ds_error *err);

ds_status ds__strip_painter(ds_painter *out, ds_job *j, const paint_options *o, ds_error *err);

/* Draws n <= 16 tokens with one seed in sentence `number` of the templates; keeps them as figure NAME.png, page
 * and tensor "latents" [n,plane], and sets "sentence" and "passes". *latents [n,plane] is to be freed with ds_free, also after
 * a failure. */
ds_status ds__strip_paint(ds_job *j, const paint_options *o, const ds_texts *templates,
                          const char *word, int64_t number, const float *token, int64_t n,
                          const char *const *title, const char *name, float **latents,
                          int64_t *plane, ds_error *err);

/* Mean square difference of two latents. */
double ds__strip_distance(const float *a, const float *b, int64_t n);

#endif
