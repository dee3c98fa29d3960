/* backend.h - what a backend of compiled kernels provides; for src/kernels only.
 *
 * A backend allocates an object that begins with a ds_kernel. create.c has checked the
 * description before (ranges, types, sizes that fit), so a backend computes with it freely. */

#ifndef DS_KERNELS_BACKEND_H
#define DS_KERNELS_BACKEND_H

#include "kernels/kernels.h"

typedef struct ds__kernel_ops {
    void (*release)(ds_kernel *k);
    ds_status (*pack)(ds_kernel *k, void *dst, const void *src, ds_dtype src_type, ds_error *err);
    ds_status (*bind)(ds_kernel *k, ds_error *err); /* k->args hold the new pointers; may be NULL */
    ds_status (*run)(ds_kernel *k, ds_error *err);
} ds__kernel_ops;

struct ds_kernel {
    const ds__kernel_ops *ops;
    ds_kernel_desc desc;
    ds_kernel_info info; /* flops is filled by create.c, the rest by the backend */
    void *args[DS_ARG_COUNT];
};

ds_status ds__dnnl_kernel_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err);
ds_status ds__ref_kernel_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err);

/* The ref backend's two families. */
void ds__ref_matmul(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT]);
void ds__ref_conv(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT]);
void ds__ref_conv_data(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT]);
void ds__ref_conv_weights(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT]);

/* What no backend can compute is refused: DS_E_ARG, DS_E_SHAPE, DS_E_UNSUPPORTED. */
ds_status ds__kernel_check(const ds_kernel_desc *d, ds_error *err);

/* Elements of an argument as the description has it: A, B, DST. */
int64_t ds__kernel_count(const ds_kernel_desc *d, ds_arg arg);

/* "convolution 3x3 of 2x64x64x320 to 320 channels, ..." for messages; returns buf. */
const char *ds__kernel_text(const ds_kernel_desc *d, char *buf, size_t size);

#endif
