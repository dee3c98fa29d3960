/* estimate_option.h - how precisely a command estimates: the options of draws and goals, and the
 * run with its announcement, progress and count. */

#ifndef DS_CLI_ESTIMATE_OPTION_H
#define DS_CLI_ESTIMATE_OPTION_H

#include <jansson.h>

#include <diffuscope/info.h>

#include "opts.h"
#include "progress.h"

/* For a command's table, which also has --seed. */
#define ESTIMATE_OPTIONS                                                                              \
    { "replicates",                                                                                   \
      0,                                                                                              \
      OPT_INT,                                                                                        \
      "N",                                                                                            \
      "9",                                                                                            \
      1,                                                                                              \
      512,                                                                                            \
      "lattices of log-SNRs, whose scatter is the standard error: best an odd number from 9",         \
      NULL,                                                                                           \
      false },                                                                                        \
        { "nodes", 0,    OPT_INT, "N",                                                                \
          "2",     1,    1048576, "log-SNRs of a lattice to begin with; doubled until --se is met",   \
          NULL,    false },                                                                           \
        { "se",                                                                                       \
          0,                                                                                          \
          OPT_TEXT,                                                                                   \
          "SHARE",                                                                                    \
          "0",                                                                                        \
          0,                                                                                          \
          0,                                                                                          \
          "go on until the standard errors of all informations are this share of them, \"2%\" or "    \
          "0.02; 0: stop after the first lattices",                                                   \
          NULL,                                                                                       \
          false },                                                                                    \
        { "se-floor", 0,    OPT_REAL, "NATS",                                                         \
          "0.1",      0,    1e9,      "smaller informations need not be known better than this one",  \
          NULL,       false },                                                                        \
        { "max-calls", 0,                                                                             \
          OPT_INT,     "N",                                                                           \
          "0",         0,                                                                             \
          1e15,        "most evaluations of the network (noisy latents times texts); 0: no limit",    \
          NULL,        false },                                                                       \
        { "pilot", 0,                                                                                 \
          OPT_INT, "N",                                                                               \
          "18",    0,                                                                                 \
          65536,   "log-SNRs of a pilot run that the density of draws is fitted to; 0: none",         \
          NULL,    false },                                                                           \
        { "design",                                                                                   \
          0,                                                                                          \
          OPT_CHOICE,                                                                                 \
          "lattice|published",                                                                        \
          "lattice",                                                                                  \
          0,                                                                                          \
          0,                                                                                          \
          "lattice: shifted lattices with antithetic noise; published: independent draws, "           \
          "--replicates of them",                                                                     \
          NULL,                                                                                       \
          false },                                                                                    \
        { "no-antithetic",                                                                            \
          0,                                                                                          \
          OPT_FLAG,                                                                                   \
          NULL,                                                                                       \
          NULL,                                                                                       \
          0,                                                                                          \
          0,                                                                                          \
          "each noise once, without its negative",                                                    \
          NULL,                                                                                       \
          false },                                                                                    \
        { "exact-snr",                                                                                \
          0,                                                                                          \
          OPT_FLAG,                                                                                   \
          NULL,                                                                                       \
          NULL,                                                                                       \
          0,                                                                                          \
          0,                                                                                          \
          "noise at the drawn log-SNR, although the network is told the nearest of its schedule",     \
          NULL,                                                                                       \
          false },                                                                                    \
        { "draws",  0,                                                                                \
          OPT_TEXT, "FILE",                                                                           \
          NULL,     0,                                                                                \
          0,        "safetensors file of recorded draws: logsnr [n], weight [n], eps [n,C,h,w]",      \
          NULL,     false },                                                                          \
        { "batch", 0, OPT_INT, "N", "0", 0, 4096, "most draws in one call; 0: chosen", NULL, false }, \
    {                                                                                                 \
        "state", 0, OPT_TEXT, "FILE", NULL, 0, 0,                                                     \
            "file of statistics: gone on from if it is there, written while running", NULL, false     \
    }

typedef struct estimate {
    ds_info_options options; /* picture, prompts and pairs are the command's to set */
    ds_bundle *draws;
    const ds_args *args;
    progress bar;
    bool announced;
} estimate;

/* The options point into *out, which must stay where it is. */
ds_status estimate_from_options(estimate *out, const ds_args *a, ds_error *err);
void estimate_clear(estimate *e); /* an all-zero one is allowed */

/* Runs what was made with the options, with a progress line that says what it measures, and a
 * remark what it will cost, once the first call is timed. */
ds_status estimate_run(estimate *e, ds_info *info, const char *what, ds_error *err);

/* {"calls", "draws", "texts", "replicates", "nodes", "seconds", "logsnr": [low, high], ...}; NULL
 * if memory is exhausted. */
json_t *estimate_json(const ds_info *info);

#endif
