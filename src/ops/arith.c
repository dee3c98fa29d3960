/* arith.c - sums, factors, conversions, and the sinusoids of a number. */

#include "ops/node.h"

#include <math.h>

/* ---- a + b, same shape ---------------------------------------------------------------------- */

static ds_status run_add(ds_node *n, ds_error *err)
{
    (void)err;
    ds__simd()->add(n->out[0]->data, n->in[0]->data, n->in[1]->data, ds__var_count(n->out[0]));
    return DS_OK;
}

static void add_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    (void)g;
    (void)n;
    din[0] = din[1] = dout[0];
}

const ds_op ds__op_add = { .name = "add", .run = run_add, .adjoint = add_adjoint };

ds_var *ds__add(ds_graph *g, ds_var *a, ds_var *b)
{
    ds_var *in[2] = { a, b };
    char as[80], bs[80];

    if (a == NULL || b == NULL)
        return NULL;
    if (!ds__same_shape(a, b))
        return ds__graph_fail(g, DS_E_SHAPE, "add: %s and %s", ds__shape(a, as, sizeof as),
                              ds__shape(b, bs, sizeof bs));
    return ds__output(g, ds__append(g, &ds__op_add, 2, in), DS_DTYPE_F32, a->rank, a->dim);
}

/* ---- x[n,s,c] + t[r,c] for every n, r >= s: positions of a text ----------------------------- */

static ds_status prepare_repeat(ds_graph *g, ds_node *n, ds_error *err)
{
    return ds__plain_input(g, n, 1, err);
}

static ds_status run_repeat(ds_node *n, ds_error *err)
{
    int64_t part = ds__var_count(n->in[0]) / n->in[0]->dim[0];
    const float *x = n->in[0]->data;
    float *y = n->out[0]->data;

    (void)err;
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++)
        ds__simd()->add(y + i * part, x + i * part, n->in[1]->data, part);
    return DS_OK;
}

/* dt = sum over n of dy, in the order of n; rows past the text are zero. */
static ds_status run_repeat_adjoint(ds_node *n, ds_error *err)
{
    int64_t part = ds__var_count(n->in[0]) / n->in[0]->dim[0];
    const float *dy = n->in[0]->data;
    float *dt = ds__zeroed(n->out[0]);

    (void)err;
    for (int64_t i = 0; i < n->in[0]->dim[0]; i++)
        ds__simd()->add(dt, dt, dy + i * part, part);
    return DS_OK;
}

static const ds_op op_repeat_adjoint = { .name = "add_each adjoint", .run = run_repeat_adjoint };

static void repeat_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *dy = dout[0];

    din[0] = dy;
    if (ds__needs_grad(n->in[1]))
        din[1] = ds__output(g, ds__append(g, &op_repeat_adjoint, 1, &dy), DS_DTYPE_F32, 2,
                            n->in[1]->dim);
}

static const ds_op op_repeat = {
    .name = "add_each",
    .prepare = prepare_repeat,
    .run = run_repeat,
    .adjoint = repeat_adjoint,
};

ds_var *ds__add_each(ds_graph *g, ds_var *x, ds_var *t)
{
    ds_var *in[2] = { x, t };
    char xs[80], ts[80];

    if (x == NULL || t == NULL)
        return NULL;
    if (x->rank != 3 || t->rank != 2 || x->dim[2] != t->dim[1] || x->dim[1] > t->dim[0])
        return ds__graph_fail(g, DS_E_SHAPE, "add_each: %s has more rows than %s",
                              ds__shape(x, xs, sizeof xs), ds__shape(t, ts, sizeof ts));
    return ds__output(g, ds__append(g, &op_repeat, 2, in), DS_DTYPE_F32, x->rank, x->dim);
}

/* ---- factor * x ----------------------------------------------------------------------------- */

static ds_status run_scale(ds_node *n, ds_error *err)
{
    (void)err;
    ds__simd()->scale(n->out[0]->data, n->in[0]->data, n->attr.factor, ds__var_count(n->in[0]));
    return DS_OK;
}

static void scale_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    din[0] = ds__scale(g, dout[0], n->attr.factor);
}

static const ds_op op_scale = { .name = "scale", .run = run_scale, .adjoint = scale_adjoint };

ds_var *ds__scale(ds_graph *g, ds_var *x, float factor)
{
    ds_node *n;

    if (x == NULL || factor == 1.0f)
        return x;
    n = ds__append(g, &op_scale, 1, &x);
    if (n != NULL)
        n->attr.factor = factor;
    return ds__output(g, n, DS_DTYPE_F32, x->rank, x->dim);
}

/* ---- to another element type ---------------------------------------------------------------- */

static ds_status run_cast(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0], *y = n->out[0];

    (void)err;
    if (x->dtype == DS_DTYPE_F32 && y->dtype == DS_DTYPE_BF16)
        ds__simd()->to_bf16(y->data, x->data, ds__var_count(x));
    else
        ds_convert(y->data, y->dtype, x->data, x->dtype, ds__var_count(x));
    return DS_OK;
}

/* Cotangents are always float32: rounding passes them on. */
static void cast_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    (void)g;
    (void)n;
    din[0] = dout[0];
}

const ds_op ds__op_cast = { .name = "cast", .run = run_cast, .adjoint = cast_adjoint };

ds_var *ds__cast(ds_graph *g, ds_var *x, ds_dtype to)
{
    if (x == NULL || x->dtype == to)
        return x;
    return ds__output(g, ds__append(g, &ds__op_cast, 1, &x), to, x->rank, x->dim);
}

ds_var *ds__operand(ds_graph *g, ds_var *x)
{
    if (x == NULL || g->options.compute != DS_DTYPE_BF16 || x->dtype == DS_DTYPE_BF16)
        return x;
    if (x->bf16 == NULL)
        x->bf16 = ds__cast(g, x, DS_DTYPE_BF16);
    return x->bf16;
}

/* ---- sum over rows -------------------------------------------------------------------------- */

static ds_status run_sum_rows(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0];

    (void)err;
    ds__simd()->sum_rows(ds__zeroed(n->out[0]), x->data, 1, ds__rows(x), x->dim[x->rank - 1]);
    return DS_OK;
}

static const ds_op op_sum_rows = { .name = "sum_rows", .run = run_sum_rows };

ds_var *ds__sum_rows(ds_graph *g, ds_var *x)
{
    if (x == NULL)
        return NULL;
    return ds__output(g, ds__append(g, &op_sum_rows, 1, &x), DS_DTYPE_F32, 1, &x->dim[x->rank - 1]);
}

/* ---- sinusoids: t [M] -> [M,dim] ------------------------------------------------------------ */

/* Positions as in "Attention is all you need" (arXiv 1706.03762, section 3.5), with the longest
 * period 10,000; diffusers' option `flip_sin_to_cos` puts the cosines first. */
static ds_status run_timestep(ds_node *n, ds_error *err)
{
    const ds_var *y = n->out[0];

    (void)err;
    ds__simd()->timestep_embedding(y->data, n->in[0]->data, y->dim[0], y->dim[1],
                                   n->attr.timestep.flip_sin_to_cos,
                                   n->attr.timestep.downscale_freq_shift, 1.0f, 10000.0f);
    return DS_OK;
}

/* Adjoint: in dy, y; out dt. With angles a_i = t f_i:
 *   dt = sum_i f_i (dsin_i cos a_i - dcos_i sin a_i) */
static ds_status run_timestep_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *y = n->in[1];
    const float *dy = n->in[0]->data, *e = y->data;
    int64_t dim = y->dim[1], half = dim / 2;
    bool flip = n->attr.timestep.flip_sin_to_cos;
    float *dt = n->out[0]->data;

    (void)err;
    for (int64_t m = 0; m < y->dim[0]; m++, dy += dim, e += dim) {
        const float *c = e + (flip ? 0 : half), *dc = dy + (flip ? 0 : half);
        const float *s = e + (flip ? half : 0), *ds = dy + (flip ? half : 0);
        double sum = 0.0;

        for (int64_t i = 0; i < half; i++)
            sum += exp(-log(10000.0) * (double)i / (half - n->attr.timestep.downscale_freq_shift)) *
                   ((double)ds[i] * c[i] - (double)dc[i] * s[i]);
        dt[m] = (float)sum;
    }
    return DS_OK;
}

static const ds_op op_timestep_adjoint = {
    .name = "timestep_embedding adjoint",
    .run = run_timestep_adjoint,
};

static void timestep_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *in[2] = { dout[0], n->out[0] };
    ds_node *a = ds__append(g, &op_timestep_adjoint, 2, in);

    if (a != NULL)
        a->attr = n->attr;
    din[0] = ds__output(g, a, DS_DTYPE_F32, n->in[0]->rank, n->in[0]->dim);
}

static const ds_op op_timestep = {
    .name = "timestep_embedding",
    .run = run_timestep,
    .adjoint = timestep_adjoint,
};

ds_var *ds__timestep_embedding(ds_graph *g, ds_var *t, int64_t dim, bool flip_sin_to_cos,
                               float downscale_freq_shift)
{
    ds_node *n;

    if (t == NULL)
        return NULL;
    n = ds__append(g, &op_timestep, 1, &t);
    if (n != NULL) {
        n->attr.timestep.flip_sin_to_cos = flip_sin_to_cos;
        n->attr.timestep.downscale_freq_shift = downscale_freq_shift;
    }
    return ds__output(g, n, DS_DTYPE_F32, 2, (const int64_t[]){ ds__var_count(t), dim });
}
