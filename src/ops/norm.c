/* norm.c - group norm and layer norm.
 *
 *   y = (x - mean) / sqrt(var + eps) * weight + bias, over a group of channels of one image
 *   (Wu and He, arXiv 1803.08494), or over the last axis (Ba et al., arXiv 1607.06450).
 *
 * Group norm takes what follows and precedes it in every residual block along: SiLU behind, the
 * time embedding's shift [N,C] before. Both give their statistics as a second output, which only
 * the adjoint reads. */

#include "ops/node.h"

static ds_status prepare(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 1; st == DS_OK && i < n->n_in; i++)
        st = ds__plain_input(g, n, i, err);
    return st;
}

/* ---- group norm: in x, weight, bias, shift --------------------------------------------------- */

static ds_group_norm describe(const ds_var *x, const ds_var *weight, const ds_var *bias,
                              const ds_var *shift, const ds_attr *attr)
{
    return (ds_group_norm){
        .n = x->dim[0],
        .hw = x->rank == 4 ? x->dim[1] * x->dim[2] : x->dim[1],
        .c = x->dim[x->rank - 1],
        .groups = attr->norm.groups,
        .eps = attr->norm.eps,
        .silu = attr->norm.silu,
        .gamma = ds__data(weight),
        .beta = ds__data(bias),
        .shift = ds__data(shift),
    };
}

static ds_status run_group_norm(ds_node *n, ds_error *err)
{
    ds_group_norm d = describe(n->in[0], n->in[1], n->in[2], n->in[3], &n->attr);

    (void)err;
    ds__simd()->group_norm(n->out[0]->data, n->out[0]->dtype, ds__data(n->out[1]), n->in[0]->data,
                           &d);
    return DS_OK;
}

/* Adjoint: in dy, x, stats, weight, bias, shift, add; out dx, dweight, dbias, dshift. The
 * activation is computed again. */
static ds_status prepare_adjoint(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 3; st == DS_OK && i < n->n_in - 1; i++)
        st = ds__plain_input(g, n, i, err);
    return st;
}

static ds_status run_group_norm_adjoint(ds_node *n, ds_error *err)
{
    ds_group_norm d = describe(n->in[1], n->in[3], n->in[4], n->in[5], &n->attr);

    (void)err;
    ds__simd()->group_norm_adj(n->out[0]->data, ds__zeroed(n->out[1]), ds__zeroed(n->out[2]),
                               n->n_out > 3 ? ds__zeroed(n->out[3]) : NULL, ds__data(n->in[6]),
                               n->in[0]->data, n->in[1]->data, n->in[2]->data, &d);
    return DS_OK;
}

static const ds_op op_group_norm_adjoint = {
    .name = "group_norm adjoint",
    .add_in = true,
    .prepare = prepare_adjoint,
    .run = run_group_norm_adjoint,
};

static void group_norm_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0], *shift = n->in[3];
    ds_var *in[7] = { dout[0], x, n->out[1], n->in[1], n->in[2], shift, NULL };
    ds_node *a = ds__append(g, &op_group_norm_adjoint, 7, in);
    int64_t c = x->dim[x->rank - 1];

    if (a == NULL)
        return;
    a->attr = n->attr;
    din[0] = ds__output(g, a, DS_DTYPE_F32, x->rank, x->dim);
    din[1] = ds__output(g, a, DS_DTYPE_F32, 1, &c);
    din[2] = ds__output(g, a, DS_DTYPE_F32, 1, &c);
    if (shift != NULL)
        din[3] = ds__output(g, a, DS_DTYPE_F32, shift->rank, shift->dim);
}

static const ds_op op_group_norm = {
    .name = "group_norm",
    .bf16_out = true,
    .prepare = prepare,
    .run = run_group_norm,
    .adjoint = group_norm_adjoint,
};

ds_var *ds__group_normalize(ds_graph *g, ds_var *x, ds_var *shift, ds_var *weight, ds_var *bias,
                            int64_t groups, float eps, bool silu)
{
    ds_var *in[4] = { x, weight, bias, shift };
    ds_var *y;
    ds_node *n;
    int64_t c;
    char xs[80];

    if (x == NULL || weight == NULL || bias == NULL)
        return NULL;
    c = x->dim[x->rank - 1];
    if (x->rank < 3 || groups < 1 || c % groups != 0 || ds__var_count(weight) != c)
        return ds__graph_fail(g, DS_E_SHAPE, "group_norm: %s does not divide into %lld groups",
                              ds__shape(x, xs, sizeof xs), (long long)groups);
    n = ds__append(g, &op_group_norm, 4, in);
    if (n == NULL)
        return NULL;
    n->attr.norm.groups = groups;
    n->attr.norm.eps = eps;
    n->attr.norm.silu = silu;
    y = ds__output(g, n, DS_DTYPE_F32, x->rank, x->dim);
    ds__output(g, n, DS_DTYPE_F32, 3, (const int64_t[]){ x->dim[0], groups, 2 });
    return y;
}

/* ---- layer norm: in x, weight, bias --------------------------------------------------------- */

static ds_status run_layer_norm(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0];

    (void)err;
    ds__simd()->layer_norm(n->out[0]->data, n->out[0]->dtype, ds__data(n->out[1]), x->data,
                           ds__data(n->in[1]), ds__data(n->in[2]), ds__rows(x), x->dim[x->rank - 1],
                           n->attr.norm.eps);
    return DS_OK;
}

/* Adjoint: in dy, x, stats, weight, add; out dx, dweight, dbias. */
static ds_status run_layer_norm_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[1];

    (void)err;
    ds__simd()->layer_norm_adj(n->out[0]->data, ds__zeroed(n->out[1]), ds__zeroed(n->out[2]),
                               ds__data(n->in[4]), n->in[0]->data, x->data, n->in[2]->data,
                               ds__data(n->in[3]), ds__rows(x), x->dim[x->rank - 1]);
    return DS_OK;
}

static const ds_op op_layer_norm_adjoint = {
    .name = "layer_norm adjoint",
    .add_in = true,
    .prepare = prepare_adjoint,
    .run = run_layer_norm_adjoint,
};

static void layer_norm_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0];
    ds_var *in[5] = { dout[0], x, n->out[1], n->in[1], NULL };
    ds_node *a = ds__append(g, &op_layer_norm_adjoint, 5, in);
    int64_t c = x->dim[x->rank - 1];

    din[0] = ds__output(g, a, DS_DTYPE_F32, x->rank, x->dim);
    din[1] = ds__output(g, a, DS_DTYPE_F32, 1, &c);
    din[2] = ds__output(g, a, DS_DTYPE_F32, 1, &c);
}

static const ds_op op_layer_norm = {
    .name = "layer_norm",
    .bf16_out = true,
    .prepare = prepare,
    .run = run_layer_norm,
    .adjoint = layer_norm_adjoint,
};

ds_var *ds__layer_normalize(ds_graph *g, ds_var *x, ds_var *weight, ds_var *bias, float eps)
{
    ds_var *in[3] = { x, weight, bias };
    ds_var *y;
    ds_node *n;

    if (x == NULL || weight == NULL || bias == NULL)
        return NULL;
    n = ds__append(g, &op_layer_norm, 3, in);
    if (n == NULL)
        return NULL;
    n->attr.norm.eps = eps;
    y = ds__output(g, n, DS_DTYPE_F32, x->rank, x->dim);
    ds__output(g, n, DS_DTYPE_F32, 2, (const int64_t[]){ ds__rows(x), 2 });
    return y;
}
