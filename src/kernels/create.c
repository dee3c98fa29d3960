/* create.c - compiled kernels: checks a description and chooses who computes it.
 *
 * Thread rule: kernels may be created by several threads at once. */

#include "kernels/backend.h"
#include "kernels/winograd.h"

static double flops(const ds_kernel_desc *d)
{
    if (d->kind == DS_KERNEL_MATMUL)
        return 2.0 * (double)d->batch * (double)d->m * (double)d->n * (double)d->k;
    return 2.0 * (double)d->images * (double)ds__conv_out_h(d) * (double)ds__conv_out_w(d) *
           (double)d->cout * (double)d->cin * (double)d->kh * (double)d->kw;
}

ds_status ds__kernel_new(ds_kernel **out, ds_backend backend, const ds_kernel_desc *desc,
                         ds_error *err)
{
    ds_status st = ds__kernel_check(desc, err);

    *out = NULL;
    if (st == DS_OK)
        st = backend == DS_BACKEND_REF              ? ds__ref_kernel_new(out, desc, err)
             : !ds__winograd_pays(desc)             ? ds__dnnl_kernel_new(out, desc, err)
             : desc->kind == DS_KERNEL_CONV_WEIGHTS ? ds__winograd_weights_new(out, desc, err)
                                                    : ds__winograd_new(out, desc, err);
    if (st == DS_OK)
        (*out)->info.flops = flops(desc);
    return st;
}

bool ds__kernel_has_bf16(void)
{
    const ds_kernel_desc desc = { .kind = DS_KERNEL_CONV,
                                  .a_type = DS_DTYPE_BF16,
                                  .b_type = DS_DTYPE_BF16,
                                  .images = 1,
                                  .height = 8,
                                  .width = 8,
                                  .cin = 32,
                                  .cout = 32,
                                  .kh = 3,
                                  .kw = 3,
                                  .stride = 1,
                                  .packed = true };
    ds_kernel *k;
    ds_status st = ds__kernel_new(&k, DS_BACKEND_DNNL, &desc, NULL);

    ds__kernel_free(k);
    return st == DS_OK;
}
