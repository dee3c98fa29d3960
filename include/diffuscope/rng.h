/* diffuscope/rng.h - random numbers that equal PyTorch's, so that a seed means the same picture.
 *
 * torch-cpu   the CPU generator: the Mersenne Twister MT19937 and PyTorch's own transforms, bit for
 *             bit. torch.randn with 16 numbers or more takes the 8-lane polynomial path of an AVX2
 *             machine (all x86-64 machines of the last decade), below that the double path.
 * torch-cuda  the CUDA generator: Philox 4x32-10 with one counter per element, equal up to rounding
 *             as long as one launch covers the tensor (43,008 elements on the smallest cards).
 *
 * Thread rule: a generator belongs to one thread. It owns no memory and may be copied to save
 * its state. */

#ifndef DIFFUSCOPE_RNG_H
#define DIFFUSCOPE_RNG_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ds_rng_kind { DS_RNG_TORCH_CPU = 0, DS_RNG_TORCH_CUDA } ds_rng_kind;

/* Lives on the caller's stack. The fields are for the implementation. */
typedef struct ds_rng {
    ds_rng_kind kind;
    uint64_t seed;
    uint64_t offset;    /* torch-cuda: draws made so far */
    uint32_t word[624]; /* torch-cpu: the twister's state */
    int next;           /* torch-cpu: first word that is still unused */
    bool has_spare;     /* torch-cpu: second half of a Box-Muller pair */
    double spare;
} ds_rng;

DS_API void ds_rng_init(ds_rng *rng, ds_rng_kind kind, uint64_t seed);

/* torch.randn(n) and torch.rand(n): the next n numbers. Sizes matter: one draw of 32 differs from
 * two of 16 for torch-cuda, and draws below 16 differ from longer ones for torch-cpu. */
DS_API void ds_rng_normal(ds_rng *rng, float *out, int64_t n);
DS_API void ds_rng_uniform(ds_rng *rng, float *out, int64_t n);

/* 32 and 64 random bits. */
DS_API uint32_t ds_rng_u32(ds_rng *rng);
DS_API uint64_t ds_rng_u64(ds_rng *rng);

/* "torch-cpu" or "torch-cuda"; also "cpu" and "cuda", "philox" as other programs spell them.
 * DS_E_NOMATCH for anything else. */
DS_API ds_status ds_rng_kind_parse(ds_rng_kind *out, const char *name, ds_error *err);
DS_API const char *ds_rng_kind_name(ds_rng_kind kind);

#ifdef __cplusplus
}
#endif
#endif
