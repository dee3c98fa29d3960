/* run_option.h - the options of a generation, for every command that draws pictures with all of
 * them: sampler, sizes, seed, the latent or picture to start from. */

#ifndef DS_CLI_RUN_OPTION_H
#define DS_CLI_RUN_OPTION_H

#include <diffuscope/run.h>

#include "opts.h"

/* For a command's table; the prompt is its own. */
#define RUN_OPTIONS                                                                                  \
    {                                                                                                \
        "negative-prompt", 'n', OPT_TEXT, "TEXT", NULL, 0, 0, "what to keep away from", NULL, false  \
    },                                                                                               \
        { "steps", 0, OPT_INT, "N", "20", 1, 1000, "steps of the sampler", NULL, false },            \
        { "cfg-scale",                                                                               \
          0,                                                                                         \
          OPT_REAL,                                                                                  \
          "X",                                                                                       \
          "7",                                                                                       \
          -100,                                                                                      \
          100,                                                                                       \
          "guidance: how much further than the negative prompt; 1 is none, and twice as fast",       \
          NULL,                                                                                      \
          false },                                                                                   \
        { "sampler",                                                                                 \
          0,                                                                                         \
          OPT_TEXT,                                                                                  \
          "S",                                                                                       \
          NULL,                                                                                      \
          0,                                                                                         \
          0,                                                                                         \
          "sampler, in the spelling of diffusers, A1111 or ComfyUI; without it the model's own",     \
          "sampling-method",                                                                         \
          false },                                                                                   \
        { "scheduler", 0,    OPT_TEXT, "default|karras", NULL, 0, 0, "spacing of the noise levels",  \
          NULL,        false },                                                                      \
        { "timestep-spacing",                                                                        \
          0,                                                                                         \
          OPT_TEXT,                                                                                  \
          "leading|trailing|linspace",                                                               \
          NULL,                                                                                      \
          0,                                                                                         \
          0,                                                                                         \
          "spacing of the time steps; without it the model's own",                                   \
          NULL,                                                                                      \
          false },                                                                                   \
        { "set-alpha-to-one",                                                                        \
          0,                                                                                         \
          OPT_FLAG,                                                                                  \
          NULL,                                                                                      \
          NULL,                                                                                      \
          0,                                                                                         \
          0,                                                                                         \
          "end at no noise instead of the first level of the schedule",                              \
          NULL,                                                                                      \
          false },                                                                                   \
        { "eta", 0, OPT_REAL, "X", NULL, 0, 1,                                                       \
          "noise of ddim: 1 is as noisy as ddpm; gamma of tcd. Without it 0, for tcd 0.3", NULL,     \
          false },                                                                                   \
        { "compat", 0, OPT_CHOICE, "0.42|0.21", "0.42", 0, 0,                                        \
          "version of diffusers whose numbers are meant, where they differ", NULL, false },          \
        { "width", 'W',  OPT_INT, "N",                                                               \
          NULL,    8,    16384,   "width in pixels, a multiple of 8; without it the model's own",    \
          NULL,    false },                                                                          \
        { "height", 'H', OPT_INT, "N", NULL, 8, 16384, "the same for the height", NULL, false },     \
        { "seed", 's', OPT_SEED, "K", "42", 0, 0, "seed; below 0 for a random one", NULL, false },   \
        { "rng",       0,    OPT_TEXT, "torch-cpu|torch-cuda",                                       \
          "torch-cpu", 0,    0,        "generator that the seed is for",                             \
          NULL,        false },                                                                      \
        { "batch-count", 'b',  OPT_INT, "N",                                                         \
          "1",           1,    1024,    "pictures; each has the seed that follows the one before",   \
          NULL,          false },                                                                    \
        { "latent", 0,                                                                               \
          OPT_TEXT, "F",                                                                             \
          NULL,     0,                                                                               \
          0,        "safetensors file whose tensor \"latent\" is the noise to start from",           \
          NULL,     false },                                                                         \
        { "init-img", 'i', OPT_TEXT, "FILE", NULL, 0, 0, "PNG or JPEG to start from", NULL, false }, \
        { "strength",                                                                                \
          0,                                                                                         \
          OPT_REAL,                                                                                  \
          "X",                                                                                       \
          "0.75",                                                                                    \
          0,                                                                                         \
          1,                                                                                         \
          "with --init-img: share of the steps that is run, above 0; 1 keeps next to nothing",       \
          NULL,                                                                                      \
          false },                                                                                   \
    {                                                                                                \
        "vae-tiling", 0, OPT_FLAG, NULL, NULL, 0, 0,                                                 \
            "decode in tiles, with less memory; pictures of more than 1024 by 1024 pixels always "   \
            "are",                                                                                   \
            NULL, false                                                                              \
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
