/* conv.c - two-dimensional convolution over [N,H,W,C] with weights [O,I,k,k].
 *
 *   y[n,i,j,o] = b[o] + sum_{c,u,v} w[o,c,u,v] x[n, s i + u - top, s j + v - left, c]
 *
 * A 1x1 kernel with stride 1 is a product of matrices and is made as one. */

#include "ops/node.h"

#include "kernels/winograd.h"

static ds_kernel_desc describe(ds_kernel_kind kind, const ds_var *x, const ds_var *w,
                               ds_conv_geometry geo)
{
    return (ds_kernel_desc){
        .kind = kind,
        .images = x->dim[0],
        .height = x->dim[1],
        .width = x->dim[2],
        .cin = x->dim[3],
        .cout = w->dim[0],
        .kh = w->dim[2],
        .kw = w->dim[3],
        .stride = geo.stride,
        .pad_top = geo.top,
        .pad_left = geo.left,
        .pad_bottom = geo.bottom,
        .pad_right = geo.right,
    };
}

static ds_status prepare(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_kernel_desc d = describe(DS_KERNEL_CONV, n->in[0], n->in[1], n->attr.conv);

    d.packed = true;
    return ds__kernel_prepare(g, n, &d, err);
}

/* ---- adjoint: two more kernels, each with the sizes of the forward pass --------------------- */

/* The adjoint's packed weights are a second copy. With recomputation memory counts more: only those
 * of Winograd's convolutions are kept, whose making takes longest and whose plain ones are few. */
static ds_status prepare_data(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_kernel_desc d = describe(DS_KERNEL_CONV_DATA, n->out[0], n->in[1], n->attr.conv);

    d.a_type = n->in[0]->dtype;
    d.b_type = n->in[1]->param != NULL ? g->options.compute : n->in[1]->dtype;
    d.packed = true;
    d.packed = !g->options.recompute || ds__winograd_pays(&d);
    return ds__kernel_prepare(g, n, &d, err);
}

static const ds_op op_conv_data = {
    .name = "conv2d to input",
    .prepare = prepare_data,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .flops = ds__kernel_flops,
};

static ds_status prepare_weights(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_kernel_desc d = describe(DS_KERNEL_CONV_WEIGHTS, n->in[0], n->out[0], n->attr.conv);

    return ds__kernel_prepare(g, n, &d, err);
}

static const ds_op op_conv_weights = {
    .name = "conv2d to weights",
    .prepare = prepare_weights,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .flops = ds__kernel_flops,
};

static ds_var *append_adjoint(ds_graph *g, const ds_op *op, const ds_node *forward, ds_var *a,
                              ds_var *b, const ds_var *like)
{
    ds_var *in[2] = { a, b };
    ds_node *n = ds__append(g, op, 2, in);

    if (n == NULL)
        return NULL;
    n->attr = forward->attr;
    return ds__output(g, n, DS_DTYPE_F32, like->rank, like->dim);
}

static void adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0], *w = n->in[1], *b = n->in[2];
    ds_var *dy = ds__operand(g, dout[0]);
    bool bias = b != NULL && ds__needs_grad(b);

    if (ds__needs_grad(x))
        din[0] = append_adjoint(g, &op_conv_data, n, dy, w, x);
    if (ds__needs_grad(w) || bias)
        din[1] = append_adjoint(g, &op_conv_weights, n, x, dy, w);
    if (bias && din[1] != NULL)
        din[2] = ds__output(g, din[1]->by, DS_DTYPE_F32, 1, w->dim);
}

static const ds_op op_conv = {
    .name = "conv2d",
    .bf16_out = true,
    .add_in = true,
    .prepare = prepare,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .adjoint = adjoint,
    .flops = ds__kernel_flops,
};

ds_var *ds__conv2d(ds_graph *g, ds_var *x, ds_var *w, ds_var *b, ds_conv_geometry geo)
{
    ds_var *in[4] = { NULL, w, b, NULL };
    ds_kernel_desc d;
    ds_node *n;
    char xs[80], ws[80];

    if (x == NULL || w == NULL)
        return NULL;
    if (x->rank != 4 || w->rank != 4 || w->dim[1] != x->dim[3] ||
        (b != NULL && ds__var_count(b) != w->dim[0]))
        return ds__graph_fail(g, DS_E_SHAPE, "conv2d: x %s (channels last) does not fit weight %s",
                              ds__shape(x, xs, sizeof xs), ds__shape(w, ws, sizeof ws));
    d = describe(DS_KERNEL_CONV, x, w, geo);
    if (ds__conv_out_h(&d) < 1 || ds__conv_out_w(&d) < 1)
        return ds__graph_fail(g, DS_E_SHAPE, "conv2d: x %s is smaller than the kernel %s",
                              ds__shape(x, xs, sizeof xs), ds__shape(w, ws, sizeof ws));
    if (d.kh == 1 && d.kw == 1 && geo.stride == 1 &&
        (geo.top | geo.left | geo.bottom | geo.right) == 0)
        return ds__linear(g, x, w, b);
    in[0] = ds__operand(g, x);
    n = ds__append(g, &op_conv, 4, in);
    if (n != NULL)
        n->attr.conv = geo;
    return ds__output(
        g, n, DS_DTYPE_F32, 4,
        (const int64_t[]){ d.images, ds__conv_out_h(&d), ds__conv_out_w(&d), d.cout });
}
