/* shape.c - operators that move values without changing them. */

#include "ops/node.h"

#include <string.h>

/* ---- reshape: a view ------------------------------------------------------------------------- */

static void reshape_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    din[0] = ds__reshape(g, dout[0], n->in[0]->rank, n->in[0]->dim);
}

static const ds_op op_reshape = { .name = "reshape", .adjoint = reshape_adjoint };

ds_var *ds__reshape(ds_graph *g, ds_var *x, int rank, const int64_t *dim)
{
    ds_var *y;

    if (x == NULL)
        return NULL;
    y = ds__output(g, ds__append(g, &op_reshape, 1, &x), x->dtype, rank, dim);
    if (y == NULL)
        return NULL;
    if (ds__var_count(y) != ds__var_count(x))
        return ds__graph_fail(g, DS_E_INTERNAL, "reshape: %lld elements into %lld",
                              (long long)ds__var_count(x), (long long)ds__var_count(y));
    if (x->param != NULL)
        y->param = x->param; /* a parameter stays one: kernels still see what they may pack */
    else
        y->alias = x;
    return y;
}

/* ---- concat and slice along the last axis ---------------------------------------------------- */

static ds_status run_concat(ds_node *n, ds_error *err)
{
    const ds_var *a = n->in[0], *b = n->in[1];

    (void)err;
    ds__simd()->concat(n->out[0]->data, n->out[0]->dtype, a->data, a->dim[a->rank - 1], b->data,
                       b->dim[b->rank - 1], ds__rows(a));
    return DS_OK;
}

static void concat_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    int64_t ca = n->in[0]->dim[n->in[0]->rank - 1], cb = n->in[1]->dim[n->in[1]->rank - 1];

    if (ds__needs_grad(n->in[0]))
        din[0] = ds__slice(g, dout[0], 0, ca);
    if (ds__needs_grad(n->in[1]))
        din[1] = ds__slice(g, dout[0], ca, cb);
}

static const ds_op op_concat = {
    .name = "concat",
    .bf16_out = true,
    .run = run_concat,
    .adjoint = concat_adjoint,
};

ds_var *ds__concat(ds_graph *g, ds_var *a, ds_var *b)
{
    ds_var *in[2] = { a, b };
    int64_t dim[DS_GRAPH_RANK];
    char as[80], bs[80];

    if (a == NULL || b == NULL)
        return NULL;
    if (a->rank != b->rank || memcmp(a->dim, b->dim, (size_t)(a->rank - 1) * sizeof a->dim[0]) != 0)
        return ds__graph_fail(g, DS_E_SHAPE, "concat: %s and %s differ before the last axis",
                              ds__shape(a, as, sizeof as), ds__shape(b, bs, sizeof bs));
    memcpy(dim, a->dim, sizeof dim);
    dim[a->rank - 1] += b->dim[b->rank - 1];
    return ds__output(g, ds__append(g, &op_concat, 2, in), DS_DTYPE_F32, a->rank, dim);
}

static ds_status run_slice(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0], *y = n->out[0];

    (void)err;
    ds__simd()->copy_slice(y->data, y->dim[y->rank - 1], (const float *)x->data + n->attr.first,
                           x->dim[x->rank - 1], ds__rows(x), y->dim[y->rank - 1]);
    return DS_OK;
}

static ds_status run_slice_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *dy = n->in[0], *dx = n->out[0];

    (void)err;
    ds__simd()->add_slice(ds__zeroed(dx) + n->attr.first, dx->dim[dx->rank - 1], dy->data,
                          dy->dim[dy->rank - 1], ds__rows(dy), dy->dim[dy->rank - 1]);
    return DS_OK;
}

static const ds_op op_slice_adjoint = { .name = "slice adjoint", .run = run_slice_adjoint };

static void slice_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *dy = dout[0];
    ds_node *a = ds__append(g, &op_slice_adjoint, 1, &dy);

    if (a != NULL)
        a->attr = n->attr;
    din[0] = ds__output(g, a, DS_DTYPE_F32, n->in[0]->rank, n->in[0]->dim);
}

static const ds_op op_slice = { .name = "slice", .run = run_slice, .adjoint = slice_adjoint };

ds_var *ds__slice(ds_graph *g, ds_var *x, int64_t first, int64_t count)
{
    int64_t dim[DS_GRAPH_RANK];
    ds_node *n;

    if (x == NULL)
        return NULL;
    if (first < 0 || count < 1 || first + count > x->dim[x->rank - 1])
        return ds__graph_fail(g, DS_E_SHAPE, "slice: %lld..%lld of %lld", (long long)first,
                              (long long)(first + count), (long long)x->dim[x->rank - 1]);
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = count;
    n = ds__append(g, &op_slice, 1, &x);
    if (n != NULL)
        n->attr.first = first;
    return ds__output(g, n, DS_DTYPE_F32, x->rank, dim);
}

/* ---- upsample: nearest neighbour ------------------------------------------------------------- */

static ds_status run_upsample(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0], *y = n->out[0];

    (void)err;
    ds__simd()->upsample(y->data, y->dtype, x->data, x->dim[0], x->dim[1], x->dim[2], x->dim[3],
                         y->dim[1], y->dim[2]);
    return DS_OK;
}

static ds_status run_upsample_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *dy = n->in[0], *dx = n->out[0];

    (void)err;
    ds__simd()->upsample_adj(ds__zeroed(dx), dy->data, dx->dim[0], dx->dim[1], dx->dim[2],
                             dx->dim[3], dy->dim[1], dy->dim[2]);
    return DS_OK;
}

static const ds_op op_upsample_adjoint = { .name = "upsample adjoint",
                                           .run = run_upsample_adjoint };

static void upsample_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *dy = dout[0];

    din[0] =
        ds__output(g, ds__append(g, &op_upsample_adjoint, 1, &dy), DS_DTYPE_F32, 4, n->in[0]->dim);
}

static const ds_op op_upsample = {
    .name = "upsample",
    .bf16_out = true,
    .run = run_upsample,
    .adjoint = upsample_adjoint,
};

ds_var *ds__upsample(ds_graph *g, ds_var *x, int64_t height, int64_t width)
{
    if (x == NULL)
        return NULL;
    return ds__output(g, ds__append(g, &op_upsample, 1, &x), DS_DTYPE_F32, 4,
                      (const int64_t[]){ x->dim[0], height, width, x->dim[3] });
}

/* ---- rows by number -------------------------------------------------------------------------- */

static ds_status prepare_gather(ds_graph *g, ds_node *n, ds_error *err)
{
    return ds__plain_input(g, n, 0, err);
}

/* in: table [V,C], ids I32. Numbers outside the table are refused: they come from a user. */
static ds_status run_gather(ds_node *n, ds_error *err)
{
    const ds_var *table = n->in[0], *ids = n->in[1];
    const int32_t *id = ids->data;
    int64_t count = ds__var_count(ids);

    for (int64_t i = 0; i < count; i++)
        if (id[i] < 0 || id[i] >= table->dim[0])
            return ds_fail(err, DS_E_ARG, "row %d asked for, but the table has rows 0 to %lld",
                           id[i], (long long)table->dim[0] - 1);
    ds__simd()->gather(n->out[0]->data, table->data, id, count, table->dim[1]);
    return DS_OK;
}

/* Rows that were taken more than once add up, in the order of the numbers. */
static ds_status run_gather_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *dtable = n->out[0], *ids = n->in[1];

    (void)err;
    ds__simd()->gather_adj(ds__zeroed(dtable), n->in[0]->data, ids->data, ds__var_count(ids),
                           dtable->dim[1]);
    return DS_OK;
}

static const ds_op op_gather_adjoint = { .name = "gather adjoint", .run = run_gather_adjoint };

static void gather_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *in[2] = { dout[0], n->in[1] };

    din[0] =
        ds__output(g, ds__append(g, &op_gather_adjoint, 2, in), DS_DTYPE_F32, 2, n->in[0]->dim);
}

static const ds_op op_gather = {
    .name = "gather",
    .prepare = prepare_gather,
    .run = run_gather,
    .adjoint = gather_adjoint,
};

ds_var *ds__gather(ds_graph *g, ds_var *table, ds_var *ids)
{
    ds_var *in[2] = { table, ids };
    int64_t dim[DS_GRAPH_RANK];

    if (table == NULL || ids == NULL)
        return NULL;
    if (table->rank != 2 || ids->dtype != DS_DTYPE_I32 || ids->rank >= DS_GRAPH_RANK)
        return ds__graph_fail(g, DS_E_INTERNAL, "gather: wants a matrix and I32 row numbers");
    memcpy(dim, ids->dim, sizeof dim);
    dim[ids->rank] = table->dim[1];
    return ds__output(g, ds__append(g, &op_gather, 2, in), DS_DTYPE_F32, ids->rank + 1, dim);
}

/* ---- rows put in ----------------------------------------------------------------------------- */

/* in: x [..,C], place I32 [P], rows [P,C] or NULL: zeros. */
static ds_status run_put_rows(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0], *place = n->in[1];
    const int64_t c = x->dim[x->rank - 1], count = ds__rows(x);
    const float *row = ds__data(n->in[2]);
    const int32_t *at = place->data;
    float *y = n->out[0]->data;

    memcpy(y, x->data, (size_t)(count * c) * sizeof *y);
    for (int64_t i = 0; i < ds__var_count(place); i++) {
        if (at[i] < 0 || at[i] >= count)
            return ds_fail(err, DS_E_ARG, "a row put at place %d of %lld", at[i], (long long)count);
        if (row != NULL)
            memcpy(y + at[i] * c, row + i * c, (size_t)c * sizeof *y);
        else
            memset(y + at[i] * c, 0, (size_t)c * sizeof *y);
    }
    return DS_OK;
}

static ds_var *put_rows(ds_graph *g, ds_var *x, ds_var *place, ds_var *rows);

/* drows = dy at the places; dx = dy elsewhere. */
static void put_rows_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *x = n->in[0], *place = n->in[1];
    const int64_t c = x->dim[x->rank - 1];

    if (ds__needs_grad(n->in[2]))
        din[2] = ds__gather(g, ds__reshape(g, dout[0], DS_DIMS(ds__rows(x), c)), place);
    if (ds__needs_grad(x))
        din[0] = put_rows(g, dout[0], place, NULL);
}

static const ds_op op_put_rows = {
    .name = "put rows",
    .run = run_put_rows,
    .adjoint = put_rows_adjoint,
};

static ds_var *put_rows(ds_graph *g, ds_var *x, ds_var *place, ds_var *rows)
{
    ds_var *in[3] = { x, place, rows };

    return ds__output(g, ds__append(g, &op_put_rows, 3, in), DS_DTYPE_F32, x->rank, x->dim);
}

ds_var *ds__put_rows(ds_graph *g, ds_var *x, ds_var *place, ds_var *rows)
{
    if (x == NULL || place == NULL || rows == NULL)
        return NULL;
    if (place->dtype != DS_DTYPE_I32 || place->rank != 1 || rows->rank != 2 ||
        rows->dim[0] != place->dim[0] || rows->dim[1] != x->dim[x->rank - 1])
        return ds__graph_fail(g, DS_E_INTERNAL, "put rows: wants [P,C] and I32 [P]");
    return put_rows(g, x, place, rows);
}
