/* threads.c - how many threads work, which is OpenMP's matter, and whether they shall stop.
 *
 * OpenMP keeps the number for each thread that calls. What the process began with is read once. */

#include "base/threads.h"

#include <diffuscope/base.h>

#include <omp.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initial;

static void look(void)
{
    initial = omp_get_max_threads();
}

void ds_set_threads(int count)
{
    pthread_once(&once, look);
    omp_set_num_threads(count > 0 ? count : initial);
}

int ds_threads(void)
{
    return omp_get_max_threads();
}

int ds__threads_enter(int count)
{
    const int before = omp_get_max_threads();

    if (count < 1 || count == before)
        return 0;
    omp_set_num_threads(count);
    return before;
}

void ds__threads_leave(int before)
{
    if (before > 0)
        omp_set_num_threads(before);
}

/* ---- cancellation: the compilers' atomics, since C++ reads no _Atomic in a header ----------- */

void ds_cancel_request(ds_cancel *c)
{
    __atomic_store_n(&c->requested, 1, __ATOMIC_RELAXED);
}

bool ds_cancel_requested(const ds_cancel *c)
{
    return c != NULL && __atomic_load_n(&c->requested, __ATOMIC_RELAXED) != 0;
}
