/* rng.c - random numbers by kind of generator; the generators are rng_twister.c, rng_philox.c. */

#include "base/rng.h"

#include <string.h>

static const struct {
    const char *name;
    ds_rng_kind kind;
} kinds[] = {
    { "torch-cpu", DS_RNG_TORCH_CPU }, { "torch-cuda", DS_RNG_TORCH_CUDA },
    { "cpu", DS_RNG_TORCH_CPU },       { "cuda", DS_RNG_TORCH_CUDA },
    { "philox", DS_RNG_TORCH_CUDA },
};

ds_status ds_rng_kind_parse(ds_rng_kind *out, const char *name, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *out = kinds[i].kind;
            return DS_OK;
        }
    }
    return ds_fail(err, DS_E_NOMATCH,
                   "unknown generator \"%s\"; known are torch-cpu and torch-cuda", name);
}

const char *ds_rng_kind_name(ds_rng_kind kind)
{
    return kind == DS_RNG_TORCH_CUDA ? "torch-cuda" : "torch-cpu";
}

void ds_rng_init(ds_rng *rng, ds_rng_kind kind, uint64_t seed)
{
    memset(rng, 0, sizeof *rng);
    rng->kind = kind;
    rng->seed = seed;
    if (kind == DS_RNG_TORCH_CPU)
        ds__twister_seed(rng);
}

void ds_rng_normal(ds_rng *rng, float *out, int64_t n)
{
    if (rng->kind == DS_RNG_TORCH_CPU)
        ds__twister_normal(rng, out, n);
    else
        ds__philox_normal(rng, out, n);
}

void ds_rng_uniform(ds_rng *rng, float *out, int64_t n)
{
    if (rng->kind == DS_RNG_TORCH_CPU)
        ds__twister_uniform(rng, out, n);
    else
        ds__philox_uniform(rng, out, n);
}

uint32_t ds_rng_u32(ds_rng *rng)
{
    return rng->kind == DS_RNG_TORCH_CPU ? ds__twister_next(rng) : ds__philox_next(rng);
}

uint64_t ds_rng_u64(ds_rng *rng)
{
    uint64_t high = ds_rng_u32(rng);

    return high << 32 | ds_rng_u32(rng);
}
