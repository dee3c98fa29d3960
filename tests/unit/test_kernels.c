/* test_kernels.c - oneDNN's kernels against the plain C ones, over a table of shapes; the adjoint
 * identities; packing from every file type; refusals. */

#include "support.h"

#include "kernels/kernels.h"
#include "kernels/simd.h"
#include "tensor/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define F32  DS_DTYPE_F32
#define BF16 DS_DTYPE_BF16

/* Deviations are in units of the largest reference value. f32 sums differ by their order; bf16
 * results may differ by one rounding of the result, 2^-9, plus what f32 accumulation adds. */
#define BOUND_F32      2e-6
#define BOUND_BF16_DST 5e-3
#define BOUND_WINOGRAD 1e-5

typedef struct rig {
    ds_kernel_desc desc;
    int64_t count[DS_ARG_COUNT];
    void *data[DS_ARG_COUNT]; /* dst included; f32 or bf16 as described */
} rig;

static uint32_t seed = 1;

static float uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) * 0x1p-23f - 1.0f;
}

static ds_dtype arg_type(const ds_kernel_desc *d, int arg)
{
    return arg == DS_ARG_A     ? d->a_type
           : arg == DS_ARG_B   ? d->b_type
           : arg == DS_ARG_DST ? d->dst_type
                               : F32;
}

static void count_args(rig *r)
{
    const ds_kernel_desc *d = &r->desc;
    int64_t src = d->images * d->height * d->width * d->cin, w = d->cout * d->cin * d->kh * d->kw;
    int64_t dst = d->kind == DS_KERNEL_MATMUL
                      ? 0
                      : d->images * ds__conv_out_h(d) * ds__conv_out_w(d) * d->cout;

    r->count[DS_ARG_BIAS] = d->kind == DS_KERNEL_MATMUL ? d->n : d->cout;
    switch (d->kind) {
    case DS_KERNEL_MATMUL:
        r->count[DS_ARG_A] = d->batch * d->m * d->k;
        r->count[DS_ARG_B] = d->batch * d->k * d->n;
        r->count[DS_ARG_DST] = d->batch * d->m * d->n;
        break;
    case DS_KERNEL_CONV:
        r->count[DS_ARG_A] = src, r->count[DS_ARG_B] = w, r->count[DS_ARG_DST] = dst;
        break;
    case DS_KERNEL_CONV_DATA:
        r->count[DS_ARG_A] = dst, r->count[DS_ARG_B] = w, r->count[DS_ARG_DST] = src;
        break;
    case DS_KERNEL_CONV_WEIGHTS:
        r->count[DS_ARG_A] = src, r->count[DS_ARG_B] = dst, r->count[DS_ARG_DST] = w;
        break;
    }
    r->count[DS_ARG_ADD] = r->count[DS_ARG_DST];
}

/* Buffers with random content, rounded to the operand's type. */
static void rig_make(rig *r, const ds_kernel_desc *d)
{
    memset(r, 0, sizeof *r);
    r->desc = *d;
    count_args(r);
    for (int a = 0; a < DS_ARG_SCRATCH; a++) {
        ds_dtype t = arg_type(d, a);

        r->data[a] = ds_alloc((size_t)r->count[a] * ds_dtype_size(t));
        assert_non_null(r->data[a]);
        for (int64_t i = 0; i < r->count[a]; i++) {
            float v = uniform();

            ds_convert((char *)r->data[a] + (size_t)i * ds_dtype_size(t), t, &v, F32, 1);
        }
    }
}

static void rig_free(rig *r)
{
    for (int a = 0; a < DS_ARG_COUNT; a++)
        ds_free(r->data[a]);
}

/* Runs the rig's description on a backend; results (and dbias) as new f32 arrays. `in_place` lets
 * dst start as a copy of add and be both. Runs twice and demands the same bits. */
static float *rig_run(const rig *r, ds_backend backend, bool in_place, float **dbias)
{
    const ds_kernel_desc *d = &r->desc;
    const size_t bytes = (size_t)r->count[DS_ARG_DST] * ds_dtype_size(d->dst_type);
    const size_t bias_bytes = (size_t)r->count[DS_ARG_BIAS] * 4;
    void *args[DS_ARG_COUNT], *first = ds_alloc(bytes), *dst = ds_alloc(bytes), *packed = NULL;
    float *out = ds_alloc((size_t)r->count[DS_ARG_DST] * 4), *bias = ds_alloc(bias_bytes);
    const ds_kernel_info *info;
    ds_error err = { 0 };
    ds_kernel *k;

    ts_ok(ds__kernel_new(&k, backend, d, &err), &err);
    info = ds__kernel_info(k);
    memcpy(args, r->data, sizeof args);
    memcpy(bias, r->data[DS_ARG_BIAS], bias_bytes);
    args[DS_ARG_BIAS] = d->bias ? bias : NULL;
    args[DS_ARG_DST] = dst;
    args[DS_ARG_ADD] = !d->add ? NULL : in_place ? dst : r->data[DS_ARG_ADD];
    args[DS_ARG_SCRATCH] = ds_alloc(info->scratch_bytes + 1);
    assert_int_equal(d->packed, info->packed_bytes != 0);
    if (d->packed) {
        packed = args[DS_ARG_B] = ds_alloc(info->packed_bytes);
        ts_ok(ds__kernel_pack(k, packed, r->data[DS_ARG_B], d->b_type, &err), &err);
    }
    ts_ok(ds__kernel_bind(k, args, &err), &err);
    for (int time = 0; time < 2; time++) {
        memset(dst, 0xff, bytes);
        if (in_place)
            memcpy(dst, r->data[DS_ARG_ADD], bytes);
        ts_ok(ds__kernel_run(k, &err), &err);
        if (time == 0)
            memcpy(first, dst, bytes);
    }
    if (memcmp(first, dst, bytes) != 0)
        fail_msg("two runs differ in their bits (%s)", info->impl);
    ds_convert(out, F32, dst, d->dst_type, r->count[DS_ARG_DST]);
    ds__kernel_free(k);
    ds_free(args[DS_ARG_SCRATCH]);
    ds_free(packed);
    ds_free(first);
    ds_free(dst);
    if (dbias != NULL)
        *dbias = bias;
    else
        ds_free(bias);
    return out;
}

static void text_of(const ds_kernel_desc *d, char *buf, size_t size)
{
    static const char *const kind[] = { "matmul", "conv", "conv_data", "conv_weights" };

    if (d->kind == DS_KERNEL_MATMUL)
        snprintf(buf, size, "%s b%d %dx%dx%d", kind[d->kind], (int)d->batch, (int)d->m, (int)d->n,
                 (int)d->k);
    else
        snprintf(buf, size, "%s n%d %dx%d c%d->%d k%d s%d", kind[d->kind], (int)d->images,
                 (int)d->height, (int)d->width, (int)d->cin, (int)d->cout, (int)d->kh,
                 (int)d->stride);
    snprintf(buf + strlen(buf), size - strlen(buf), " %s%s%s%s%s%s%s%s", ds_dtype_name(d->a_type),
             ds_dtype_name(d->b_type), ds_dtype_name(d->dst_type), d->a_trans ? " a^T" : "",
             d->b_trans ? " b^T" : "", d->bias ? " bias" : "", d->add ? " add" : "",
             d->packed ? " packed" : "");
}

/* The one comparison: dnnl against ref, with add in place too. */
static void compare(const ds_kernel_desc *d, double bound)
{
    char text[160];
    float *want, *want_bias, *got, *got_bias;
    rig r;

    text_of(d, text, sizeof text);
    rig_make(&r, d);
    want = rig_run(&r, DS_BACKEND_REF, false, &want_bias);
    for (int in_place = 0; in_place <= (d->add && d->dst_type == F32); in_place++) {
        got = rig_run(&r, DS_BACKEND_DNNL, in_place, &got_bias);
        ts_compare(text, got, want, r.count[DS_ARG_DST], bound);
        if (d->kind == DS_KERNEL_CONV_WEIGHTS && d->bias)
            ts_compare(text, got_bias, want_bias, r.count[DS_ARG_BIAS], BOUND_F32);
        ds_free(got);
        ds_free(got_bias);
    }
    ds_free(want);
    ds_free(want_bias);
    rig_free(&r);
}

/* Every combination of types and options that the operators use. */
static void compare_all(ds_kernel_desc d, bool can_pack, bool can_bias)
{
    static const ds_dtype types[][3] = { { F32, F32, F32 },
                                         { BF16, BF16, F32 },
                                         { BF16, BF16, BF16 } };

    for (size_t t = 0; t < (ds__kernel_has_bf16() ? DS_COUNT(types) : 1); t++)
        for (int o = 0; o < 8; o++) {
            d.a_type = types[t][0], d.b_type = types[t][1], d.dst_type = types[t][2];
            d.bias = o & 1, d.add = o >> 1 & 1, d.packed = o >> 2 & 1;
            if ((d.bias && !can_bias) || (d.packed && !can_pack) ||
                (d.add && d.dst_type != F32 && d.kind > DS_KERNEL_CONV))
                continue; /* refused, see below */
            compare(&d, d.dst_type == F32 ? BOUND_F32 : BOUND_BF16_DST);
        }
}

static void matmul_agrees(void **state)
{
    static const int64_t size[][4] = { { 1, 64, 64, 32 }, { 1, 77, 33, 20 }, { 1, 1, 40, 60 },
                                       { 1, 5, 1, 7 },    { 3, 16, 24, 40 }, { 8, 9, 77, 5 },
                                       { 1, 130, 96, 1 }, { 2, 1, 1, 3 } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(size); i++)
        for (int trans = 0; trans < 4; trans++)
            compare_all((ds_kernel_desc){ .kind = DS_KERNEL_MATMUL,
                                          .batch = size[i][0],
                                          .m = size[i][1],
                                          .n = size[i][2],
                                          .k = size[i][3],
                                          .a_trans = trans & 1,
                                          .b_trans = trans >> 1 },
                        true, true);
}

/* images, height, width, cin, cout, k, stride, pad top left bottom right */
static const int64_t convs[][11] = {
    { 1, 8, 8, 32, 32, 3, 1, 1, 1, 1, 1 },    { 2, 7, 5, 20, 40, 3, 1, 1, 1, 1, 1 },
    { 1, 8, 8, 4, 20, 3, 1, 1, 1, 1, 1 },     { 2, 8, 6, 60, 4, 3, 1, 1, 1, 1, 1 },
    { 1, 9, 9, 40, 3, 3, 1, 1, 1, 1, 1 },     { 2, 8, 8, 20, 20, 3, 2, 1, 1, 1, 1 },
    { 1, 8, 10, 20, 20, 3, 2, 0, 0, 1, 1 },   { 1, 16, 16, 64, 64, 3, 2, 0, 0, 1, 1 },
    { 1, 8, 8, 8, 8, 1, 1, 0, 0, 0, 0 },      { 2, 1, 1, 12, 5, 3, 1, 1, 1, 1, 1 },
    { 1, 28, 28, 3, 64, 14, 14, 0, 0, 0, 0 }, { 1, 4, 4, 96, 48, 3, 1, 1, 1, 1, 1 },
};

static ds_kernel_desc conv_desc(const int64_t *c, ds_kernel_kind kind)
{
    return (ds_kernel_desc){ .kind = kind,
                             .images = c[0],
                             .height = c[1],
                             .width = c[2],
                             .cin = c[3],
                             .cout = c[4],
                             .kh = c[5],
                             .kw = c[5],
                             .stride = c[6],
                             .pad_top = c[7],
                             .pad_left = c[8],
                             .pad_bottom = c[9],
                             .pad_right = c[10] };
}

static void conv_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < DS_COUNT(convs); i++)
        compare_all(conv_desc(convs[i], DS_KERNEL_CONV), true, true);
}

static void conv_adjoints_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < DS_COUNT(convs); i++) {
        compare_all(conv_desc(convs[i], DS_KERNEL_CONV_DATA), true, false);
        compare_all(conv_desc(convs[i], DS_KERNEL_CONV_WEIGHTS), false, true);
    }
}

/* Large enough for Winograd: odd sizes, odd channels, uneven padding, several stripes. */
static const int64_t large[][11] = {
    { 1, 32, 32, 32, 48, 3, 1, 1, 1, 1, 1 },   { 2, 33, 38, 40, 36, 3, 1, 1, 1, 1, 1 },
    { 1, 35, 33, 33, 64, 3, 1, 0, 0, 2, 2 },   { 1, 34, 34, 32, 32, 3, 1, 0, 0, 0, 0 },
    { 1, 120, 128, 64, 32, 3, 1, 1, 1, 1, 1 },
};

static bool goes_winograd(const ds_kernel_desc *d)
{
    ds_error err = { 0 };
    bool yes;
    ds_kernel *k;

    ts_ok(ds__kernel_new(&k, DS_BACKEND_DNNL, d, &err), &err);
    yes = strncmp(ds__kernel_info(k)->impl, "winograd", 8) == 0;
    ds__kernel_free(k);
    return yes;
}

static void winograd_agrees(void **state)
{
    static const ds_kernel_kind kinds[] = { DS_KERNEL_CONV, DS_KERNEL_CONV_DATA,
                                            DS_KERNEL_CONV_WEIGHTS };

    (void)state;
    for (size_t i = 0; i < 3 * DS_COUNT(large); i++) {
        ds_kernel_desc d = conv_desc(large[i / 3], kinds[i % 3]);

        d.packed = d.kind != DS_KERNEL_CONV_WEIGHTS;
        d.bias = d.kind != DS_KERNEL_CONV_DATA;
        d.add = i / 3 % 2 == 0;
        assert_true(goes_winograd(&d));
        compare(&d, BOUND_WINOGRAD);
        if (d.kind == DS_KERNEL_CONV && i < 6) {
            d.dst_type = BF16;
            compare(&d, BOUND_BF16_DST);
            d.dst_type = F32;
        }
        if (d.packed && i < 12) { /* variable weights are transformed by each run */
            d.packed = false;
            assert_true(goes_winograd(&d));
            compare(&d, BOUND_WINOGRAD);
        }
        d.direct = true;
        assert_false(goes_winograd(&d));
        if (i < 6)
            compare(&d, BOUND_F32);
    }
}

/* The products of wide BF16 convolutions are float32, hence the bound. */
static void winograd_takes_bf16(void **state)
{
    ds_kernel_desc d = conv_desc(large[0], DS_KERNEL_CONV);

    (void)state;
    d.cin = d.cout = 256;
    d.a_type = d.b_type = BF16;
    d.packed = true;
    assert_true(goes_winograd(&d));
    compare(&d, BOUND_WINOGRAD);
    d.cin = 64;
    if (ds__kernel_has_bf16())
        assert_false(goes_winograd(&d));
}

/* Every instruction set's tiles against the plain ones, c not a multiple of any vector. */
static void winograd_tiles_agree(void **state)
{
    const ds_tiles g = { 2, 9, 11, 10, 9, 1, 0 };
    const ds_tiles h = { 2, 11, 9, 9, 11, 1, 1 }; /* results of the size of g's input */
    const int64_t c = 21, rows = 20, first = 3, count = 14, cells = 36 * rows * c;
    const int64_t in = g.n * g.h * g.w * c, out = g.n * g.oh * g.ow * c;
    const ds_simd *ref = ds__simd_at(0);
    float *x = ds_alloc((size_t)in * 4), *add = ds_alloc((size_t)out * 4);
    float *want = ds_calloc((size_t)cells, 4), *got = ds_calloc((size_t)cells, 4);
    float *y = ds_calloc((size_t)out, 4), *z = ds_calloc((size_t)out, 4);
    float *wide[2] = { ds_alloc((size_t)out * 4), ds_alloc((size_t)out * 4) };
    uint16_t *x16 = ds_alloc((size_t)in * 2);

    (void)state;
    for (int64_t i = 0; i < in; i++)
        x[i] = uniform();
    for (int64_t i = 0; i < out; i++)
        add[i] = uniform();
    ds_convert(x16, BF16, x, F32, in);
    for (int i = 1; ds__simd_at(i) != NULL; i++)
        for (int type = 0; type < 2; type++) {
            const void *source = type ? (const void *)x16 : x;
            const ds_simd *s = ds__simd_at(i);

            ref->winograd_in(want, source, type ? BF16 : F32, &g, c, rows, first, count);
            s->winograd_in(got, source, type ? BF16 : F32, &g, c, rows, first, count);
            ts_compare(s->isa, got, want, cells, 1e-6);
            ref->winograd_out_adj(want, source, type ? BF16 : F32, &h, c, rows, first, count);
            s->winograd_out_adj(got, source, type ? BF16 : F32, &h, c, rows, first, count);
            ts_compare(s->isa, got, want, cells, 1e-6);
            ref->winograd_filter(want, 40, x, 37);
            s->winograd_filter(got, 40, x, 37);
            ts_compare(s->isa, got, want, 36 * 40 - 3, 1e-6);
            ref->winograd_filter_adj(want + 1440, want, 40, 37);
            s->winograd_filter_adj(got + 1440, want, 40, 37);
            ts_compare(s->isa, got + 1440, want + 1440, 9 * 37, 1e-6);
            memset(y, 0, (size_t)out * 4), memset(z, 0, (size_t)out * 4);
            ref->winograd_out(y, F32, want, x, add, &g, c, rows, first, count);
            s->winograd_out(z, F32, want, x, add, &g, c, rows, first, count);
            ts_compare(s->isa, z, y, out, 1e-6);
            memset(y, 0, (size_t)out * 4), memset(z, 0, (size_t)out * 4);
            ref->winograd_out(y, BF16, want, NULL, NULL, &g, c, rows, first, count);
            s->winograd_out(z, BF16, want, NULL, NULL, &g, c, rows, first, count);
            ds_convert(wide[0], F32, y, BF16, out);
            ds_convert(wide[1], F32, z, BF16, out);
            ts_compare(s->isa, wide[1], wide[0], out, BOUND_BF16_DST);
        }
    ds_free(wide[0]);
    ds_free(wide[1]);
    ds_free(x);
    ds_free(add);
    ds_free(want);
    ds_free(got);
    ds_free(y);
    ds_free(z);
    ds_free(x16);
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* <conv(x, w), y> = <x, conv_data(y, w)> = <w, conv_weights(x, y)>, on both backends. */
static void adjoint_identities_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * DS_COUNT(convs); i++) {
        ds_backend backend = i & 1 ? DS_BACKEND_REF : DS_BACKEND_DNNL;
        rig forward, data, weights;
        ds_kernel_desc d = conv_desc(convs[i / 2], DS_KERNEL_CONV);
        float *r[3];
        double p[3], scale;

        rig_make(&forward, &d);
        d.kind = DS_KERNEL_CONV_DATA;
        rig_make(&data, &d);
        d.kind = DS_KERNEL_CONV_WEIGHTS;
        rig_make(&weights, &d);
        memcpy(data.data[DS_ARG_B], forward.data[DS_ARG_B], (size_t)forward.count[DS_ARG_B] * 4);
        memcpy(weights.data[DS_ARG_A], forward.data[DS_ARG_A], (size_t)forward.count[DS_ARG_A] * 4);
        memcpy(weights.data[DS_ARG_B], data.data[DS_ARG_A], (size_t)data.count[DS_ARG_A] * 4);
        r[0] = rig_run(&forward, backend, false, NULL);
        r[1] = rig_run(&data, backend, false, NULL);
        r[2] = rig_run(&weights, backend, false, NULL);
        p[0] = dot(r[0], data.data[DS_ARG_A], forward.count[DS_ARG_DST]);
        p[1] = dot(r[1], forward.data[DS_ARG_A], data.count[DS_ARG_DST]);
        p[2] = dot(r[2], forward.data[DS_ARG_B], weights.count[DS_ARG_DST]);
        scale = sqrt(dot(r[0], r[0], forward.count[DS_ARG_DST]) *
                     dot(data.data[DS_ARG_A], data.data[DS_ARG_A], data.count[DS_ARG_A]));
        for (int j = 1; j < 3; j++)
            if (!(fabs(p[j] - p[0]) <= 1e-6 * scale))
                fail_msg("convolution %d: <y, conv x> is %.9g, adjoint %d gives %.9g", (int)i / 2,
                         p[0], j, p[j]);
        for (int j = 0; j < 3; j++)
            ds_free(r[j]);
        rig_free(&forward);
        rig_free(&data);
        rig_free(&weights);
    }
}

static void packing_converts(void **state)
{
    static const ds_dtype file[] = { F32, DS_DTYPE_F16, BF16 };

    (void)state;
    for (int m = 0; m < 4; m++) {
        ds_kernel_desc d = m & 1 ? conv_desc(convs[1], DS_KERNEL_CONV)
                                 : (ds_kernel_desc){ .kind = DS_KERNEL_MATMUL,
                                                     .batch = 1,
                                                     .m = 9,
                                                     .n = 40,
                                                     .k = 20,
                                                     .b_trans = true };

        d.packed = true;
        d.a_type = d.b_type = m & 2 ? BF16 : F32;
        if (m & 2 && !ds__kernel_has_bf16())
            continue;
        for (size_t f = 0; f < DS_COUNT(file); f++) {
            ds_error err = { 0 };
            ds_kernel *k[2];
            void *packed[2], *rounded, *stored;
            int64_t n;
            rig r;

            rig_make(&r, &d);
            n = r.count[DS_ARG_B];
            stored = ds_alloc((size_t)n * ds_dtype_size(file[f]));
            rounded = ds_alloc((size_t)n * ds_dtype_size(d.b_type));
            ds_convert(stored, file[f], r.data[DS_ARG_B], d.b_type, n);
            ds_convert(rounded, d.b_type, stored, file[f], n);
            for (int i = 0; i < 2; i++) { /* from the file's type, and from the operand's own */
                ts_ok(ds__kernel_new(&k[i], DS_BACKEND_DNNL, &d, &err), &err);
                packed[i] = ds_calloc(1, ds__kernel_info(k[i])->packed_bytes);
                ts_ok(ds__kernel_pack(k[i], packed[i], i == 0 ? stored : rounded,
                                      i == 0 ? file[f] : d.b_type, &err),
                      &err);
            }
            assert_true(ds__kernel_info(k[0])->layout == ds__kernel_info(k[1])->layout);
            assert_memory_equal(packed[0], packed[1], ds__kernel_info(k[0])->packed_bytes);
            for (int i = 0; i < 2; i++) {
                ds_free(packed[i]);
                ds__kernel_free(k[i]);
            }
            ds_free(stored);
            ds_free(rounded);
            rig_free(&r);
        }
    }
}

static void expect_refusal(const ds_kernel_desc *d, ds_status want)
{
    ds_error err = { 0 };
    ds_kernel *k = (ds_kernel *)&err;

    for (int b = 0; b < 2; b++) {
        memset(&err, 0, sizeof err);
        assert_int_equal(ds__kernel_new(&k, (ds_backend)b, d, &err), want);
        assert_null(k);
        assert_true(err.text[0] != 0);
    }
}

static void bad_descriptions_are_refused(void **state)
{
    ds_kernel_desc m = { .kind = DS_KERNEL_MATMUL, .batch = 1, .m = 2, .n = 2, .k = 2 }, d;
    ds_kernel_desc c = conv_desc(convs[0], DS_KERNEL_CONV);

    (void)state;
    d = m, d.k = 0;
    expect_refusal(&d, DS_E_SHAPE);
    d = m, d.m = d.k = INT32_MAX, d.batch = 1 << 20;
    expect_refusal(&d, DS_E_SHAPE);
    d = m, d.a_type = DS_DTYPE_I64;
    expect_refusal(&d, DS_E_UNSUPPORTED);
    d = m, d.kind = (ds_kernel_kind)17;
    expect_refusal(&d, DS_E_ARG);
    d = c, d.kh = d.kw = 11;
    expect_refusal(&d, DS_E_SHAPE);
    d = c, d.pad_left = -1;
    expect_refusal(&d, DS_E_SHAPE);
    d = c, d.stride = 0;
    expect_refusal(&d, DS_E_SHAPE);
    d = c, d.cin = INT64_MAX;
    expect_refusal(&d, DS_E_SHAPE);
    d = c, d.kind = DS_KERNEL_CONV_DATA, d.bias = true;
    expect_refusal(&d, DS_E_ARG);
    d = c, d.kind = DS_KERNEL_CONV_WEIGHTS, d.packed = true;
    expect_refusal(&d, DS_E_ARG);
    d = c, d.kind = DS_KERNEL_CONV_DATA, d.a_type = d.b_type = d.dst_type = BF16, d.add = true;
    expect_refusal(&d, DS_E_UNSUPPORTED);
}

static void missing_arguments_are_refused(void **state)
{
    ds_kernel_desc d = { .kind = DS_KERNEL_MATMUL, .batch = 1, .m = 2, .n = 2, .k = 2 };
    float x[4] = { 0 };
    void *args[DS_ARG_COUNT] = { [DS_ARG_A] = x, [DS_ARG_DST] = x };
    ds_error err = { 0 };
    ds_kernel *k;

    (void)state;
    ts_ok(ds__kernel_new(&k, DS_BACKEND_DNNL, &d, &err), &err);
    assert_int_equal(ds__kernel_bind(k, args, &err), DS_E_ARG);
    memset(&err, 0, sizeof err);
    assert_int_equal(ds__kernel_pack(k, x, x, F32, &err), DS_E_ARG);
    ds__kernel_free(k);
    ds__kernel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_agrees),
        cmocka_unit_test(conv_agrees),
        cmocka_unit_test(conv_adjoints_agree),
        cmocka_unit_test(winograd_agrees),
        cmocka_unit_test(winograd_takes_bf16),
        cmocka_unit_test(winograd_tiles_agree),
        cmocka_unit_test(adjoint_identities_hold),
        cmocka_unit_test(packing_converts),
        cmocka_unit_test(bad_descriptions_are_refused),
        cmocka_unit_test(missing_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
