/* support.h - what the test programs share. */

#ifndef DS_TESTS_SUPPORT_H
#define DS_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <diffuscope/tensor.h>

/* Folder of the reference numbers, or NULL (after saying so) when it is absent: then skip().
 * DS_GOLDEN overrides; the default is ../shared/golden beside the checkout. */
const char *ts_golden(void);

/* Folder of the small set of reference numbers that is part of the repository. */
#define TS_SMALL_GOLDEN "tests/data/golden"

/* Calls run(golden, name) for every case in the folder whose name contains `part`; fails the test
 * where there is none, and skips it where golden is NULL. */
void ts_golden_cases(const char *golden, const char *part,
                     void (*run)(const char *golden, const char *name));

/* "DIR/fmt" in a static ring of buffers. */
const char *ts_path(const char *dir, const char *fmt, ...) DS_PRINTF(2, 3);

/* Path of a very small model with random weights that this call makes, once, and the end of the
 * program removes: pictures of 64 by 64, vocabulary of bytes. xl: with two text encoders. */
const char *ts_tiny_model(bool xl);

/* The next number of a sequence, roughly normal of spread 1. */
float ts_noise(uint64_t *seed);

/* Fails the test unless st is DS_OK, with the error's text. */
void ts_ok(ds_status st, const ds_error *err);

/* Largest |got - want| / max|want| over the elements; fails above `tolerance` naming `what`. */
double ts_compare(const char *what, const float *got, const float *want, int64_t n,
                  double tolerance);

/* An allocator that counts blocks and fails the n-th request (0: never). Installed by _begin;
 * _end restores the default and returns the number of blocks still alive. */
void ts_alloc_begin(int64_t fail_at);
int64_t ts_alloc_end(void);
int64_t ts_alloc_requests(void); /* requests since _begin */

#endif
