/* lora_math.c - from the tensors of a module to the change of its weight.
 *
 * With O and I the rows and columns of the weight and K = k k the places of a convolution's kernel
 * (1 elsewhere), a the file's alpha and r its rank; everything in float32.
 *
 *   LoRA     D[o,iK] = a/r  sum_r  B[o,r] A[r,iK]                          (Hu et al., arXiv 2106.09685)
 *   middle   D[o,i,y] = a/r  sum_pq B[o,p] T[p,q,y] A[q,i]                 (LoCon, CP decomposition)
 *   LoHa     D = a/r  (w1a w1b) o (w2a w2b)                                (arXiv 2108.06098)
 *            with T: w1 = sum_pq  w1a[p,o] T1[p,q,y] w1b[q,i]
 *   LoKr     D[(ac),(bd)y] = f w1[a,b] w2[c,d,y], f = a/r where one is a product, else 1
 *   diff     D as it is */

#include "models/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct shape {
    int64_t rows, columns, places; /* O, I, K */
} shape;

typedef struct job {
    const ds_lora_module *l;
    shape s;
    const char *path;
    ds_error *err;
} job;

static ds_status wrong(const job *j, const char *what)
{
    ds_fail(j->err, DS_E_SHAPE, "%s: %.160s: %s does not fit a weight of %lld x %lld x %lld",
            j->path, j->l->name, what, (long long)j->s.rows, (long long)j->s.columns,
            (long long)j->s.places);
    return ds_fail_at(j->err, DS_E_SHAPE, j->l->name, -1);
}

/* A part as plain float32, to be freed; NULL: no memory, or there is none. */
static float *plain(const job *j, ds_lora_slot slot)
{
    const ds_tensor *t = j->l->part[slot];
    int64_t n = t != NULL ? ds_tensor_count(t) : 0;
    float *f = n > 0 ? ds_alloc((size_t)n * sizeof *f) : NULL;

    if (f != NULL)
        ds_convert(f, DS_DTYPE_F32, t->data, t->dtype, n);
    return f;
}

static int64_t count(const job *j, ds_lora_slot slot)
{
    return j->l->part[slot] != NULL ? ds_tensor_count(j->l->part[slot]) : 0;
}

static int64_t dim(const job *j, ds_lora_slot slot, int axis)
{
    const ds_tensor *t = j->l->part[slot];

    return t != NULL && axis < t->rank ? t->dim[axis] : 0;
}

/* c [m,n] = a [m,k] b [k,n] */
static void product(float *c, const float *a, const float *b, int64_t m, int64_t n, int64_t k)
{
#pragma omp parallel for if (m * n * k > 1 << 18) schedule(static)
    for (int64_t i = 0; i < m; i++) {
        float *row = c + i * n;

        memset(row, 0, (size_t)n * sizeof *row);
        for (int64_t p = 0; p < k; p++) {
            float f = a[i * k + p];
            const float *other = b + p * n;

#pragma omp simd
            for (int64_t x = 0; x < n; x++)
                row[x] += f * other[x];
        }
    }
}

static void scale(float *x, int64_t n, double f)
{
    for (int64_t i = 0; f != 1.0 && i < n; i++)
        x[i] = (float)(x[i] * f);
}

static ds_status no_memory(const job *j)
{
    return ds_fail(j->err, DS_E_NOMEM, "%s: no memory for the change of %.160s", j->path,
                   j->l->name);
}

/* alpha / r, or 1 where no alpha is given (or 0, which some writers mean by it). */
static double factor_of(const job *j, int64_t rank)
{
    const ds_tensor *t = j->l->part[DS_LORA_ALPHA];
    double alpha = 0.0;

    if (t != NULL && ds_tensor_count(t) == 1)
        ds_convert(&alpha, DS_DTYPE_F64, t->data, t->dtype, 1);
    return alpha != 0.0 && rank > 0 ? alpha / (double)rank : 1.0;
}

/* out [O,I,K] = sum_pq left[p,o] T[p,q,K] right[q,i]; transposed: left is [o,p]. */
static ds_status tucker(const job *j, float *out, const float *left, bool transposed,
                        const float *t, const float *right, int64_t p, int64_t q)
{
    const int64_t k = j->s.places, in = j->s.columns, n = in * k;
    float *mid = ds_calloc((size_t)(p * n), sizeof *mid);
    float *rows = transposed ? NULL : ds_alloc((size_t)(p * j->s.rows) * sizeof *rows);

    if (mid == NULL || (!transposed && rows == NULL)) {
        ds_free(mid);
        ds_free(rows);
        return no_memory(j);
    }
    for (int64_t a = 0; a < p; a++) /* mid[p,i,K] = sum_q T[p,q,K] right[q,i] */
        for (int64_t b = 0; b < q; b++)
            for (int64_t i = 0; i < in; i++)
                for (int64_t y = 0; y < k; y++)
                    mid[a * n + i * k + y] += t[(a * q + b) * k + y] * right[b * in + i];
    for (int64_t o = 0; !transposed && o < j->s.rows; o++)
        for (int64_t a = 0; a < p; a++)
            rows[o * p + a] = left[a * j->s.rows + o];
    product(out, transposed ? left : rows, mid, j->s.rows, n, p);
    ds_free(mid);
    ds_free(rows);
    return DS_OK;
}

static ds_status low_rank(const job *j, float *out, double *factor)
{
    const int64_t r = dim(j, DS_LORA_DOWN, 0), p = dim(j, DS_LORA_UP, 1);
    const int64_t n = j->s.columns * j->s.places;
    const bool middle = j->l->part[DS_LORA_MID] != NULL;
    float *a, *b, *t;
    ds_status st = DS_OK;

    if (r < 1 || p < 1 || count(j, DS_LORA_UP) != j->s.rows * p ||
        count(j, DS_LORA_DOWN) != r * (middle ? j->s.columns : n) || (!middle && p != r) ||
        (middle && count(j, DS_LORA_MID) != p * r * j->s.places))
        return wrong(j, "lora_down or lora_up");
    *factor = factor_of(j, r);
    a = plain(j, DS_LORA_DOWN);
    b = plain(j, DS_LORA_UP);
    t = plain(j, DS_LORA_MID);
    if (a == NULL || b == NULL || (middle && t == NULL))
        st = no_memory(j);
    else if (middle)
        st = tucker(j, out, b, true, t, a, p, r);
    else
        product(out, b, a, j->s.rows, n, r);
    ds_free(a);
    ds_free(b);
    ds_free(t);
    return st;
}

/* One of LoHa's two factors. */
static ds_status hada_side(const job *j, float *out, ds_lora_slot a_slot, ds_lora_slot b_slot,
                           ds_lora_slot t_slot)
{
    const int64_t r = dim(j, b_slot, 0), n = j->s.columns * j->s.places;
    const bool core = j->l->part[t_slot] != NULL;
    float *a, *b, *t;
    ds_status st = DS_OK;

    if (r < 1 || count(j, a_slot) != j->s.rows * r ||
        count(j, b_slot) != r * (core ? j->s.columns : n) ||
        (core && count(j, t_slot) != r * r * j->s.places))
        return wrong(j, "hada_w1 or hada_w2");
    a = plain(j, a_slot);
    b = plain(j, b_slot);
    t = plain(j, t_slot);
    if (a == NULL || b == NULL || (core && t == NULL))
        st = no_memory(j);
    else if (core)
        st = tucker(j, out, a, false, t, b, r, r);
    else
        product(out, a, b, j->s.rows, n, r);
    ds_free(a);
    ds_free(b);
    ds_free(t);
    return st;
}

static ds_status hada(const job *j, float *out, double *factor)
{
    const int64_t n = j->s.rows * j->s.columns * j->s.places;
    float *other = ds_alloc((size_t)n * sizeof *other);
    ds_status st = other != NULL
                       ? hada_side(j, out, DS_LORA_HADA1_A, DS_LORA_HADA1_B, DS_LORA_HADA1_T)
                       : no_memory(j);

    if (st == DS_OK)
        st = hada_side(j, other, DS_LORA_HADA2_A, DS_LORA_HADA2_B, DS_LORA_HADA2_T);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        out[i] *= other[i];
    *factor = factor_of(j, dim(j, DS_LORA_HADA1_B, 0));
    ds_free(other);
    return st;
}

/* A factor of a Kronecker product: whole, or a product of two. Its rows, and numbers in a row. */
static ds_status kron_side(const job *j, float **out, int64_t *rows, int64_t *columns,
                           ds_lora_slot whole, ds_lora_slot a_slot, ds_lora_slot b_slot,
                           int64_t *rank)
{
    float *a, *b;

    *out = NULL;
    if (j->l->part[whole] != NULL) {
        *rows = dim(j, whole, 0);
        *columns = *rows > 0 ? count(j, whole) / *rows : 0;
        *out = plain(j, whole);
        return *out != NULL ? DS_OK : no_memory(j);
    }
    *rows = dim(j, a_slot, 0);
    *rank = dim(j, b_slot, 0);
    *columns = *rank > 0 ? count(j, b_slot) / *rank : 0;
    if (*rows < 1 || *rank < 1 || count(j, a_slot) != *rows * *rank || *columns < 1)
        return wrong(j, "lokr_w1 or lokr_w2");
    a = plain(j, a_slot);
    b = plain(j, b_slot);
    *out = ds_alloc((size_t)(*rows * *columns) * sizeof **out);
    if (a != NULL && b != NULL && *out != NULL)
        product(*out, a, b, *rows, *columns, *rank);
    else {
        ds_free(*out);
        *out = NULL;
    }
    ds_free(a);
    ds_free(b);
    return *out != NULL ? DS_OK : no_memory(j);
}

/* w2 with a core: sum_pq w2a[p,c] T[p,q,K] w2b[q,d]. */
static ds_status kron_core(const job *j, float **out, int64_t *rows, int64_t *columns,
                           int64_t *rank)
{
    const int64_t r = dim(j, DS_LORA_KRON2_A, 0), q = dim(j, DS_LORA_KRON2_B, 0);
    const job small = { j->l,
                        { dim(j, DS_LORA_KRON2_A, 1), dim(j, DS_LORA_KRON2_B, 1), j->s.places },
                        j->path,
                        j->err };
    float *a, *b, *t;
    ds_status st = DS_E_NOMEM;

    if (r < 1 || q < 1 || count(j, DS_LORA_KRON2_T) != r * q * j->s.places ||
        count(j, DS_LORA_KRON2_A) != r * small.s.rows ||
        count(j, DS_LORA_KRON2_B) != q * small.s.columns)
        return wrong(j, "lokr_t2");
    *rows = small.s.rows;
    *columns = small.s.columns * small.s.places;
    *rank = q;
    a = plain(j, DS_LORA_KRON2_A);
    b = plain(j, DS_LORA_KRON2_B);
    t = plain(j, DS_LORA_KRON2_T);
    *out = ds_alloc((size_t)(*rows * *columns) * sizeof **out);
    if (a != NULL && b != NULL && t != NULL && *out != NULL)
        st = tucker(&small, *out, a, false, t, b, r, q);
    else
        no_memory(j);
    ds_free(a);
    ds_free(b);
    ds_free(t);
    return st;
}

static ds_status kron(const job *j, float *out, double *factor)
{
    int64_t a = 0, b = 0, c = 0, dk = 0, d, rank = 0;
    const int64_t k = j->s.places;
    float *one = NULL, *two = NULL;
    ds_status st =
        kron_side(j, &one, &a, &b, DS_LORA_KRON1, DS_LORA_KRON1_A, DS_LORA_KRON1_B, &rank);

    if (st == DS_OK)
        st = j->l->part[DS_LORA_KRON2_T] != NULL
                 ? kron_core(j, &two, &c, &dk, &rank)
                 : kron_side(j, &two, &c, &dk, DS_LORA_KRON2, DS_LORA_KRON2_A, DS_LORA_KRON2_B,
                             &rank);
    d = dk / k;
    if (st == DS_OK && (a * c != j->s.rows || d * k != dk || b * d != j->s.columns))
        st = wrong(j, "lokr_w1 or lokr_w2");
    for (int64_t o = 0; st == DS_OK && o < a * c; o++)
        for (int64_t i = 0; i < b * d; i++)
            for (int64_t y = 0; y < k; y++)
                out[(o * b * d + i) * k + y] =
                    one[o / c * b + i / d] * two[(o % c * d + i % d) * k + y];
    *factor = rank > 0 ? factor_of(j, rank) : 1.0;
    ds_free(one);
    ds_free(two);
    return st;
}

ds_status ds__lora_delta(float *delta, const ds_lora_module *l, const ds_tensor *w, double factor,
                         const char *path, ds_error *err)
{
    job j = { l, { w->dim[0], w->rank > 1 ? w->dim[1] : 1, 1 }, path, err };
    const ds_tensor *diff = l->part[DS_LORA_DIFF];
    const int64_t n = ds_tensor_count(w);
    double own = 1.0;
    ds_status st = DS_OK;

    for (int i = 2; i < w->rank; i++)
        j.s.places *= w->dim[i];
    if (l->part[DS_LORA_DOWN] != NULL || l->part[DS_LORA_UP] != NULL)
        st = low_rank(&j, delta, &own);
    else if (l->part[DS_LORA_HADA1_A] != NULL || l->part[DS_LORA_HADA2_A] != NULL)
        st = hada(&j, delta, &own);
    else if (l->part[DS_LORA_KRON1] != NULL || l->part[DS_LORA_KRON1_A] != NULL)
        st = kron(&j, delta, &own);
    else if (diff != NULL && ds_tensor_count(diff) != n)
        return wrong(&j, "diff or w_norm");
    else if (diff != NULL)
        ds_convert(delta, DS_DTYPE_F32, diff->data, diff->dtype, n);
    else
        return wrong(&j, "what the file has for it (alpha alone, or half of a pair)");
    if (st == DS_OK)
        scale(delta, n, factor != 0.0 ? factor : own);
    return st;
}

/* ---- DoRA ------------------------------------------------------------------------------------ */

/* The axis that the scale keeps: 0, [O,1,..] or [O], or 1, [1,I,..]; -1: neither. */
static int kept_axis(const ds_tensor *s, const ds_tensor *w)
{
    int64_t n = ds_tensor_count(s);

    if (n == w->dim[0] && s->rank >= 1 && s->dim[0] == n)
        return 0;
    return w->rank > 1 && n == w->dim[1] && s->rank >= 2 && s->dim[1] == n ? 1 : -1;
}

ds_status ds__lora_decompose(float *w, float *delta, const ds_tensor *of, const ds_tensor *scale_of,
                             double strength, const char *path, ds_error *err)
{
    const int axis = kept_axis(scale_of, of);
    const int64_t rows = of->dim[0], all = ds_tensor_count(of), row = all / rows;
    const int64_t columns = of->rank > 1 ? of->dim[1] : 1, k = row / columns;
    int64_t kept = axis == 0 ? rows : columns;
    double *norm;
    float *s;
    char text[160];

    if (axis < 0)
        return ds_fail(err, DS_E_SHAPE, "%s: a dora_scale of shape %s for a weight of %lld rows",
                       path, ds_tensor_shape(scale_of, text, sizeof text), (long long)rows);
    norm = ds_calloc((size_t)kept, sizeof *norm);
    s = ds_alloc((size_t)kept * sizeof *s);
    if (norm == NULL || s == NULL) {
        ds_free(norm);
        ds_free(s);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for norms", path);
    }
    ds_convert(s, DS_DTYPE_F32, scale_of->data, scale_of->dtype, kept);
    for (int64_t i = 0; i < all; i++) {
        double v = (double)w[i] + delta[i];

        norm[axis == 0 ? i / row : i % row / k] += v * v;
    }
    for (int64_t i = 0; i < all; i++) {
        int64_t c = axis == 0 ? i / row : i % row / k;
        double v = ((double)w[i] + delta[i]) * s[c] / sqrt(norm[c]);

        w[i] = (float)(w[i] + strength * (v - w[i]));
    }
    ds_free(norm);
    ds_free(s);
    return DS_OK;
}
