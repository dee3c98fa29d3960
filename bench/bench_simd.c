/* bench_simd.c - the plain kernels at Stable Diffusion's shapes.
 *
 * Each line gives the time of one call and the rate, as a share of what this machine reaches in the
 * same run: multiply-adds in registers for attention, copying of large arrays for the rest.
 *
 *   bench_simd [-c] [WORD]   lines whose name holds WORD
 *
 * -c counts processor time divided by threads instead of wall time: for a crowded machine, with
 * OMP_WAIT_POLICY=passive or one thread. DIFFUSCOPE_ISA and OMP_NUM_THREADS apply. */

#include "kernels/simd.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static double peak, bandwidth; /* operations per second, bytes per second */
static const char *wanted;
static bool processor_time;

static double now(void)
{
    struct timespec t;

    if (!processor_time)
        return omp_get_wtime();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) / omp_get_max_threads();
}

#if defined(__x86_64__)
/* 16 chains of multiply-adds; returns operations. */
__attribute__((target("avx512f"))) static double spin512(int64_t turns, volatile float *sink)
{
    __m512 s[16], a = _mm512_set1_ps(1e-6f), b = _mm512_set1_ps(0.999f);
    float out[16];

    for (int i = 0; i < 16; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            s[i] = _mm512_fmadd_ps(s[i], b, a);
    for (int i = 1; i < 16; i++)
        s[0] = _mm512_add_ps(s[0], s[i]);
    _mm512_storeu_ps(out, s[0]);
    *sink = out[0];
    return (double)turns * 16 * 16 * 2;
}

__attribute__((target("avx2,fma"))) static double spin256(int64_t turns, volatile float *sink)
{
    __m256 s[12], a = _mm256_set1_ps(1e-6f), b = _mm256_set1_ps(0.999f);
    float out[8];

    for (int i = 0; i < 12; i++)
        s[i] = _mm256_set1_ps((float)i);
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            s[i] = _mm256_fmadd_ps(s[i], b, a);
    for (int i = 1; i < 12; i++)
        s[0] = _mm256_add_ps(s[0], s[i]);
    _mm256_storeu_ps(out, s[0]);
    *sink = out[0];
    return (double)turns * 12 * 8 * 2;
}
#endif

static double spin(int64_t turns, volatile float *sink)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return spin512(turns, sink);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return spin256(turns, sink);
#endif
    float s[16] = { 0 };

    for (int64_t t = 0; t < turns; t++)
        for (int i = 0; i < 16; i++)
            s[i] = s[i] * 0.999f + 1e-6f;
    *sink = s[0] + s[15];
    return (double)turns * 32;
}

static void measure_machine(void)
{
    const size_t size = (size_t)64 << 20;
    char *a = ds_alloc(size), *b = ds_alloc(size);

    memset(a, 1, size);
    memset(b, 2, size);
    for (int k = 0; k < 5; k++) {
        double t = now(), operations = 0.0;

#pragma omp parallel reduction(+ : operations)
        {
            float sink;

            operations += spin(20000000, &sink);
        }
        t = operations / (now() - t);
        peak = t > peak ? t : peak;
        t = now();
#pragma omp parallel for schedule(static)
        for (int i = 0; i < 64; i++)
            memcpy(b + (size_t)i * (size / 64), a + (size_t)i * (size / 64), size / 64);
        t = 2.0 * (double)size / (now() - t);
        bandwidth = t > bandwidth ? t : bandwidth;
    }
    ds_free(a);
    ds_free(b);
    printf("machine: %.0f GFLOP/s, copy %.1f GB/s (read + write), %d threads, kernels %s\n",
           peak * 1e-9, bandwidth * 1e-9, omp_get_max_threads(), ds__simd()->isa);
}

static float *noise(int64_t n)
{
    float *p = ds_alloc((size_t)n * sizeof *p);
    uint64_t s = 5;

    for (int64_t i = 0; i < n; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        p[i] = (float)(s >> 40) / 8388608.0f - 1.0f;
    }
    return p;
}

/* Best of several runs, about half a second in all. */
#define TIME(best, call)                                                                           \
    do {                                                                                           \
        double stop_ = now() + 0.4;                                                                \
        best = 1e30;                                                                               \
        call;                                                                                      \
        for (int k_ = 0; k_ < 4 || now() < stop_; k_++) {                                          \
            double t_ = now();                                                                     \
            call;                                                                                  \
            t_ = now() - t_;                                                                       \
            best = t_ < best ? t_ : best;                                                          \
        }                                                                                          \
    } while (0)

static void by_bytes(const char *name, double seconds, double bytes)
{
    printf("%-46s %9.3f ms %8.1f GB/s     %5.2f of copy\n", name, seconds * 1e3,
           bytes / seconds * 1e-9, bytes / seconds / bandwidth);
}

static bool skip(const char *name)
{
    return wanted != NULL && strstr(name, wanted) == NULL;
}

/* ---- bound by memory ---- */

static void bench_group_norm(int64_t side, int64_t c)
{
    const int64_t n = side * side * c;
    ds_group_norm p = { 1, side * side, c, 32, 1e-5f, true, NULL, NULL, NULL };
    char name[80];
    float *x, *y;
    double t;

    snprintf(name, sizeof name, "group_norm+silu %dx%dx%d", (int)side, (int)side, (int)c);
    if (skip(name))
        return;
    x = noise(n);
    y = noise(n);
    TIME(t, ds__simd()->group_norm(y, DS_DTYPE_F32, NULL, x, &p));
    by_bytes(name, t, 12.0 * (double)n); /* x twice, y once */
    ds_free(x);
    ds_free(y);
}

static void bench_rows(void)
{
    const int64_t n = 4096 * 1280;
    float *x = noise(2 * n), *y = noise(2 * n), *z = noise(2 * n);
    double t;

    if (!skip("layer_norm")) {
        TIME(t, ds__simd()->layer_norm(y, DS_DTYPE_F32, NULL, x, x, x, 4096, 320, 1e-5f));
        by_bytes("layer_norm 4096x320", t, 8.0 * 4096 * 320);
    }
    if (!skip("geglu")) {
        TIME(t, ds__simd()->geglu(y, DS_DTYPE_F32, x, 4096, 1280));
        by_bytes("geglu 4096x1280", t, 12.0 * (double)n);
    }
    if (!skip("silu")) {
        TIME(t, ds__simd()->act(DS_ACT_SILU, y, DS_DTYPE_F32, x, n));
        by_bytes("silu 4096x1280", t, 8.0 * (double)n);
    }
    if (!skip("add")) {
        TIME(t, ds__simd()->add(z, x, y, n));
        by_bytes("add 4096x1280", t, 12.0 * (double)n);
    }
    if (!skip("to_bf16")) {
        TIME(t, ds__simd()->to_bf16(y, x, n));
        by_bytes("to_bf16 4096x1280", t, 6.0 * (double)n);
    }
    if (!skip("nchw_to_nhwc")) {
        TIME(t, ds__simd()->nchw_to_nhwc(y, x, 1, 1280, 4096));
        by_bytes("nchw_to_nhwc 1280x4096", t, 8.0 * (double)n);
    }
    if (!skip("concat")) {
        TIME(t, ds__simd()->concat(z, DS_DTYPE_F32, x, 640, y, 640, 4096));
        by_bytes("concat 4096x(640+640)", t, 8.0 * (double)n);
    }
    ds_free(x);
    ds_free(y);
    ds_free(z);
}

/* ---- attention ---- */

typedef enum kind { FUSED, WITH_PROBS, PLAIN, ADJOINT } kind;

static void bench_attention(int64_t heads, int64_t d, int64_t sq, int64_t sk, ds_dtype type, kind k)
{
    static const char *const kinds[] = { "fused", "with probs", "plain pair", "adjoint" };
    const ds_simd *f = ds__simd();
    const int64_t c = heads * d;
    ds_attention a = { 1, heads, d, sq, sk, c, c, c, c, 0.15f, false, type, DS_DTYPE_F32 };
    float *q, *kk, *v, *out, *lse, *probs = NULL, *grad = NULL;
    void *work;
    char name[80];
    double t, flops = (k == ADJOINT ? 10.0 : 4.0) * (double)(sq * sk * c);

    snprintf(name, sizeof name, "attention %dx%d d%d h%d %s %s", (int)sq, (int)sk, (int)d,
             (int)heads, ds_dtype_name(type), kinds[k]);
    if (skip(name))
        return;
    q = noise(sq * c), kk = noise(sk * c), v = noise(sk * c), out = noise(sq * c);
    lse = noise(heads * sq);
    work = ds_alloc(k == ADJOINT ? f->attention_adj_work(&a) + f->attention_work(&a)
                                 : f->attention_work(&a));
    if (type == DS_DTYPE_BF16) {
        f->to_bf16(q, q, sq * c);
        f->to_bf16(kk, kk, sk * c);
        f->to_bf16(v, v, sk * c);
    }
    if (k == WITH_PROBS || k == PLAIN)
        probs = noise(heads * sq * sk);
    if (k == FUSED || k == WITH_PROBS) {
        TIME(t, f->attention(out, NULL, probs, q, kk, v, &a, work));
    } else if (k == PLAIN) {
        TIME(t, f->attention_probs(probs, q, kk, &a, work);
             f->attention_apply(out, probs, v, &a, work));
    } else {
        grad = noise(3 * (sq + sk) * c);
        f->attention(out, lse, NULL, q, kk, v, &a, work);
        TIME(t, f->attention_adj(grad, grad + sq * c, grad + (sq + sk) * c, out, q, kk, v, out, lse,
                                 &a, work));
    }
    printf("%-46s %9.3f ms %8.1f GFLOP/s  %5.2f of f32 peak\n", name, t * 1e3, flops / t * 1e-9,
           flops / t / peak);
    ds_free(q), ds_free(kk), ds_free(v), ds_free(out), ds_free(lse), ds_free(work);
    ds_free(probs), ds_free(grad);
}

int main(int argc, char **argv)
{
    static const int64_t shapes[][4] = {
        { 8, 40, 4096, 4096 }, { 8, 80, 1024, 1024 },  { 8, 160, 256, 256 },
        { 8, 160, 64, 64 },    { 8, 40, 4096, 77 },    { 8, 80, 1024, 77 },
        { 8, 160, 256, 77 },   { 10, 64, 4096, 4096 }, { 20, 64, 1024, 1024 },
        { 20, 64, 1024, 77 },  { 1, 512, 4096, 4096 },
    };

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-c") == 0)
            processor_time = true;
        else
            wanted = argv[i];
    measure_machine();
    bench_group_norm(64, 320);
    bench_group_norm(512, 128);
    bench_rows();
    for (size_t i = 0; i < DS_COUNT(shapes); i++) {
        const int64_t *s = shapes[i];

        bench_attention(s[0], s[1], s[2], s[3], DS_DTYPE_F32, FUSED);
        bench_attention(s[0], s[1], s[2], s[3], DS_DTYPE_BF16, FUSED);
        if (s[3] == 77) {
            bench_attention(s[0], s[1], s[2], s[3], DS_DTYPE_F32, WITH_PROBS);
            bench_attention(s[0], s[1], s[2], s[3], DS_DTYPE_F32, PLAIN);
        }
        bench_attention(s[0], s[1], s[2], s[3], DS_DTYPE_F32, ADJOINT);
    }
    return 0;
}
