/* picture_option.h - the picture that a command looks at: read from a file, taken as a latent, or
 * drawn from a prompt. */

#ifndef DS_CLI_PICTURE_OPTION_H
#define DS_CLI_PICTURE_OPTION_H

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include "opts.h"

/* For a command's table. --prompt and --seed are the command's own: "prompt" draws the picture. */
#define PICTURE_OPTIONS                                                                            \
    { "image", 'i', OPT_TEXT, "FILE", NULL, 0, 0, "PNG or JPEG to look at", NULL, false },         \
        { "latent",                                                                                \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "FILE",                                                                                  \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "safetensors file whose tensor \"latent\" [1,C,h,w], scaled as the denoiser's, to look " \
          "at",                                                                                    \
          NULL,                                                                                    \
          false },                                                                                 \
        PICTURE_DRAWN_OPTIONS

/* Of pictures that the command draws itself. */
#define PICTURE_DRAWN_OPTIONS                                                                      \
    { "negative-prompt",                                                                           \
      'n',                                                                                         \
      OPT_TEXT,                                                                                    \
      "TEXT",                                                                                      \
      NULL,                                                                                        \
      0,                                                                                           \
      0,                                                                                           \
      "for a picture that is drawn: what to keep away from",                                       \
      NULL,                                                                                        \
      false },                                                                                     \
        { "steps", 0,    OPT_INT, "N",                                                             \
          "20",    1,    1000,    "for a picture that is drawn: steps of the sampler",             \
          NULL,    false },                                                                        \
        { "cfg-scale", 0,    OPT_REAL, "X",                                                        \
          "7",         -100, 100,      "for a picture that is drawn: guidance; 1 is none",         \
          NULL,        false },                                                                    \
        { "sampler",                                                                               \
          0,                                                                                       \
          OPT_TEXT,                                                                                \
          "S",                                                                                     \
          NULL,                                                                                    \
          0,                                                                                       \
          0,                                                                                       \
          "for a picture that is drawn: sampler; without it the model's own",                      \
          "sampling-method",                                                                       \
          false },                                                                                 \
        { "width", 'W',                                                                            \
          OPT_INT, "N",                                                                            \
          NULL,    8,                                                                              \
          16384,   "width in pixels, a multiple of 8; without it the file's or the model's own",   \
          NULL,    false },                                                                        \
    {                                                                                              \
        "height", 'H', OPT_INT, "N", NULL, 8, 16384, "the same for the height", NULL, false        \
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
