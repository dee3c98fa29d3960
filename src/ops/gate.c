/* gate.c - a gate: numbers by which a component's output is multiplied, one for each of G equal
 * parts of the last axis (1: the whole, heads: each head of an attention, C: each channel or hidden
 * unit), the same for all images or a row for each.
 *
 *   y[n,s,c] = gate[n,part(c)] x[n,s,c]        part(c) = c G / C
 *   dx = gate dy        dgate[n,k] = sum of dy x over the positions and the channels of part k */

#include "ops/node.h"

/* Part k of image n: `width` channels from k width on, in each of s rows of c channels. */
typedef struct extent {
    int64_t n, s, c, parts, width;
} extent;

static extent extent_of(const ds_var *x, const ds_var *gate)
{
    int64_t n = gate->rank == 2 ? gate->dim[0] : 1, c = x->dim[x->rank - 1];
    int64_t parts = gate->dim[gate->rank - 1];

    return (extent){ n, ds__rows(x) / n, c, parts, c / parts };
}

static ds_status run(ds_node *n, ds_error *err)
{
    extent e = extent_of(n->in[0], n->in[1]);
    const float *x = n->in[0]->data, *gate = n->in[1]->data;
    float *y = n->out[0]->data;

    (void)err;
    if (e.parts == 1) {
        for (int64_t i = 0; i < e.n; i++)
            ds__simd()->scale(y + i * e.s * e.c, x + i * e.s * e.c, gate[i], e.s * e.c);
        return DS_OK;
    }
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < e.n * e.s; r++)
        for (int64_t c = 0; c < e.c; c++)
            y[r * e.c + c] = x[r * e.c + c] * gate[r / e.s * e.parts + c / e.width];
    return DS_OK;
}

/* ---- adjoint to the gate: in dy, x; out dgate ------------------------------------------------ */

static double part_product(const extent *e, const float *dy, const float *x)
{
    double sum = 0.0;

    for (int64_t r = 0; r < e->s; r++)
        for (int64_t c = 0; c < e->width; c++)
            sum += (double)dy[r * e->c + c] * x[r * e->c + c];
    return sum;
}

static ds_status run_adjoint(ds_node *n, ds_error *err)
{
    extent e = extent_of(n->in[0], n->out[0]);
    const float *dy = n->in[0]->data, *x = n->in[1]->data;
    float *dgate = n->out[0]->data;

    (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < e.n * e.parts; k++) {
        int64_t at = k / e.parts * e.s * e.c + k % e.parts * e.width;

        dgate[k] = (float)part_product(&e, dy + at, x + at);
    }
    return DS_OK;
}

static const ds_op op_gate_adjoint = {
    .name = "gate adjoint",
    .run = run_adjoint,
};

static void adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0], *gate = n->in[1];
    ds_var *in[2] = { dout[0], x };

    if (ds__needs_grad(x))
        din[0] = ds__gate(g, dout[0], gate);
    if (ds__needs_grad(gate))
        din[1] = ds__output(g, ds__append(g, &op_gate_adjoint, 2, in), DS_DTYPE_F32, gate->rank,
                            gate->dim);
}

static const ds_op op_gate = {
    .name = "gate",
    .run = run,
    .adjoint = adjoint,
};

ds_var *ds__gate(ds_graph *g, ds_var *x, ds_var *gate)
{
    ds_var *in[2] = { x, gate };
    char xs[80], gs[80];

    if (x == NULL || gate == NULL)
        return NULL;
    if (x->dtype != DS_DTYPE_F32 || gate->rank < 1 || gate->rank > 2 ||
        gate->dim[gate->rank - 1] < 1 || x->dim[x->rank - 1] % gate->dim[gate->rank - 1] != 0 ||
        (gate->rank == 2 && gate->dim[0] != x->dim[0]))
        return ds__graph_fail(
            g, DS_E_SHAPE,
            "a gate %s does not fit %s (channels last): expected [G] or [%lld,G], "
            "G a divisor of the channels",
            ds__shape(gate, gs, sizeof gs), ds__shape(x, xs, sizeof xs), (long long)x->dim[0]);
    return ds__output(g, ds__append(g, &op_gate, 2, in), DS_DTYPE_F32, x->rank, x->dim);
}

int ds__graph_gates(const ds_graph *g, ds_var **out, int room)
{
    int count = 0;

    for (int i = 0; i < g->count; i++)
        if (g->node[i]->op == &ds__op_input && g->node[i]->n_out == 1 &&
            g->node[i]->out[0]->gates != NULL) {
            if (count < room)
                out[count] = g->node[i]->out[0];
            count++;
        }
    return count;
}
