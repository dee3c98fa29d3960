/* gather.c - rows of a table; see ref/gather.c. */

#include "kernels/simd/vec.h"
#include "kernels/tables.h"

void DS_FN(gather)(float *dst, const float *table, const int32_t *ids, int64_t count, int64_t c)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(dst + i * c, table + ids[i] * c, (size_t)c * sizeof *dst);
}

/* A thread owns a strip of columns, so that every row adds up in the order of i. */
void DS_FN(gather_adj)(float *dtable, const float *dy, const int32_t *ids, int64_t count, int64_t c)
{
    enum { STRIP = 64 };

#pragma omp parallel for schedule(static) if (count * c > SWEEP_CHUNK)
    for (int64_t k = 0; k < c; k += STRIP)
        for (int64_t i = 0; i < count; i++) {
            float *to = dtable + ids[i] * c + k;
            const int64_t width = ds__min(STRIP, c - k);

            for (int64_t j = 0; j < width; j += VW)
                vstore_n(to + j,
                         vload_n(to + j, width - j) + vload_n(dy + i * c + k + j, width - j),
                         width - j);
        }
}

/* A few hundred values per step: the reference serves every instruction set. */
void DS_FN(timestep_embedding)(float *dst, const float *t, int64_t n, int64_t dim, bool flip,
                               float freq_shift, float scale, float max_period)
{
    ds__table_ref.timestep_embedding(dst, t, n, dim, flip, freq_shift, scale, max_period);
}
