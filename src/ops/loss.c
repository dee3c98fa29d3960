/* loss.c - what training makes small, each a mean as one number [1], and the draw from a diagonal
 * Gaussian that stands between a VAE's two halves.
 *
 *   mean squared   sum_n w_n sum_i (x_ni - y_ni)^2 / count           w NULL: 1
 *   mean absolute  sum_i |x_i - y_i| / count
 *   edges          sum |d_h e| + |d_w e| over / count, e = x - y, d the differences of neighbours
 *   KL             sum_i (mean^2 + exp(logvar) - 1 - logvar) / 2 / count    to a standard normal
 *
 * `count` is the number of elements (of means, for KL), so that weights do not depend on sizes. Sums are
 * double, of parts whose order no number of threads changes. The derivative of |e| at 0 is taken as 0. */

#include "ops/node.h"

#include <math.h>

/* diffusers' DiagonalGaussianDistribution clamps the logarithm of the variance to this range. */
#define LOGVAR_MIN -30.0f
#define LOGVAR_MAX 20.0f

static ds_var *scalar(ds_graph *g, ds_node *n)
{
    return ds__output(g, n, DS_DTYPE_F32, 1, (const int64_t[]){ 1 });
}

/* An adjoint of x like the forward operator: inputs dL, then n's inputs. */
static ds_var *adjoint_of(ds_graph *g, const ds_op *op, ds_node *n, ds_var *dl, const ds_var *like)
{
    ds_var *in[DS_MAX_IN] = { dl };
    ds_node *a;

    for (int i = 0; i < n->n_in; i++)
        in[i + 1] = n->in[i];
    a = ds__append(g, op, n->n_in + 1, in);
    return ds__output(g, a, DS_DTYPE_F32, like->rank, like->dim);
}

/* Losses are even in x - y: the second input's cotangent is minus the first's. */
static void pair_adjoint(ds_graph *g, const ds_op *op, ds_node *n, ds_var *dl, ds_var *din[])
{
    ds_var *dx = adjoint_of(g, op, n, dl, n->in[0]);

    if (ds__needs_grad(n->in[0]))
        din[0] = dx;
    if (ds__needs_grad(n->in[1]))
        din[1] = ds__scale(g, dx, -1.0f);
}

static bool pair_is_good(ds_graph *g, const char *what, const ds_var *x, const ds_var *y)
{
    char xs[80], ys[80];

    if (x == NULL || y == NULL)
        return false;
    if (!ds__same_shape(x, y) || x->dtype != DS_DTYPE_F32 || y->dtype != DS_DTYPE_F32)
        ds__graph_fail(g, DS_E_SHAPE, "%s of %s and %s", what, ds__shape(x, xs, sizeof xs),
                       ds__shape(y, ys, sizeof ys));
    return g->status == DS_OK;
}

/* ---- mean squared difference ------------------------------------------------------------------------ */

static ds_status run_squared(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[0];
    int64_t count = ds__var_count(x), samples = x->dim[0], part = count / samples;
    const float *a = x->data, *b = n->in[1]->data;
    const float *w = n->in[2] != NULL ? n->in[2]->data : NULL;
    double sum = 0.0;

    (void)err;
    for (int64_t i = 0; i < samples; i++)
        sum += (w != NULL ? (double)w[i] : 1.0) *
               ds__simd()->sum_sq_diff(a + i * part, b + i * part, part);
    *(float *)n->out[0]->data = (float)(sum / (double)count);
    return DS_OK;
}

static ds_status run_squared_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *x = n->in[1];
    int64_t count = ds__var_count(x), samples = x->dim[0], part = count / samples;
    const float *dl = n->in[0]->data, *a = x->data, *b = n->in[2]->data;
    const float *w = n->in[3] != NULL ? n->in[3]->data : NULL;
    float *dx = ds__zeroed(n->out[0]);

    (void)err;
    for (int64_t i = 0; i < samples; i++)
        ds__simd()->sq_diff_adj(dx + i * part, a + i * part, b + i * part,
                                dl[0] * (w != NULL ? w[i] : 1.0f) / (float)count, part);
    return DS_OK;
}

static const ds_op op_squared_adjoint = { .name = "mean squared adjoint",
                                          .run = run_squared_adjoint };

static void squared_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    pair_adjoint(g, &op_squared_adjoint, n, dout[0], din);
}

static const ds_op op_squared = { .name = "mean squared",
                                  .run = run_squared,
                                  .adjoint = squared_adjoint };

ds_var *ds__mean_squared(ds_graph *g, ds_var *x, ds_var *y, ds_var *weight)
{
    ds_var *in[3] = { x, y, weight };

    if (!pair_is_good(g, "mean squared difference", x, y))
        return NULL;
    if (weight != NULL && ds__var_count(weight) != x->dim[0])
        return ds__graph_fail(g, DS_E_SHAPE, "mean squared: %lld weights for %lld samples",
                              (long long)ds__var_count(weight), (long long)x->dim[0]);
    return scalar(g, ds__append(g, &op_squared, 3, in));
}

/* ---- mean absolute difference ------------------------------------------------------------------------- */

static ds_status run_absolute(ds_node *n, ds_error *err)
{
    int64_t count = ds__var_count(n->in[0]);

    (void)err;
    *(float *)n->out[0]->data =
        (float)(ds__simd()->sum_abs_diff(n->in[0]->data, n->in[1]->data, count) / (double)count);
    return DS_OK;
}

static ds_status run_absolute_adjoint(ds_node *n, ds_error *err)
{
    int64_t count = ds__var_count(n->in[1]);
    const float *dl = n->in[0]->data;

    (void)err;
    ds__simd()->abs_diff_adj(ds__zeroed(n->out[0]), n->in[1]->data, n->in[2]->data,
                             dl[0] / (float)count, count);
    return DS_OK;
}

static const ds_op op_absolute_adjoint = { .name = "mean absolute adjoint",
                                           .run = run_absolute_adjoint };

static void absolute_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    pair_adjoint(g, &op_absolute_adjoint, n, dout[0], din);
}

static const ds_op op_absolute = { .name = "mean absolute",
                                   .run = run_absolute,
                                   .adjoint = absolute_adjoint };

ds_var *ds__mean_absolute(ds_graph *g, ds_var *x, ds_var *y)
{
    ds_var *in[2] = { x, y };

    return pair_is_good(g, "mean absolute difference", x, y)
               ? scalar(g, ds__append(g, &op_absolute, 2, in))
               : NULL;
}

/* ---- edges: x, y [N,H,W,C] ------------------------------------------------------------------------------ */

/* One double per row of pixels. */
static ds_status prepare_edges(ds_graph *g, ds_node *n, ds_error *err)
{
    (void)g;
    (void)err;
    n->scratch_bytes = (size_t)(n->in[0]->dim[0] * n->in[0]->dim[1]) * sizeof(double);
    return DS_OK;
}

static double row_of_edges(const float *x, const float *y, int64_t row, int64_t c, bool last)
{
    double sum = 0.0;

    for (int64_t i = 0; i + c < row; i++)
        sum += fabsf((x[i + c] - y[i + c]) - (x[i] - y[i]));
    for (int64_t i = 0; !last && i < row; i++)
        sum += fabsf((x[i + row] - y[i + row]) - (x[i] - y[i]));
    return sum;
}

static ds_status run_edges(ds_node *n, ds_error *err)
{
    const ds_var *v = n->in[0];
    int64_t height = v->dim[1], rows = v->dim[0] * height, c = v->dim[3], row = v->dim[2] * c;
    const float *x = v->data, *y = n->in[1]->data;
    double *part = n->scratch, sum = 0.0;

    (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < rows; i++)
        part[i] = row_of_edges(x + i * row, y + i * row, row, c, i % height == height - 1);
    for (int64_t i = 0; i < rows; i++)
        sum += part[i];
    *(float *)n->out[0]->data = (float)(sum / (double)ds__var_count(v));
    return DS_OK;
}

static float sign(float x)
{
    return (float)((x > 0.0f) - (x < 0.0f));
}

/* dx gathers from the four differences that the pixel is part of. */
static ds_status run_edges_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *v = n->in[1];
    int64_t height = v->dim[1], rows = v->dim[0] * height, c = v->dim[3], row = v->dim[2] * c;
    const float *dl = n->in[0]->data;
    float *out = n->out[0]->data, unit = dl[0] / (float)ds__var_count(v);

    (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float *x = (const float *)v->data + r * row,
                    *y = (const float *)n->in[2]->data + r * row;
        int64_t above = r % height > 0 ? row : 0, below = r % height < height - 1 ? row : 0;

        for (int64_t i = 0; i < row; i++) {
            float e = x[i] - y[i], sum = 0.0f;

            if (i >= c)
                sum += sign(e - (x[i - c] - y[i - c]));
            if (i + c < row)
                sum += sign(e - (x[i + c] - y[i + c]));
            sum += sign(e - (x[i - above] - y[i - above])); /* 0 at the border */
            sum += sign(e - (x[i + below] - y[i + below]));
            out[r * row + i] = unit * sum;
        }
    }
    return DS_OK;
}

static const ds_op op_edges_adjoint = { .name = "edges adjoint", .run = run_edges_adjoint };

static void edges_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    pair_adjoint(g, &op_edges_adjoint, n, dout[0], din);
}

static const ds_op op_edges = {
    .name = "edges", .prepare = prepare_edges, .run = run_edges, .adjoint = edges_adjoint
};

ds_var *ds__mean_edges(ds_graph *g, ds_var *x, ds_var *y)
{
    ds_var *in[2] = { x, y };
    char xs[80];

    if (!pair_is_good(g, "difference of edges", x, y))
        return NULL;
    if (x->rank != 4)
        return ds__graph_fail(g, DS_E_SHAPE, "edges of %s: expected pictures [N,H,W,C]",
                              ds__shape(x, xs, sizeof xs));
    return scalar(g, ds__append(g, &op_edges, 2, in));
}

/* ---- moments [..,2L]: means, then logarithms of variances ------------------------------------------------- */

static float clamped(float logvar)
{
    return fminf(fmaxf(logvar, LOGVAR_MIN), LOGVAR_MAX);
}

static bool inside(float logvar)
{
    return logvar >= LOGVAR_MIN && logvar <= LOGVAR_MAX;
}

static ds_status run_kl(ds_node *n, ds_error *err)
{
    const ds_var *m = n->in[0];
    int64_t rows = ds__rows(m), l = m->dim[m->rank - 1] / 2;
    const float *x = m->data;
    double sum = 0.0;

    (void)err;
    for (int64_t r = 0; r < rows; r++, x += 2 * l)
        for (int64_t i = 0; i < l; i++) {
            double mean = x[i], logvar = clamped(x[l + i]);

            sum += 0.5 * (mean * mean + exp(logvar) - 1.0 - logvar);
        }
    *(float *)n->out[0]->data = (float)(sum / (double)(rows * l));
    return DS_OK;
}

static ds_status run_kl_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *m = n->in[1];
    int64_t rows = ds__rows(m), l = m->dim[m->rank - 1] / 2;
    const float *dl = n->in[0]->data, *x = m->data;
    float *dx = n->out[0]->data, unit = dl[0] / (float)(rows * l);

    (void)err;
    for (int64_t r = 0; r < rows; r++, x += 2 * l, dx += 2 * l)
        for (int64_t i = 0; i < l; i++) {
            dx[i] = unit * x[i];
            dx[l + i] = inside(x[l + i]) ? unit * 0.5f * (expf(x[l + i]) - 1.0f) : 0.0f;
        }
    return DS_OK;
}

static const ds_op op_kl_adjoint = { .name = "KL adjoint", .run = run_kl_adjoint };

static void kl_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    din[0] = adjoint_of(g, &op_kl_adjoint, n, dout[0], n->in[0]);
}

static const ds_op op_kl = { .name = "KL", .run = run_kl, .adjoint = kl_adjoint };

static bool moments_are_good(ds_graph *g, const ds_var *m)
{
    char ms[80];

    if (m != NULL && (m->rank < 1 || m->dim[m->rank - 1] % 2 != 0 || m->dtype != DS_DTYPE_F32))
        ds__graph_fail(g, DS_E_SHAPE, "moments %s: expected an even last axis",
                       ds__shape(m, ms, sizeof ms));
    return m != NULL && g->status == DS_OK;
}

ds_var *ds__mean_kl(ds_graph *g, ds_var *moments)
{
    return moments_are_good(g, moments) ? scalar(g, ds__append(g, &op_kl, 1, &moments)) : NULL;
}

/* ---- z = mean + exp(logvar / 2) noise -------------------------------------------------------------------- */

static ds_status run_draw(ds_node *n, ds_error *err)
{
    const ds_var *z = n->out[0];
    int64_t rows = ds__rows(z), l = z->dim[z->rank - 1];
    const float *m = n->in[0]->data, *noise = n->in[1]->data;
    float *out = z->data;

    (void)err;
    for (int64_t r = 0; r < rows; r++, m += 2 * l, noise += l, out += l)
        for (int64_t i = 0; i < l; i++)
            out[i] = m[i] + expf(0.5f * clamped(m[l + i])) * noise[i];
    return DS_OK;
}

/* In dz, moments, noise. */
static ds_status run_draw_adjoint(ds_node *n, ds_error *err)
{
    const ds_var *dz = n->in[0];
    int64_t rows = ds__rows(dz), l = dz->dim[dz->rank - 1];
    const float *d = dz->data, *m = n->in[1]->data, *noise = n->in[2]->data;
    float *dm = n->out[0]->data;

    (void)err;
    for (int64_t r = 0; r < rows; r++, d += l, m += 2 * l, noise += l, dm += 2 * l)
        for (int64_t i = 0; i < l; i++) {
            dm[i] = d[i];
            dm[l + i] = inside(m[l + i]) ? 0.5f * expf(0.5f * m[l + i]) * noise[i] * d[i] : 0.0f;
        }
    return DS_OK;
}

static const ds_op op_draw_adjoint = { .name = "gaussian adjoint", .run = run_draw_adjoint };

static void draw_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    if (ds__needs_grad(n->in[1]))
        ds__graph_fail(g, DS_E_UNSUPPORTED, "gaussian: the noise has no gradient");
    din[0] = adjoint_of(g, &op_draw_adjoint, n, dout[0], n->in[0]);
}

static const ds_op op_draw = { .name = "gaussian", .run = run_draw, .adjoint = draw_adjoint };

ds_var *ds__draw_gaussian(ds_graph *g, ds_var *moments, ds_var *noise)
{
    ds_var *in[2] = { moments, noise };

    if (!moments_are_good(g, moments) || noise == NULL)
        return NULL;
    if (2 * ds__var_count(noise) != ds__var_count(moments) ||
        2 * noise->dim[noise->rank - 1] != moments->dim[moments->rank - 1])
        return ds__graph_fail(g, DS_E_SHAPE, "gaussian: noise must have half the size of moments");
    return ds__output(g, ds__append(g, &op_draw, 2, in), DS_DTYPE_F32, noise->rank, noise->dim);
}
