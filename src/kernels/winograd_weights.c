/* winograd_weights.c - Winograd's convolution, adjoint to the weights.
 *
 *   V[e]  = (B^T d B)[e]                run: [tiles, cin], from the input
 *   D[e]  = (A dy A^T)[e]               run: [tiles, cout], from the result's adjoint
 *   dU[e] = sum over tiles V[e]^T D[e]  run: one batched matmul a stripe, adding up in stripe order
 *   dg    = G^T dU G                    run: the nine taps of each filter
 *
 * It is the transpose, step by step, of what winograd.c does; see there and in winograd.h. */

#include "kernels/backend.h"
#include "kernels/winograd.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 32 /* channels of a block on the way to file order */

typedef struct weights {
    ds_kernel base;
    ds_kernel *product;
    const ds_simd *simd;
    ds_tiles tiles;
    int64_t total, rows;                       /* tiles; tiles of a stripe */
    size_t d_offset, u_offset, product_offset; /* into the scratch */
    char impl[80];
} weights;

static void weights_release(ds_kernel *base)
{
    weights *k = (weights *)base;

    ds__kernel_free(k->product);
    ds_free(k);
}

static ds_status weights_bind(ds_kernel *base, ds_error *err)
{
    weights *k = (weights *)base;
    char *scratch = base->args[DS_ARG_SCRATCH];
    void *args[DS_ARG_COUNT] = { [DS_ARG_A] = scratch,
                                 [DS_ARG_B] = scratch + k->d_offset,
                                 [DS_ARG_ADD] = scratch + k->u_offset,
                                 [DS_ARG_DST] = scratch + k->u_offset,
                                 [DS_ARG_SCRATCH] = scratch + k->product_offset };

    return ds__kernel_bind(k->product, args, err);
}

/* The taps of up to BLOCK x BLOCK filters in file order, [o][i][t], plus `add`. */
static void unpack_block(const weights *k, const float *u, int64_t i, int64_t o)
{
    const int64_t cin = k->base.desc.cin, cout = k->base.desc.cout;
    const int64_t ni = cin - i < BLOCK ? cin - i : BLOCK, no = cout - o < BLOCK ? cout - o : BLOCK;
    const float *add = k->base.desc.add ? k->base.args[DS_ARG_ADD] : NULL;
    float *dst = k->base.args[DS_ARG_DST];
    float taps[BLOCK][9 * BLOCK];

    for (int64_t r = 0; r < ni; r++)
        k->simd->winograd_filter_adj(taps[r], u + (i + r) * cout + o, cin * cout, no);
    for (int64_t c = 0; c < no; c++)
        for (int64_t r = 0; r < ni; r++)
            for (int64_t t = 0; t < 9; t++) {
                int64_t at = ((o + c) * cin + i + r) * 9 + t;

                dst[at] = taps[r][t * no + c] + (add != NULL ? add[at] : 0.0f);
            }
}

static ds_status weights_run(ds_kernel *base, ds_error *err)
{
    weights *k = (weights *)base;
    const ds_kernel_desc *d = &base->desc;
    char *scratch = base->args[DS_ARG_SCRATCH];
    float *v = base->args[DS_ARG_SCRATCH], *dy = (float *)(scratch + k->d_offset);
    float *u = (float *)(scratch + k->u_offset);
    ds_status st = DS_OK;

    k->simd->fill(u, 0.0f, WINO_CELL * d->cin * d->cout);
    for (int64_t t = 0; t < k->total && st == DS_OK; t += k->rows) {
        int64_t count = k->total - t < k->rows ? k->total - t : k->rows;

        k->simd->winograd_in(v, base->args[DS_ARG_A], d->a_type, &k->tiles, d->cin, k->rows, t,
                             count);
        k->simd->winograd_out_adj(dy, base->args[DS_ARG_B], d->b_type, &k->tiles, d->cout, k->rows,
                                  t, count);
        for (int e = 0; e < WINO_CELL; e++) /* rows past count hold an earlier stripe's values */
            memset(dy + (e * k->rows + count) * d->cout, 0,
                   (size_t)((k->rows - count) * d->cout) * sizeof *dy);
        st = ds__kernel_run(k->product, err);
    }
    if (st != DS_OK)
        return st;
#pragma omp parallel for schedule(static) collapse(2)
    for (int64_t i = 0; i < d->cin; i += BLOCK)
        for (int64_t o = 0; o < d->cout; o += BLOCK)
            unpack_block(k, u, i, o);
    if (d->bias) {
        k->simd->fill(base->args[DS_ARG_BIAS], 0.0f, d->cout);
        k->simd->sum_rows(base->args[DS_ARG_BIAS], base->args[DS_ARG_B], 1,
                          d->images * k->tiles.oh * k->tiles.ow, d->cout);
    }
    return DS_OK;
}

static const ds__kernel_ops weights_ops = { weights_release, NULL, weights_bind, weights_run };

/* Takes room for 36 matrices in the scratch; returns where they start. */
static size_t take(weights *k, int64_t rows, int64_t cols)
{
    const size_t at = k->base.info.scratch_bytes;
    const size_t bytes = (size_t)(WINO_CELL * rows * cols) * sizeof(float);

    k->base.info.scratch_bytes = (at + bytes + 63) & ~(size_t)63;
    return at;
}

static ds_status lay_out(weights *k, ds_error *err)
{
    const ds_kernel_desc *d = &k->base.desc;
    ds_kernel_desc product = { .kind = DS_KERNEL_MATMUL,
                               .add = true,
                               .batch = WINO_CELL,
                               .m = d->cin,
                               .n = d->cout,
                               .k = k->rows,
                               .a_trans = true };
    ds_status st = ds__dnnl_kernel_new(&k->product, &product, err);

    if (st != DS_OK)
        return st;
    take(k, k->rows, d->cin);
    k->d_offset = take(k, k->rows, d->cout);
    k->u_offset = take(k, d->cin, d->cout);
    k->product_offset = k->base.info.scratch_bytes;
    k->base.info.scratch_bytes += k->product->info.scratch_bytes;
    snprintf(k->impl, sizeof k->impl, "winograd+%s", k->product->info.impl);
    k->base.info.impl = k->impl;
    return DS_OK;
}

ds_status ds__winograd_weights_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err)
{
    weights *k = ds_calloc(1, sizeof *k);
    ds_status st;

    if (k == NULL)
        return ds_fail(err, DS_E_NOMEM, "a kernel: %zu bytes", sizeof *k);
    k->base.ops = &weights_ops;
    k->base.desc = *desc;
    k->simd = ds__simd();
    k->tiles = (ds_tiles){ desc->images,         desc->height,  desc->width,   ds__conv_out_h(desc),
                           ds__conv_out_w(desc), desc->pad_top, desc->pad_left };
    k->total = desc->images * ds__tiles_of_image(&k->tiles);
    k->rows = ds__winograd_rows(k->total, desc->cin > desc->cout ? desc->cin : desc->cout);
    st = lay_out(k, err);
    if (st != DS_OK) {
        weights_release(&k->base);
        return st;
    }
    *out = &k->base;
    return DS_OK;
}
