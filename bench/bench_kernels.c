/* bench_kernels.c - compiled kernels at the shapes of Stable Diffusion 1.5.
 *
 *   bench_kernels [-r REPETITIONS] [-t f32|bf16] [-u] [-c] [WORD]   rows whose name holds WORD
 *
 * Every repetition times oneDNN's own convolution 3x3 320->320 at 64x64 in f32 (the baseline) right
 * before the case; the ratio column is the median of the case's rate over the baseline's, so that
 * a machine shared with others disturbs it little. -u times weights that are not packed. -c counts
 * processor time divided by threads instead of wall time: for a crowded machine, with
 * OMP_WAIT_POLICY=passive or one thread. */

#include "kernels/dnnl/compat.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define F32  DS_DTYPE_F32
#define BF16 DS_DTYPE_BF16

typedef struct bench_case {
    const char *name;
    ds_kernel_desc desc; /* types are set later */
} bench_case;

#define CONV(n_, size, ci, co, s, p0, p1)                                                          \
    .desc = { .kind = DS_KERNEL_CONV,                                                              \
              .images = n_,                                                                        \
              .height = size,                                                                      \
              .width = size,                                                                       \
              .cin = ci,                                                                           \
              .cout = co,                                                                          \
              .kh = 3,                                                                             \
              .kw = 3,                                                                             \
              .stride = s,                                                                         \
              .pad_top = p0,                                                                       \
              .pad_left = p0,                                                                      \
              .pad_bottom = p1,                                                                    \
              .pad_right = p1,                                                                     \
              .bias = true,                                                                        \
              .packed = true }
#define LINEAR(m_, k_, n_)                                                                         \
    .desc = { .kind = DS_KERNEL_MATMUL,                                                            \
              .batch = 1,                                                                          \
              .m = m_,                                                                             \
              .n = n_,                                                                             \
              .k = k_,                                                                             \
              .b_trans = true,                                                                     \
              .bias = true,                                                                        \
              .packed = true }

/* An adjoint of a 3x3 convolution. */
#define ADJOINT(kind_, size, ci, co)                                                               \
    .desc = { .kind = kind_,                                                                       \
              .images = 1,                                                                         \
              .height = size,                                                                      \
              .width = size,                                                                       \
              .cin = ci,                                                                           \
              .cout = co,                                                                          \
              .kh = 3,                                                                             \
              .kw = 3,                                                                             \
              .stride = 1,                                                                         \
              .pad_top = 1,                                                                        \
              .pad_left = 1,                                                                       \
              .pad_bottom = 1,                                                                     \
              .pad_right = 1,                                                                      \
              .packed = kind_ == DS_KERNEL_CONV_DATA }
/* dW [n_,k_] = dy^T x over m_ rows; and a batch of products of activations. */
#define WEIGHTS(m_, k_, n_)                                                                        \
    .desc = { .kind = DS_KERNEL_MATMUL, .batch = 1, .m = n_, .n = k_, .k = m_, .a_trans = true }
#define BATCH(batch_, m_, k_, n_, trans)                                                           \
    .desc = {                                                                                      \
        .kind = DS_KERNEL_MATMUL, .batch = batch_, .m = m_, .n = n_, .k = k_, .b_trans = trans     \
    }

static const bench_case cases[] = {
    { "unet 3x3 64 320>320", CONV(1, 64, 320, 320, 1, 1, 1) },
    { "unet 3x3 64 320>320 x2", CONV(2, 64, 320, 320, 1, 1, 1) },
    { "unet 3x3 64 4>320", CONV(1, 64, 4, 320, 1, 1, 1) },
    { "unet 3x3 64 320>4", CONV(1, 64, 320, 4, 1, 1, 1) },
    { "unet 3x3 64 640>320", CONV(1, 64, 640, 320, 1, 1, 1) },
    { "unet 3x3 64 960>320", CONV(1, 64, 960, 320, 1, 1, 1) },
    { "unet 3x3 64 640>640", CONV(1, 64, 640, 640, 1, 1, 1) },
    { "unet 3x3/2 64 320>320", CONV(1, 64, 320, 320, 2, 1, 1) },
    { "unet 3x3 32 320>640", CONV(1, 32, 320, 640, 1, 1, 1) },
    { "unet 3x3 32 640>640", CONV(1, 32, 640, 640, 1, 1, 1) },
    { "unet 3x3 32 640>640 x2", CONV(2, 32, 640, 640, 1, 1, 1) },
    { "unet 3x3 32 960>640", CONV(1, 32, 960, 640, 1, 1, 1) },
    { "unet 3x3 32 1280>640", CONV(1, 32, 1280, 640, 1, 1, 1) },
    { "unet 3x3 32 1920>640", CONV(1, 32, 1920, 640, 1, 1, 1) },
    { "unet 3x3 32 1280>1280", CONV(1, 32, 1280, 1280, 1, 1, 1) },
    { "unet 3x3/2 32 640>640", CONV(1, 32, 640, 640, 2, 1, 1) },
    { "unet 3x3 16 640>1280", CONV(1, 16, 640, 1280, 1, 1, 1) },
    { "unet 3x3 16 1280>1280", CONV(1, 16, 1280, 1280, 1, 1, 1) },
    { "unet 3x3 16 1280>1280 x2", CONV(2, 16, 1280, 1280, 1, 1, 1) },
    { "unet 3x3 16 1920>1280", CONV(1, 16, 1920, 1280, 1, 1, 1) },
    { "unet 3x3 16 2560>1280", CONV(1, 16, 2560, 1280, 1, 1, 1) },
    { "unet 3x3/2 16 1280>1280", CONV(1, 16, 1280, 1280, 2, 1, 1) },
    { "unet 3x3 8 1280>1280", CONV(1, 8, 1280, 1280, 1, 1, 1) },
    { "unet 3x3 8 1280>1280 x2", CONV(2, 8, 1280, 1280, 1, 1, 1) },
    { "unet 3x3 8 2560>1280", CONV(1, 8, 2560, 1280, 1, 1, 1) },
    { "unet 3x3 8 2560>1280 x2", CONV(2, 8, 2560, 1280, 1, 1, 1) },
    { "linear 4096 320>320", LINEAR(4096, 320, 320) },
    { "linear 4096 320>2560", LINEAR(4096, 320, 2560) },
    { "linear 4096 1280>320", LINEAR(4096, 1280, 320) },
    { "linear 8192 320>320", LINEAR(8192, 320, 320) },
    { "linear 1024 640>640", LINEAR(1024, 640, 640) },
    { "linear 1024 640>5120", LINEAR(1024, 640, 5120) },
    { "linear 1024 2560>640", LINEAR(1024, 2560, 640) },
    { "linear 256 1280>1280", LINEAR(256, 1280, 1280) },
    { "linear 256 1280>10240", LINEAR(256, 1280, 10240) },
    { "linear 256 5120>1280", LINEAR(256, 5120, 1280) },
    { "linear 64 1280>10240", LINEAR(64, 1280, 10240) },
    { "linear 64 5120>1280", LINEAR(64, 5120, 1280) },
    { "linear 77 768>320", LINEAR(77, 768, 320) },
    { "linear 77 768>1280", LINEAR(77, 768, 1280) },
    { "linear 77 768>3072", LINEAR(77, 768, 3072) },
    { "linear 1 1280>1280", LINEAR(1, 1280, 1280) },
    { "vae 3x3 64 4>512", CONV(1, 64, 4, 512, 1, 1, 1) },
    { "vae 3x3 64 512>512", CONV(1, 64, 512, 512, 1, 1, 1) },
    { "vae 3x3 128 512>512", CONV(1, 128, 512, 512, 1, 1, 1) },
    { "vae 3x3 256 512>256", CONV(1, 256, 512, 256, 1, 1, 1) },
    { "vae 3x3 256 256>256", CONV(1, 256, 256, 256, 1, 1, 1) },
    { "vae 3x3 512 256>128", CONV(1, 512, 256, 128, 1, 1, 1) },
    { "vae 3x3 512 128>128", CONV(1, 512, 128, 128, 1, 1, 1) },
    { "vae 3x3 512 128>3", CONV(1, 512, 128, 3, 1, 1, 1) },
    { "vae 3x3 512 3>128", CONV(1, 512, 3, 128, 1, 1, 1) },
    { "vae 3x3/2 512 128>128", CONV(1, 512, 128, 128, 2, 0, 1) },
    { "vae 3x3/2 256 256>256", CONV(1, 256, 256, 256, 2, 0, 1) },
    { "vae 3x3 64 512>8", CONV(1, 64, 512, 8, 1, 1, 1) },
    { "dx 3x3 64 320>320", ADJOINT(DS_KERNEL_CONV_DATA, 64, 320, 320) },
    { "dx 3x3 32 640>640", ADJOINT(DS_KERNEL_CONV_DATA, 32, 640, 640) },
    { "dx 3x3 16 1280>1280", ADJOINT(DS_KERNEL_CONV_DATA, 16, 1280, 1280) },
    { "dx 3x3 8 1280>1280", ADJOINT(DS_KERNEL_CONV_DATA, 8, 1280, 1280) },
    { "dw 3x3 64 320>320", ADJOINT(DS_KERNEL_CONV_WEIGHTS, 64, 320, 320) },
    { "dw 3x3 32 640>640", ADJOINT(DS_KERNEL_CONV_WEIGHTS, 32, 640, 640) },
    { "dw 3x3 16 1280>1280", ADJOINT(DS_KERNEL_CONV_WEIGHTS, 16, 1280, 1280) },
    { "dw 3x3 32 64>64", ADJOINT(DS_KERNEL_CONV_WEIGHTS, 32, 64, 64) },
    { "dw linear 4096 320>320", WEIGHTS(4096, 320, 320) },
    { "dw linear 4096 320>2560", WEIGHTS(4096, 320, 2560) },
    { "dw linear 256 1280>10240", WEIGHTS(256, 1280, 10240) },
    { "products 8 x 256 40 256", BATCH(8, 256, 40, 256, true) },
    { "products 36 x 256 320 320", BATCH(36, 256, 320, 320, false) },
};

static clockid_t clock_id = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    double seconds;

    clock_gettime(clock_id, &t);
    seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    return clock_id == CLOCK_MONOTONIC ? seconds : seconds / ds_threads();
}

static void die(const char *what, const ds_error *err)
{
    fprintf(stderr, "bench_kernels: %s: %s\n", what, err != NULL ? err->text : "failed");
    exit(1);
}

static void *filled(size_t count, ds_dtype type)
{
    void *p = ds_alloc(count * ds_dtype_size(type));
    uint32_t s = 1;

    if (p == NULL)
        die("memory", NULL);
    for (size_t i = 0; i < count; i++) {
        s = s * 1664525u + 1013904223u;
        if (type == F32)
            ((float *)p)[i] = (float)(s >> 8) * 0x1p-23f - 1.0f;
        else
            ((uint16_t *)p)[i] = (uint16_t)(0x3e80 | (s >> 8 & 0x807f)); /* +-0.25 .. 0.5 */
    }
    return p;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return 0.5 * (v[n / 2] + v[(n - 1) / 2]);
}

/* ---- the baseline: oneDNN alone -------------------------------------------------------------- */

typedef struct baseline {
    dnnl_stream_t stream;
    dnnl_primitive_t conv;
    dnnl_exec_arg_t arg[3];
} baseline;

#define BASE_FLOPS (2.0 * 4096 * 320 * 320 * 9)

static void must(dnnl_status_t s)
{
    if (s != dnnl_success)
        die(dnnl_status2str(s), NULL);
}

/* 3x3, 320 to 320 channels at 64x64, channels last, weights as oneDNN likes them. Never freed. */
static void baseline_make(baseline *b)
{
    const dnnl_dims_t map = { 1, 320, 64, 64 }, nhwc = { 320 * 4096, 1, 320 * 64, 320 };
    const dnnl_dims_t w_dims = { 320, 320, 3, 3 }, one = { 1, 1 };
    dnnl_engine_t engine;
    dnnl_primitive_desc_t pd;
    dnnl_memory_t memory[3];
    const int id[] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST };
    ds__md src, w;

    must(dnnl_engine_create(&engine, dnnl_cpu, 0));
    must(dnnl_stream_create(&b->stream, engine, dnnl_stream_default_flags));
    must(ds__md_strided(&src, 4, map, dnnl_f32, nhwc));
    must(ds__md_any(&w, 4, w_dims, dnnl_f32));
    must(ds__pd_conv(&pd, engine, dnnl_convolution_direct, ds__md_get(&src), ds__md_get(&w), NULL,
                     ds__md_get(&src), one, one, one, NULL));
    must(dnnl_primitive_create(&b->conv, pd));
    for (int i = 0; i < 3; i++) {
        ds__md_ref md = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, id[i]);

        must(dnnl_memory_create(&memory[i], md, engine,
                                filled(dnnl_memory_desc_get_size(md) / 4, F32)));
        b->arg[i] = (dnnl_exec_arg_t){ id[i], memory[i] };
    }
}

static double baseline_seconds(const baseline *b)
{
    double t = now();

    must(dnnl_primitive_execute(b->conv, b->stream, 3, b->arg));
    return now() - t;
}

/* ---- one case ------------------------------------------------------------------------------- */

static size_t elements(const ds_kernel_desc *d, ds_arg arg)
{
    const int64_t src = d->images * d->height * d->width * d->cin;
    const int64_t weights = d->cout * d->cin * d->kh * d->kw;
    int64_t count[3];

    if (d->kind == DS_KERNEL_MATMUL) {
        count[0] = d->batch * d->m * d->k;
        count[1] = d->batch * d->k * d->n;
        count[2] = d->batch * d->m * d->n;
    } else {
        const int64_t dst = d->images * ds__conv_out_h(d) * ds__conv_out_w(d) * d->cout;
        const bool data = d->kind == DS_KERNEL_CONV_DATA, w = d->kind == DS_KERNEL_CONV_WEIGHTS;

        count[0] = data ? dst : src;
        count[1] = w ? dst : weights;
        count[2] = data ? src : w ? weights : dst;
    }
    return (size_t)count[arg == DS_ARG_A ? 0 : arg == DS_ARG_B ? 1 : 2];
}

static void run_case(const baseline *base, const char *name, const ds_kernel_desc *d,
                     int repetitions)
{
    const int64_t out = d->kind == DS_KERNEL_MATMUL ? d->n : d->cout;
    double *ratio = ds_calloc((size_t)repetitions, sizeof *ratio);
    double *time = ds_calloc((size_t)repetitions, sizeof *time);
    void *args[DS_ARG_COUNT] = { filled(elements(d, DS_ARG_A), d->a_type),
                                 filled(elements(d, DS_ARG_B), d->b_type),
                                 filled((size_t)out, F32),
                                 NULL,
                                 filled(elements(d, DS_ARG_DST), d->dst_type),
                                 NULL };
    const ds_kernel_info *info;
    ds_error err = { 0 };
    ds_kernel *k;
    double best;
    int calls;

    if (ds__kernel_new(&k, DS_BACKEND_DNNL, d, &err) != DS_OK)
        die(name, &err);
    info = ds__kernel_info(k);
    if (d->packed) {
        void *plain = args[DS_ARG_B];

        args[DS_ARG_B] = ds_alloc(info->packed_bytes);
        if (ds__kernel_pack(k, args[DS_ARG_B], plain, d->b_type, &err) != DS_OK)
            die(name, &err);
        ds_free(plain);
    }
    args[DS_ARG_SCRATCH] = ds_alloc(info->scratch_bytes + 1);
    if (ds__kernel_bind(k, args, &err) != DS_OK || ds__kernel_run(k, &err) != DS_OK)
        die(name, &err);
    calls = info->flops > 1e9 ? 1 : (int)(1e9 / info->flops) + 1; /* about 2 ms or more */
    for (int r = 0; r < repetitions; r++) {
        double b = baseline_seconds(base), t = now();

        for (int c = 0; c < calls; c++)
            if (ds__kernel_run(k, &err) != DS_OK)
                die(name, &err);
        time[r] = (now() - t) / calls;
        ratio[r] = info->flops / time[r] / (BASE_FLOPS / b);
    }
    best = time[0];
    for (int r = 1; r < repetitions; r++)
        best = fmin(best, time[r]);
    printf("%-26s %-5s %8.2f %8.0f %6.2f  %s\n", name, ds_dtype_name(d->a_type),
           1e3 * median(time, repetitions), info->flops / best * 1e-9, median(ratio, repetitions),
           info->impl);
    fflush(stdout);
    ds__kernel_free(k);
    for (int a = 0; a < DS_ARG_COUNT; a++)
        ds_free(args[a]);
    ds_free(ratio);
    ds_free(time);
}

int main(int argc, char **argv)
{
    int repetitions = 7, types = 3;
    bool unpacked = false;
    const char *word = "";
    double seconds = 1e9;
    baseline base;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-r") == 0 && i + 1 < argc)
            repetitions = atoi(argv[++i]) > 0 ? atoi(argv[i]) : 1;
        else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            types = strcmp(argv[++i], "bf16") == 0 ? 2 : 1;
        else if (strcmp(argv[i], "-u") == 0)
            unpacked = true;
        else if (strcmp(argv[i], "-c") == 0)
            clock_id = CLOCK_PROCESS_CPUTIME_ID;
        else
            word = argv[i];
    }
    baseline_make(&base);
    for (int r = 0; r < repetitions + 3; r++)
        seconds = fmin(seconds, baseline_seconds(&base));
    printf("baseline: convolution 3x3 320>320 at 64x64, f32: %.0f GFLOP/s at best, %d threads\n\n",
           BASE_FLOPS / seconds * 1e-9, ds_threads());
    printf("%-26s %-5s %8s %8s %6s  %s\n", "case", "type", "ms (med)", "GFLOP/s", "ratio",
           "implementation");
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        for (int t = 0; t < 2; t++) {
            ds_kernel_desc d = cases[i].desc;

            if ((types & 1 << t) == 0 || strstr(cases[i].name, word) == NULL)
                continue;
            d.a_type = d.b_type = t == 0 ? F32 : BF16;
            d.packed = d.packed && !unpacked;
            run_case(&base, cases[i].name, &d, repetitions);
        }
    return 0;
}
