/* params.h - the parameters of a network by state-dict name, and the packed copies that kernels
 * ask for.
 *
 * A parameter's value stays where it is (usually the mapped file, in the file's element type). A
 * kernel that wants another layout or type gets a copy, made once and shared by all plans of the
 * model; the mapped pages that the copy replaces are then given back to the system.
 *
 * Thread rule: finding is free-threaded; packing takes the table's lock. */

#ifndef DS_OPS_PARAMS_H
#define DS_OPS_PARAMS_H

#include "base/arena.h"
#include "kernels/kernels.h"

typedef struct ds_param {
    const char *name; /* "unet.conv_in.weight" */
    ds_tensor value;  /* PyTorch's order; data NULL while a topology is only being listed */
    bool trained;     /* its value changes between runs: never packed */
    struct ds_pack *packs;
    int plans;              /* that read it now */
    struct ds_params *home; /* the table that keeps its packs, under its lock */
    void *owned;            /* the value's data, where the table itself keeps it; else NULL */
} ds_param;

typedef struct ds_params ds_params;

/* Where a parameter comes from when it is asked for the first time: fills value (borrowed data,
 * which may be NULL while a topology is only being listed) or fails, naming file and expectation.
 */
typedef ds_status ds_param_source(void *user, const char *name, int rank, const int64_t *dim,
                                  ds_tensor *value, ds_error *err);

/* drop is called when a parameter's stored bytes were copied and will not be read again soon; it
 * may be NULL. */
ds_status ds__params_new(ds_params **out, ds_param_source *source,
                         void (*drop)(void *user, const char *name, const ds_tensor *value),
                         void *user, ds_error *err);
void ds__params_free(ds_params *p);

/* A table of what `base` has found so far, for which nothing is copied: values and packs stay base's, which
 * must outlive it. Parameters of its own replace them one by one. */
ds_status ds__params_derive(ds_params **out, ds_params *base, ds_error *err);

/* Makes `name` a parameter of p's own, with a value in f32 that begins as a copy of what was there, and may
 * be written until the first plan reads it. DS_E_NOMATCH if there is none. */
ds_status ds__params_own(ds_params *p, ds_param **out, const char *name, ds_error *err);

/* The same with `rows` more rows at its end, zero. */
ds_status ds__params_widen(ds_params *p, ds_param **out, const char *name, int64_t rows,
                           ds_error *err);

/* DS_E_NOMATCH or DS_E_SHAPE, naming the parameter, the expected and the found shape. */
ds_status ds__params_find(ds_params *p, ds_param **out, const char *name, int rank,
                          const int64_t *dim, ds_error *err);

/* One that was found before, or NULL. */
ds_param *ds__params_get(const ds_params *p, const char *name);

/* Those that were found, in the order of their first use. */
int64_t ds__params_count(const ds_params *p);
ds_param *ds__params_at(const ds_params *p, int64_t i);

/* The parameter as a plain dense array of `type` in PyTorch's order: in place if it is stored so.
 */
ds_status ds__params_plain(ds_param *q, ds_dtype type, const void **out, ds_error *err);

/* The parameter as kernel k's packed operand. */
ds_status ds__params_packed(ds_param *q, ds_kernel *k, const void **out, ds_error *err);

/* The plain bytes will not be read again soon: mapped pages go back to the system, which reads them
 * again when they are touched. */
void ds__params_release(const ds_param *q);

/* Makes the copies of trained parameters again, after their values have changed. */
void ds__params_refresh(ds_params *p);

/* A plan begins or ends to read q: while one does, its packs stay. */
void ds__params_hold(ds_param *q);
void ds__params_let_go(ds_param *q);

/* Frees the packed copies of all parameters under `prefix` ("unet.") that no plan reads, if they are worth
 * it: more than `most` bytes together. A plan that wants them again makes them again. */
void ds__params_trim(ds_params *p, const char *prefix, size_t most);

size_t ds__params_packed_bytes(const ds_params *p); /* sum of all copies */

#endif
