/* engine.h - what oneDNN's matmul and convolution kernels share.
 *
 * A kernel is a program of a few primitives (usually one). Each operand of a primitive has a
 * place: one of the kernel's arguments and a byte offset into it, so that intermediate tensors and
 * oneDNN's own scratchpad live in the caller's scratch.                                            */

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
    dnnl_engine_t engine; /* shared by the process, never destroyed                                */
    dnnl_stream_t stream;
    ds__md stored; /* b as files have it                                                           */
    ds__md packed; /* b as the primitive wants it; meaningful if desc.packed                       */
    ds__program program[2]; /* [1]: `add` is dst itself                                            */
    int chosen;             /* by bind                                                             */
    char impl[64];
} ds__dnnl_kernel;

/* How `add` reaches a primitive. */
typedef enum ds__add_mode { DS__ADD_NONE, DS__ADD_TENSOR, DS__ADD_IN_PLACE } ds__add_mode;

ds_status ds__dnnl_plan_matmul(ds__dnnl_kernel *k, ds_error *err);
ds_status ds__dnnl_plan_conv(ds__dnnl_kernel *k, ds_error *err);

/* DS_OK, or the failure of `what` with the kernel's shape and oneDNN's word for it.               */
ds_status ds__dnnl_check(const ds__dnnl_kernel *k, dnnl_status_t s, const char *what,
                         ds_error *err);

dnnl_data_type_t ds__dnnl_type(ds_dtype t);

/* Attributes of every primitive: scratchpad is the caller's, `add` is a post-op. add_md is read in
 * mode DS__ADD_TENSOR only.                                                                       */
dnnl_status_t ds__dnnl_attr(dnnl_primitive_attr_t *out, ds__add_mode mode, ds__md_ref add_md);

/* Makes a primitive of pd and appends it to the program; its scratchpad starts at `offset` of the
 * scratch, which info.scratch_bytes is raised to cover.                                           */
dnnl_status_t ds__dnnl_append(ds__dnnl_kernel *k, ds__program *p, const_dnnl_primitive_desc_t pd,
                              size_t offset);

/* Adds an operand to the program's last step. */
dnnl_status_t ds__dnnl_operand(ds__dnnl_kernel *k, ds__program *p, int id, ds__md_ref md,
                               ds__place place);

/* Notes the layout that pd chose for its weights in k->packed and info; and pd's name.            */
dnnl_status_t ds__dnnl_note_layout(ds__dnnl_kernel *k, const_dnnl_primitive_desc_t pd);
void ds__dnnl_note_impl(ds__dnnl_kernel *k, const_dnnl_primitive_desc_t pd);

#endif
