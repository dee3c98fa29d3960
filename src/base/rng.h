/* rng.h - the two generators behind diffuscope/rng.h. */

#ifndef DS_BASE_RNG_H
#define DS_BASE_RNG_H

#include <diffuscope/rng.h>

void ds__twister_seed(ds_rng *rng);
uint32_t ds__twister_next(ds_rng *rng);
void ds__twister_normal(ds_rng *rng, float *out, int64_t n);
void ds__twister_uniform(ds_rng *rng, float *out, int64_t n);

/* Philox 4x32-10: one block of four words from a counter and a key. */
void ds__philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);
uint32_t ds__philox_next(ds_rng *rng);
void ds__philox_normal(ds_rng *rng, float *out, int64_t n);
void ds__philox_uniform(ds_rng *rng, float *out, int64_t n);

#endif
