/* conv.c - oneDNN's convolution and its adjoints.
 *
 * Feature maps keep their layout (channels last); weights are packed into the layout that the
 * implementation asks for, which is what its fast paths need.                                     */

#include "kernels/dnnl/engine.h"

typedef struct ds__conv_mds {
    ds__md src, weights, bias, dst, add;
    dnnl_dims_t strides, pad_l, pad_r;
} ds__conv_mds;

static void free_mds(ds__conv_mds *md)
{
    ds__md_free(&md->src);
    ds__md_free(&md->weights);
    ds__md_free(&md->bias);
    ds__md_free(&md->dst);
    ds__md_free(&md->add);
}

/* A dense feature map [n,h,w,c], described in oneDNN's axis order n, c, h, w.                     */
static dnnl_status_t feature_map(ds__md *out, int64_t n, int64_t h, int64_t w, int64_t c,
                                 ds_dtype type)
{
    const dnnl_dims_t dims = { n, c, h, w }, strides = { h * w * c, 1, w * c, c };

    return ds__md_strided(out, 4, dims, ds__dnnl_type(type), strides);
}

static dnnl_status_t make_mds(ds__dnnl_kernel *k, ds__conv_mds *md)
{
    const ds_kernel_desc *d = &k->base.desc;
    const int64_t oh = ds__conv_out_h(d), ow = ds__conv_out_w(d);
    const dnnl_dims_t w_dims = { d->cout, d->cin, d->kh, d->kw };
    const dnnl_dims_t w_strides = { d->cin * d->kh * d->kw, d->kh * d->kw, d->kw, 1 };
    const dnnl_dims_t bias_dims = { d->cout }, bias_strides = { 1 };
    dnnl_status_t s = feature_map(&md->src, d->images, d->height, d->width, d->cin, d->a_type);

    md->strides[0] = md->strides[1] = d->stride;
    md->pad_l[0] = d->pad_top;
    md->pad_l[1] = d->pad_left;
    md->pad_r[0] = d->pad_bottom;
    md->pad_r[1] = d->pad_right;
    if (s == dnnl_success)
        s = ds__md_strided(&k->stored, 4, w_dims, ds__dnnl_type(d->b_type), w_strides);
    if (s == dnnl_success)
        s = d->packed ? ds__md_any(&md->weights, 4, w_dims, ds__dnnl_type(d->b_type))
                      : ds__md_copy(&md->weights, ds__md_get(&k->stored));
    if (s == dnnl_success)
        s = feature_map(&md->dst, d->images, oh, ow, d->cout, d->dst_type);
    if (s == dnnl_success)
        s = feature_map(&md->add, d->images, oh, ow, d->cout, DS_DTYPE_F32);
    if (s == dnnl_success && d->bias)
        s = ds__md_strided(&md->bias, 1, bias_dims, dnnl_f32, bias_strides);
    return s;
}

static dnnl_status_t plan_forward(ds__dnnl_kernel *k, const ds__conv_mds *md, ds__program *p,
                                  ds__add_mode mode)
{
    const ds_kernel_desc *d = &k->base.desc;
    const bool second = p == &k->program[1]; /* reads what the first one made pack write           */
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    ds__md_ref w = ds__md_get(second && d->packed ? &k->packed : &md->weights);
    dnnl_status_t s = ds__dnnl_attr(&attr, mode, ds__md_get(&md->add));

    if (s == dnnl_success)
        s = ds__pd_conv(&pd, k->engine, dnnl_convolution_direct, ds__md_get(&md->src), w,
                        d->bias ? ds__md_get(&md->bias) : NULL, ds__md_get(&md->dst), md->strides,
                        md->pad_l, md->pad_r, attr);
    if (s == dnnl_success && d->packed && !second)
        s = ds__dnnl_note_layout(k, pd);
    if (s == dnnl_success && !second)
        ds__dnnl_note_impl(k, pd);
    if (s == dnnl_success)
        s = ds__dnnl_append(k, p, pd, 0);
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_SRC, ds__md_get(&md->src), (ds__place) { DS_ARG_A, 0 });
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_WEIGHTS,
                             ds__md_get(d->packed ? &k->packed : &k->stored),
                             (ds__place) { DS_ARG_B, 0 });
    if (s == dnnl_success && d->bias)
        s = ds__dnnl_operand(k, p, DNNL_ARG_BIAS, ds__md_get(&md->bias),
                             (ds__place) { DS_ARG_BIAS, 0 });
    if (s == dnnl_success && mode == DS__ADD_TENSOR)
        s = ds__dnnl_operand(k, p, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                             ds__md_get(&md->add), (ds__place) { DS_ARG_ADD, 0 });
    if (s == dnnl_success)
        s = ds__dnnl_operand(k, p, DNNL_ARG_DST, ds__md_get(&md->dst),
                             (ds__place) { DS_ARG_DST, 0 });
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

ds_status ds__dnnl_plan_conv(ds__dnnl_kernel *k, ds_error *err)
{
    const ds_kernel_desc *d = &k->base.desc;
    ds__conv_mds md;
    dnnl_status_t s = dnnl_unimplemented;

    memset(&md, 0, sizeof md);
    if (d->kind == DS_KERNEL_CONV)
        s = make_mds(k, &md);
    if (s == dnnl_success)
        s = plan_forward(k, &md, &k->program[0], d->add ? DS__ADD_TENSOR : DS__ADD_NONE);
    if (s == dnnl_success && d->add && d->dst_type == DS_DTYPE_F32)
        s = plan_forward(k, &md, &k->program[1], DS__ADD_IN_PLACE);
    free_mds(&md);
    return ds__dnnl_check(k, s, "creation", err);
}
