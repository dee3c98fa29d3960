/* choose.c - picks the table of plain kernels for the machine that we run on.
 *
 * The Makefile defines DS_HAVE_ISA_x for each set that was built. v4bf16 is v4 with AVX512-BF16: a
 * CPU that has AVX-512 without it gets v4. */

#include "kernels/simd.h"
#include "kernels/tables.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a table needs: levels of x86-64, each with all below it. */
typedef enum level { ANY, V2, V3, V4, V4BF16 } level;

#if defined(__x86_64__)
#define HAS(feature) (__builtin_cpu_supports(feature) != 0)
#else
#define HAS(feature) false
#endif

static bool supported(level l)
{
    switch (l) {
    case ANY:
        return true;
    case V2:
        return HAS("sse3") && HAS("ssse3") && HAS("sse4.1") && HAS("sse4.2") && HAS("popcnt");
    case V3:
        return supported(V2) && HAS("avx") && HAS("avx2") && HAS("bmi") && HAS("bmi2") &&
               HAS("fma");
    case V4:
        return supported(V3) && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") &&
               HAS("avx512dq") && HAS("avx512vl");
    case V4BF16:
        return supported(V4) && HAS("avx512bf16");
    }
    return false;
}

static const struct {
    const ds_simd *table;
    level needs;
} tables[] = {
    /* slowest first */
    { &ds__table_ref, ANY },
#ifdef DS_HAVE_ISA_portable
    { &ds__table_portable, ANY },
#endif
#ifdef DS_HAVE_ISA_v2
    { &ds__table_v2, V2 },
#endif
#ifdef DS_HAVE_ISA_v3
    { &ds__table_v3, V3 },
#endif
#ifdef DS_HAVE_ISA_v4
    { &ds__table_v4, V4 },
#endif
#ifdef DS_HAVE_ISA_v4bf16
    { &ds__table_v4bf16, V4BF16 },
#endif
};

const ds_simd *ds__simd_at(int i)
{
    for (size_t t = 0; t < DS_COUNT(tables); t++)
        if (supported(tables[t].needs) && i-- == 0)
            return tables[t].table;
    return NULL;
}

const ds_simd *ds__simd_named(const char *wish)
{
    const ds_simd *best = NULL;

    for (int i = 0; ds__simd_at(i) != NULL; i++) {
        best = ds__simd_at(i);
        if (wish != NULL && strcmp(wish, best->isa) == 0)
            break;
    }
    return best;
}

/* Chosen once: a host may change its environment while we run, and a table that changed half-way would
 * change results. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const ds_simd *chosen;

static void choose(void)
{
    if (chosen == NULL)
        chosen = ds__simd_named(getenv("DIFFUSCOPE_ISA"));
}

const ds_simd *ds__simd(void)
{
    pthread_once(&once, choose);
    return chosen;
}

void ds__simd_use(const ds_simd *table)
{
    pthread_once(&once, choose);
    chosen = table != NULL ? table : ds__simd_named(getenv("DIFFUSCOPE_ISA"));
}
