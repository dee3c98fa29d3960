/* diffuscope/base.h - what every call shares: status, error record, memory, threads, cancellation.
 *
 * The library never exits, prints or keeps a global message. A call that can fail returns a
 * ds_status; the ds_error that the caller passes (NULL is allowed) says why, in a sentence that
 * tells what was expected, what was found and, where that helps, what to do. */

#ifndef DIFFUSCOPE_BASE_H
#define DIFFUSCOPE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DS_VERSION_MAJOR 0
#define DS_VERSION_MINOR 1
#define DS_VERSION_PATCH 0
#define DS_VERSION       "0.1.0"

#if defined(__GNUC__)
#define DS_API             __attribute__((visibility("default")))
#define DS_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#else
#define DS_API
#define DS_PRINTF(fmt, va)
#endif

#define DS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* New members go to the end: the numbers are part of the binary interface. */
typedef enum ds_status {
    DS_OK = 0,
    DS_E_ARG,         /* the caller misused the interface */
    DS_E_NOMEM,       /* memory is exhausted, or a declared budget would be */
    DS_E_IO,          /* a file could not be opened, read or written */
    DS_E_FORMAT,      /* a file's content is damaged or hostile */
    DS_E_UNSUPPORTED, /* well-formed, but asks for something that is not implemented */
    DS_E_NOMATCH,     /* a name or pattern matches nothing */
    DS_E_SHAPE,       /* a tensor's shape or type is not the expected one */
    DS_E_CANCELLED,   /* ds_cancel was called */
    DS_E_INTERNAL     /* a bug of ours, or of a library below us */
} ds_status;

/* Filled by the failing call; lives on the caller's stack. */
typedef struct ds_error {
    ds_status code;
    char text[512]; /* a full sentence, no newline */
    char name[160]; /* the offending file, tensor, option or site; "" if none */
    int64_t offset; /* byte position inside that file, -1 if none */
} ds_error;

/* Records the failure and returns `code`, so that a call site can write
 * `return ds_fail(err, DS_E_SHAPE, "...")`. err may be NULL. The first failure wins: a record
 * that already holds one is left alone. */
DS_API ds_status ds_fail(ds_error *err, ds_status code, const char *fmt, ...) DS_PRINTF(3, 4);

/* Attaches the offending name (and byte offset, -1 for none) to the record of a failure `code`
 * that was just reported, unless an earlier one named something already; returns `code`. */
DS_API ds_status ds_fail_at(ds_error *err, ds_status code, const char *name, int64_t offset);

/* "DS_E_SHAPE" and the like; never NULL. */
DS_API const char *ds_status_name(ds_status code);

/* ---- memory --------------------------------------------------------------------------------- */

/* Every block of the library comes from here. Set it before any other call; the default is the
 * C library. `alloc` returns memory aligned to 64 bytes or NULL. */
typedef struct ds_allocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*release)(void *user, void *block);
    void *user;
} ds_allocator;

DS_API void ds_set_allocator(const ds_allocator *a); /* NULL restores the default */

DS_API void *ds_alloc(size_t bytes); /* 64-byte aligned, uninitialised; NULL on failure */
DS_API void *ds_calloc(size_t count, size_t size); /* zeroed, the product is checked */
DS_API char *ds_strdup(const char *text);
DS_API void ds_free(void *block); /* NULL is allowed */

/* Checked sizes: false if the product or sum does not fit; *out is then unspecified. */
DS_API bool ds_mul_size(size_t a, size_t b, size_t *out);
DS_API bool ds_add_size(size_t a, size_t b, size_t *out);

/* ---- folders --------------------------------------------------------------------------------- */

/* Makes a folder and those above it; one that is there is left alone. DS_E_IO names the path. */
DS_API ds_status ds_folder_make(const char *path, ds_error *err);

/* ---- threads and cancellation --------------------------------------------------------------- */

/* How many threads (OpenMP's) the calling thread may use from here on: the number belongs to the
 * thread that calls, and another begins with OMP_NUM_THREADS or the number of cores, which is
 * also what 0 means. A network runs on the number that it was planned with, whichever thread
 * runs it. Options with a field `threads` set the number for one object and leave this one
 * alone. */
DS_API void ds_set_threads(int count);
DS_API int ds_threads(void); /* of the calling thread */

/* All zero to begin with. Any thread and any signal handler may request; who works asks between
 * the operators of a network. `requested` is read and written by these two alone, atomically. */
typedef struct ds_cancel {
    int requested;
} ds_cancel;

/* How far a stage of some work is ("sampling", "measuring"). Return DS_OK to go on; any other status
 * ends the work with it. */
typedef struct ds_progress {
    const char *stage;
    int64_t done, total; /* total may grow */
} ds_progress;
typedef ds_status ds_progress_fn(void *user, const ds_progress *p, ds_error *err);

DS_API void ds_cancel_request(ds_cancel *c);
DS_API bool ds_cancel_requested(const ds_cancel *c); /* NULL is allowed: no */

/* For an interpreter, whose own handlers wait until a call is over: from here on SIGINT also requests
 * the cancellation of c, before whatever handled it does so; NULL ends that. One c in a process; it lives
 * until the end. DS_E_INTERNAL if the system refuses. */
DS_API ds_status ds_cancel_on_interrupt(ds_cancel *c, ds_error *err);

/* ---- for other languages --------------------------------------------------------------------- */

/* How the compiler laid out the structs of these headers, so that who declares them in another
 * language can compare: each struct, followed by its fields. NULL past the end. */
typedef struct ds_struct_field {
    const char *type;  /* "ds_tensor" */
    const char *field; /* NULL: the struct itself */
    size_t size, offset;
    const void *init; /* of a struct with an initialiser (DS_RUN_OPTIONS_INIT): its value; NULL */
} ds_struct_field;
DS_API const ds_struct_field *ds_struct_field_at(int i);

#ifdef __cplusplus
}
#endif
#endif
