/* cmd_random.c - `diffuscope random`: the numbers that a seed stands for in PyTorch. */

#include <diffuscope/rng.h>
#include <inttypes.h>

#include "commands.h"
#include "print.h"

static const ds_option options[] = {
    { .name = "rng",
      .kind = DS_OPTION_TEXT,
      .arg = "torch-cpu|torch-cuda",
      .standard = "torch-cpu",
      .help = "generator" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "K",
      .standard = "42",
      .help = "seed" },
    { .name = "kind",
      .kind = DS_OPTION_CHOICE,
      .choices = "randn|rand",
      .standard = "randn",
      .help = "normal numbers, or uniform ones from 0 to 1" },
    { .name = "count",
      .letter = 'c',
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "16",
      .min = 1,
      .max = 1e8,
      .help = "how many, in one draw" },
    { 0 },
};

static ds_status run(const ds_args *a, ds_error *err)
{
    int64_t n = opt_int(a, "count");
    bool json = opt_flag(a, "json");
    const char *kind = opt_text(a, "kind");
    ds_rng_kind generator;
    ds_rng rng;
    float *x;
    ds_status st = ds_rng_kind_parse(&generator, opt_text(a, "rng"), err);

    if (st != DS_OK)
        return st;
    x = ds_calloc((size_t)n, sizeof *x);
    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %" PRId64 " numbers", n);
    ds_rng_init(&rng, generator, opt_seed(a, "seed"));
    if (kind[4] == 'n')
        ds_rng_normal(&rng, x, n);
    else
        ds_rng_uniform(&rng, x, n);
    if (json)
        print("{\"rng\": \"%s\", \"seed\": %" PRIu64 ", \"kind\": \"%s\", \"count\": %" PRId64
              ", \"values\": [",
              ds_rng_kind_name(generator), opt_seed(a, "seed"), kind, n);
    for (int64_t i = 0; i < n; i++)
        print("%s%.9g%s", json && i > 0 ? ", " : "", (double)x[i], json ? "" : "\n");
    if (json)
        print("]}\n");
    ds_free(x);
    return DS_OK;
}

const ds_command cmd_random = {
    .name = "random",
    .purpose = "print the random numbers of a seed",
    .description = "torch-cpu equals torch.randn and torch.rand on a CPU bit for bit. torch-cuda "
                   "equals those on a GPU up to rounding. One draw of N numbers: the start of a "
                   "longer draw may differ, as it does in PyTorch.",
    .example = "diffuscope random --seed 0 --count 4 --json",
    .options = options,
    .common = COMMON_JSON,
    .run = run,
};
