/* profile.h - where a plan's time goes, by kind of operator and by shape (ds__plan_time). Each
 * timing program includes it once. */

#ifndef DS_BENCH_PROFILE_H
#define DS_BENCH_PROFILE_H

#include "ops/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_KINDS 512

typedef struct kind {
    char name[160];
    double seconds, flops;
    int calls;
} kind;

typedef struct profile {
    kind kind[MOST_KINDS];
    int count;
} profile;

static void add_to(profile *p, const char *name, double seconds, double flops)
{
    int i = 0;

    while (i < p->count && strcmp(p->kind[i].name, name) != 0)
        i++;
    if (i == MOST_KINDS)
        return;
    if (i == p->count) {
        p->count++;
        snprintf(p->kind[i].name, sizeof p->kind[i].name, "%s", name);
    }
    p->kind[i].seconds += seconds;
    p->kind[i].flops += flops;
    p->kind[i].calls++;
}

static profile by_kind, by_shape;

static void timer(void *user, const char *op, const char *shapes, double seconds, double flops)
{
    char name[160];

    (void)user;
    snprintf(name, sizeof name, "%-26s %s", op, shapes);
    add_to(&by_kind, op, seconds, flops);
    add_to(&by_shape, name, seconds, flops);
}

static int slower(const void *a, const void *b)
{
    double x = ((const kind *)a)->seconds, y = ((const kind *)b)->seconds;

    return (x < y) - (x > y);
}

static void print_profile(profile *p, int most, int repetitions)
{
    double total = 0.0;

    qsort(p->kind, (size_t)p->count, sizeof p->kind[0], slower);
    for (int i = 0; i < p->count; i++)
        total += p->kind[i].seconds;
    for (int i = 0; i < p->count && i < most; i++)
        printf("  %5.1f %% %8.3f ms %5.1f GFLOP/s %4d  %s\n", 100.0 * p->kind[i].seconds / total,
               1e3 * p->kind[i].seconds / repetitions, 1e-9 * p->kind[i].flops / p->kind[i].seconds,
               p->kind[i].calls / repetitions, p->kind[i].name);
    p->count = 0;
    memset(p, 0, sizeof *p);
}

#endif
