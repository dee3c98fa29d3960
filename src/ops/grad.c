/* grad.c - reverse mode: the operators of a graph are visited from the last to the first, and each
 * one appends its adjoint to the same graph.
 *
 * Only operators between what is asked for and the outputs are visited (`wanted`). What an adjoint
 * reads of the forward pass stays alive because it reads it: the planner sees no difference.
 *
 * Recomputation (Chen et al., arXiv 1604.06174): when the visit reaches a block that ds__block_begin
 * opened, the block's operators are appended once more, and the adjoints read these twins instead.
 * Of the first pass through the block, only what enters it is then kept. */

#include "ops/node.h"

/* wanted = depends on one of wrt; cotangents are forgotten. */
static void mark_wanted(ds_graph *g, ds_var *const wrt[], int n_wrt)
{
    for (int i = 0; i < g->count; i++)
        for (int o = 0; o < g->node[i]->n_out; o++) {
            g->node[i]->out[o]->wanted = false;
            g->node[i]->out[o]->grad = g->node[i]->out[o]->again = NULL;
        }
    for (int j = 0; j < n_wrt; j++)
        wrt[j]->wanted = true;
    for (int i = 0; i < g->count; i++) {
        ds_node *n = g->node[i];
        bool wanted = false;

        for (int k = 0; k < n->n_in; k++)
            wanted = wanted || ds__needs_grad(n->in[k]);
        for (int o = 0; wanted && o < n->n_out; o++)
            n->out[o]->wanted = true;
    }
}

static void accumulate(ds_graph *g, ds_var *v, ds_var *d)
{
    if (v == NULL || d == NULL || !v->wanted)
        return;
    v->grad = v->grad == NULL ? d : ds__add(g, v->grad, d);
}

/* ---- recomputation -------------------------------------------------------------------------- */

static ds_var *twin(ds_var *v)
{
    return v != NULL && v->again != NULL ? v->again : v;
}

/* Appends n once more, reading the twins of what its block made. */
static void append_twin(ds_graph *g, const ds_node *n)
{
    ds_var *in[DS_MAX_IN];
    ds_node *t;

    for (int o = 0; o < n->n_out;
         o++) /* a watcher's edit would be lost: kept from the first pass */
        if (n->out[o]->interest == DS_EDIT)
            return;
    for (int k = 0; k < n->n_in; k++)
        in[k] = twin(n->in[k]);
    t = ds__append(g, n->op, n->n_in, in);
    if (t == NULL)
        return;
    t->attr = n->attr;
    t->block = 0;
    for (int o = 0; o < n->n_out; o++) {
        ds_var *v = n->out[o];
        ds_var *w = ds__output(g, t, v->dtype, v->rank, v->dim);

        if (w == NULL)
            return;
        w->wanted = v->wanted;
        w->param = v->param;
        w->alias = v->alias == NULL ? NULL : twin(v->alias);
        v->again = w;
    }
}

static bool is_leaf(const ds_node *n)
{
    return n->op == &ds__op_input || n->op == &ds__op_param;
}

/* Appends the whole block that ends at position last; returns its first position. */
static void append_block(ds_graph *g, int last)
{
    int block = g->node[last]->block, first = last;

    while (first > 0 && g->node[first - 1]->block == block)
        first--;
    for (int i = first; i <= last; i++)
        if (!is_leaf(g->node[i]))
            append_twin(g, g->node[i]);
}

/* ---- the visit ------------------------------------------------------------------------------ */

/* Calls n's adjoint; `reads` is n or its twin: whose values the adjoint may read. */
static void visit(ds_graph *g, ds_node *n, ds_node *reads)
{
    ds_var *dout[DS_MAX_OUT] = { NULL }, *din[DS_MAX_IN] = { NULL };

    if (n->out[0]->grad == NULL) /* further outputs are statistics for the adjoint: no cotangents */
        return;
    if (n->op->adjoint == NULL) {
        ds__graph_fail(g, DS_E_UNSUPPORTED, "operator %s has no adjoint", n->op->name);
        return;
    }
    dout[0] = n->out[0]->grad;
    n->op->adjoint(g, reads, dout, din);
    for (int k = 0; k < n->n_in; k++)
        accumulate(g, n->in[k], din[k]);
}

static bool on_the_way(const ds_node *n)
{
    return !is_leaf(n) && n->n_out > 0 && n->out[0]->wanted && n->out[0]->grad != NULL;
}

ds_status ds__graph_grad(ds_graph *g, ds_var *const outputs[], ds_var *const cotangents[],
                         int n_outputs, ds_var *const wrt[], int n_wrt, ds_var *grads[],
                         ds_error *err)
{
    int count = g->count, repeated = 0;

    if (g->status != DS_OK)
        return ds__graph_status(g, err);
    if (g->forward == 0)
        g->forward = count;
    mark_wanted(g, wrt, n_wrt);
    for (int i = 0; i < n_outputs; i++)
        accumulate(g, outputs[i], cotangents[i]);
    g->block = 0;
    for (int i = count - 1; i >= 0 && g->status == DS_OK; i--) {
        ds_node *n = g->node[i];

        if (!on_the_way(n))
            continue;
        if (g->options.recompute && n->block != 0 && n->block != repeated) {
            int last = i;

            while (last + 1 < count && g->node[last + 1]->block == n->block)
                last++;
            append_block(g, last);
            repeated = n->block;
        }
        visit(g, n, n->out[0]->again != NULL ? n->out[0]->again->by : n);
    }
    for (int j = 0; j < n_wrt; j++)
        grads[j] = wrt[j]->grad;
    return ds__graph_status(g, err);
}
