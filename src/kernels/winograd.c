/* winograd.c - a 3x3 convolution, or its adjoint to the input, as 36 matrix products.
 *
 *   U[e] = (G g G^T)[e]     pack: e counts the 36 cells of a tile, each U[e] is [cin, cout]
 *   V[e] = (B^T d B)[e]     run: [tiles, cin], by the plain kernels
 *   M[e] = V[e] U[e]        run: one batched matmul, a quarter of the multiplications
 *   y    = A^T M A          run: 4x4 results a tile, with bias and add
 *
 * Tiles go through in stripes, so that V and M stay in the cache. The adjoint to the input is the
 * convolution of ddst with the filter turned by 180 degrees and its channels exchanged. */

#include "kernels/winograd.h"
#include "kernels/backend.h"
#include "kernels/simd.h"

#include <stdio.h>

#define STRIPE_FLOATS       (1 << 20) /* of V or M, the larger: 4 MB */
#define PACK                32        /* channels of a block while packing */
#define LEAST_CHANNELS      32
#define LEAST_CHANNELS_BF16 256 /* narrower ones are bound by memory, where BF16 wins */
#define LEAST_TILES         64
#define MOST_WEIGHTS        (640 * 640) /* U has four times the weights: above, memory counts */
#define LEAST_ROWS          128         /* of a stripe: below, reading U dominates */

typedef struct winograd {
    ds_kernel base;
    ds_kernel *product;
    const ds_simd *simd;
    ds_tiles tiles;
    int64_t total, rows;                       /* tiles; tiles of a stripe */
    int64_t cin, cout;                         /* of this direction */
    size_t m_offset, u_offset, product_offset; /* into the scratch */
    char impl[80];
} winograd;

static ds_tiles tiles_of(const ds_kernel_desc *d)
{
    const int64_t oh = ds__conv_out_h(d), ow = ds__conv_out_w(d);

    if (d->kind == DS_KERNEL_CONV_DATA)
        return (ds_tiles){
            d->images, oh, ow, d->height, d->width, d->kh - 1 - d->pad_top, d->kw - 1 - d->pad_left
        };
    return (ds_tiles){ d->images, d->height, d->width, oh, ow, d->pad_top, d->pad_left };
}

bool ds__winograd_pays(const ds_kernel_desc *d)
{
    const int64_t least = d->b_type == DS_DTYPE_F32 ? LEAST_CHANNELS : LEAST_CHANNELS_BF16;
    ds_tiles t;

    if (d->kind == DS_KERNEL_MATMUL || d->direct || d->kh != 3 || d->kw != 3 || d->stride != 1 ||
        d->cin < least || d->cout < least)
        return false;
    if (d->kind == DS_KERNEL_CONV_WEIGHTS &&
        (d->a_type != DS_DTYPE_F32 || d->b_type != DS_DTYPE_F32 || d->dst_type != DS_DTYPE_F32))
        return false;
    if (d->cin * d->cout > MOST_WEIGHTS)
        return false;
    t = tiles_of(d);
    return t.pad_top >= 0 && t.pad_left >= 0 && t.oh >= 8 && t.ow >= 8 &&
           ds__tiles_of_image(&t) * (d->packed ? 1 : d->images) >= LEAST_TILES;
}

static void winograd_release(ds_kernel *base)
{
    winograd *k = (winograd *)base;

    ds__kernel_free(k->product);
    ds_free(k);
}

/* The filters of input channels i .. i + ni - 1 and output channels o .. o + no - 1, whose taps lie
 * in rows of `row` taps: regrouped as taps[i][t][o]. The adjoint's filters are turned. */
static void regroup(float *taps, const winograd *k, const float *rows, int64_t ni, int64_t no)
{
    const bool turned = k->base.desc.kind == DS_KERNEL_CONV_DATA;

    for (int64_t i = 0; i < ni; i++)
        for (int t = 0; t < 9; t++)
            for (int64_t o = 0; o < no; o++)
                taps[(i * 9 + t) * no + o] =
                    turned ? rows[(i * PACK + o) * 9 + 8 - t] : rows[(o * PACK + i) * 9 + t];
}

/* Packs a block of PACK x PACK filters or what is left of it at the edges. */
static void pack_block(const winograd *k, float *dst, const char *src, ds_dtype type, int64_t i,
                       int64_t o)
{
    const bool turned = k->base.desc.kind == DS_KERNEL_CONV_DATA;
    const int64_t ni = k->cin - i < PACK ? k->cin - i : PACK;
    const int64_t no = k->cout - o < PACK ? k->cout - o : PACK;
    const int64_t lines = turned ? ni : no, length = turned ? no : ni;
    float rows[PACK * PACK * 9], taps[PACK * PACK * 9];

    for (int64_t r = 0; r < lines; r++) {
        int64_t at = turned ? (i + r) * k->cout + o : (o + r) * k->cin + i;

        ds_convert(rows + r * PACK * 9, DS_DTYPE_F32, src + (size_t)(at * 9) * ds_dtype_size(type),
                   type, length * 9);
    }
    regroup(taps, k, rows, ni, no);
    for (int64_t r = 0; r < ni; r++)
        k->simd->winograd_filter(dst + (i + r) * k->cout + o, k->cin * k->cout, taps + r * 9 * no,
                                 no);
}

static ds_status winograd_pack(ds_kernel *base, void *dst, const void *src, ds_dtype src_type,
                               ds_error *err)
{
    const winograd *k = (winograd *)base;

    (void)err;
#pragma omp parallel for schedule(static) collapse(2)
    for (int64_t i = 0; i < k->cin; i += PACK)
        for (int64_t o = 0; o < k->cout; o += PACK)
            pack_block(k, dst, src, src_type, i, o);
    return DS_OK;
}

static ds_status winograd_bind(ds_kernel *base, ds_error *err)
{
    winograd *k = (winograd *)base;
    char *scratch = base->args[DS_ARG_SCRATCH];
    void *args[DS_ARG_COUNT] = { [DS_ARG_A] = scratch,
                                 [DS_ARG_B] = base->desc.packed ? base->args[DS_ARG_B]
                                                                : scratch + k->u_offset,
                                 [DS_ARG_DST] = scratch + k->m_offset,
                                 [DS_ARG_SCRATCH] = scratch + k->product_offset };

    return ds__kernel_bind(k->product, args, err);
}

static ds_status winograd_run(ds_kernel *base, ds_error *err)
{
    winograd *k = (winograd *)base;
    const ds_kernel_desc *d = &base->desc;
    float *v = base->args[DS_ARG_SCRATCH];
    float *m = (float *)((char *)base->args[DS_ARG_SCRATCH] + k->m_offset);
    ds_status st = DS_OK;

    if (!d->packed)
        st = winograd_pack(base, (char *)base->args[DS_ARG_SCRATCH] + k->u_offset,
                           base->args[DS_ARG_B], d->b_type, err);
    for (int64_t t = 0; t < k->total && st == DS_OK; t += k->rows) {
        int64_t count = k->total - t < k->rows ? k->total - t : k->rows;

        k->simd->winograd_in(v, base->args[DS_ARG_A], d->a_type, &k->tiles, k->cin, k->rows, t,
                             count);
        st = ds__kernel_run(k->product, err); /* rows past count hold an earlier stripe's values */
        k->simd->winograd_out(
            base->args[DS_ARG_DST], d->dst_type, m, d->bias ? base->args[DS_ARG_BIAS] : NULL,
            d->add ? base->args[DS_ARG_ADD] : NULL, &k->tiles, k->cout, k->rows, t, count);
    }
    return st;
}

static const ds__kernel_ops winograd_ops = { winograd_release, winograd_pack, winograd_bind,
                                             winograd_run };

int64_t ds__winograd_rows(int64_t total, int64_t channels)
{
    int64_t most = STRIPE_FLOATS / (WINO_CELL * channels), stripes;

    if (most < LEAST_ROWS)
        most = LEAST_ROWS;
    stripes = (total + most - 1) / most;
    return (total + stripes - 1) / stripes;
}

/* Takes room for 36 matrices in the scratch; returns where they start. */
static size_t take(winograd *k, int64_t rows, int64_t cols)
{
    const size_t at = k->base.info.scratch_bytes;
    const size_t bytes = (size_t)(WINO_CELL * rows * cols) * sizeof(float);

    k->base.info.scratch_bytes = (at + bytes + 63) & ~(size_t)63;
    return at;
}

static ds_status lay_out(winograd *k, ds_error *err)
{
    ds_kernel_desc product = {
        .kind = DS_KERNEL_MATMUL, .batch = WINO_CELL, .m = k->rows, .n = k->cout, .k = k->cin
    };
    ds_status st = ds__dnnl_kernel_new(&k->product, &product, err);

    if (st != DS_OK)
        return st;
    take(k, k->rows, k->cin);
    k->m_offset = take(k, k->rows, k->cout);
    if (k->base.desc.packed) {
        k->base.info.packed_bytes = (size_t)(WINO_CELL * k->cin * k->cout) * sizeof(float);
        k->base.info.layout = k->base.desc.kind == DS_KERNEL_CONV ? 0x36 : 0x3601;
    } else {
        k->u_offset = take(k, k->cin, k->cout);
    }
    k->product_offset = k->base.info.scratch_bytes;
    k->base.info.scratch_bytes += k->product->info.scratch_bytes;
    snprintf(k->impl, sizeof k->impl, "winograd+%s", k->product->info.impl);
    k->base.info.impl = k->impl;
    return DS_OK;
}

ds_status ds__winograd_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err)
{
    const bool data = desc->kind == DS_KERNEL_CONV_DATA;
    winograd *k = ds_calloc(1, sizeof *k);
    ds_status st;

    if (k == NULL)
        return ds_fail(err, DS_E_NOMEM, "a kernel: %zu bytes", sizeof *k);
    k->base.ops = &winograd_ops;
    k->base.desc = *desc;
    k->simd = ds__simd();
    k->tiles = tiles_of(desc);
    k->total = desc->images * ds__tiles_of_image(&k->tiles);
    k->cin = data ? desc->cout : desc->cin;
    k->cout = data ? desc->cin : desc->cout;
    k->rows = ds__winograd_rows(k->total, k->cin > k->cout ? k->cin : k->cout);
    st = lay_out(k, err);
    if (st != DS_OK) {
        winograd_release(&k->base);
        return st;
    }
    *out = &k->base;
    return DS_OK;
}
