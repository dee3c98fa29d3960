/* compat.h - the seam between oneDNN 2.x and 3.x; the only file that knows the version.
 *
 * 2.x describes memory by a struct held by value and an operation by an intermediate descriptor;
 * 3.x has opaque memory descriptors and creates primitive descriptors directly. Here a ds__md is
 * owned (free it; a zeroed one may be freed too) and a ds__md_ref is borrowed. */

#ifndef DS_KERNELS_DNNL_COMPAT_H
#define DS_KERNELS_DNNL_COMPAT_H

#include <string.h>

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

#define DS__NO_HINT NULL

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t ds__md;
typedef const_dnnl_memory_desc_t ds__md_ref;

static inline ds__md_ref ds__md_get(const ds__md *md)
{
    return *md;
}

static inline void ds__md_free(ds__md *md)
{
    if (*md != NULL)
        dnnl_memory_desc_destroy(*md);
    *md = NULL;
}

static inline dnnl_status_t ds__md_copy(ds__md *out, ds__md_ref md)
{
    return dnnl_memory_desc_clone(out, md);
}

static inline dnnl_status_t ds__md_strided(ds__md *out, int rank, const dnnl_dims_t dims,
                                           dnnl_data_type_t type, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(out, rank, dims, type, strides);
}

static inline dnnl_status_t ds__md_any(ds__md *out, int rank, const dnnl_dims_t dims,
                                       dnnl_data_type_t type)
{
    return dnnl_memory_desc_create_with_tag(out, rank, dims, type, dnnl_format_tag_any);
}

/* What decides the layout, as numbers: out holds up to 64; the return value is their count. */
static inline int ds__md_numbers(ds__md_ref md, int64_t out[64])
{
    const dnnl_dims_t *strides = NULL, *padded = NULL, *blocks = NULL, *index = NULL;
    dnnl_data_type_t type = dnnl_data_type_undef;
    dnnl_format_kind_t kind = dnnl_format_kind_undef;
    int rank = 0, inner = 0, n = 0;

    dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &rank);
    dnnl_memory_desc_query(md, dnnl_query_data_type, &type);
    dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind);
    dnnl_memory_desc_query(md, dnnl_query_padded_dims, (void *)&padded);
    out[n++] = (int64_t)type;
    out[n++] = (int64_t)kind;
    for (int i = 0; padded != NULL && i < rank; i++)
        out[n++] = (*padded)[i];
    if (kind != dnnl_blocked)
        return n;
    dnnl_memory_desc_query(md, dnnl_query_strides, (void *)&strides);
    dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &inner);
    dnnl_memory_desc_query(md, dnnl_query_inner_blks, (void *)&blocks);
    dnnl_memory_desc_query(md, dnnl_query_inner_idxs, (void *)&index);
    for (int i = 0; strides != NULL && i < rank; i++)
        out[n++] = (*strides)[i];
    for (int i = 0; blocks != NULL && index != NULL && i < inner; i++) {
        out[n++] = (*blocks)[i];
        out[n++] = (*index)[i];
    }
    return n;
}

static inline dnnl_status_t ds__post_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}

static inline dnnl_status_t ds__pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                          ds__md_ref a, ds__md_ref b, ds__md_ref bias,
                                          ds__md_ref dst, const_dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(pd, engine, a, b, bias, dst, attr);
}

static inline dnnl_status_t ds__pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                        dnnl_alg_kind_t alg, ds__md_ref src, ds__md_ref weights,
                                        ds__md_ref bias, ds__md_ref dst, const dnnl_dims_t strides,
                                        const dnnl_dims_t pad_l, const dnnl_dims_t pad_r,
                                        const_dnnl_primitive_attr_t attr)
{
    static const dnnl_dims_t dense = { 0 };

    return dnnl_convolution_forward_primitive_desc_create(pd, engine, dnnl_forward_inference, alg,
                                                          src, weights, bias, dst, strides, dense,
                                                          pad_l, pad_r, attr);
}

static inline dnnl_status_t ds__pd_conv_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                             ds__md_ref dsrc, ds__md_ref weights, ds__md_ref ddst,
                                             const dnnl_dims_t strides, const dnnl_dims_t pad_l,
                                             const dnnl_dims_t pad_r,
                                             const_dnnl_primitive_attr_t attr)
{
    static const dnnl_dims_t dense = { 0 };

    return dnnl_convolution_backward_data_primitive_desc_create(pd, engine, dnnl_convolution_direct,
                                                                dsrc, weights, ddst, strides, dense,
                                                                pad_l, pad_r, DS__NO_HINT, attr);
}

static inline dnnl_status_t ds__pd_conv_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                                ds__md_ref src, ds__md_ref dweights,
                                                ds__md_ref dbias, ds__md_ref ddst,
                                                const dnnl_dims_t strides, const dnnl_dims_t pad_l,
                                                const dnnl_dims_t pad_r,
                                                const_dnnl_primitive_attr_t attr)
{
    static const dnnl_dims_t dense = { 0 };

    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, src, dweights, dbias, ddst, strides, dense, pad_l,
        pad_r, DS__NO_HINT, attr);
}

#else /* 2.x */

typedef dnnl_memory_desc_t ds__md;
typedef const dnnl_memory_desc_t *ds__md_ref;

static inline ds__md_ref ds__md_get(const ds__md *md)
{
    return md;
}

static inline void ds__md_free(ds__md *md)
{
    memset(md, 0, sizeof *md);
}

static inline dnnl_status_t ds__md_copy(ds__md *out, ds__md_ref md)
{
    *out = *md;
    return dnnl_success;
}

static inline dnnl_status_t ds__md_strided(ds__md *out, int rank, const dnnl_dims_t dims,
                                           dnnl_data_type_t type, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(out, rank, dims, type, strides);
}

static inline dnnl_status_t ds__md_any(ds__md *out, int rank, const dnnl_dims_t dims,
                                       dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_tag(out, rank, dims, type, dnnl_format_tag_any);
}

/* What decides the layout, as numbers: out holds up to 64; the return value is their count. */
static inline int ds__md_numbers(ds__md_ref md, int64_t out[64])
{
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    int n = 0;

    out[n++] = (int64_t)md->data_type;
    out[n++] = (int64_t)md->format_kind;
    for (int i = 0; i < md->ndims; i++)
        out[n++] = md->padded_dims[i];
    if (md->format_kind != dnnl_blocked)
        return n;
    for (int i = 0; i < md->ndims; i++)
        out[n++] = b->strides[i];
    for (int i = 0; i < b->inner_nblks; i++) {
        out[n++] = b->inner_blks[i];
        out[n++] = b->inner_idxs[i];
    }
    return n;
}

static inline dnnl_status_t ds__post_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f);
}

static inline dnnl_status_t ds__pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                          ds__md_ref a, ds__md_ref b, ds__md_ref bias,
                                          ds__md_ref dst, const_dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;
    dnnl_status_t s = dnnl_matmul_desc_init(&d, a, b, bias, dst);

    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, DS__NO_HINT);
}

static inline dnnl_status_t ds__pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                        dnnl_alg_kind_t alg, ds__md_ref src, ds__md_ref weights,
                                        ds__md_ref bias, ds__md_ref dst, const dnnl_dims_t strides,
                                        const dnnl_dims_t pad_l, const dnnl_dims_t pad_r,
                                        const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, alg, src,
                                                         weights, bias, dst, strides, pad_l, pad_r);

    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, DS__NO_HINT);
}

static inline dnnl_status_t ds__pd_conv_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                             ds__md_ref dsrc, ds__md_ref weights, ds__md_ref ddst,
                                             const dnnl_dims_t strides, const dnnl_dims_t pad_l,
                                             const dnnl_dims_t pad_r,
                                             const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_backward_data_desc_init(
        &d, dnnl_convolution_direct, dsrc, weights, ddst, strides, pad_l, pad_r);

    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, DS__NO_HINT);
}

static inline dnnl_status_t ds__pd_conv_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                                ds__md_ref src, ds__md_ref dweights,
                                                ds__md_ref dbias, ds__md_ref ddst,
                                                const dnnl_dims_t strides, const dnnl_dims_t pad_l,
                                                const dnnl_dims_t pad_r,
                                                const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_backward_weights_desc_init(
        &d, dnnl_convolution_direct, src, dweights, dbias, ddst, strides, pad_l, pad_r);

    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, DS__NO_HINT);
}

#endif
#endif
