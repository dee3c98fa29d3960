/* simd.h - the plain kernels: all that oneDNN lacks, as one table of functions per instruction set.
 *
 * Every file in simd/ is compiled once per instruction set and fills its part of a table; ref/ is
 * the same table in plain C with sums in double, and is the specification. choose.c picks the
 * table.
 *
 * Layout: activations are float32, channels last ([n, h*w, c] or [n, s, c]); `ld` is the distance
 * between rows, in elements. A `void *dst` with a `ds_dtype type` takes F32 or BF16, since bf16
 * compute feeds bf16 operands to the matrix kernels while sums and the residual stream stay
 * float32.
 *
 * Adjoints are named after their forward function with `_adj`. They add to their results ("adjoints
 * add up"); a result that is NULL is not wanted and is skipped. Unless a comment says otherwise, an
 * output may be the same array as an input (never a shifted part of it).
 *
 * Threads: a call uses OpenMP's pool and returns when all is done. Work is divided in chunks that
 * depend on the shape alone, so results do not depend on the number of threads. Nothing here
 * allocates: attention, which needs room, takes `work` from the caller. */

#ifndef DS_KERNELS_SIMD_H
#define DS_KERNELS_SIMD_H

#include <diffuscope/tensor.h>

/* y = group_norm(x + shift) * gamma + beta, then y * sigmoid(y) if silu.
 * The statistics of a group go over hw and c / groups channels; eps is added to the variance. */
typedef struct ds_group_norm {
    int64_t n, hw, c, groups;
    float eps;
    bool silu;
    const float *gamma, *beta; /* [c]; NULL: ones and zeros */
    const float *shift;        /* [n, c], or NULL: the time embedding, added to x before the norm */
} ds_group_norm;

/* One attention: head h of a row lies in columns h*d .. h*d+d-1; image b of q starts at row b*sq.
 *
 *   p_ij  = softmax_j(scale * <q_i, k_j>)        (causal: j <= i + sk - sq only)
 *   out_i = sum_j p_ij v_j */
typedef struct ds_attention {
    int64_t n, heads, d;
    int64_t sq, sk;             /* rows of queries; of keys and values */
    int64_t ldq, ldk, ldv, ldo; /* elements from one row to the next */
    float scale;
    bool causal;
    ds_dtype type;     /* of q, k, v: F32 or BF16 */
    ds_dtype out_type; /* of out: F32 or BF16 */
} ds_attention;

/* A 3x3 convolution of stride 1 in tiles of 4x4 results; tiles count row by row, then by image. */
typedef struct ds_tiles {
    int64_t n, h, w; /* the input's maps */
    int64_t oh, ow;  /* the result's */
    int64_t pad_top, pad_left;
} ds_tiles;

typedef enum ds_act { DS_ACT_SILU, DS_ACT_GELU, DS_ACT_QUICK_GELU } ds_act;

typedef struct ds_simd {
    const char *isa; /* "ref", "portable", "v2", "v3", "v4", "v4bf16" */

    /* Adjoints add to what their outputs hold, unless they take `add`: then an output is add plus
     * the adjoint's value. add may be NULL (nothing) and may be the output itself. */

    /* ---- norms: norm.c ---- */

    /* stats [n, groups, 2]: mean and 1/sqrt(var + eps); may be NULL. */
    void (*group_norm)(void *dst, ds_dtype type, float *stats, const float *x,
                       const ds_group_norm *g);
    /* dx [n, hw, c] = add + ..., dgamma and dbeta [c], dshift [n, c]. */
    void (*group_norm_adj)(float *dx, float *dgamma, float *dbeta, float *dshift, const float *add,
                           const float *dy, const float *x, const float *stats,
                           const ds_group_norm *g);
    /* Over the last axis; stats [rows, 2] as above, may be NULL. gamma, beta may be NULL. */
    void (*layer_norm)(void *dst, ds_dtype type, float *stats, const float *x, const float *gamma,
                       const float *beta, int64_t rows, int64_t cols, float eps);
    void (*layer_norm_adj)(float *dx, float *dgamma, float *dbeta, const float *add,
                           const float *dy, const float *x, const float *stats, const float *gamma,
                           int64_t rows, int64_t cols); /* dx = add + ... */
    void (*softmax)(float *dst, const float *x, int64_t rows, int64_t cols);
    void (*softmax_adj)(float *dx, const float *dy, const float *y, int64_t rows, int64_t cols);

    /* ---- activations: act.c ---- */

    /* silu x s(x); gelu x (1 + erf(x/sqrt 2))/2; quick_gelu x s(1.702 x). */
    void (*act)(ds_act kind, void *dst, ds_dtype type, const float *x, int64_t count);
    void (*act_adj)(ds_act kind, float *dx, const float *add, const float *dy, const float *x,
                    int64_t count); /* dx = add + ... */
    /* A row of x is [h (c) | g (c)]; dst [rows, c] = h * gelu(g). dst must not overlap x. */
    void (*geglu)(void *dst, ds_dtype type, const float *x, int64_t rows, int64_t c);
    void (*geglu_adj)(float *dx, const float *add, const float *dy, const float *x, int64_t rows,
                      int64_t c); /* dx = add + ... */

    /* ---- element by element: elementwise.c ---- */

    void (*add)(float *dst, const float *a, const float *b, int64_t count);
    void (*sub)(float *dst, const float *a, const float *b, int64_t count);
    void (*mul)(float *dst, const float *a, const float *b, int64_t count);
    void (*mul_add)(float *dst, const float *a, const float *b, int64_t count); /* dst += a b */
    void (*scale)(float *dst, const float *x, float a, int64_t count);          /* dst = a x */
    void (*axpy)(float *dst, const float *x, float a, int64_t count);           /* dst += a x */
    void (*axpby)(float *dst, const float *x, float a, const float *y, float b,
                  int64_t count); /* dst = a x + b y */
    void (*fill)(float *dst, float value, int64_t count);
    /* dst [n, s, c] = x + t, with t [n, c]. */
    void (*add_rows)(float *dst, const float *x, const float *t, int64_t n, int64_t s, int64_t c);
    /* dt [n, c] += sum over s of dy [n, s, c]: adjoint of add_rows, and of a bias with n = 1. */
    void (*sum_rows)(float *dt, const float *dy, int64_t n, int64_t s, int64_t c);
    void (*to_bf16)(void *dst, const float *x, int64_t count); /* nearest even; NaN stays NaN */
    void (*from_bf16)(float *dst, const void *x, int64_t count);

    /* ---- attention: attention*.c ---- */

    /* Bytes of `work` that any of the attention functions below needs for this shape with the
     * present number of threads; 64-byte aligned memory, content irrelevant. */
    size_t (*attention_work)(const ds_attention *a);
    /* Fused. lse [n, heads, sq] = log sum exp of the scaled scores, for the adjoint; may be NULL.
     * probs [n, heads, sq, sk], normalised, is written along the way unless NULL. */
    void (*attention)(void *out, float *lse, float *probs, const void *q, const void *k,
                      const void *v, const ds_attention *a, void *work);
    /* The plain path, for when somebody edits the probabilities in between. */
    void (*attention_probs)(float *probs, const void *q, const void *k, const ds_attention *a,
                            void *work);
    void (*attention_apply)(void *out, const float *probs, const void *v, const ds_attention *a,
                            void *work);
    /* Bytes of `work` for the three adjoints below. */
    size_t (*attention_adj_work)(const ds_attention *a);
    /* Adjoints; all operands float32 (a->type and a->out_type are not looked at). dq, dk, dv, dout
     * have the row distances of q, k, v, out. Probabilities are computed again, block by block. */
    void (*attention_adj)(float *dq, float *dk, float *dv, const float *dout, const float *q,
                          const float *k, const float *v, const float *out, const float *lse,
                          const ds_attention *a, void *work);
    void (*attention_probs_adj)(float *dq, float *dk, const float *dprobs, const float *probs,
                                const float *q, const float *k, const ds_attention *a, void *work);
    void (*attention_apply_adj)(float *dprobs, float *dv, const float *dout, const float *probs,
                                const float *v, const ds_attention *a, void *work);

    /* ---- shape and place: resample.c, gather.c. None of these works in place. ---- */

    /* dst [n, ho, wo, c] takes the pixel floor(i * h / ho), as torch's "nearest". */
    void (*upsample)(void *dst, ds_dtype type, const float *x, int64_t n, int64_t h, int64_t w,
                     int64_t c, int64_t ho, int64_t wo);
    void (*upsample_adj)(float *dx, const float *dy, int64_t n, int64_t h, int64_t w, int64_t c,
                         int64_t ho, int64_t wo);
    /* dst rows are [a (ca) | b (cb)]. */
    void (*concat)(void *dst, ds_dtype type, const float *a, int64_t ca, const float *b, int64_t cb,
                   int64_t rows);
    void (*concat_adj)(float *da, int64_t ca, float *db, int64_t cb, const float *dy, int64_t rows);
    /* rows x cols with row distances; = and +=. */
    void (*copy_slice)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                       int64_t cols);
    void (*add_slice)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                      int64_t cols);
    void (*nchw_to_nhwc)(float *dst, const float *x, int64_t n, int64_t c, int64_t hw);
    void (*nhwc_to_nchw)(float *dst, const float *x, int64_t n, int64_t c, int64_t hw);
    /* dst [count, c] = table [ids[i], :]. The caller has checked the ids. The adjoint adds in the
     * order of i. One row per image is the same with ids[b] = b * s + position. */
    void (*gather)(float *dst, const float *table, const int32_t *ids, int64_t count, int64_t c);
    void (*gather_adj)(float *dtable, const float *dy, const int32_t *ids, int64_t count,
                       int64_t c);
    /* dst [n, dim]: diffusers' get_timestep_embedding, in float32 throughout. freq_shift 0 or 1;
     * flip: cosines first; scale multiplies the angle. */
    void (*timestep_embedding)(float *dst, const float *t, int64_t n, int64_t dim, bool flip,
                               float freq_shift, float scale, float max_period);

    /* ---- Winograd's convolution: winograd.c; see kernels/winograd.h ---- */

    /* u[e * step + j] = cell e of G g G^T for filter j of taps [9, count]; in double, then rounded. */
    void (*winograd_filter)(float *u, int64_t step, const float *taps, int64_t count);
    /* Adjoint: taps [9, count] = G^T u G. */
    void (*winograd_filter_adj)(float *taps, const float *u, int64_t step, int64_t count);
    /* v [36, rows, c]: row t of each slice is tile first + t of x [n, h, w, c] (F32 or BF16). */
    void (*winograd_in)(float *v, const void *x, ds_dtype type, const ds_tiles *g, int64_t c,
                        int64_t rows, int64_t first, int64_t count);
    /* dst [n, oh, ow, c] = the results of m [36, rows, c] (+ bias [c]) (+ add, of dst's shape), at
     * the tiles first .. first + count - 1. */
    void (*winograd_out)(void *dst, ds_dtype type, const float *m, const float *bias,
                         const float *add, const ds_tiles *g, int64_t c, int64_t rows,
                         int64_t first, int64_t count);

    /* Adjoint: m [36, rows, c] = A dy A^T for the same tiles of dy [n, oh, ow, c] (F32 or BF16). */
    void (*winograd_out_adj)(float *m, const void *dy, ds_dtype type, const ds_tiles *g, int64_t c,
                             int64_t rows, int64_t first, int64_t count);

    /* ---- the polar factor: polar.c; see kernels/polar.h ---- */

    /* Bytes of `work`, 64-byte aligned, content irrelevant. */
    size_t (*polar_work)(int64_t rows, int64_t cols);
    /* dst = U f(S) V^T, where x = U S V^T is [rows, cols], rows <= cols; may be x. f is within 0.8 ..
     * 1.2 for values above 0.0023 of the largest (0.005 where many are as large), and goes to 0 below.
     * Zeros if the sum of x^2 is not within 1e-30 .. 1e30. v4bf16 takes U and S of a long x from it in
     * bf16. One thread. */
    void (*polar)(float *dst, const float *x, int64_t rows, int64_t cols, void *work);

    /* ---- sums and losses: reduce.c ---- */

    double (*sum)(const float *x, int64_t count);
    double (*dot)(const float *a, const float *b, int64_t count); /* dot(x, x): sum of squares */
    double (*sum_sq_diff)(const float *a, const float *b, int64_t count);
    double (*sum_abs_diff)(const float *a, const float *b, int64_t count);
    void (*sq_diff_adj)(float *da, const float *a, const float *b, float g,
                        int64_t count); /* da += 2 g (a - b) */
    void (*abs_diff_adj)(float *da, const float *a, const float *b, float g,
                         int64_t count); /* da += g sign(a - b) */
} ds_simd;

/* The best table for this machine, or the one that DIFFUSCOPE_ISA in the environment named at the first
 * call, which is the only one that looks. */
const ds_simd *ds__simd(void);

/* The table of this name, or the best one. */
const ds_simd *ds__simd_named(const char *wish);

/* Another table from here on (NULL: the first choice): for tests, while nothing else runs. */
void ds__simd_use(const ds_simd *table);

/* The i-th table that this machine can run, slowest first ("ref" is number 0); NULL past the
 * end. */
const ds_simd *ds__simd_at(int i);

#endif
