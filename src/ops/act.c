/* act.c - activations, and the gated one of the transformers' feed-forward layers.
 *
 * geglu (Shazeer, arXiv 2002.05202): a row [h | g] gives h * gelu(g). */

#include "ops/node.h"

static ds_status run_act(ds_node *n, ds_error *err)
{
    (void)err;
    ds__simd()->act(n->attr.act, n->out[0]->data, n->out[0]->dtype, n->in[0]->data,
                    ds__var_count(n->in[0]));
    return DS_OK;
}

static ds_status run_act_adjoint(ds_node *n, ds_error *err)
{
    (void)err;
    ds__simd()->act_adj(n->attr.act, n->out[0]->data, ds__data(n->in[2]), n->in[0]->data,
                        n->in[1]->data, ds__var_count(n->out[0]));
    return DS_OK;
}

static const ds_op op_act_adjoint = {
    .name = "activate adjoint",
    .add_in = true,
    .run = run_act_adjoint,
};

/* One operator on dy, x and what is added, with the forward operator's attributes and x's shape. */
static void elementwise_adjoint(ds_graph *g, const ds_op *op, ds_node *n, ds_var *dy, ds_var *din[])
{
    ds_var *in[3] = { dy, n->in[0], NULL };
    ds_node *a = ds__append(g, op, 3, in);

    if (a != NULL)
        a->attr = n->attr;
    din[0] = ds__output(g, a, DS_DTYPE_F32, n->in[0]->rank, n->in[0]->dim);
}

static void act_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    elementwise_adjoint(g, &op_act_adjoint, n, dout[0], din);
}

static const ds_op op_act = {
    .name = "activate",
    .bf16_out = true,
    .run = run_act,
    .adjoint = act_adjoint,
};

ds_var *ds__activate(ds_graph *g, ds_var *x, ds_act act)
{
    ds_node *n;

    if (x == NULL)
        return NULL;
    n = ds__append(g, &op_act, 1, &x);
    if (n != NULL)
        n->attr.act = act;
    return ds__output(g, n, DS_DTYPE_F32, x->rank, x->dim);
}

static ds_status run_geglu(ds_node *n, ds_error *err)
{
    const ds_var *y = n->out[0];

    (void)err;
    ds__simd()->geglu(y->data, y->dtype, n->in[0]->data, ds__rows(y), y->dim[y->rank - 1]);
    return DS_OK;
}

static ds_status run_geglu_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *dy = n->in[0];

    (void)err;
    ds__simd()->geglu_adj(n->out[0]->data, ds__data(n->in[2]), dy->data, n->in[1]->data,
                          ds__rows(dy), dy->dim[dy->rank - 1]);
    return DS_OK;
}

static const ds_op op_geglu_adjoint = {
    .name = "geglu adjoint",
    .add_in = true,
    .run = run_geglu_adjoint,
};

static void geglu_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    elementwise_adjoint(g, &op_geglu_adjoint, n, dout[0], din);
}

static const ds_op op_geglu = {
    .name = "geglu",
    .bf16_out = true,
    .run = run_geglu,
    .adjoint = geglu_adjoint,
};

ds_var *ds__geglu(ds_graph *g, ds_var *x)
{
    int64_t dim[DS_GRAPH_RANK];

    if (x == NULL)
        return NULL;
    for (int i = 0; i < x->rank; i++)
        dim[i] = x->dim[i];
    dim[x->rank - 1] /= 2;
    return ds__output(g, ds__append(g, &op_geglu, 1, &x), DS_DTYPE_F32, x->rank, dim);
}
