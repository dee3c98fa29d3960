/* kernel.c - the life of a compiled kernel: checks calls and passes them on to its backend.
 *
 * Thread rule: kernels may be packed by several threads at once; one kernel is bound and run by one
 * thread at a time. */

#include "kernels/backend.h"

void ds__kernel_free(ds_kernel *k)
{
    if (k != NULL)
        k->ops->release(k);
}

const ds_kernel_info *ds__kernel_info(const ds_kernel *k)
{
    return &k->info;
}

/* Types that no kernel knows go through float32. */
static ds_status pack_converted(ds_kernel *k, void *dst, const void *src, ds_dtype src_type,
                                ds_error *err)
{
    int64_t n = ds__kernel_count(&k->desc, DS_ARG_B);
    float *plain = ds_alloc((size_t)n * sizeof *plain);
    ds_status st;

    if (plain == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld weights", (long long)n);
    ds_convert(plain, DS_DTYPE_F32, src, src_type, n);
    st = k->ops->pack(k, dst, plain, DS_DTYPE_F32, err);
    ds_free(plain);
    return st;
}

ds_status ds__kernel_pack(ds_kernel *k, void *dst, const void *src, ds_dtype src_type,
                          ds_error *err)
{
    char text[256];

    if (k->info.packed_bytes == 0)
        return ds_fail(err, DS_E_ARG, "%s: its second operand is read as it is stored",
                       ds__kernel_text(&k->desc, text, sizeof text));
    if (src_type != DS_DTYPE_F32 && src_type != DS_DTYPE_F16 && src_type != DS_DTYPE_BF16)
        return pack_converted(k, dst, src, src_type, err);
    return k->ops->pack(k, dst, src, src_type, err);
}

ds_status ds__kernel_bind(ds_kernel *k, void *const args[DS_ARG_COUNT], ds_error *err)
{
    const bool needed[DS_ARG_COUNT] = {
        [DS_ARG_A] = true,   [DS_ARG_B] = true,          [DS_ARG_BIAS] = k->desc.bias,
        [DS_ARG_DST] = true, [DS_ARG_ADD] = k->desc.add, [DS_ARG_SCRATCH] = k->info.scratch_bytes
    };
    char text[256];

    for (int i = 0; i < DS_ARG_COUNT; i++) {
        if (needed[i] && args[i] == NULL)
            return ds_fail(err, DS_E_ARG, "%s: argument %d is missing",
                           ds__kernel_text(&k->desc, text, sizeof text), i);
        k->args[i] = args[i];
    }
    if (k->desc.add && args[DS_ARG_ADD] == args[DS_ARG_DST] && k->desc.dst_type != DS_DTYPE_F32)
        return ds_fail(err, DS_E_ARG, "%s: only an F32 result can be added to in place",
                       ds__kernel_text(&k->desc, text, sizeof text));
    return k->ops->bind != NULL ? k->ops->bind(k, err) : DS_OK;
}

ds_status ds__kernel_run(ds_kernel *k, ds_error *err)
{
    return k->ops->run(k, err);
}
