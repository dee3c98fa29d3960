/* support.c - see support.h. */

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ts_golden(void)
{
    const char *dir = getenv("DS_GOLDEN");

    dir = dir != NULL ? dir : "../shared/golden";
    if (access(dir, R_OK) == 0)
        return dir;
    printf("SKIPPED: no reference numbers at %s (set DS_GOLDEN to their folder)\n", dir);
    return NULL;
}

const char *ts_path(const char *dir, const char *fmt, ...)
{
    static char ring[8][1024];
    static int next;
    char *buf = ring[next++ % 8];
    int n = snprintf(buf, sizeof ring[0], "%s/", dir);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf + n, sizeof ring[0] - (size_t)n, fmt, ap);
    va_end(ap);
    return buf;
}

void ts_ok(ds_status st, const ds_error *err)
{
    if (st != DS_OK)
        fail_msg("%s: %s [%s]", ds_status_name(st), err->text, err->name);
}

double ts_compare(const char *what, const float *got, const float *want, int64_t n,
                  double tolerance)
{
    double scale = 0.0, worst = 0.0;
    int64_t where = 0;

    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);

        if (!(d <= worst) && !isnan(worst)) { /* a NaN counts as worst and stays */
            worst = d;
            where = i;
        }
    }
    if (!(worst <= tolerance * scale))
        fail_msg("%s: element %lld is %.9g, expected %.9g; error %.2e of the largest (%.3g), "
                 "tolerance %.1e",
                 what, (long long)where, got[where], want[where], worst / scale, scale, tolerance);
    return scale > 0.0 ? worst / scale : worst;
}

static struct {
    int64_t alive, requests, fail_at;
} heap;

static void *counting_alloc(void *user, size_t bytes)
{
    int64_t n = __atomic_add_fetch(&heap.requests, 1, __ATOMIC_RELAXED);
    void *p;

    (void)user;
    if (n == heap.fail_at)
        return NULL;
    p = aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0));
    if (p != NULL)
        __atomic_add_fetch(&heap.alive, 1, __ATOMIC_RELAXED);
    return p;
}

static void counting_release(void *user, void *block)
{
    (void)user;
    __atomic_sub_fetch(&heap.alive, 1, __ATOMIC_RELAXED);
    free(block);
}

void ts_alloc_begin(int64_t fail_at)
{
    static const ds_allocator counting = { counting_alloc, counting_release, NULL };

    heap.alive = heap.requests = 0;
    heap.fail_at = fail_at;
    ds_set_allocator(&counting);
}

int64_t ts_alloc_end(void)
{
    ds_set_allocator(NULL);
    return heap.alive;
}

int64_t ts_alloc_requests(void)
{
    return heap.requests;
}
