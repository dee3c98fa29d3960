/* attention_adj.c - adjoints of attention, vectorised.
 *
 * As in attention.c a vector holds as many queries, and no matrix of all probabilities is formed:
 * P^T and dS^T [keys, QB] live for one block of queries and one block of keys (arXiv:2205.14135,
 * algorithm 4). With D_i = <dout_i, out_i> = sum_j p_ij dp_ij:
 *
 *   dV += P^T dO,  dP^T = V dO^T,  dS^T = scale P^T (dP^T - D),  dQ^T += K^T dS^T,  dK += dS^T Q
 *
 * An item of work is a range of keys of one head, with all queries, so that one thread sums dK and
 * dV. Where the keys of a head are cut in several ranges, each writes a dQ of its own, and these
 * are added in order. The cut depends on the shape alone: the same bits for any number of
 * threads. */

#include "kernels/simd/desk.h"

#include <omp.h>

enum { KEYS = 64, ITEMS = 32, RANGES = 8 };

typedef enum mode { FUSED, PROBS, APPLY } mode;

typedef struct job {
    const ds_attention *a;
    mode mode;
    float *dq, *dk, *dv, *dprobs;
    const float *dout, *q, *k, *v, *out, *lse, *probs;
    const float *given;    /* PROBS: dprobs as an input */
    int64_t ranges, range; /* per head; keys in one */
    int64_t ld;            /* d rounded up */
    int64_t room;          /* floats per thread */
    float *parts;          /* [ranges][n * heads][sq][d]: dq of each range */
} job;

typedef struct desk {
    float *qt, *ot, *dqt; /* [d][QB]: queries, dout, dq */
    float *q, *o;         /* [QB][ld] */
    float *p, *s;         /* [KEYS][QB]: probabilities; scores, then dP, then dS */
    float *k, *v;         /* [range][d], packed */
    float *dk, *dv;       /* [range][ld] */
    float *dot, *lse;     /* [QB] */
    int64_t image, head, part, first, keys; /* the item: its keys are first .. first + keys - 1 */
    int64_t q0, rows, nv;                   /* the block of queries */
} desk;

static int64_t lay_out(desk *w, const job *j, float *base)
{
    const int64_t d = j->a->d;
    int64_t used = 0;

    w->qt = take(base, &used, d * QB);
    w->ot = take(base, &used, d * QB);
    w->dqt = take(base, &used, d * QB);
    w->q = take(base, &used, QB * j->ld);
    w->o = take(base, &used, QB * j->ld);
    w->p = take(base, &used, KEYS * QB);
    w->s = take(base, &used, KEYS * QB);
    w->k = take(base, &used, j->range * d);
    w->v = take(base, &used, j->range * d);
    w->dk = take(base, &used, j->range * j->ld);
    w->dv = take(base, &used, j->range * j->ld);
    w->dot = take(base, &used, QB);
    w->lse = take(base, &used, QB);
    return used;
}

static void plan(job *j)
{
    const ds_attention *a = j->a;
    const int64_t heads = a->n * a->heads;
    desk w;

    j->ranges = ds__min((ITEMS + heads - 1) / heads, RANGES);
    j->ranges = ds__min(j->ranges, (a->sk + KEYS - 1) / KEYS);
    j->range = (a->sk + j->ranges - 1) / j->ranges;
    j->ranges = (a->sk + j->range - 1) / j->range;
    j->ld = round_up(a->d, VW);
    j->room = lay_out(&w, j, NULL);
}

size_t DS_FN(attention_adj_work)(const ds_attention *a)
{
    job j = { .a = a };
    int64_t count;

    plan(&j);
    count = j.room * omp_get_max_threads();
    if (j.ranges > 1)
        count += j.ranges * a->n * a->heads * a->sq * a->d;
    return (size_t)count * sizeof(float);
}

static void copy_rows(float *dst, int64_t ldd, const float *src, int64_t lds, int64_t rows,
                      int64_t cols)
{
    for (int64_t r = 0; r < rows; r++) {
        memcpy(dst + r * ldd, src + r * lds, (size_t)cols * sizeof(float));
        memset(dst + r * ldd + cols, 0, (size_t)(ldd - cols) * sizeof(float));
    }
}

static void add_rows(float *dst, int64_t ldd, const float *src, int64_t lds, int64_t rows,
                     int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < cols; i += VW)
            vstore_n(dst + r * ldd + i,
                     vload_n(dst + r * ldd + i, cols - i) + vload_n(src + r * lds + i, cols - i),
                     cols - i);
}

/* dst [rows][ldd] (+)= transpose of src [cols][QB]. */
static void transpose_out(float *dst, int64_t ldd, const float *src, int64_t rows, int64_t cols,
                          bool add)
{
    for (int64_t r = 0; r < rows; r += VW)
        for (int64_t x = 0; x < cols; x += VW) {
            vf t[VW];

            for (int i = 0; i < VW; i++)
                t[i] = x + i < cols ? vload(src + (x + i) * QB + r) : (vf){ 0 };
            vtranspose(t);
            for (int i = 0; i < ds__min(VW, rows - r); i++) {
                float *to = dst + (r + i) * ldd + x;

                vstore_n(to, add ? t[i] + vload_n(to, cols - x) : t[i], cols - x);
            }
        }
}

static float dot(const float *a, const float *b, int64_t count)
{
    vf s = { 0 };

    for (int64_t i = 0; i < count; i += VW)
        s = vfma(vload_n(a + i, count - i), vload_n(b + i, count - i), s);
    return vsum(s);
}

/* C [rows][ld] += A [rows][QB] B [QB][ld], over the block's queries. */
static void gather_keys(const job *j, const desk *w, float *c, const float *a, const float *b,
                        int64_t rows)
{
    for (int64_t x = 0; x < j->ld; x += NV * VW)
        gemm(c + x, j->ld, (matrix){ a, QB, 1 }, b + x, j->ld, rows, w->rows,
             ds__min(NV, (j->ld - x) / VW), true);
}

static void start_queries(const job *j, desk *w, int64_t q0)
{
    const ds_attention *a = j->a;
    const int64_t d = a->d;
    const int64_t head = (w->image * a->heads + w->head) * a->sq + q0;
    const int64_t at_q = (w->image * a->sq + q0) * a->ldq + w->head * d;
    const int64_t at_o = (w->image * a->sq + q0) * a->ldo + w->head * d;

    w->q0 = q0;
    w->rows = ds__min(QB, a->sq - q0);
    w->nv = (w->rows + VW - 1) / VW;
    memset(w->dqt, 0, (size_t)(d * QB) * sizeof(float));
    memset(w->dot, 0, QB * sizeof(float));
    memset(w->lse, 0, QB * sizeof(float));
    if (j->mode != APPLY) {
        copy_rows(w->q, j->ld, j->q + at_q, a->ldq, w->rows, d);
        transpose_in(w->qt, w->q, j->ld, w->rows, d);
    }
    if (j->mode != PROBS) {
        copy_rows(w->o, j->ld, j->dout + at_o, a->ldo, w->rows, d);
        transpose_in(w->ot, w->o, j->ld, w->rows, d);
    }
    for (int64_t r = 0; r < w->rows; r++) {
        if (j->mode == FUSED) {
            w->dot[r] = dot(w->o + r * j->ld, j->out + at_o + r * a->ldo, d);
            w->lse[r] = j->lse[head + r] * 1.44269504f;
        } else if (j->mode == PROBS) {
            w->dot[r] = dot(j->probs + (head + r) * a->sk, j->given + (head + r) * a->sk, a->sk);
        }
    }
}

/* p = 2^(c s - lse / ln 2), 0 for keys that a query may not see. */
static void soften(const job *j, desk *w, int64_t k0, int64_t keys)
{
    const ds_attention *a = j->a;
    const int64_t last = w->q0 + a->sk - a->sq;
    const vf c = vset(a->scale * 1.44269504f);

    for (int64_t k = 0; k < keys; k++)
        for (int64_t v = 0; v < w->nv * VW; v += VW)
            vstore(w->p + k * QB + v,
                   vexp2_neg(vfma(vload(w->s + k * QB + v), c, -vload(w->lse + v))));
    if (!a->causal || k0 + keys - 1 <= last)
        return;
    for (int64_t k = 0; k < keys; k++)
        for (int64_t i = 0; i < w->rows; i++)
            if (k0 + k > last + i)
                w->p[k * QB + i] = 0.0f;
}

/* s (dP) becomes dS. */
static void slope(const job *j, desk *w, int64_t keys)
{
    for (int64_t k = 0; k < keys; k++)
        for (int64_t v = 0; v < w->nv * VW; v += VW) {
            float *s = w->s + k * QB + v;

            vstore(s, vload(w->p + k * QB + v) * (vload(s) - vload(w->dot + v)) * j->a->scale);
        }
}

static void one_block(const job *j, desk *w, int64_t k0, int64_t keys)
{
    const ds_attention *a = j->a;
    const int64_t d = a->d, at = k0 - w->first;
    const int64_t at_p = ((w->image * a->heads + w->head) * a->sq + w->q0) * a->sk + k0;
    const matrix k = { w->k + at * d, d, 1 }, v = { w->v + at * d, d, 1 };

    if (j->mode == FUSED) {
        if (a->causal && k0 > w->q0 + QB - 1 + a->sk - a->sq)
            return;
        gemm(w->s, QB, k, w->qt, QB, keys, d, w->nv, false);
        soften(j, w, k0, keys);
    } else {
        transpose_in(w->p, j->probs + at_p, a->sk, w->rows, keys);
    }
    if (j->dv != NULL)
        gather_keys(j, w, w->dv + at * j->ld, w->p, w->o, keys);
    if (j->mode == PROBS)
        transpose_in(w->s, j->given + at_p, a->sk, w->rows, keys);
    else
        gemm(w->s, QB, v, w->ot, QB, keys, d, w->nv, false);
    if (j->mode == APPLY) {
        if (j->dprobs != NULL)
            transpose_out(j->dprobs + at_p, a->sk, w->s, w->rows, keys, true);
        return;
    }
    slope(j, w, keys);
    if (j->dq != NULL)
        gemm(w->dqt, QB, (matrix){ k.at, 1, d }, w->s, QB, d, keys, w->nv, true);
    if (j->dk != NULL)
        gather_keys(j, w, w->dk + at * j->ld, w->s, w->q, keys);
}

static void finish_queries(const job *j, const desk *w)
{
    const ds_attention *a = j->a;
    const int64_t d = a->d, heads = a->n * a->heads;

    if (j->dq == NULL)
        return;
    if (j->ranges == 1)
        transpose_out(j->dq + (w->image * a->sq + w->q0) * a->ldq + w->head * d, a->ldq, w->dqt,
                      w->rows, d, true);
    else
        transpose_out(j->parts +
                          ((w->part * heads + w->image * a->heads + w->head) * a->sq + w->q0) * d,
                      d, w->dqt, w->rows, d, false);
}

static void item(const job *j, desk *w, int64_t index)
{
    const ds_attention *a = j->a;
    const int64_t d = a->d;
    int64_t at_k, at_v;

    w->part = index % j->ranges;
    w->head = index / j->ranges % a->heads;
    w->image = index / j->ranges / a->heads;
    w->first = w->part * j->range;
    w->keys = ds__min(j->range, a->sk - w->first);
    at_k = (w->image * a->sk + w->first) * a->ldk + w->head * d;
    at_v = (w->image * a->sk + w->first) * a->ldv + w->head * d;
    if (j->k != NULL)
        copy_rows(w->k, d, j->k + at_k, a->ldk, w->keys, d);
    if (j->v != NULL)
        copy_rows(w->v, d, j->v + at_v, a->ldv, w->keys, d);
    memset(w->dk, 0, (size_t)(w->keys * j->ld) * sizeof(float));
    memset(w->dv, 0, (size_t)(w->keys * j->ld) * sizeof(float));
    for (int64_t q0 = 0; q0 < a->sq; q0 += QB) {
        start_queries(j, w, q0);
        for (int64_t k = 0; k < w->keys; k += KEYS)
            one_block(j, w, w->first + k, ds__min(KEYS, w->keys - k));
        finish_queries(j, w);
    }
    if (j->dk != NULL)
        add_rows(j->dk + at_k, a->ldk, w->dk, j->ld, w->keys, d);
    if (j->dv != NULL)
        add_rows(j->dv + at_v, a->ldv, w->dv, j->ld, w->keys, d);
}

/* Adds the ranges' dq in order. */
static void add_parts(const job *j)
{
    const ds_attention *a = j->a;
    const int64_t heads = a->n * a->heads;

#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < heads * a->sq; r++) {
        const int64_t image = r / a->sq / a->heads, head = r / a->sq % a->heads;
        float *to = j->dq + (image * a->sq + r % a->sq) * a->ldq + head * a->d;

        for (int64_t part = 0; part < j->ranges; part++)
            add_rows(to, 0, j->parts + (part * heads * a->sq + r) * a->d, 0, 1, a->d);
    }
}

static void run(job *j, void *work)
{
    const ds_attention *a = j->a;
    int64_t items;

    if (a->n * a->heads * a->sq * a->sk == 0)
        return;
    plan(j);
    items = a->n * a->heads * j->ranges;
    j->parts = (float *)work + j->room * omp_get_max_threads();
#pragma omp parallel if (items > 1)
    {
        desk w;

        lay_out(&w, j, (float *)work + j->room * omp_get_thread_num());
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < items; i++)
            item(j, &w, i);
    }
    if (j->ranges > 1 && j->dq != NULL)
        add_parts(j);
}

void DS_FN(attention_adj)(float *dq, float *dk, float *dv, const float *dout, const float *q,
                          const float *k, const float *v, const float *out, const float *lse,
                          const ds_attention *a, void *work)
{
    job j = { .a = a,
              .mode = FUSED,
              .dq = dq,
              .dk = dk,
              .dv = dv,
              .dout = dout,
              .q = q,
              .k = k,
              .v = v,
              .out = out,
              .lse = lse };

    run(&j, work);
}

void DS_FN(attention_probs_adj)(float *dq, float *dk, const float *dprobs, const float *probs,
                                const float *q, const float *k, const ds_attention *a, void *work)
{
    job j = {
        .a = a, .mode = PROBS, .dq = dq, .dk = dk, .given = dprobs, .probs = probs, .q = q, .k = k
    };

    run(&j, work);
}

void DS_FN(attention_apply_adj)(float *dprobs, float *dv, const float *dout, const float *probs,
                                const float *v, const ds_attention *a, void *work)
{
    job j = {
        .a = a, .mode = APPLY, .dprobs = dprobs, .dv = dv, .dout = dout, .probs = probs, .v = v
    };

    run(&j, work);
}
