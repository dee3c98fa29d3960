/* compiled.c - what the operators that are one compiled kernel have in common. */

#include "ops/node.h"

/* Makes b available to the kernel: packed, or plain in the kernel's type. Where memory matters more
 * than time (recompute), plain mapped weights do not stay resident. */
static ds_status resolve_operand(ds_graph *g, ds_node *n, const ds_kernel_desc *desc, ds_error *err)
{
    ds_var *b = n->in[1];
    ds_status st;

    if (b->param == NULL)
        return DS_OK;
    if (ds__kernel_info(n->kernel)->packed_bytes > 0)
        return ds__params_packed(b->param, n->kernel, &n->operand, err);
    st = ds__params_plain(b->param, desc->b_type, &n->operand, err);
    if (st == DS_OK && g->options.recompute && n->operand == b->param->value.data)
        n->release = b->param;
    return st;
}

ds_status ds__kernel_prepare(ds_graph *g, ds_node *n, ds_kernel_desc *desc, ds_error *err)
{
    const ds_param *w = n->in[1]->param;
    ds_status st;

    desc->a_type = n->in[0]->dtype;
    desc->b_type = w != NULL ? g->options.compute : n->in[1]->dtype;
    desc->dst_type = n->out[0]->dtype;
    desc->bias = n->n_out > 1 || (n->n_in > 2 && n->in[2] != NULL);
    desc->add = n->n_in > 3 && n->in[3] != NULL;
    desc->packed = desc->packed && w != NULL && !w->trained;
    st = ds__kernel_new(&n->kernel, g->options.backend, desc, err);
    if (st == DS_OK)
        st = resolve_operand(g, n, desc, err);
    if (st == DS_OK && n->n_in > 2)
        st = ds__plain_input(g, n, 2, err);
    if (st == DS_OK)
        n->scratch_bytes = ds__kernel_info(n->kernel)->scratch_bytes;
    return st;
}

ds_status ds__kernel_bind_node(ds_node *n, ds_error *err)
{
    void *args[DS_ARG_COUNT] = { NULL };

    args[DS_ARG_A] = n->in[0]->data;
    args[DS_ARG_B] = n->operand != NULL ? (void *)n->operand : n->in[1]->data;
    args[DS_ARG_BIAS] = n->n_in > 2 && n->in[2] != NULL ? n->in[2]->data : NULL;
    args[DS_ARG_ADD] = n->n_in > 3 && n->in[3] != NULL ? n->in[3]->data : NULL;
    args[DS_ARG_DST] = n->out[0]->data;
    args[DS_ARG_SCRATCH] = n->scratch;
    if (n->n_out > 1) /* the weights' adjoint also gives the bias's */
        args[DS_ARG_BIAS] = n->out[1]->data;
    return ds__kernel_bind(n->kernel, args, err);
}

ds_status ds__kernel_run_node(ds_node *n, ds_error *err)
{
    return ds__kernel_run(n->kernel, err);
}

double ds__kernel_flops(const ds_node *n)
{
    return ds__kernel_info(n->kernel)->flops;
}

ds_status ds__plain_input(ds_graph *g, ds_node *n, int i, ds_error *err)
{
    ds_var *v = n->in[i];
    const void *data = NULL;
    ds_status st;

    (void)g;
    if (v == NULL || v->param == NULL)
        return DS_OK;
    st = ds__params_plain(v->param, DS_DTYPE_F32, &data, err);
    v->data = (void *)data;
    return st;
}
