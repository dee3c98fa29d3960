/* linear.c - products of matrices: y = x w^T + b, and the general product that its adjoint is made
 * of.
 *
 *   dx = dy w        dw = dy^T x        db = sum over rows of dy */

#include "ops/node.h"

static ds_status prepare(ds_graph *g, ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0], *w = n->in[1];
    ds_kernel_desc d = { .kind = DS_KERNEL_MATMUL, .batch = 1, .b_trans = true, .packed = true };

    d.m = ds__rows(x);
    d.k = x->dim[x->rank - 1];
    d.n = w->dim[0];
    return ds__kernel_prepare(g, n, &d, err);
}

static void adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0], *w = n->in[1], *dy = dout[0];
    const int64_t wide[2] = { w->dim[0], w->dim[1] };

    if (ds__needs_grad(x))
        din[0] = ds__matmul(g, dy, ds__reshape(g, w, 2, wide), false, x->rank, x->dim);
    if (ds__needs_grad(w))
        din[1] = ds__matmul(g, dy, x, true, w->rank, w->dim);
    if (n->in[2] != NULL && ds__needs_grad(n->in[2]))
        din[2] = ds__sum_rows(g, dy);
}

static const ds_op op_linear = {
    .name = "linear",
    .bf16_out = true,
    .add_in = true,
    .prepare = prepare,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .adjoint = adjoint,
    .flops = ds__kernel_flops,
};

ds_var *ds__linear(ds_graph *g, ds_var *x, ds_var *w, ds_var *b)
{
    int64_t dim[DS_GRAPH_RANK];
    char xs[80], ws[80];
    ds_var *in[4] = { ds__operand(g, x), w, b, NULL };

    if (x == NULL || w == NULL || in[0] == NULL)
        return NULL;
    if (w->rank < 2 || w->dim[1] != x->dim[x->rank - 1] ||
        ds__var_count(w) != w->dim[0] * w->dim[1] || (b != NULL && ds__var_count(b) != w->dim[0]))
        return ds__graph_fail(g, DS_E_SHAPE, "linear: x %s does not fit weight %s",
                              ds__shape(x, xs, sizeof xs), ds__shape(w, ws, sizeof ws));
    for (int i = 0; i < x->rank; i++)
        dim[i] = x->dim[i];
    dim[x->rank - 1] = w->dim[0];
    return ds__output(g, ds__append(g, &op_linear, 4, in), DS_DTYPE_F32, x->rank, dim);
}

/* ---- the general product -------------------------------------------------------------------- */

static ds_status prepare_matmul(ds_graph *g, ds_node *n, ds_error *err)
{
    const ds_var *a = n->in[0], *b = n->in[1];
    ds_kernel_desc d = { .kind = DS_KERNEL_MATMUL, .batch = 1, .a_trans = n->attr.a_trans };

    d.m = d.a_trans ? a->dim[a->rank - 1] : ds__rows(a);
    d.k = d.a_trans ? ds__rows(a) : a->dim[a->rank - 1];
    d.n = b->dim[b->rank - 1];
    return ds__kernel_prepare(g, n, &d, err);
}

static const ds_op op_matmul = {
    .name = "matmul",
    .add_in = true,
    .prepare = prepare_matmul,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .flops = ds__kernel_flops,
};

ds_var *ds__matmul(ds_graph *g, ds_var *a, ds_var *b, bool a_trans, int rank, const int64_t *dim)
{
    ds_var *in[4] = { NULL };
    ds_node *n;

    if (a == NULL || b == NULL)
        return NULL;
    in[0] = ds__operand(g, a);
    in[1] = b->param != NULL ? b : ds__operand(g, b);
    n = ds__append(g, &op_matmul, 4, in);
    if (n != NULL)
        n->attr.a_trans = a_trans;
    return ds__output(g, n, DS_DTYPE_F32, rank, dim);
}
