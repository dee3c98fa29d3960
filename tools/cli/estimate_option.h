/* estimate_option.h - how precisely a command estimates: the options of draws and goals, and the
 * run with its announcement, progress and count. */

#ifndef DS_CLI_ESTIMATE_OPTION_H
#define DS_CLI_ESTIMATE_OPTION_H

#include <jansson.h>

#include <diffuscope/info.h>

#include "opts.h"
#include "progress.h"

/* For a command's table, which also has --seed. */
#define ESTIMATE_OPTIONS                                                                           \
    {                                                                                              \
        .name = "replicates",                                                                      \
        .kind = DS_OPTION_INT,                                                                     \
        .arg = "N",                                                                                \
        .standard = "9",                                                                           \
        .min = 1,                                                                                  \
        .max = 512,                                                                                \
        .help =                                                                                    \
            "lattices of log-SNRs, whose scatter is the standard error: best an odd number from 9" \
    },                                                                                             \
        { .name = "nodes",                                                                         \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "2",                                                                         \
          .min = 1,                                                                                \
          .max = 1048576,                                                                          \
          .help = "log-SNRs of a lattice to begin with; doubled until --se is met" },              \
        { .name = "se",                                                                            \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "SHARE",                                                                          \
          .standard = "0",                                                                         \
          .help = "go on until the standard errors of all informations are this share of them, "   \
                  "\"2%\" or "                                                                     \
                  "0.02; 0: stop after the first lattices" },                                      \
        { .name = "se-floor",                                                                      \
          .kind = DS_OPTION_REAL,                                                                  \
          .arg = "NATS",                                                                           \
          .standard = "0.1",                                                                       \
          .min = 0,                                                                                \
          .max = 1e9,                                                                              \
          .help = "smaller informations need not be known better than this one" },                 \
        { .name = "max-calls",                                                                     \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "0",                                                                         \
          .min = 0,                                                                                \
          .max = 1e15,                                                                             \
          .help = "most evaluations of the network (noisy latents times texts); 0: no limit" },    \
        { .name = "pilot",                                                                         \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "18",                                                                        \
          .min = 0,                                                                                \
          .max = 65536,                                                                            \
          .help = "log-SNRs of a pilot run that the density of draws is fitted to; 0: none" },     \
        { .name = "design",                                                                        \
          .kind = DS_OPTION_CHOICE,                                                                \
          .choices = "lattice|published",                                                          \
          .standard = "lattice",                                                                   \
          .help =                                                                                  \
              "lattice: shifted lattices with antithetic noise; published: independent draws, "    \
              "--replicates of them" },                                                            \
        { .name = "no-antithetic",                                                                 \
          .kind = DS_OPTION_FLAG,                                                                  \
          .help = "each noise once, without its negative" },                                       \
        { .name = "exact-snr",                                                                     \
          .kind = DS_OPTION_FLAG,                                                                  \
          .help = "noise at the drawn log-SNR, although the network is told the nearest of its "   \
                  "schedule" },                                                                    \
        { .name = "draws",                                                                         \
          .kind = DS_OPTION_TEXT,                                                                  \
          .arg = "FILE",                                                                           \
          .help = "safetensors file of recorded draws: logsnr [n], weight [n], eps [n,C,h,w]" },   \
        { .name = "batch",                                                                         \
          .kind = DS_OPTION_INT,                                                                   \
          .arg = "N",                                                                              \
          .standard = "0",                                                                         \
          .min = 0,                                                                                \
          .max = 4096,                                                                             \
          .help = "most draws in one call; 0: chosen" },                                           \
    {                                                                                              \
        .name = "state", .kind = DS_OPTION_TEXT, .arg = "FILE",                                    \
        .help = "file of statistics: gone on from if it is there, written while running"           \
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
