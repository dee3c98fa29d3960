/* matmul.c - oneDNN's matrix products.
 *
 * Transposition is a matter of strides. A batch of one is described with two axes: oneDNN has more
 * fast paths there.                                                                               */

#include "kernels/dnnl/engine.h"

typedef struct ds__matmul_mds {
    ds__md a, b, bias, dst, add;
} ds__matmul_mds;

static void free_mds(ds__matmul_mds *md)
{
    ds__md_free(&md->a);
    ds__md_free(&md->b);
    ds__md_free(&md->bias);
    ds__md_free(&md->dst);
    ds__md_free(&md->add);
}

/* A dense [batch,rows,cols], or its transpose in memory. */
static dnnl_status_t matrix(ds__md *out, int64_t batch, int64_t rows, int64_t cols, bool trans,
                            ds_dtype type)
{
    const dnnl_dims_t dims = { batch, rows, cols };
    const dnnl_dims_t strides = { rows * cols, trans ? 1 : cols, trans ? rows : 1 };
    const int skip = batch == 1;

    return ds__md_strided(out, 3 - skip, dims + skip, ds__dnnl_type(type), strides + skip);
}

static dnnl_status_t make_mds(ds__dnnl_kernel *k, ds__matmul_mds *md)
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

static dnnl_status_t plan_program(ds__dnnl_kernel *k, const ds__matmul_mds *md, ds__program *p,
                                  ds__add_mode mode)
{
    const ds_kernel_desc *d = &k->base.desc;
    const bool second = p == &k->program[1]; /* reads what the first one made pack write           */
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    ds__md_ref b = ds__md_get(second && d->packed ? &k->packed : &md->b);
    dnnl_status_t s = ds__dnnl_attr(&attr, mode, ds__md_get(&md->add));

    if (s == dnnl_success)
        s = ds__pd_matmul(&pd, k->engine, ds__md_get(&md->a), b,
                          d->bias ? ds__md_get(&md->bias) : NULL, ds__md_get(&md->dst), attr);
    if (s == dnnl_success && d->packed && !second)
        s = ds__dnnl_note_layout(k, pd);
    if (s == dnnl_success && !second)
        ds__dnnl_note_impl(k, pd);
    if (s == dnnl_success)
        s = ds__dnnl_append(k, p, pd, 0);
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_SRC, ds__md_get(&md->a), (ds__place) { DS_ARG_A, 0 });
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_WEIGHTS,
                             ds__md_get(d->packed ? &k->packed : &k->stored),
                             (ds__place) { DS_ARG_B, 0 });
    if (s == dnnl_success && d->bias)
        s = ds__dnnl_operand(k, p, DNNL_ARG_BIAS, ds__md_get(&md->bias),
                             (ds__place) { DS_ARG_BIAS, 0 });
    if (s == dnnl_success && mode == DS__ADD_TENSOR)
        s = ds__dnnl_operand(k, p, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                             ds__md_get(&md->add), (ds__place) { DS_ARG_ADD, 0 });
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_DST, ds__md_get(&md->dst),
                             (ds__place) { DS_ARG_DST, 0 });
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

ds_status ds__dnnl_plan_matmul(ds__dnnl_kernel *k, ds_error *err)
{
    const ds_kernel_desc *d = &k->base.desc;
    ds__matmul_mds md;
    dnnl_status_t s;

    memset(&md, 0, sizeof md);
    s = make_mds(k, &md);
    if (s == dnnl_success)
        s = plan_program(k, &md, &k->program[0], d->add ? DS__ADD_TENSOR : DS__ADD_NONE);
    if (s == dnnl_success && d->add && d->dst_type == DS_DTYPE_F32)
        s = plan_program(k, &md, &k->program[1], DS__ADD_IN_PLACE);
    free_mds(&md);
    return ds__dnnl_check(k, s, "creation", err);
}
