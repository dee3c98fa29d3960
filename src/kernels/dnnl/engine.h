/* engine.h - what oneDNN's matmul and convolution kernels share.
 *
 * A kernel is a program of a few primitives (usually one). Each operand of a primitive has a
 * place: one of the kernel's arguments and a byte offset into it, so that intermediate tensors and
 * oneDNN's own scratchpad live in the caller's scratch. */

#ifndef DS_KERNELS_DNNL_ENGINE_H
#define DS_KERNELS_DNNL_ENGINE_H

#include "kernels/backend.h"
#include "kernels/dnnl/compat.h"

#define DS__STEP_ARGS  8
#define DS__STEP_COUNT 3

typedef struct ds__place {
    ds_arg arg;
    size_t offset;
} ds__place;

typedef struct ds__step {
    dnnl_primitive_t primitive;
    int count;
    dnnl_exec_arg_t arg[DS__STEP_ARGS];
    ds__place place[DS__STEP_ARGS];
} ds__step;

typedef struct ds__program {
    int count;
    ds__step step[DS__STEP_COUNT];
} ds__program;

typedef struct ds__dnnl_kernel {
    ds_kernel base;
    dnnl_engine_t engine; /* shared by the process, never destroyed */
    dnnl_stream_t stream;
    ds__md stored;          /* b as files have it */
    ds__md packed;          /* b as the primitive wants it; meaningful if desc.packed */
    ds__program program[2]; /* [1]: of a matmul whose `add` is dst itself */
    int chosen;             /* by bind */
    bool prefill;           /* run copies `add` to dst first, unless they are the same */
    char impl[64];
} ds__dnnl_kernel;

/* Memory descriptors of a kernel's arguments; owned. */
typedef struct ds__mds {
    ds__md a, b, bias, dst, add;
} ds__mds;

/* How `add` reaches the result. */
typedef enum ds__add_mode {
    DS__ADD_NONE,
    DS__ADD_TENSOR,   /* binary post-op on a tensor that is not dst */
    DS__ADD_IN_PLACE, /* sum post-op: dst holds it */
    DS__ADD_STAGED    /* the result goes to scratch, a reorder adds it to dst, which holds `add` */
} ds__add_mode;

ds_status ds__dnnl_plan_matmul(ds__dnnl_kernel *k, ds_error *err);
ds_status ds__dnnl_plan_conv(ds__dnnl_kernel *k, ds_error *err);

/* DS_OK, or the failure of `what` with the kernel's shape and oneDNN's word for it. */
ds_status ds__dnnl_check(const ds__dnnl_kernel *k, dnnl_status_t s, const char *what,
                         ds_error *err);

dnnl_data_type_t ds__dnnl_type(ds_dtype t);
void ds__dnnl_free_mds(ds__mds *md);

/* Attributes of every primitive: scratchpad is the caller's, `add` is a post-op. add_md is read in
 * mode DS__ADD_TENSOR only. */
dnnl_status_t ds__dnnl_attr(dnnl_primitive_attr_t *out, ds__add_mode mode, ds__md_ref add_md);

/* Fills p for the primitive pd, which was made for `mode` with the layout of weights left open:
 * variable weights are reordered to pd's layout first, a result in a layout of pd's own or in mode
 * DS__ADD_STAGED goes through scratch. The first program of a kernel also decides info and the
 * packed layout. */
dnnl_status_t ds__dnnl_program(ds__dnnl_kernel *k, ds__program *p, const_dnnl_primitive_desc_t pd,
                               const ds__mds *md, ds__add_mode mode);

#endif
