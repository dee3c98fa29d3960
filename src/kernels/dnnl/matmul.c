/* matmul.c - oneDNN's matrix products.
 *
 * Transposition is a matter of strides. A batch of one is described with two axes: oneDNN has more
 * fast paths there. */

#include "kernels/dnnl/engine.h"

/* A dense [batch,rows,cols], or its transpose in memory. */
static dnnl_status_t matrix(ds__md *out, int64_t batch, int64_t rows, int64_t cols, bool trans,
                            ds_dtype type)
{
    const dnnl_dims_t dims = { batch, rows, cols };
    const dnnl_dims_t strides = { rows * cols, trans ? 1 : cols, trans ? rows : 1 };
    const int skip = batch == 1;

    return ds__md_strided(out, 3 - skip, dims + skip, ds__dnnl_type(type), strides + skip);
}

static dnnl_status_t make_mds(ds__dnnl_kernel *k, ds__mds *md)
{
    const ds_kernel_desc *d = &k->base.desc;
    const dnnl_dims_t b_dims = { d->batch, d->k, d->n };
    const int skip = d->batch == 1;
    const dnnl_dims_t bias_dims = { 1, 1, d->n }, bias_strides = { d->n, d->n, 1 };
    dnnl_status_t s = matrix(&md->a, d->batch, d->m, d->k, d->a_trans, d->a_type);

    if (s == dnnl_success)
        s = matrix(&k->stored, d->batch, d->k, d->n, d->b_trans, d->b_type);
    if (s == dnnl_success)
        s = d->packed ? ds__md_any(&md->b, 3 - skip, b_dims + skip, ds__dnnl_type(d->b_type))
                      : ds__md_copy(&md->b, ds__md_get(&k->stored));
    if (s == dnnl_success)
        s = matrix(&md->dst, d->batch, d->m, d->n, false, d->dst_type);
    if (s == dnnl_success)
        s = matrix(&md->add, d->batch, d->m, d->n, false, DS_DTYPE_F32);
    if (s == dnnl_success && d->bias)
        s = ds__md_strided(&md->bias, 3 - skip, bias_dims + skip, dnnl_f32, bias_strides + skip);
    return s;
}

static dnnl_status_t plan(ds__dnnl_kernel *k, const ds__mds *md, int program, ds__add_mode mode)
{
    const ds_kernel_desc *d = &k->base.desc;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = ds__dnnl_attr(&attr, mode, ds__md_get(&md->add));

    if (s == dnnl_success) /* the second program reads what pack wrote for the first one */
        s = ds__pd_matmul(&pd, k->engine, ds__md_get(&md->a),
                          ds__md_get(program == 1 && d->packed ? &k->packed : &md->b),
                          d->bias ? ds__md_get(&md->bias) : NULL, ds__md_get(&md->dst), attr);
    if (s == dnnl_success)
        s = ds__dnnl_program(k, &k->program[program], pd, md, mode);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

ds_status ds__dnnl_plan_matmul(ds__dnnl_kernel *k, ds_error *err)
{
    const ds_kernel_desc *d = &k->base.desc;
    ds__mds md;
    dnnl_status_t s;

    memset(&md, 0, sizeof md);
    s = make_mds(k, &md);
    if (s == dnnl_success)
        s = plan(k, &md, 0, d->add ? DS__ADD_TENSOR : DS__ADD_NONE);
    if (s == dnnl_success && d->add && d->dst_type == DS_DTYPE_F32)
        s = plan(k, &md, 1, DS__ADD_IN_PLACE);
    ds__dnnl_free_mds(&md);
    return ds__dnnl_check(k, s, "creation", err);
}
