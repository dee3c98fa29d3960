/* linear.c - products of matrices: y = x w^T + b, and the general product that its adjoint is made of.
 *
 *   dx = dy w        dw = dy^T x        db = sum over rows of dy                                   */

#include "ops/node.h"

static ds_status prepare(ds_graph *g, ds_node *n, ds_error *err)
{
    const ds_value *x = n->in[0], *w = n->in[1];
    ds_kernel_desc d = { .kind = DS_KERNEL_MATMUL, .batch = 1, .b_trans = true };

    d.m = ds__rows(x);
    d.k = x->dim[x->rank - 1];
    d.n = w->dim[0];
    return ds__kernel_prepare(g, n, &d, err);
}

static const ds_op op_linear = {
    .name = "linear",
    .bf16_out = true,
    .add_in = true,
    .prepare = prepare,
    .bind = ds__kernel_bind_node,
    .run = ds__kernel_run_node,
    .flops = ds__kernel_flops,
};

ds_value *ds_linear(ds_graph *g, ds_value *x, ds_value *w, ds_value *b)
{
    int64_t dim[DS_GRAPH_RANK];
    char xs[80], ws[80];
    ds_value *in[4] = { ds__operand(g, x), w, b, NULL };

    if (x == NULL || w == NULL || in[0] == NULL)
        return NULL;
    if (w->rank < 2 || w->dim[1] != x->dim[x->rank - 1] || ds_value_count(w) != w->dim[0] * w->dim[1]
        || (b != NULL && ds_value_count(b) != w->dim[0]))
        return ds_graph_fail(g, DS_E_SHAPE, "linear: x %s does not fit weight %s",
                             ds__shape(x, xs, sizeof xs), ds__shape(w, ws, sizeof ws));
    for (int i = 0; i < x->rank; i++)
        dim[i] = x->dim[i];
    dim[x->rank - 1] = w->dim[0];
    return ds__output(g, ds__append(g, &op_linear, 4, in), DS_DTYPE_F32, x->rank, dim);
}
