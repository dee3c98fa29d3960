/* strip.h - pictures of several tokens with one seed, side by side: what edit, interpolate, explain and bias
 * show. */

#ifndef DS_METHODS_CONCEPT_STRIP_H
#define DS_METHODS_CONCEPT_STRIP_H

#include "job/job.h"
#include "methods/concept/decomposition.h"
#include "methods/concept/pictures.h"

/* How pictures are drawn; rows for a table of options of `type`, which has one as `drawing`. */
typedef struct paint_options {
    int64_t steps, height, width;
    double cfg;
    const char *sampler;
    uint64_t seed;
} paint_options;

#define PAINT(type, field) offsetof(type, drawing) + offsetof(paint_options, field)
#define PAINT_ROWS(type)                                                                           \
    { .name = "steps",                                                                             \
      .kind = DS_OPTION_INT,                                                                       \
      .offset = PAINT(type, steps),                                                                \
      .arg = "N",                                                                                  \
      .standard = "20",                                                                            \
      .min = 1,                                                                                    \
      .max = 1000,                                                                                 \
      .help = "sampler steps of a picture" },                                                      \
        { .name = "cfg-scale",                                                                     \
          .kind = DS_OPTION_REAL,                                                                  \
          .offset = PAINT(type, cfg),                                                              \
          .arg = "S",                                                                              \
          .standard = "3",                                                                         \
          .min = 1,                                                                                \
          .max = 100,                                                                              \
          .help = "guidance of the pictures" },                                                    \
        { .name = "sampler",                                                                       \
          .kind = DS_OPTION_TEXT,                                                                  \
          .offset = PAINT(type, sampler),                                                          \
          .arg = "NAME",                                                                           \
          .help = "sampler; without it the model's own" },                                         \
        { .name = "seed",                                                                          \
          .letter = 's',                                                                           \
          .kind = DS_OPTION_SEED,                                                                  \
          .offset = PAINT(type, seed),                                                             \
          .arg = "N",                                                                              \
          .standard = "42",                                                                        \
          .help = "of all pictures" },                                                             \
        { .name = "height",                                                                        \
          .letter = 'H',                                                                           \
          .kind = DS_OPTION_INT,                                                                   \
          .offset = PAINT(type, height),                                                           \
          .arg = "PX",                                                                             \
          .min = 0,                                                                                \
          .max = 8192,                                                                             \
          .help = "of pictures; without it the model's" },                                         \
    {                                                                                              \
        .name = "width", .letter = 'W', .kind = DS_OPTION_INT, .offset = PAINT(type, width),       \
        .arg = "PX", .min = 0, .max = 8192, .help = "of pictures; without it the model's"          \
    }

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
