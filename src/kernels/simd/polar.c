/* polar.c - the polar factor of a matrix by polynomials of its Gram matrix, vectorised.
 *
 *   G = x x^T / bound,  Q = 1;   each step: P = poly(G), Q = P Q, G = P^2 G;   result = Q x / sqrt(bound)
 *
 * Only the first and the last product touch the long side. The others are of symmetric n x n matrices
 * that commute, so half of a result would do. It does for P and G, but Q is computed in full: its errors
 * are small on the right side, where small singular values follow, and not on the left. A matrix lies in
 * panels of QB columns, [panels, n, QB], which is how gemm.h reads its second factor; the first one is
 * read by columns.
 *
 * Where the machine multiplies pairs of bf16, G is the exact Gram matrix of a rounded x if x is long:
 * Q, which is some 400 where x is small, makes of the rounding an error of 0.7 / sqrt(cols). All else
 * stays float32: a rounded G would have negative eigenvalues, which grow, and a rounded Q would bring
 * errors of that size to where x is large. */

#include "kernels/polar.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/transpose.h"

enum { LONG = 512, CHUNK = 128 };

INLINE int64_t panels(int64_t columns)
{
    return (columns + QB - 1) / QB;
}

/* Columns that a step of the Gram matrix takes. */
INLINE int64_t pair_of(int64_t cols)
{
    return HAVE_PAIRS && cols >= LONG ? 2 : 1;
}

INLINE int64_t steps_of(int64_t cols)
{
    return (cols + pair_of(cols) - 1) / pair_of(cols);
}

/* Vectors of panel j that hold some of n columns; the lanes behind the n-th hold zeros. */
INLINE int64_t vectors(int64_t n, int64_t j)
{
    return (ds__min(QB, n - j * QB) + VW - 1) / VW;
}

/* ---- packing --------------------------------------------------------------------------------- */

INLINE vf join(vf first, vf second)
{
    return (vf)((vround_bf16(first) >> 16 & 0xffff) | (vround_bf16(second) & ~0xffff));
}

/* to [panels(n), steps_of(m), QB]: the transpose of x [n, m], whose rows become columns. */
static void pack_rows(float *to, const float *x, int64_t n, int64_t m)
{
    const int64_t steps = steps_of(m), pair = pair_of(m);

    for (int64_t i = 0; i < n; i += VW)
        for (int64_t k = 0; k < m; k += VW) {
            float *at = to + (i / QB * steps + k / pair) * QB + i % QB;
            vf r[VW];

            vload_transposed(r, x + i * m + k, m, n - i, m - k);
            for (int64_t s = 0; s < ds__min(VW / pair, steps - k / pair); s++)
                vstore(at + s * QB, pair == 1 ? r[s] : join(r[2 * s], r[2 * s + 1]));
        }
}

/* ---- square matrices in panels --------------------------------------------------------------- */

INLINE float *place(float *a, int64_t n, int64_t i, int64_t j)
{
    return a + (j / QB * n + i) * QB + j % QB;
}

/* Copies what stands above the diagonal below it. */
static void mirror(float *c, int64_t n)
{
    for (int64_t j = 0; j < n; j += VW) {
        for (int64_t i = 0; i < j; i += VW)
            vtranspose_n(place(c, n, j, i), QB, place(c, n, i, j), QB, VW, n - j);
        for (int64_t i = j + 1; i < ds__min(j + VW, n); i++)
            for (int64_t k = j; k < i; k++)
                *place(c, n, i, k) = *place(c, n, k, i);
    }
}

/* c (+)= a^T b. Blocks of QB rows: those on and above the diagonal, or all. */
static void blocks(float *c, const float *a, const float *b, int64_t n, bool add, bool all)
{
    for (int64_t j = 0; j < panels(n); j++)
        for (int64_t r = 0; r < (all ? panels(n) : j + 1); r++)
            gemm(c + (j * n + r * QB) * QB, QB, (matrix){ a + r * n * QB, 1, QB }, b + j * n * QB,
                 QB, ds__min(QB, n - r * QB), n, vectors(n, j), add);
}

/* c (+)= a b of symmetric matrices that commute. */
static void product(float *c, const float *a, const float *b, int64_t n, bool add)
{
    blocks(c, a, b, n, add, false);
    mirror(c, n);
}

/* c = x x^T of packed rows, a few steps at a time: what they need stays in the second cache. */
static void gram(float *c, const float *rows, int64_t n, int64_t m)
{
    void (*const multiply)(float *, int64_t, matrix, const float *, int64_t, int64_t, int64_t,
                           int64_t, bool) =
#if HAVE_PAIRS
        pair_of(m) == 2 ? gemm_pairs :
#endif
                        gemm;
    const int64_t steps = steps_of(m);

    for (int64_t s = 0; s < steps; s += CHUNK)
        for (int64_t j = 0; j < panels(n); j++)
            for (int64_t r = 0; r <= j; r++)
                multiply(c + (j * n + r * QB) * QB, QB,
                         (matrix){ rows + (r * steps + s) * QB, 1, QB },
                         rows + (j * steps + s) * QB, QB, ds__min(QB, n - r * QB),
                         ds__min(CHUNK, steps - s), vectors(n, j), s > 0);
    mirror(c, n);
}

#define EACH_VECTOR(at, n)                                                                         \
    for (int64_t j_ = 0; j_ < panels(n); j_++)                                                     \
        for (int64_t i_ = 0; i_ < n; i_++)                                                         \
            for (int64_t at = (j_ * n + i_) * QB, end_ = at + vectors(n, j_) * VW; at < end_;      \
                 at += VW)

static void shrink(float *a, float factor, int64_t n)
{
    EACH_VECTOR(at, n)
    {
        vstore(a + at, vload(a + at) * factor);
    }
}

/* Scales g and its square h so that no eigenvalue of g is above 1, and returns what g was divided by:
 * the largest is at most the fourth root of the sum of their fourth powers. 0: x is as good as zero. */
static float bring_below_one(float *g, float *h, int64_t n)
{
    float trace = 0.0f, bound;
    vf sum = { 0 };

    for (int64_t i = 0; i < n; i++)
        trace += *place(g, n, i, i);
    if (!(trace > DS_POLAR_LEAST && trace < 1.0f / DS_POLAR_LEAST))
        return 0.0f;
    shrink(g, 1.0f / trace, n);
    product(h, g, g, n, false);
    EACH_VECTOR(at, n)
    {
        sum = vfma(vload(h + at), vload(h + at), sum);
    }
    bound = DS_POLAR_MARGIN * sqrtf(sqrtf(vsum(sum)));
    shrink(g, 1.0f / bound, n);
    shrink(h, 1.0f / (bound * bound), n);
    return trace * bound;
}

/* p = c0 + c1 g + h (c2 + c3 g + c4 h); t is overwritten. */
static void polynomial(float *p, float *t, const float *g, const float *h, const double *coef,
                       int64_t n)
{
    const float c0 = (float)coef[0], c1 = (float)coef[1], c2 = (float)coef[2];
    const float c3 = (float)coef[3], c4 = (float)coef[4];

    EACH_VECTOR(at, n)
    {
        vstore(p + at, vload(g + at) * c1);
        vstore(t + at, vfma(vload(g + at), vset(c3), vload(h + at) * c4));
    }
    for (int64_t i = 0; i < n; i++) {
        *place(p, n, i, i) += c0;
        *place(t, n, i, i) += c2;
    }
    product(p, h, t, n, true);
}

/* ---- the whole ----------------------------------------------------------------------------------- */

enum { MATRICES = 5 };

static int64_t matrix_room(int64_t n)
{
    return panels(n) * n * QB;
}

size_t DS_FN(polar_work)(int64_t rows, int64_t cols)
{
    return (size_t)(MATRICES * matrix_room(rows) + panels(rows) * steps_of(cols) * QB) *
           sizeof(float);
}

/* Returns the transpose of Q, which is one of the five matrices at work, but not the first two; *size as
 * bring_below_one returns it. */
static float *root(float *work, const float *rows, int64_t n, int64_t m, float *size)
{
    const int64_t room = matrix_room(n);
    float *g = work, *h = g + room, *t = h + room, *p = t + room, *q = NULL;

    gram(g, rows, n, m);
    *size = bring_below_one(g, h, n);
    for (int k = 0; *size > 0.0f && k < DS_POLAR_STEPS; k++) {
        const bool last = k == DS_POLAR_STEPS - 1;
        float *next = k == 0 ? p : t;

        if (k > 0)
            product(h, g, g, n, false);
        polynomial(p, t, g, h, ds__polar_step[k], n);
        if (k > 0)
            blocks(t, last ? q : p, last ? p : q, n, false, true);
        if (!last) {
            product(h, p, g, n, false);
            product(g, p, h, n, false);
        }
        if (k == 0)
            p += room;
        else
            t = q;
        q = next;
    }
    return q;
}

/* dst = q^T x by panels of columns: each is copied first, so that dst may be x. */
static void apply(float *dst, const float *q, const float *x, int64_t n, int64_t m, float *panel,
                  float *edge)
{
    for (int64_t j = 0; j < m; j += QB) {
        const int64_t width = ds__min(QB, m - j), nv = (width + VW - 1) / VW;
        const bool whole = width % VW == 0;
        float *to = whole ? dst + j : edge;
        const int64_t ld = whole ? m : QB;

        for (int64_t i = 0; i < n; i++)
            for (int64_t v = 0; v < nv; v++)
                vstore(panel + i * QB + v * VW, vload_n(x + i * m + j + v * VW, width - v * VW));
        for (int64_t r = 0; r < panels(n); r++)
            gemm(to + r * QB * ld, ld, (matrix){ q + r * n * QB, 1, QB }, panel, QB,
                 ds__min(QB, n - r * QB), n, nv, false);
        for (int64_t i = 0; !whole && i < n; i++)
            memcpy(dst + i * m + j, edge + i * QB, (size_t)width * sizeof *dst);
    }
}

void DS_FN(polar)(float *dst, const float *x, int64_t rows, int64_t cols, void *work)
{
    const int64_t room = matrix_room(rows);
    float *packed = (float *)work + MATRICES * room, *q, size;

    pack_rows(packed, x, rows, cols);
    q = root(work, packed, rows, cols, &size);
    if (size > 0.0f) {
        shrink(q, 1.0f / sqrtf(size), rows);
        apply(dst, q, x, rows, cols, work, (float *)work + room);
    } else {
        memset(dst, 0, (size_t)(rows * cols) * sizeof *dst);
    }
}
