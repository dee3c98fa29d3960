/* desc.c - descriptions of compiled kernels: sizes, words for messages, and what is refused. */

#include "kernels/backend.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_conv(const ds_kernel_desc *d)
{
    return d->kind != DS_KERNEL_MATMUL;
}

static bool is_adjoint(const ds_kernel_desc *d)
{
    return d->kind == DS_KERNEL_CONV_DATA || d->kind == DS_KERNEL_CONV_WEIGHTS;
}

static int64_t conv_count(const ds_kernel_desc *d, ds_arg arg)
{
    int64_t src = d->images * d->height * d->width * d->cin;
    int64_t weights = d->cout * d->cin * d->kh * d->kw;
    int64_t dst = d->images * ds__conv_out_h(d) * ds__conv_out_w(d) * d->cout;

    switch (d->kind) {
    case DS_KERNEL_CONV_DATA:
        return arg == DS_ARG_A ? dst : arg == DS_ARG_B ? weights : src;
    case DS_KERNEL_CONV_WEIGHTS:
        return arg == DS_ARG_A ? src : arg == DS_ARG_B ? dst : weights;
    default:
        return arg == DS_ARG_A ? src : arg == DS_ARG_B ? weights : dst;
    }
}

int64_t ds__kernel_count(const ds_kernel_desc *d, ds_arg arg)
{
    if (is_conv(d))
        return conv_count(d, arg);
    return d->batch * (arg == DS_ARG_A ? d->m * d->k : arg == DS_ARG_B ? d->k * d->n : d->m * d->n);
}

const char *ds__kernel_text(const ds_kernel_desc *d, char *buf, size_t size)
{
    static const char *const kind[] = { "matmul", "convolution", "convolution's data adjoint",
                                        "convolution's weight adjoint" };
    char shape[160];

    if (is_conv(d))
        snprintf(shape, sizeof shape,
                 "%" PRId64 "x%" PRId64 " stride %" PRId64 " of [%" PRId64 ",%" PRId64 ",%" PRId64
                 ",%" PRId64 "] to %" PRId64 " channels",
                 d->kh, d->kw, d->stride, d->images, d->height, d->width, d->cin, d->cout);
    else
        snprintf(shape, sizeof shape,
                 "%" PRId64 " of [%" PRId64 ",%" PRId64 "]%s [%" PRId64 ",%" PRId64 "]%s", d->batch,
                 d->m, d->k, d->a_trans ? "^T" : "", d->k, d->n, d->b_trans ? "^T" : "");
    snprintf(buf, size, "%s %s, %s by %s to %s%s%s%s", kind[d->kind], shape,
             ds_dtype_name(d->a_type), ds_dtype_name(d->b_type), ds_dtype_name(d->dst_type),
             d->bias ? ", bias" : "", d->add ? ", add" : "", d->packed ? ", packed" : "");
    return buf;
}

/* The product of a few untrusted sizes, times 8 bytes, must fit. */
static bool fits(int count, const int64_t *size)
{
    size_t product = 8;

    for (int i = 0; i < count; i++)
        if (size[i] < 1 || size[i] > INT32_MAX ||
            !ds_mul_size(product, (size_t)size[i], &product) || product > INT64_MAX)
            return false;
    return true;
}

static ds_status check_matmul(const ds_kernel_desc *d, ds_error *err)
{
    if (!fits(3, (int64_t[]){ d->batch, d->m, d->k }) || !fits(2, (int64_t[]){ d->k, d->n }) ||
        !fits(3, (int64_t[]){ d->batch, d->k, d->n }) ||
        !fits(3, (int64_t[]){ d->batch, d->m, d->n }))
        return ds_fail(err, DS_E_SHAPE,
                       "matmul: expected sizes of at least 1 that fit memory, found batch %" PRId64
                       ", m %" PRId64 ", n %" PRId64 ", k %" PRId64,
                       d->batch, d->m, d->n, d->k);
    return DS_OK;
}

static ds_status check_conv(const ds_kernel_desc *d, ds_error *err)
{
    const int64_t pad[] = { d->pad_top, d->pad_left, d->pad_bottom, d->pad_right };
    char text[256];

    if (!fits(4, (int64_t[]){ d->images, d->height, d->width, d->cin }) ||
        !fits(4, (int64_t[]){ d->cout, d->cin, d->kh, d->kw }) || d->stride < 1 ||
        d->stride > INT32_MAX)
        return ds_fail(err, DS_E_SHAPE, "expected sizes of at least 1 that fit memory, found %s",
                       ds__kernel_text(d, text, sizeof text));
    for (int i = 0; i < 4; i++)
        if (pad[i] < 0 || pad[i] > INT16_MAX)
            return ds_fail(err, DS_E_SHAPE, "%s: padding %" PRId64 " is out of range",
                           ds__kernel_text(d, text, sizeof text), pad[i]);
    if (d->height + d->pad_top + d->pad_bottom < d->kh ||
        d->width + d->pad_left + d->pad_right < d->kw)
        return ds_fail(err, DS_E_SHAPE, "%s: the kernel is larger than the padded image",
                       ds__kernel_text(d, text, sizeof text));
    if (!fits(4, (int64_t[]){ d->images, ds__conv_out_h(d), ds__conv_out_w(d), d->cout }))
        return ds_fail(err, DS_E_SHAPE, "%s: the result does not fit memory",
                       ds__kernel_text(d, text, sizeof text));
    return DS_OK;
}

ds_status ds__kernel_check(const ds_kernel_desc *d, ds_error *err)
{
    const ds_dtype type[] = { d->a_type, d->b_type, d->dst_type };
    char text[256];

    if (d->kind < DS_KERNEL_MATMUL || d->kind > DS_KERNEL_CONV_WEIGHTS)
        return ds_fail(err, DS_E_ARG, "unknown kind of kernel: %d", (int)d->kind);
    for (int i = 0; i < 3; i++)
        if (type[i] != DS_DTYPE_F32 && type[i] != DS_DTYPE_BF16)
            return ds_fail(err, DS_E_UNSUPPORTED,
                           "kernels compute in F32 or BF16, %s was asked for",
                           ds_dtype_name(type[i]));
    if (d->kind == DS_KERNEL_CONV_DATA && d->bias)
        return ds_fail(err, DS_E_ARG, "%s: a data adjoint has no bias",
                       ds__kernel_text(d, text, sizeof text));
    if (d->kind == DS_KERNEL_CONV_WEIGHTS && d->packed)
        return ds_fail(err, DS_E_ARG, "%s: nothing is constant here, so nothing can be packed",
                       ds__kernel_text(d, text, sizeof text));
    if (d->add && d->dst_type != DS_DTYPE_F32 && is_adjoint(d))
        return ds_fail(err, DS_E_UNSUPPORTED, "%s: adjoints add up in F32 only",
                       ds__kernel_text(d, text, sizeof text));
    return is_conv(d) ? check_conv(d, err) : check_matmul(d, err);
}
