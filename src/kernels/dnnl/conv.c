/* conv.c - oneDNN's convolution and its adjoints.
 *
 * Feature maps keep their layout (channels last). The layout of weights is left to oneDNN: its fast
 * paths ask for it, and with weights as files have them it falls back to a reference loop, several
 * hundred times slower. Constant weights are packed once; variable ones, and the gradient of
 * weights, are reordered within run. */

#include "kernels/dnnl/engine.h"

/* A dense feature map [n,h,w,c], described in oneDNN's axis order n, c, h, w. */
static dnnl_status_t feature_map(ds__md *out, int64_t n, int64_t h, int64_t w, int64_t c,
                                 ds_dtype type)
{
    const dnnl_dims_t dims = { n, c, h, w }, strides = { h * w * c, 1, w * c, c };

    return ds__md_strided(out, 4, dims, ds__dnnl_type(type), strides);
}

static dnnl_status_t input_map(ds__md *out, const ds_kernel_desc *d, ds_dtype type)
{
    return feature_map(out, d->images, d->height, d->width, d->cin, type);
}

static dnnl_status_t output_map(ds__md *out, const ds_kernel_desc *d, ds_dtype type)
{
    return feature_map(out, d->images, ds__conv_out_h(d), ds__conv_out_w(d), d->cout, type);
}

/* Weights in the layout that oneDNN likes (any) and as files have them (stored). */
static dnnl_status_t weights(ds__md *any, ds__md *stored, const ds_kernel_desc *d, ds_dtype type)
{
    const dnnl_dims_t dims = { d->cout, d->cin, d->kh, d->kw };
    const dnnl_dims_t strides = { d->cin * d->kh * d->kw, d->kh * d->kw, d->kw, 1 };
    dnnl_status_t s = ds__md_any(any, 4, dims, ds__dnnl_type(type));

    return s != dnnl_success ? s : ds__md_strided(stored, 4, dims, ds__dnnl_type(type), strides);
}

static dnnl_status_t make_mds(ds__dnnl_kernel *k, ds__mds *md, ds__md *any)
{
    const ds_kernel_desc *d = &k->base.desc;
    const dnnl_dims_t bias_dims = { d->cout }, bias_strides = { 1 };
    dnnl_status_t s;

    switch (d->kind) {
    case DS_KERNEL_CONV_DATA:
        s = output_map(&md->a, d, d->a_type);
        s = s != dnnl_success ? s : weights(any, &k->stored, d, d->b_type);
        s = s != dnnl_success ? s : input_map(&md->dst, d, d->dst_type);
        break;
    case DS_KERNEL_CONV_WEIGHTS:
        s = input_map(&md->a, d, d->a_type);
        s = s != dnnl_success ? s : output_map(&k->stored, d, d->b_type);
        s = s != dnnl_success ? s : weights(any, &md->dst, d, d->dst_type);
        break;
    default:
        s = input_map(&md->a, d, d->a_type);
        s = s != dnnl_success ? s : weights(any, &k->stored, d, d->b_type);
        s = s != dnnl_success ? s : output_map(&md->dst, d, d->dst_type);
        s = s != dnnl_success ? s : output_map(&md->add, d, DS_DTYPE_F32);
        break;
    }
    if (s == dnnl_success && d->bias)
        s = ds__md_strided(&md->bias, 1, bias_dims, dnnl_f32, bias_strides);
    return s;
}

static dnnl_status_t make_pd(dnnl_primitive_desc_t *pd, ds__dnnl_kernel *k, const ds__mds *md,
                             ds__md_ref w, const_dnnl_primitive_attr_t attr)
{
    const ds_kernel_desc *d = &k->base.desc;
    const dnnl_dims_t strides = { d->stride, d->stride };
    const dnnl_dims_t pad_l = { d->pad_top, d->pad_left }, pad_r = { d->pad_bottom, d->pad_right };
    ds__md_ref a = ds__md_get(&md->a), dst = ds__md_get(&md->dst);
    ds__md_ref bias = d->bias ? ds__md_get(&md->bias) : NULL;

    switch (d->kind) {
    case DS_KERNEL_CONV_DATA:
        return ds__pd_conv_data(pd, k->engine, dst, w, a, strides, pad_l, pad_r, attr);
    case DS_KERNEL_CONV_WEIGHTS:
        return ds__pd_conv_weights(pd, k->engine, a, w, bias, ds__md_get(&k->stored), strides,
                                   pad_l, pad_r, attr);
    default:
        return ds__pd_conv(pd, k->engine, dnnl_convolution_direct, a, w, bias, dst, strides, pad_l,
                           pad_r, attr);
    }
}

static dnnl_status_t plan(ds__dnnl_kernel *k, const ds__mds *md, const ds__md *any,
                          ds__add_mode mode)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = ds__dnnl_attr(&attr, mode, ds__md_get(&md->add));

    if (s == dnnl_success)
        s = make_pd(&pd, k, md, ds__md_get(any), attr);
    if (s == dnnl_success)
        s = ds__dnnl_program(k, &k->program[0], pd, md, mode);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

/* How `add` reaches the result. oneDNN's adjoints know no post-ops; and a binary post-op of a
 * convolution rules out the fastest implementation, so that copying `add` to dst and letting the
 * primitive sum is better wherever the types allow it. */
static ds__add_mode add_mode(const ds_kernel_desc *d)
{
    if (!d->add)
        return DS__ADD_NONE;
    if (d->kind != DS_KERNEL_CONV)
        return DS__ADD_STAGED;
    return d->dst_type == DS_DTYPE_F32 ? DS__ADD_IN_PLACE : DS__ADD_TENSOR;
}

ds_status ds__dnnl_plan_conv(ds__dnnl_kernel *k, ds_error *err)
{
    const ds__add_mode mode = add_mode(&k->base.desc);
    ds__mds md;
    ds__md any;
    dnnl_status_t s;

    memset(&md, 0, sizeof md);
    memset(&any, 0, sizeof any);
    k->prefill = mode == DS__ADD_IN_PLACE || mode == DS__ADD_STAGED;
    s = make_mds(k, &md, &any);
    if (s == dnnl_success)
        s = plan(k, &md, &any, mode);
    ds__md_free(&any);
    ds__dnnl_free_mds(&md);
    return ds__dnnl_check(k, s, "creation", err);
}
