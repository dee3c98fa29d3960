/* run_option.h - the options of a generation, for every command that draws pictures with all of
 * them: sampler, sizes, seed, the latent or picture to start from. */

#ifndef DS_CLI_RUN_OPTION_H
#define DS_CLI_RUN_OPTION_H

#include <diffuscope/run.h>

#include "opts.h"

/* For a command's table; the prompt is its own. */
#define RUN_OPTIONS                                                                                \
    { .name = "negative-prompt",                                                                   \
      .letter = 'n',                                                                               \
      .kind = DS_OPTION_TEXT,                                                                      \
      .arg = "TEXT",                                                                               \
      .help = "negative prompt: what the picture should not show" },                               \
        { .name = "steps",                                                                         \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "20",                                                                        \
          .min = 1,                                                                                \
          .max = 1000,                                                                             \
          .help = "steps of the sampler" },                                                        \
        { .name = "cfg-scale",                                                                     \
          .kind = DS_OPTION_REAL,                                                                  \
          .arg = "X",                                                                              \
          .standard = "7",                                                                         \
          .min = -100,                                                                             \
          .max = 100,                                                                              \
          .help = "guidance: how much further than the negative prompt; 1 or less is none, and "   \
                  "twice as "                                                                      \
                  "fast" },                                                                        \
        { .name = "sampler",                                                                       \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "S",                                                                              \
          .help = "sampler, in the spelling of diffusers, A1111 or ComfyUI; without it the "       \
                  "model's own",                                                                   \
          .alias = "sampling-method" },                                                            \
        { .name = "scheduler",                                                                     \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "default|karras",                                                                 \
          .help = "spacing of the noise levels" },                                                 \
        { .name = "timestep-spacing",                                                              \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "leading|trailing|linspace",                                                      \
          .help = "spacing of the time steps; without it the model's own" },                       \
        { .name = "set-alpha-to-one",                                                              \
          .kind = DS_OPTION_FLAG,                                                                  \
          .help = "end the schedule at zero noise instead of at its first level" },                \
        { .name = "eta",                                                                           \
          .kind = DS_OPTION_REAL,                                                                  \
          .arg = "X",                                                                              \
          .min = 0,                                                                                \
          .max = 1,                                                                                \
          .help =                                                                                  \
              "noise of ddim: 1 is as noisy as ddpm; gamma of tcd. Without it 0, for tcd 0.3" },   \
        { .name = "compat",                                                                        \
          .kind = DS_OPTION_CHOICE,                                                                \
          .choices = "0.42|0.21",                                                                  \
          .standard = "0.42",                                                                      \
          .help = "version of diffusers to reproduce, where versions differ" },                    \
        { .name = "width",                                                                         \
          .letter = 'W',                                                                           \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .min = 8,                                                                                \
          .max = 16384,                                                                            \
          .help = "width in pixels, a multiple of 8; without it the model's own" },                \
        { .name = "height",                                                                        \
          .letter = 'H',                                                                           \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .min = 8,                                                                                \
          .max = 16384,                                                                            \
          .help = "the same for the height" },                                                     \
        { .name = "seed",                                                                          \
          .letter = 's',                                                                           \
          .kind = DS_OPTION_SEED,                                                                  \
          .arg = "K",                                                                              \
          .standard = "42",                                                                        \
          .help = "seed; below 0 for a random one" },                                              \
        { .name = "rng",                                                                           \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "torch-cpu|torch-cuda",                                                           \
          .standard = "torch-cpu",                                                                 \
          .help = "random generator: PyTorch's for the CPU or for CUDA; the same seed gives "      \
                  "another picture with each" },                                                   \
        { .name = "batch-count",                                                                   \
          .letter = 'b',                                                                           \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "1",                                                                         \
          .min = 1,                                                                                \
          .max = 1024,                                                                             \
          .help = "pictures; each has the seed that follows the one before" },                     \
        { .name = "latent",                                                                        \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "F",                                                                              \
          .help = "safetensors file whose tensor \"latent\" is the noise to start from" },         \
        { .name = "init-img",                                                                      \
          .letter = 'i',                                                                           \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "FILE",                                                                           \
          .help = "PNG or JPEG to start from" },                                                   \
        { .name = "strength",                                                                      \
          .kind = DS_OPTION_REAL,                                                                  \
          .arg = "X",                                                                              \
          .standard = "0.75",                                                                      \
          .min = 0,                                                                                \
          .max = 1,                                                                                \
          .help = "with --init-img: fraction of the steps that are run, above 0; 1 keeps almost "  \
                  "nothing of the picture" },                                                      \
    {                                                                                              \
        .name = "vae-tiling", .kind = DS_OPTION_FLAG,                                              \
        .help =                                                                                    \
            "decode in tiles, with less memory; pictures of more than 1024 by 1024 pixels always " \
            "are"                                                                                  \
    }

/* What the options of a run point to; free it after the run. */
typedef struct run_inputs {
    ds_bundle *latent;
    float *planes; /* of the initial picture */
    ds_tensor image;
} run_inputs;

/* Everything but the prompts. */
ds_status run_options_read(run_inputs *in, ds_run_options *o, const ds_args *a, ds_error *err);
void run_inputs_free(run_inputs *in); /* an all-zero one is allowed */

#endif
