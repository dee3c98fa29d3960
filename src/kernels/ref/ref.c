/* ref.c - the plain C backend: the specification that the others are held against. */

#include "kernels/backend.h"

static void ref_release(ds_kernel *k)
{
    ds_free(k);
}

static ds_status ref_pack(ds_kernel *k, void *dst, const void *src, ds_dtype src_type,
                          ds_error *err)
{
    (void)err;
    ds_convert(dst, k->desc.b_type, src, src_type, ds__kernel_count(&k->desc, DS_ARG_B));
    return DS_OK;
}

static ds_status ref_run(ds_kernel *k, ds_error *err)
{
    (void)err;
    switch (k->desc.kind) {
    case DS_KERNEL_MATMUL:
        ds__ref_matmul(&k->desc, k->args);
        break;
    case DS_KERNEL_CONV:
        ds__ref_conv(&k->desc, k->args);
        break;
    case DS_KERNEL_CONV_DATA:
        ds__ref_conv_data(&k->desc, k->args);
        break;
    case DS_KERNEL_CONV_WEIGHTS:
        ds__ref_conv_weights(&k->desc, k->args);
        break;
    }
    return DS_OK;
}

static const ds__kernel_ops ref_ops = { ref_release, ref_pack, NULL, ref_run };

ds_status ds__ref_kernel_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err)
{
    ds_kernel *k = ds_calloc(1, sizeof *k);

    if (k == NULL)
        return ds_fail(err, DS_E_NOMEM, "a kernel: %zu bytes", sizeof *k);
    k->ops = &ref_ops;
    k->desc = *desc;
    k->info.impl = "ref";
    if (desc->packed) {
        k->info.packed_bytes =
            (size_t)ds__kernel_count(desc, DS_ARG_B) * ds_dtype_size(desc->b_type);
        k->info.layout = (uint64_t)desc->b_type + 1;
    }
    *out = k;
    return DS_OK;
}
