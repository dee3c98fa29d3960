/* baseline.h - what timing programs share: the clock, medians, and the rate that they compare with.
 * Each program includes it once. */

#ifndef DS_BENCH_BASELINE_H
#define DS_BENCH_BASELINE_H

#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_REPETITIONS 64

static clockid_t clock_id = CLOCK_MONOTONIC; /* or processor time, for one thread */

static double now(void)
{
    struct timespec t;

    clock_gettime(clock_id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(ds_status st, const ds_error *err)
{
    if (st == DS_OK)
        return;
    fprintf(stderr, "bench: %s [%s]\n", err->text, err->name);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return n % 2 != 0 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* ---- baseline ------------------------------------------------------------------------------- */

static ds_kernel *baseline;

static void *ones(size_t bytes)
{
    float *p = ds_alloc(bytes);

    for (size_t i = 0; i < bytes / sizeof *p; i++)
        p[i] = 1e-2f;
    return p;
}

static void baseline_new(void)
{
    ds_kernel_desc d = { .kind = DS_KERNEL_CONV,
                         .packed = true,
                         .direct = true,
                         .images = 1,
                         .height = 64,
                         .width = 64,
                         .cin = 320,
                         .cout = 320,
                         .kh = 3,
                         .kw = 3,
                         .stride = 1,
                         .pad_top = 1,
                         .pad_left = 1,
                         .pad_bottom = 1,
                         .pad_right = 1 };
    size_t image = 64 * 64 * 320 * sizeof(float), weights = 320 * 320 * 9 * sizeof(float);
    void *args[DS_ARG_COUNT] = { NULL }, *plain = ones(weights);
    ds_error err = { 0 };

    must(ds__kernel_new(&baseline, DS_BACKEND_DNNL, &d, &err), &err);
    args[DS_ARG_A] = ones(image);
    args[DS_ARG_DST] = ones(image);
    args[DS_ARG_B] = plain;
    if (ds__kernel_info(baseline)->packed_bytes > 0) {
        args[DS_ARG_B] = ds_alloc(ds__kernel_info(baseline)->packed_bytes);
        must(ds__kernel_pack(baseline, args[DS_ARG_B], plain, DS_DTYPE_F32, &err), &err);
    }
    args[DS_ARG_SCRATCH] = ds_alloc(ds__kernel_info(baseline)->scratch_bytes);
    must(ds__kernel_bind(baseline, args, &err), &err);
}

/* Floating-point operations a second over a tenth of a second or so. */
static double baseline_rate(void)
{
    ds_error err = { 0 };
    double start = now();

    for (int i = 0; i < 5; i++)
        must(ds__kernel_run(baseline, &err), &err);
    return 5.0 * ds__kernel_info(baseline)->flops / (now() - start);
}

#endif
