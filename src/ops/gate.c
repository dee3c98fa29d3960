/* gate.c - a gate: numbers by which a component's output is multiplied, one for each of G equal
 * parts of the last axis (1: the whole, heads: each head of an attention, C: each channel or hidden
 * unit), the same for all images, a row for each, or a row for each place of each image.
 *
 *   y[n,s,c] = gate[n,part(c)] x[n,s,c]        part(c) = c G / C
 *   dx = gate dy        dgate[n,k] = sum of dy x over the positions and the channels of part k
 *
 * At gates of one, dgate is the first-order effect of removing the part (Euler: for y = W x the sums
 * over its row or column of W dW), and the sum over places and parts does not depend on how finely
 * the gate is cut. */

#include "ops/node.h"

/* Part k of image n: `width` channels from k width on, in each of s rows of c channels. A place with
 * gates of its own counts as an image of one row. */
typedef struct extent {
    int64_t n, s, c, parts, width;
} extent;

static extent extent_of(const ds_var *x, const ds_var *gate)
{
    int64_t n = ds__rows(gate), c = x->dim[x->rank - 1];
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

/* Parts of one channel each: `count` neighbours at once, so that memory is read along the rows. */
enum { RUN = 64 };
static void channel_products(const extent *e, float *dgate, const float *dy, const float *x,
                             int64_t count)
{
    double sum[RUN] = { 0 };

    for (int64_t r = 0; r < e->s; r++)
        for (int64_t k = 0; k < count; k++)
            sum[k] += (double)dy[r * e->c + k] * x[r * e->c + k];
    for (int64_t k = 0; k < count; k++)
        dgate[k] = (float)sum[k];
}

static void run_channels(const extent *e, float *dgate, const float *dy, const float *x)
{
    const int64_t runs = (e->c + RUN - 1) / RUN;

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < e->n * runs; i++) {
        int64_t k = i % runs * RUN, at = i / runs * e->s * e->c + k;

        channel_products(e, dgate + i / runs * e->c + k, dy + at, x + at,
                         e->c - k < RUN ? e->c - k : RUN);
    }
}

static ds_status run_adjoint(ds_node *n, ds_error *err)
{
    extent e = extent_of(n->in[0], n->out[0]);
    const float *dy = n->in[0]->data, *x = n->in[1]->data;
    float *dgate = n->out[0]->data;

    (void)err;
    if (e.width == 1) {
        run_channels(&e, dgate, dy, x);
        return DS_OK;
    }
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
    if (x->dtype != DS_DTYPE_F32 || gate->rank < 1 || gate->rank > 3 ||
        gate->dim[gate->rank - 1] < 1 || x->dim[x->rank - 1] % gate->dim[gate->rank - 1] != 0 ||
        (gate->rank > 1 && gate->dim[0] != x->dim[0]) ||
        (gate->rank == 3 && gate->dim[0] * gate->dim[1] != ds__rows(x)))
        return ds__graph_fail(
            g, DS_E_SHAPE,
            "a gate %s does not fit %s (channels last): expected [G], [%lld,G] or [%lld,places,G], "
            "G a divisor of the channels",
            ds__shape(gate, gs, sizeof gs), ds__shape(x, xs, sizeof xs), (long long)x->dim[0],
            (long long)x->dim[0]);
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
