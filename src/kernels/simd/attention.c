/* attention.c - attention without the matrix of all probabilities, vectorised.
 *
 * A vector holds as many queries, so that the softmax needs no sums across lanes and any head size
 * fits: scores S^T [keys, QB] = K Q^T and outputs O^T [d, QB] += V^T P^T, both products of gemm.h.
 * Blocks of keys are taken in order with a running maximum (online softmax, arXiv:1805.02867;
 * arXiv:2205.14135). An item of work is a few blocks of queries of one head, which share the
 * packing of each block of keys. Items are independent: neither threads nor item sizes change a
 * result.
 *
 * Where the probabilities are wanted, the block's scores of all keys are kept and, at the end,
 * brought to the final maximum and sum. */

#include "kernels/simd/desk.h"
#include "kernels/simd/vec.h"

#include <omp.h>

enum { KEYS = 128, QUERIES = 256, ROOM = 96 * 1024 };

/* Below any score, and finite, so that differences of maxima are never NaN; and below that, what
 * takes the place of an invisible score: 2^(HIDDEN - NOTHING) is 0. */
#define NOTHING -1e30f
#define HIDDEN  -1e36f

typedef struct job {
    const ds_attention *a;
    const void *q, *k, *v; /* q NULL: the probabilities are given */
    void *out;             /* NULL: probabilities only */
    float *lse, *probs;
    const float *given;
    bool pairs;             /* products of bf16 pairs */
    int64_t steps;          /* of a row of q: d, or d / 2 pairs */
    int64_t blocks, keys;   /* blocks of keys, and keys in one */
    int64_t qblocks, share; /* blocks of queries, and how many of them make an item */
    int64_t room;           /* floats of work per thread */
    float c;                /* scale / ln 2 */
} job;

/* A thread's part of the work, and the item that it is at. */
typedef struct desk {
    float *q, *o;     /* [share][d][QB] */
    float *top, *sum; /* [share][QB] */
    float *s;         /* [keys][QB], or of all keys */
    float *p;         /* [keys / 2][QB] of pairs */
    float *k, *v;     /* [keys][d], packed */
    float *stage;     /* [QB][d rounded up] */
    float *tops;      /* [blocks][QB]: the maximum that a block was taken relative to */
    int64_t image, head, first, count;
} desk;

/* Places a desk's arrays from base on; returns the floats that they need. */
static int64_t lay_out(desk *w, const job *j, float *base)
{
    const int64_t d = j->a->d, all = j->probs || !j->out ? j->a->sk : j->keys;
    int64_t used = 0;

    w->q = take(base, &used, j->share * d * QB);
    w->o = take(base, &used, j->share * d * QB);
    w->top = take(base, &used, j->share * QB);
    w->sum = take(base, &used, j->share * QB);
    w->s = take(base, &used, round_up(all, VW) * QB);
    w->p = take(base, &used, (j->keys / 2 + 1) * QB);
    w->k = take(base, &used, j->keys * d);
    w->v = take(base, &used, j->keys * d);
    w->stage = take(base, &used, QB * round_up(d, VW));
    w->tops = take(base, &used, j->blocks * QB);
    return used;
}

static void plan(job *j)
{
    const ds_attention *a = j->a;
    const int64_t most = QUERIES / QB, threads = omp_get_max_threads();
    desk w;

    j->pairs = HAVE_PAIRS && a->type == DS_DTYPE_BF16;
    j->steps = j->pairs ? (a->d + 1) / 2 : a->d;
    j->c = a->scale * 1.44269504f;
    j->blocks = (a->sk + KEYS - 1) / KEYS;
    j->keys = round_up((a->sk + j->blocks - 1) / (j->blocks > 0 ? j->blocks : 1), 2);
    j->qblocks = (a->sq + QB - 1) / QB;
    j->share = a->n * a->heads * j->qblocks / (4 * threads);
    j->share = ds__min(j->share, ds__min(most, ROOM / (2 * a->d * QB) + 1));
    if (j->share < 1 || j->probs != NULL || j->out == NULL)
        j->share = 1;
    j->room = lay_out(&w, j, NULL);
}

size_t DS_FN(attention_work)(const ds_attention *a)
{
    float none;
    job fused = { .a = a, .out = &none }, plain = { .a = a };
    int64_t room;

    plan(&fused);
    plan(&plain);
    room = fused.room > plain.room ? fused.room : plain.room;
    return (size_t)room * sizeof(float) * (size_t)omp_get_max_threads();
}

/* ---- packing ---- */

/* d elements as float32, or as they are for pairs (an odd last one gets a zero beside it). */
static void pack_row(float *dst, const void *src, int64_t at, const job *j)
{
    const int64_t d = j->a->d;

    if (j->a->type != DS_DTYPE_BF16) {
        memcpy(dst, (const float *)src + at, (size_t)d * sizeof(float));
        return;
    }
    if (j->pairs) {
        dst[j->steps - 1] = 0.0f;
        memcpy(dst, (const uint16_t *)src + at, (size_t)d * 2);
        return;
    }
    for (int64_t i = 0; i < d; i++)
        dst[i] = ds__bf16_to_f32(((const uint16_t *)src)[at + i]);
}

static void pack_rows(float *dst, const void *src, int64_t at, int64_t ld, int64_t rows,
                      const job *j)
{
    for (int64_t r = 0; r < rows; r++)
        pack_row(dst + r * j->steps, src, at + r * ld, j);
}

/* Pairs of values: element x of rows 2r and 2r + 1 side by side. */
static void pack_values(float *dst, const void *src, int64_t at, int64_t ld, int64_t rows,
                        const job *j)
{
    const int64_t d = j->a->d;
    const uint16_t *v = (const uint16_t *)src + at;
    uint32_t *to = (uint32_t *)dst;

    if (!j->pairs) {
        pack_rows(dst, src, at, ld, rows, j);
        return;
    }
    for (int64_t r = 0; r < rows; r += 2, v += 2 * ld, to += d)
        if (r + 1 < rows)
            for (int64_t x = 0; x < d; x++)
                to[x] = v[x] | (uint32_t)v[ld + x] << 16;
        else
            for (int64_t x = 0; x < d; x++)
                to[x] = v[x];
}

static void load_queries(const job *j, desk *w)
{
    const ds_attention *a = j->a;

    for (int64_t b = 0; b < w->count; b++) {
        const int64_t q0 = (w->first + b) * QB, rows = ds__min(QB, a->sq - q0);

        memset(w->o + b * a->d * QB, 0, (size_t)(a->d * QB) * sizeof(float));
        for (int64_t i = 0; i < QB; i++) {
            w->top[b * QB + i] = NOTHING;
            w->sum[b * QB + i] = 0.0f;
        }
        if (j->q == NULL)
            continue;
        pack_rows(w->stage, j->q, (w->image * a->sq + q0) * a->ldq + w->head * a->d, a->ldq, rows,
                  j);
        transpose_in(w->q + b * a->d * QB, w->stage, j->steps, rows, j->steps);
    }
}

/* ---- one block of queries against one block of keys ---- */

static void multiply(const job *j, float *c, matrix a, const float *b, int64_t rows, int64_t steps,
                     int64_t nv, bool add)
{
#if HAVE_PAIRS
    if (j->pairs) {
        gemm_pairs(c, QB, a, b, QB, rows, steps, nv, add);
        return;
    }
#endif
    (void)j;
    gemm(c, QB, a, b, QB, rows, steps, nv, add);
}

/* Hides the keys after the last visible one of each query; `last` is that of lane 0. */
static void mask(float *s, int64_t k0, int64_t keys, int64_t last)
{
    for (int64_t k = 0; k < keys; k++)
        for (int64_t i = 0; i < QB; i++)
            if (k0 + k > last + i)
                s[k * QB + i] = HIDDEN;
}

/* Two keys' probabilities side by side as bf16. */
INLINE vf join(vf a, vf b)
{
#if HAVE_PAIRS
    const __m512i mix = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i h = (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);

    return (vf)_mm512_permutexvar_epi16(mix, h);
#else
    (void)b;
    return a;
#endif
}

/* Running maximum and sum of VW queries over one more block of keys. */
typedef struct lanes {
    float *s;     /* [keys][QB]: scores in, 2^(c s - c maximum) out */
    float *pairs; /* [keys / 2][QB]: the same in pairs; NULL: not wanted */
    float *top, *sum;
    float *fix; /* the factors for the older sums */
} lanes;

/* Returns whether any factor differs from 1. With pairs, s is written only if `keep`. */
INLINE bool soften(lanes o, int64_t keys, vf c, const bool pairs, const bool keep)
{
    vf old = vload(o.top), m[2] = { old, old }, new, low, total[2] = { { 0 }, { 0 } }, f;
    int64_t k = 0;

    for (; k + 2 <= keys; k += 2) {
        m[0] = vmax(vload(o.s + k * QB), m[0]);
        m[1] = vmax(vload(o.s + (k + 1) * QB), m[1]);
    }
    if (k < keys)
        m[0] = vmax(vload(o.s + k * QB), m[0]);
    new = vmax(m[0], m[1]);
    low = new *c;
    f = vexp2_neg(old * c - low);
    for (k = 0; k < keys; k += 2) {
        vf a = vexp2_neg(vfma(vload(o.s + k * QB), c, -low)), b = { 0 };

        if (k + 1 < keys)
            b = vexp2_neg(vfma(vload(o.s + (k + 1) * QB), c, -low));
        total[0] += a;
        total[1] += b;
        if (pairs)
            vstore(o.pairs + k / 2 * QB, join(a, b));
        if (keep)
            vstore(o.s + k * QB, a);
        if (keep && k + 1 < keys)
            vstore(o.s + (k + 1) * QB, b);
    }
    vstore(o.top, new);
    vstore(o.sum, vfma(vload(o.sum), f, total[0] + total[1]));
    vstore(o.fix, f);
    return vtop(vabs(f - 1.0f)) > 0.0f;
}

static bool soften_block(const job *j, lanes o, int64_t keys, int64_t nv)
{
    const bool keep = j->probs != NULL;
    const vf c = vset(j->c);
    bool any = false;

    for (int64_t v = 0; v < nv; v++) {
        if (!j->pairs)
            any |= soften(o, keys, c, false, true);
        else if (keep)
            any |= soften(o, keys, c, true, true);
        else
            any |= soften(o, keys, c, true, false);
        o.s += VW, o.pairs += VW, o.top += VW, o.sum += VW, o.fix += VW;
    }
    return any;
}

static void rescale(float *o, const float *fix, int64_t d, int64_t nv)
{
    for (int64_t v = 0; v < nv; v++) {
        vf f = vload(fix + v * VW);

        for (int64_t x = 0; x < d; x++)
            vstore(o + x * QB + v * VW, vload(o + x * QB + v * VW) * f);
    }
}

/* Given probabilities in pairs. */
static void pair_up(float *p, const float *s, int64_t keys, int64_t nv)
{
    for (int64_t k = 0; k < keys; k += 2)
        for (int64_t v = 0; v < nv * VW; v += VW) {
            vf b = k + 1 < keys ? vload(s + (k + 1) * QB + v) : (vf){ 0 };

            vstore(p + k / 2 * QB + v, join(vload(s + k * QB + v), b));
        }
}

/* Scores and probabilities relative to the running maximum, in s or w->p. False: no key is
 * visible. */
static bool probabilities(const job *j, desk *w, float *s, int64_t b, int64_t block, int64_t keys,
                          int64_t nv)
{
    const ds_attention *a = j->a;
    const int64_t k0 = block * j->keys, last = (w->first + b) * QB + a->sk - a->sq;
    float *top = w->top + b * QB, *sum = w->sum + b * QB, fix[QB];
    bool any;

    if (a->causal && k0 > last + QB - 1) {
        memset(s, 0, (size_t)(keys * QB) * sizeof(float));
        memcpy(w->tops + block * QB, top, sizeof fix);
        return false;
    }
    multiply(j, s, (matrix){ w->k, j->steps, 1 }, w->q + b * a->d * QB, keys, j->steps, nv, false);
    if (a->causal && k0 + keys - 1 > last)
        mask(s, k0, keys, last);
    any = soften_block(j, (lanes){ s, w->p, top, sum, fix }, keys, nv);
    if (any && j->out != NULL && block > 0)
        rescale(w->o + b * a->d * QB, fix, a->d, nv);
    memcpy(w->tops + block * QB, top, sizeof fix);
    return true;
}

static void one_block(const job *j, desk *w, int64_t b, int64_t block, int64_t keys)
{
    const ds_attention *a = j->a;
    const int64_t q0 = (w->first + b) * QB, rows = ds__min(QB, a->sq - q0),
                  nv = (rows + VW - 1) / VW;
    const bool keep = j->probs != NULL;
    float *s = w->s + (keep ? block * j->keys * QB : 0);

    if (j->given != NULL) {
        transpose_in(
            s, j->given + ((w->image * a->heads + w->head) * a->sq + q0) * a->sk + block * j->keys,
            a->sk, rows, keys);
        if (j->pairs)
            pair_up(w->p, s, keys, nv);
    } else if (!probabilities(j, w, s, b, block, keys, nv)) {
        return;
    }
    if (j->out == NULL)
        return;
    if (j->pairs) {
        multiply(j, w->o + b * a->d * QB, (matrix){ w->v, 1, a->d }, w->p, a->d, (keys + 1) / 2, nv,
                 true);
    } else {
        multiply(j, w->o + b * a->d * QB, (matrix){ w->v, 1, a->d }, s, a->d, keys, nv, true);
    }
}

/* ---- results ---- */

static void store_out(const job *j, const desk *w, int64_t b, const float *inverse)
{
    const ds_attention *a = j->a;
    const int64_t q0 = (w->first + b) * QB, rows = ds__min(QB, a->sq - q0), d = a->d;
    const int64_t ld = round_up(d, VW);
    const float *o = w->o + b * d * QB;

    for (int64_t v = 0; v * VW < rows; v++)
        for (int64_t x = 0; x < d; x += VW) {
            vf r[VW];

            for (int i = 0; i < VW; i++)
                r[i] = x + i < d ? vload(o + (x + i) * QB + v * VW) * vload(inverse + v * VW)
                                 : (vf){ 0 };
            vtranspose(r);
            for (int i = 0; i < VW; i++)
                vstore(w->stage + (v * VW + i) * ld + x, r[i]);
        }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t x = 0; x < d; x += VW)
            vput(j->out, a->out_type, (w->image * a->sq + q0 + r) * a->ldo + w->head * d + x,
                 vload(w->stage + r * ld + x), d - x);
}

/* Transposes the kept probabilities of a block of keys into rows, relative to the final maximum. */
static void store_probs(const job *j, const desk *w, const float *inverse)
{
    const ds_attention *a = j->a;
    const int64_t q0 = w->first * QB, rows = ds__min(QB, a->sq - q0);
    float *to = j->probs + ((w->image * a->heads + w->head) * a->sq + q0) * a->sk;

    for (int64_t block = 0; block < j->blocks; block++)
        for (int64_t v = 0; v * VW < rows; v++) {
            const int64_t k0 = block * j->keys, keys = ds__min(j->keys, a->sk - k0);
            vf f = vload(w->tops + block * QB + v * VW) * j->c - vload(w->top + v * VW) * j->c;

            f = vexp2_neg(f) * vload(inverse + v * VW);
            for (int64_t k = 0; k < keys; k += VW) {
                vf r[VW];

                for (int i = 0; i < VW; i++)
                    r[i] = k + i < keys ? vload(w->s + (k0 + k + i) * QB + v * VW) * f : (vf){ 0 };
                vtranspose(r);
                for (int i = 0; i < ds__min(VW, rows - v * VW); i++)
                    vstore_n(to + (v * VW + i) * a->sk + k0 + k, r[i], keys - k);
            }
        }
}

static void finish(const job *j, desk *w)
{
    const ds_attention *a = j->a;

    for (int64_t b = 0; b < w->count; b++) {
        const int64_t q0 = (w->first + b) * QB, rows = ds__min(QB, a->sq - q0);
        float inverse[QB];

        for (int64_t i = 0; i < QB; i++) {
            const float sum = w->sum[b * QB + i];

            inverse[i] = j->given ? 1.0f : sum == 0.0f ? 0.0f : 1.0f / sum;
            if (j->lse != NULL && i < rows)
                j->lse[(w->image * a->heads + w->head) * a->sq + q0 + i] =
                    a->scale * w->top[b * QB + i] + logf(sum);
        }
        if (j->out != NULL)
            store_out(j, w, b, inverse);
        if (j->probs != NULL)
            store_probs(j, w, inverse);
    }
}

static void item(const job *j, desk *w, int64_t index)
{
    const ds_attention *a = j->a;
    const int64_t per = (j->qblocks + j->share - 1) / j->share;

    w->first = index % per * j->share;
    w->count = ds__min(j->share, j->qblocks - w->first);
    w->head = index / per % a->heads;
    w->image = index / per / a->heads;
    load_queries(j, w);
    for (int64_t block = 0; block < j->blocks; block++) {
        const int64_t k0 = block * j->keys, keys = ds__min(j->keys, a->sk - k0);
        const int64_t row = w->image * a->sk + k0, column = w->head * a->d;

        if (j->k != NULL)
            pack_rows(w->k, j->k, row * a->ldk + column, a->ldk, keys, j);
        if (j->v != NULL)
            pack_values(w->v, j->v, row * a->ldv + column, a->ldv, keys, j);
        for (int64_t b = 0; b < w->count; b++)
            one_block(j, w, b, block, keys);
    }
    finish(j, w);
}

static void run(job *j, void *work)
{
    const ds_attention *a = j->a;
    int64_t items;

    plan(j);
    items = a->n * a->heads * ((j->qblocks + j->share - 1) / j->share);
#pragma omp parallel if (items > 1)
    {
        desk w;

        lay_out(&w, j, (float *)work + j->room * omp_get_thread_num());
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < items; i++)
            item(j, &w, i);
    }
}

void DS_FN(attention)(void *out, float *lse, float *probs, const void *q, const void *k,
                      const void *v, const ds_attention *a, void *work)
{
    job j = { .a = a, .q = q, .k = k, .v = v, .out = out, .lse = lse, .probs = probs };

    run(&j, work);
}

void DS_FN(attention_probs)(float *probs, const void *q, const void *k, const ds_attention *a,
                            void *work)
{
    job j = { .a = a, .q = q, .k = k, .probs = probs };

    run(&j, work);
}

void DS_FN(attention_apply)(void *out, const float *probs, const void *v, const ds_attention *a,
                            void *work)
{
    job j = { .a = a, .v = v, .out = out, .given = probs };

    run(&j, work);
}
