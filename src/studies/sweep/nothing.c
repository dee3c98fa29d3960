/* nothing.c - an instrument that does nothing: what a plan, a cluster and a sweep cost by themselves. It is
 * found by name and not listed. */

#include "job/job.h"
#include "methods/methods.h"

typedef struct nothing_job {
    const char *prompt;
    uint64_t seed;
} nothing_job;

#define AT(field) offsetof(nothing_job, field)

/* A number in [0,1) that depends on both, by the mixing of splitmix64 (Steele et al. 2014). */
static ds_status run(ds_job *j, void *options, ds_error *err)
{
    const nothing_job *o = options;
    uint64_t x = o->seed + 1;

    for (const char *p = o->prompt; p != NULL && *p != '\0'; p++)
        x = x * 31 + (unsigned char)*p;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return ds__result_set(j->result, "number", json_real((double)(x >> 11) * 0x1p-53), err);
}

static const ds_option rows[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .offset = AT(prompt),
      .arg = "TEXT",
      .help = "a text" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = AT(seed),
      .arg = "K",
      .standard = "42",
      .help = "a number" },
    { 0 },
};

const ds_method ds__method_nothing = {
    .name = "nothing",
    .purpose = "a number that is made of prompt and seed, for trying sweeps",
    .options = rows,
    .size = sizeof(nothing_job),
    .fields = sizeof(nothing_job),
    .run = run,
};
