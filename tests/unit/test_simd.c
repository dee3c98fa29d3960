/* Every plain kernel of every instruction set that this machine can run, against the reference. */

#include "support.h"

#include "kernels/simd.h"
#include "tensor/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ds_simd *ref, *fast; /* the tables under comparison */

static uint64_t seed;

static float *random_array(int64_t n, float spread, float mean)
{
    float *p = ds_alloc((size_t)(n > 0 ? n : 1) * sizeof *p);

    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = mean + spread * ts_noise(&seed);
    return p;
}

static float *copy_of(const float *x, int64_t n)
{
    float *p = random_array(n, 0.0f, 0.0f);

    memcpy(p, x, (size_t)n * sizeof *p);
    return p;
}

static const char *label(const char *fmt, ...)
{
    static char text[160];
    va_list ap;
    int n = snprintf(text, sizeof text, "%s: ", fast->isa);

    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    return text;
}

static void compare_bf16(const char *what, const uint16_t *got, const float *want, int64_t n)
{
    float *f = random_array(n, 0.0f, 0.0f);

    for (int64_t i = 0; i < n; i++)
        f[i] = ds__bf16_to_f32(got[i]);
    ts_compare(what, f, want, n, 4.1e-3);
    ds_free(f);
}

/* The statement after it runs for every table but the reference, as `fast`. */
#define EACH_TABLE                                                                                 \
    for (int table_ = 1; fast = ds__simd_at(table_), seed = 11, fast != NULL; table_++)

/* ---- the choice ------------------------------------------------------------------------------ */

static void tables_can_be_chosen(void **state)
{
    (void)state;
    assert_string_equal(ref->isa, "ref");
    assert_non_null(ds__simd_at(1));
    assert_null(ds__simd_at(100));
    for (int i = 0; ds__simd_at(i) != NULL; i++) {
        const ds_simd *before = ds__simd();

        assert_ptr_equal(ds__simd_named(ds__simd_at(i)->isa), ds__simd_at(i));
        setenv("DIFFUSCOPE_ISA", ds__simd_at(i)->isa, 1); /* too late */
        assert_ptr_equal(ds__simd(), before);
        ds__simd_use(ds__simd_at(i));
        assert_ptr_equal(ds__simd(), ds__simd_at(i));
        unsetenv("DIFFUSCOPE_ISA");
        ds__simd_use(NULL);
        assert_ptr_equal(ds__simd(), ds__simd_named(NULL));
    }
    assert_ptr_equal(ds__simd_named("no such set"), ds__simd_named(NULL));
}

/* ---- norms ---------------------------------------------------------------------------------- */

static void one_group_norm(int64_t n, int64_t hw, int64_t c, int64_t groups, bool silu, bool shift,
                           float mean)
{
    const int64_t count = n * hw * c;
    float *x = random_array(count, 1.0f, mean), *gamma = random_array(c, 0.5f, 1.0f);
    float *beta = random_array(c, 0.5f, 0.0f), *t = random_array(n * c, 1.0f, 0.0f);
    float *want = copy_of(x, count), *got = copy_of(x, count);
    float *sw = random_array(2 * n * groups, 0.0f, 0.0f), *sg = copy_of(sw, 2 * n * groups);
    ds_group_norm p = { n, hw, c, groups, 1e-5f, silu, gamma, beta, shift ? t : NULL };
    const char *what = label("group_norm %d x %d x %d, %d groups, mean %g", (int)n, (int)hw, (int)c,
                             (int)groups, mean);
    const double tolerance = 3e-6 + 3e-7 * mean;

    ref->group_norm(want, DS_DTYPE_F32, sw, x, &p);
    fast->group_norm(got, DS_DTYPE_BF16, NULL, x, &p);
    compare_bf16(what, (const uint16_t *)got, want, count);
    fast->group_norm(got, DS_DTYPE_F32, sg, x, &p);
    ts_compare(what, got, want, count, tolerance);
    ts_compare(what, sg, sw, 2 * n * groups, 1e-6);
    fast->group_norm(x, DS_DTYPE_F32, NULL, x, &p); /* in place */
    ts_compare(what, x, want, count, tolerance);
    ds_free(x), ds_free(gamma), ds_free(beta), ds_free(t), ds_free(want), ds_free(got);
    ds_free(sw), ds_free(sg);
}

static void group_norms(void **state)
{
    (void)state;
    EACH_TABLE
    {
        one_group_norm(2, 64, 320, 32, true, true, 0.0f);
        one_group_norm(1, 35, 12, 3, false, false, 0.0f);
        one_group_norm(3, 1, 64, 32, true, false, 0.0f);
        one_group_norm(1, 1500, 128, 32, false, true, 100.0f);
        one_group_norm(1, 777, 30, 5, true, true, -3.0f);
        one_group_norm(2, 9, 260, 130, false, false, 0.0f);
        one_group_norm(1, 50, 1300, 1, true, false, 1.0f);
        one_group_norm(1, 50, 7, 7, true, false, 0.0f);
    }
}

static void one_layer_norm(int64_t rows, int64_t cols, float mean)
{
    float *x = random_array(rows * cols, 1.0f, mean), *gamma = random_array(cols, 0.5f, 1.0f);
    float *beta = random_array(cols, 0.5f, 0.0f), *want = copy_of(x, rows * cols);
    float *got = copy_of(x, rows * cols), *sw = random_array(2 * rows, 0.0f, 0.0f);
    float *sg = copy_of(sw, 2 * rows);
    const char *what = label("layer_norm %d x %d", (int)rows, (int)cols);

    ref->layer_norm(want, DS_DTYPE_F32, sw, x, gamma, beta, rows, cols, 1e-5f);
    fast->layer_norm(got, DS_DTYPE_BF16, NULL, x, gamma, beta, rows, cols, 1e-5f);
    compare_bf16(what, (const uint16_t *)got, want, rows * cols);
    fast->layer_norm(got, DS_DTYPE_F32, sg, x, gamma, beta, rows, cols, 1e-5f);
    ts_compare(what, got, want, rows * cols, 3e-6 + 3e-7 * mean);
    ts_compare(what, sg, sw, 2 * rows, 2e-6);
    ref->layer_norm(want, DS_DTYPE_F32, NULL, x, NULL, NULL, rows, cols, 1e-5f);
    fast->layer_norm(x, DS_DTYPE_F32, NULL, x, NULL, NULL, rows, cols, 1e-5f);
    ts_compare(what, x, want, rows * cols, 3e-6 + 3e-7 * mean);
    ds_free(x), ds_free(gamma), ds_free(beta), ds_free(want), ds_free(got), ds_free(sw);
    ds_free(sg);
}

static void layer_norms(void **state)
{
    (void)state;
    EACH_TABLE
    {
        one_layer_norm(200, 320, 0.0f);
        one_layer_norm(3, 5, 0.0f);
        one_layer_norm(1, 1, 0.0f);
        one_layer_norm(7, 1023, 50.0f);
        one_layer_norm(9, 47, 1.0f);
    }
}

static void one_softmax(int64_t rows, int64_t cols, float spread)
{
    float *x = random_array(rows * cols, spread, 0.0f), *want = copy_of(x, rows * cols);
    float *got = copy_of(x, rows * cols);

    x[0] = 3e38f;
    x[cols - 1] = rows > 1 ? -3e38f : x[cols - 1];
    ref->softmax(want, x, rows, cols);
    fast->softmax(got, x, rows, cols);
    ts_compare(label("softmax %d x %d", (int)rows, (int)cols), got, want, rows * cols, 2e-6);
    x[cols / 2] = NAN;
    fast->softmax(got, x, rows, cols);
    assert_true(isnan(got[0]) && isnan(got[cols - 1]));
    ds_free(x), ds_free(want), ds_free(got);
}

static void softmaxes(void **state)
{
    (void)state;
    EACH_TABLE
    {
        one_softmax(8, 77, 3.0f);
        one_softmax(3, 5, 30.0f);
        one_softmax(1, 1, 1.0f);
        one_softmax(40, 1000, 80.0f);
    }
}

/* ---- activations ---------------------------------------------------------------------------- */

static void activations(void **state)
{
    const int64_t counts[] = { 1, 7, 33, 70001 };

    (void)state;
    EACH_TABLE for (int kind = 0; kind < 3; kind++) for (size_t k = 0; k < DS_COUNT(counts); k++)
    {
        const int64_t n = counts[k];
        float *x = random_array(n, 4.0f, 0.0f), *want = copy_of(x, n), *got = copy_of(x, n);
        float *dy = random_array(n, 1.0f, 0.0f);
        const char *what = label("activation %d of %d", kind, (int)n);

        if (n > 7) {
            x[1] = -100.0f, x[2] = 100.0f, x[3] = 0.0f, x[4] = -88.5f, x[5] = 1e30f;
        }
        ref->act(kind, want, DS_DTYPE_F32, x, n);
        fast->act(kind, got, DS_DTYPE_BF16, x, n);
        compare_bf16(what, (const uint16_t *)got, want, n);
        fast->act(kind, got, DS_DTYPE_F32, x, n);
        for (int64_t i = 0; i < n; i++) /* to the last digits, small values too */
            if (!(fabsf(got[i] - want[i]) <= 6e-7f * (fabsf(want[i]) + 1e-2f + fabsf(x[i]) * 0.2f)))
                fail_msg("%s: f(%.9g) = %.9g, expected %.9g", what, x[i], got[i], want[i]);
        ref->act_adj(kind, want, NULL, dy, x, n);
        fast->act(kind, got, DS_DTYPE_F32, x, n);
        ref->act(kind, want, DS_DTYPE_F32, x, n);
        for (int64_t i = 0; i < n; i++)
            got[i] = want[i] = 1.0f;
        ref->act_adj(kind, want, want, dy, x, n);
        fast->act_adj(kind, got, got, dy, x, n);
        ts_compare(what, got, want, n, 1e-6);
        x[0] = NAN;
        fast->act(kind, got, DS_DTYPE_F32, x, n);
        assert_true(isnan(got[0]));
        ds_free(x), ds_free(want), ds_free(got), ds_free(dy);
    }
}

static void gated(void **state)
{
    const int64_t sizes[][2] = { { 1, 1 }, { 3, 13 }, { 20, 64 }, { 33, 1280 } };

    (void)state;
    EACH_TABLE for (size_t k = 0; k < DS_COUNT(sizes); k++)
    {
        const int64_t rows = sizes[k][0], c = sizes[k][1], n = rows * c;
        float *x = random_array(2 * n, 2.0f, 0.0f), *dy = random_array(n, 1.0f, 0.0f);
        float *want = random_array(2 * n, 1.0f, 0.0f), *got = copy_of(want, 2 * n);
        const char *what = label("geglu %d x %d", (int)rows, (int)c);

        ref->geglu_adj(want, want, dy, x, rows, c);
        fast->geglu_adj(got, got, dy, x, rows, c);
        ts_compare(what, got, want, 2 * n, 2e-6);
        ref->geglu(want, DS_DTYPE_F32, x, rows, c);
        fast->geglu(got, DS_DTYPE_BF16, x, rows, c);
        compare_bf16(what, (const uint16_t *)got, want, n);
        fast->geglu(got, DS_DTYPE_F32, x, rows, c);
        ts_compare(what, got, want, n, 1e-6);
        ds_free(x), ds_free(dy), ds_free(want), ds_free(got);
    }
}

/* ---- element by element --------------------------------------------------------------------- */

static void elementwise(void **state)
{
    const int64_t counts[] = { 1, 15, 31, 65, 70003 };

    (void)state;
    EACH_TABLE for (size_t k = 0; k < DS_COUNT(counts); k++)
    {
        const int64_t n = counts[k];
        float *a = random_array(n, 1.0f, 0.0f), *b = random_array(n, 1.0f, 0.0f);
        float *w = random_array(n + 1, 1.0f, 0.0f), *g = copy_of(w, n + 1);
        const char *what = label("elementwise, %d", (int)n);

#define BOTH(call, tolerance)                                                                      \
    {                                                                                              \
        ref->call;                                                                                 \
        float *keep = w;                                                                           \
        w = g;                                                                                     \
        fast->call;                                                                                \
        w = keep;                                                                                  \
        ts_compare(what, g, w, n + 1, tolerance); /* one element past the end must be kept */      \
    }
        BOTH(add(w, a, b, n), 0.0)
        BOTH(sub(w, a, b, n), 0.0)
        BOTH(mul(w, a, b, n), 0.0)
        BOTH(mul_add(w, a, b, n), 2e-7)
        BOTH(scale(w, a, -1.25f, n), 0.0)
        BOTH(axpy(w, a, 0.3f, n), 2e-7)
        BOTH(axpby(w, a, 0.3f, b, 0.7f, n), 2e-7)
        BOTH(sq_diff_adj(w, a, b, 0.3f, n), 2e-7)
        BOTH(abs_diff_adj(w, a, b, 0.3f, n), 2e-7)
        BOTH(add(w, w, w, n), 2e-7) /* in place */
        BOTH(fill(w, 2.5f, n), 0.0)
        ds_free(a), ds_free(b), ds_free(w), ds_free(g);
    }
}

static void sums(void **state)
{
    const int64_t counts[] = { 1, 15, 1025, 200003 };

    (void)state;
    EACH_TABLE for (size_t k = 0; k < DS_COUNT(counts); k++)
    {
        const int64_t n = counts[k];
        float *a = random_array(n, 1.0f, 1.0f), *b = random_array(n, 1.0f, -1.0f);

        assert_true(fabs(fast->sum(a, n) / ref->sum(a, n) - 1.0) < 2e-6);
        assert_true(fabs(fast->dot(a, a, n) / ref->dot(a, a, n) - 1.0) < 1e-6);
        assert_true(fabs(fast->sum_sq_diff(a, b, n) / ref->sum_sq_diff(a, b, n) - 1.0) < 1e-6);
        assert_true(fabs(fast->sum_abs_diff(a, b, n) / ref->sum_abs_diff(a, b, n) - 1.0) < 1e-6);
        ds_free(a), ds_free(b);
    }
}

static void rows_and_images(void **state)
{
    const int64_t sizes[][3] = { { 2, 3, 5 }, { 1, 300, 77 }, { 3, 100, 130 }, { 2, 700, 64 } };

    (void)state;
    EACH_TABLE for (size_t k = 0; k < DS_COUNT(sizes); k++)
    {
        const int64_t b = sizes[k][0], s = sizes[k][1], c = sizes[k][2], n = b * s * c;
        float *x = random_array(n, 1.0f, 1.0f), *t = random_array(b * c, 1.0f, 0.0f);
        float *want = copy_of(x, n), *got = copy_of(x, n), *dt = copy_of(t, b * c);
        const char *what = label("rows %d x %d x %d", (int)b, (int)s, (int)c);

        ref->add_rows(want, x, t, b, s, c);
        fast->add_rows(got, x, t, b, s, c);
        ts_compare(what, got, want, n, 0.0);
        ref->sum_rows(t, x, b, s, c);
        fast->sum_rows(dt, x, b, s, c);
        ts_compare(what, dt, t, b * c, 1e-6);
        ref->nchw_to_nhwc(want, x, b, s, c);
        fast->nchw_to_nhwc(got, x, b, s, c);
        ts_compare(what, got, want, n, 0.0);
        fast->nhwc_to_nchw(want, got, b, s, c);
        ts_compare(what, want, x, n, 0.0);
        ds_free(x), ds_free(t), ds_free(want), ds_free(got), ds_free(dt);
    }
}

static void bf16_and_back(void **state)
{
    const float odd[] = {
        0.0f, -0.0f, INFINITY, -INFINITY, 1.00390625f, 1.01171875f, 3.3e38f, -1.0f
    };
    const int64_t n = 70007;

    (void)state;
    EACH_TABLE
    {
        float *x = random_array(n, 100.0f, 0.0f), *back = copy_of(x, n);
        uint16_t *want = ds_alloc((size_t)n * 2), *got = ds_alloc((size_t)n * 2);

        memcpy(x + 3, odd, sizeof odd);
        ref->to_bf16(want, x, n);
        fast->to_bf16(got, x, n);
        assert_memory_equal(got, want, (size_t)n * 2);
        ref->from_bf16(x, want, n);
        fast->from_bf16(back, want, n);
        assert_memory_equal(back, x, (size_t)n * 4);
        x[0] = ds__bits_f32(0x7f800001u); /* a NaN whose upper half alone would be infinity */
        fast->to_bf16(got, x, 1);
        assert_true(isnan(ds__bf16_to_f32(got[0])));
        ds_free(x), ds_free(back), ds_free(want), ds_free(got);
    }
}

/* ---- shape and place ------------------------------------------------------------------------ */

static void one_upsample(int64_t n, int64_t h, int64_t w, int64_t c, int64_t ho, int64_t wo)
{
    const int64_t small = n * h * w * c, large = n * ho * wo * c;
    float *x = random_array(small, 1.0f, 0.0f), *want = random_array(large, 1.0f, 0.0f);
    float *got = copy_of(want, large), *dx = copy_of(x, small);
    const char *what = label("upsample %dx%d to %dx%d", (int)h, (int)w, (int)ho, (int)wo);

    ref->upsample(want, DS_DTYPE_F32, x, n, h, w, c, ho, wo);
    fast->upsample(got, DS_DTYPE_BF16, x, n, h, w, c, ho, wo);
    compare_bf16(what, (const uint16_t *)got, want, large);
    fast->upsample(got, DS_DTYPE_F32, x, n, h, w, c, ho, wo);
    ts_compare(what, got, want, large, 0.0);
    ref->upsample_adj(dx, want, n, h, w, c, ho, wo);
    fast->upsample_adj(x, want, n, h, w, c, ho, wo);
    ts_compare(what, x, dx, small, 1e-6);
    ds_free(x), ds_free(want), ds_free(got), ds_free(dx);
}

static void one_concat(int64_t rows, int64_t ca, int64_t cb)
{
    const int64_t n = rows * (ca + cb);
    float *a = random_array(rows * ca, 1.0f, 0.0f), *b = random_array(rows * cb, 1.0f, 0.0f);
    float *want = random_array(n, 1.0f, 0.0f), *got = copy_of(want, n);
    float *da = copy_of(a, rows * ca), *db = copy_of(b, rows * cb);
    const char *what = label("concat %d x %d+%d", (int)rows, (int)ca, (int)cb);

    ref->concat(want, DS_DTYPE_F32, a, ca, b, cb, rows);
    fast->concat(got, DS_DTYPE_BF16, a, ca, b, cb, rows);
    compare_bf16(what, (const uint16_t *)got, want, n);
    fast->concat(got, DS_DTYPE_F32, a, ca, b, cb, rows);
    ts_compare(what, got, want, n, 0.0);
    fast->copy_slice(da, ca, got, ca + cb, rows, ca);
    ts_compare(what, da, a, rows * ca, 0.0);
    ref->concat_adj(da, ca, db, cb, want, rows);
    fast->concat_adj(a, ca, b, cb, want, rows);
    ts_compare(what, a, da, rows * ca, 0.0);
    ts_compare(what, b, db, rows * cb, 0.0);
    ref->concat_adj(NULL, ca, NULL, cb, want, rows);
    fast->concat_adj(NULL, ca, NULL, cb, want, rows);
    ds_free(a), ds_free(b), ds_free(want), ds_free(got), ds_free(da), ds_free(db);
}

static void shapes(void **state)
{
    (void)state;
    EACH_TABLE
    {
        one_upsample(2, 4, 5, 12, 8, 10);
        one_upsample(1, 5, 3, 7, 9, 7);
        one_upsample(1, 16, 16, 320, 32, 32);
        one_concat(6, 3, 4);
        one_concat(700, 320, 64);
    }
}

static void rows_of_a_table(void **state)
{
    const int32_t ids[] = { 4, 0, 4, 2, 4 };
    const int64_t widths[] = { 5, 64, 100 };

    (void)state;
    EACH_TABLE for (size_t k = 0; k < DS_COUNT(widths); k++)
    {
        const int64_t c = widths[k];
        float *table = random_array(5 * c, 1.0f, 0.0f), *want = random_array(5 * c, 1.0f, 0.0f);
        float *got = copy_of(want, 5 * c), *copy;

        ref->gather(want, table, ids, 5, c);
        fast->gather(got, table, ids, 5, c);
        ts_compare(label("gather"), got, want, 5 * c, 0.0);
        copy = copy_of(table, 5 * c);
        ref->gather_adj(copy, want, ids, 5, c);
        fast->gather_adj(table, want, ids, 5, c);
        ts_compare(label("gather_adj"), table, copy, 5 * c, 0.0);
        ds_free(table), ds_free(want), ds_free(got), ds_free(copy);
    }
}

/* Expected: PyTorch's float32 values of diffusers' get_timestep_embedding(t = 981, 8). */
static void timesteps(void **state)
{
    const float t[] = { 981.0f, 1.0f };
    float e[2][9];

    (void)state;
    for (int i = 0; ds__simd_at(i) != NULL; i++) {
        ds__simd_at(i)->timestep_embedding(e[0], t, 2, 9, true, 0.0f, 1.0f, 10000.0f);
        for (int k = 0; k < 2; k++)
            for (int j = 0; j < 4; j++) {
                const float f = expf((float)-log(10000.0) * (float)j / 4.0f);

                assert_float_equal(e[k][j], cosf(t[k] * f), 1e-6);
                assert_float_equal(e[k][4 + j], sinf(t[k] * f), 1e-6);
            }
        assert_float_equal(e[1][8], 0.0f, 0.0);
    }
}

/* ---- attention ------------------------------------------------------------------------------ */

typedef struct shape {
    int64_t n, heads, d, sq, sk;
    bool causal;
    float spread; /* of q: 1 is what networks have, 30 saturates the softmax */
} shape;

static void *to_type(const float *x, int64_t n, ds_dtype type)
{
    void *p = ds_alloc((size_t)n * 4);

    assert_non_null(p);
    ds_convert(p, type, x, DS_DTYPE_F32, n);
    return p;
}

static void one_attention(const shape *s, ds_dtype type, ds_dtype out_type)
{
    const int64_t c = s->heads * s->d, ldq = c + 3, ldk = 2 * c + 1, ldo = c + 2;
    const int64_t nq = s->n * s->sq * ldq, nk = s->n * s->sk * ldk, no = s->n * s->sq * ldo;
    const int64_t np = s->n * s->heads * s->sq * s->sk, rows = s->n * s->heads * s->sq;
    ds_attention a = { s->n,      s->heads, s->d,        s->sq, s->sk,
                       ldq,       ldk,      ldk,         ldo,   1.0f / sqrtf((float)s->d),
                       s->causal, type,     DS_DTYPE_F32 };
    float *q32 = random_array(nq, s->spread, 0.0f), *k32 = random_array(nk, 1.0f, 0.0f);
    float *out = random_array(no, 1.0f, 0.0f), *got = copy_of(out, no);
    float *pw = random_array(np, 1.0f, 0.0f), *pg = copy_of(pw, np);
    float *lw = random_array(rows, 1.0f, 0.0f), *lg = copy_of(lw, rows);
    void *q = to_type(q32, nq, type), *k = to_type(k32, nk, type);
    const char *v = (const char *)k + ds_dtype_size(type) * (size_t)c;
    void *work = ds_alloc(fast->attention_work(&a) + 64);
    const double t = (type == DS_DTYPE_BF16 ? 6e-3 : 3e-6) + (s->spread > 2.0f ? 5e-5 : 0.0);
    const char *what =
        label("attention %d x %d heads of %d, %d on %d, %s%s", (int)s->n, (int)s->heads, (int)s->d,
              (int)s->sq, (int)s->sk, ds_dtype_name(type), s->causal ? ", causal" : "");

    ref->attention(out, lw, pw, q, k, v, &a, NULL);
    a.out_type = out_type;
    fast->attention(got, lg, NULL, q, k, v, &a, work);
    if (out_type == DS_DTYPE_BF16) {
        for (int64_t r = 0; r < s->n * s->sq; r++)
            compare_bf16(what, (const uint16_t *)got + r * ldo, out + r * ldo, c);
    } else {
        ts_compare(what, got, out, no, t); /* what lies between the rows is kept, too */
        if (!s->causal || s->sk >= s->sq)  /* else some rows see no key: -infinity */
            ts_compare(what, lg, lw, rows, 1e-5);
        fast->attention(got, lg, pg, q, k, v, &a, work);
        ts_compare(what, got, out, no, t);
        ts_compare(what, pg, pw, np, 3e-6 + (s->spread > 2.0f ? 1e-4 : 0.0));
        memset(pg, 0, (size_t)np * sizeof *pg);
        fast->attention_probs(pg, q, k, &a, work);
        ts_compare(what, pg, pw, np, 3e-6 + (s->spread > 2.0f ? 1e-4 : 0.0));
        for (int64_t r = 0; r < s->n * s->sq; r++)
            memset(got + r * ldo, 0, (size_t)c * sizeof *got);
        fast->attention_apply(got, pw, v, &a, work);
        ts_compare(what, got, out, no, t);
    }
    ds_free(q32), ds_free(k32), ds_free(out), ds_free(got), ds_free(pw), ds_free(pg);
    ds_free(lw), ds_free(lg), ds_free(q), ds_free(k), ds_free(work);
}

static void attentions(void **state)
{
    static const shape cases[] = {
        { 1, 1, 1, 1, 1, false, 1.0f },       { 2, 2, 4, 15, 12, false, 1.0f },
        { 1, 3, 5, 64, 77, false, 1.0f },     { 2, 8, 40, 70, 77, false, 1.0f },
        { 1, 2, 15, 77, 77, true, 1.0f },     { 1, 2, 64, 200, 200, true, 1.0f },
        { 1, 1, 160, 100, 301, false, 1.0f }, { 1, 1, 512, 40, 120, false, 1.0f },
        { 1, 2, 40, 300, 500, false, 1.0f },  { 1, 2, 8, 33, 250, false, 40.0f },
        { 1, 1, 7, 9, 3, true, 1.0f },        { 1, 8, 80, 130, 97, false, 8.0f },
    };

    (void)state;
    EACH_TABLE for (size_t i = 0; i < DS_COUNT(cases); i++)
    {
        one_attention(&cases[i], DS_DTYPE_F32, DS_DTYPE_F32);
        one_attention(&cases[i], DS_DTYPE_BF16, DS_DTYPE_F32);
        one_attention(&cases[i], DS_DTYPE_F32, DS_DTYPE_BF16);
    }
}

static void attention_keeps_nan(void **state)
{
    ds_attention a = { 1, 1, 4, 3, 5, 4, 4, 4, 4, 0.5f, false, DS_DTYPE_F32, DS_DTYPE_F32 };

    (void)state;
    EACH_TABLE
    {
        float *q = random_array(12, 1.0f, 0.0f), *k = random_array(20, 1.0f, 0.0f), out[12];
        void *work = ds_alloc(fast->attention_work(&a) + 64);

        q[5] = NAN;
        fast->attention(out, NULL, NULL, q, k, k, &a, work);
        assert_true(isfinite(out[0]) && isnan(out[4]) && isnan(out[7]) && isfinite(out[8]));
        q[5] = 1.0f;
        k[9] = NAN;
        fast->attention(out, NULL, NULL, q, k, k, &a, work);
        assert_true(isnan(out[0]) && isnan(out[11]));
        ds_free(q), ds_free(k), ds_free(work);
    }
}

/* One thread and two give the same bits, as the header says. */
static void threads_do_not_matter(void **state)
{
    ds_attention a = {
        1, 2, 40, 700, 300, 80, 80, 80, 80, 0.158f, false, DS_DTYPE_F32, DS_DTYPE_F32
    };
    ds_group_norm p = { 1, 3000, 64, 32, 1e-5f, true, NULL, NULL, NULL };
    const int64_t n = 700 * 80, m = 3000 * 64;

    (void)state;
    EACH_TABLE
    {
        float *x = random_array(m, 1.0f, 0.0f), *y[2], *z[2];
        double sum[2];

        for (int i = 0; i < 2; i++) {
            void *work;

            ds_set_threads(1 + i);
            work = ds_alloc(fast->attention_work(&a) + 64);
            y[i] = copy_of(x, n);
            z[i] = copy_of(x, m);
            fast->attention(y[i], NULL, NULL, x, x + 1000, x + 2000, &a, work);
            fast->group_norm(z[i], DS_DTYPE_F32, NULL, x, &p);
            sum[i] = fast->dot(x, x, m);
            ds_free(work);
        }
        ds_set_threads(0);
        assert_memory_equal(y[0], y[1], (size_t)n * 4);
        assert_memory_equal(z[0], z[1], (size_t)m * 4);
        assert_true(sum[0] == sum[1]);
        ds_free(x), ds_free(y[0]), ds_free(y[1]), ds_free(z[0]), ds_free(z[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_can_be_chosen),
        cmocka_unit_test(group_norms),
        cmocka_unit_test(layer_norms),
        cmocka_unit_test(softmaxes),
        cmocka_unit_test(activations),
        cmocka_unit_test(gated),
        cmocka_unit_test(elementwise),
        cmocka_unit_test(sums),
        cmocka_unit_test(rows_and_images),
        cmocka_unit_test(bf16_and_back),
        cmocka_unit_test(shapes),
        cmocka_unit_test(rows_of_a_table),
        cmocka_unit_test(timesteps),
        cmocka_unit_test(attentions),
        cmocka_unit_test(attention_keeps_nan),
        cmocka_unit_test(threads_do_not_matter),
    };

    ref = ds__simd_at(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
