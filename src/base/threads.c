/* threads.c - the size of the one thread pool, which is OpenMP's. */

#include <diffuscope/base.h>

#include <omp.h>

void ds_set_threads(int count)
{
    static int initial;

    if (initial == 0)
        initial = omp_get_max_threads();
    omp_set_num_threads(count > 0 ? count : initial);
}

int ds_threads(void)
{
    return omp_get_max_threads();
}
