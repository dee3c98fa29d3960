/* picture_option.h - the picture that a command looks at: read from a file, taken as a latent, or
 * drawn from a prompt. */

#ifndef DS_CLI_PICTURE_OPTION_H
#define DS_CLI_PICTURE_OPTION_H

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include "opts.h"

/* For a command's table. --prompt and --seed are the command's own: "prompt" draws the picture. */
#define PICTURE_OPTIONS                                                                            \
    { .name = "image",                                                                             \
      .letter = 'i',                                                                               \
      .kind = DS_OPTION_TEXT,                                                                      \
      .arg = "FILE",                                                                               \
      .help = "PNG or JPEG to look at" },                                                          \
        { .name = "latent",                                                                        \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "FILE",                                                                           \
          .help = "safetensors file whose tensor \"latent\" [1,C,h,w], scaled as the denoiser's, " \
                  "to look "                                                                       \
                  "at" },                                                                          \
        PICTURE_DRAWN_OPTIONS

/* Of pictures that the command draws itself. */
#define PICTURE_DRAWN_OPTIONS                                                                      \
    { .name = "negative-prompt",                                                                   \
      .letter = 'n',                                                                               \
      .kind = DS_OPTION_TEXT,                                                                      \
      .arg = "TEXT",                                                                               \
      .help = "for a picture that is drawn: what to keep away from" },                             \
        { .name = "steps",                                                                         \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "20",                                                                        \
          .min = 1,                                                                                \
          .max = 1000,                                                                             \
          .help = "for a picture that is drawn: steps of the sampler" },                           \
        { .name = "cfg-scale",                                                                     \
          .kind = DS_OPTION_REAL,                                                                  \
          .arg = "X",                                                                              \
          .standard = "7",                                                                         \
          .min = -100,                                                                             \
          .max = 100,                                                                              \
          .help = "for a picture that is drawn: guidance; 1 or less is none" },                    \
        { .name = "sampler",                                                                       \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "S",                                                                              \
          .help = "for a picture that is drawn: sampler; without it the model's own",              \
          .alias = "sampling-method" },                                                            \
        { .name = "width",                                                                         \
          .letter = 'W',                                                                           \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .min = 8,                                                                                \
          .max = 16384,                                                                            \
          .help = "width in pixels, a multiple of 8; without it the file's or the model's own" },  \
    {                                                                                              \
        .name = "height", .letter = 'H', .kind = DS_OPTION_INT, .arg = "N", .min = 8,              \
        .max = 16384, .help = "the same for the height"                                            \
    }

typedef struct picture {
    ds_image shown;   /* for figures; without pixels for a latent from a file */
    ds_tensor latent; /* [1,C,h,w]; data is NULL for a file of pixels */
    ds_tensor image;  /* [1,3,H,W] in [0,1]; data is NULL for a latent from a file */
    bool drawn;       /* from a prompt */
    void *memory[2];
    ds_bundle *file;
} picture;

/* What --image, --latent or else `prompt` ask for; DS_E_ARG if that is nothing or too much. Shows
 * progress and remarks. */
ds_status picture_from_options(picture *out, ds_model *m, const ds_args *a, const char *prompt,
                               ds_error *err);

/* From a PNG or JPEG, in the size of --width and --height. */
ds_status picture_load(picture *out, const ds_args *a, const char *path, ds_error *err);

/* Drawn from a prompt with the options above and this seed. */
ds_status picture_draw(picture *out, ds_model *m, const ds_args *a, const char *prompt,
                       uint64_t seed, ds_error *err);
void picture_clear(picture *p); /* an all-zero one is allowed */

#endif
