/* choose.c - picks the table of plain kernels for the machine that we run on.
 *
 * The Makefile defines DS_HAVE_ISA_x for each set that was built. v4bf16 is v4 with AVX512-BF16: a
 * CPU that has AVX-512 without it gets v4. */

#include "kernels/simd.h"
#include "kernels/tables.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(DS_HAVE_ISA_v2)
#define HAS(feature) __builtin_cpu_supports(feature)

static bool has_v2(void)
{
    return HAS("sse3") && HAS("ssse3") && HAS("sse4.1") && HAS("sse4.2") && HAS("popcnt");
}

static bool has_v3(void)
{
    return has_v2() && HAS("avx") && HAS("avx2") && HAS("bmi") && HAS("bmi2") && HAS("fma");
}

static bool has_v4(void)
{
    return has_v3() && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") &&
           HAS("avx512vl");
}

static bool has_v4bf16(void)
{
    return has_v4() && HAS("avx512bf16");
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const ds_simd *table;
    bool (*supported)(void);
} tables[] = {
    /* slowest first */
    { &ds__table_ref, always },
#ifdef DS_HAVE_ISA_portable
    { &ds__table_portable, always },
#endif
#ifdef DS_HAVE_ISA_v2
    { &ds__table_v2, has_v2 },
#endif
#ifdef DS_HAVE_ISA_v3
    { &ds__table_v3, has_v3 },
#endif
#ifdef DS_HAVE_ISA_v4
    { &ds__table_v4, has_v4 },
#endif
#ifdef DS_HAVE_ISA_v4bf16
    { &ds__table_v4bf16, has_v4bf16 },
#endif
};

const ds_simd *ds__simd_at(int i)
{
    for (size_t t = 0; t < DS_COUNT(tables); t++)
        if (tables[t].supported() && i-- == 0)
            return tables[t].table;
    return NULL;
}

const ds_simd *ds__simd(void)
{
    const char *wish = getenv("DIFFUSCOPE_ISA");
    const ds_simd *best = NULL;

    for (int i = 0; ds__simd_at(i) != NULL; i++) {
        best = ds__simd_at(i);
        if (wish != NULL && strcmp(wish, best->isa) == 0)
            break;
    }
    return best;
}
