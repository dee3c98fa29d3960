/* kernels.h - compiled kernels: convolution and matrix products.
 *
 * Two families of kernels stand below the operators. Compiled kernels (this file) are described
 * once per shape, then run many times; oneDNN does the work (kernels/dnnl), kernels/ref holds the
 * specification. Plain kernels (simd.h) are functions: norms, attention, activations, resampling,
 * one table per instruction set.
 *
 * Life of a compiled kernel: describe -> ds__kernel_new -> pack the constant weights, if it asks
 * for that -> bind its pointers -> run, any number of times. A kernel belongs to one plan; run
 * uses the whole thread pool and allocates nothing of ours. */

#ifndef DS_KERNELS_KERNELS_H
#define DS_KERNELS_KERNELS_H

#include <diffuscope/tensor.h>

typedef enum ds_backend {
    DS_BACKEND_DNNL = 0,
    DS_BACKEND_REF /* plain C in double where it matters: slow, the oracle of the tests */
} ds_backend;

typedef enum ds_kernel_kind {
    DS_KERNEL_MATMUL = 0,  /* dst[m,n] = a[m,k] b[k,n] (+ bias[n]) (+ add[m,n]) */
    DS_KERNEL_CONV,        /* dst = conv(a, b) (+ bias) (+ add). A 1x1 convolution of stride 1 is a
                              matmul, m = images*height*width, with b_trans: use that */
    DS_KERNEL_CONV_DATA,   /* adjoint to the input:   a = ddst, b = weights, dst = dsrc */
    DS_KERNEL_CONV_WEIGHTS /* adjoint to the weights: a = src, b = ddst, dst = dweights [O,I,kh,kw];
                              with `bias`, DS_ARG_BIAS receives dbias[O] */
} ds_kernel_kind;

/* Everything that decides which code is generated. All zero is a valid start. Tensors are dense:
 * feature maps [N,H,W,C]; convolution weights as stored in files, [O,I,kh,kw] (packing changes
 * that); matrices row-major. */
typedef struct ds_kernel_desc {
    ds_kernel_kind kind;
    ds_dtype a_type, b_type, dst_type; /* F32 or BF16; accumulation is always f32 */
    bool bias;                         /* f32 [n] or [cout] */
    bool add;    /* dst = result + add, an f32 tensor of dst's shape (may be dst itself if dst is
                    f32; adjoints of convolutions add to f32 only) */
    bool packed; /* b is constant: the kernel asks for a copy of its own layout (see pack) */
    bool direct; /* convolution: sums as in the definition. Otherwise a large 3x3 one of stride 1
                    goes Winograd's way (winograd.h): a third of the time, an error of some 1e-6 of
                    the result, and packed weights of four times the size */

    /* matmul: batch independent products, batch >= 1; a is [m,k], or [k,m] if a_trans;
     * b is [k,n], or [n,k] if b_trans (a PyTorch Linear weight). */
    int64_t batch, m, n, k;
    bool a_trans, b_trans;

    /* convolution: sizes of the forward pass, whatever the direction. */
    int64_t images, height, width, cin, cout, kh, kw, stride;
    int64_t pad_top, pad_left, pad_bottom, pad_right;
} ds_kernel_desc;

typedef enum ds_arg {
    DS_ARG_A = 0,
    DS_ARG_B,
    DS_ARG_BIAS,
    DS_ARG_ADD,
    DS_ARG_DST,
    DS_ARG_SCRATCH, /* at least scratch_bytes, 64-byte aligned */
    DS_ARG_COUNT
} ds_arg;

typedef struct ds_kernel ds_kernel;

/* What the planner must know. */
typedef struct ds_kernel_info {
    size_t scratch_bytes;
    size_t packed_bytes; /* 0 if desc.packed is false: b is read as it is stored */
    uint64_t layout;  /* equal numbers (and equal packed_bytes): the packed copies are the same */
    double flops;     /* multiply and add counted separately */
    const char *impl; /* implementation's name, for reports */
} ds_kernel_info;

ds_status ds__kernel_new(ds_kernel **out, ds_backend backend, const ds_kernel_desc *desc,
                         ds_error *err);
void ds__kernel_free(ds_kernel *k); /* NULL is allowed */
const ds_kernel_info *ds__kernel_info(const ds_kernel *k);

/* Writes the packed form of b (stored as desc says, but with element type src_type) to dst. */
ds_status ds__kernel_pack(ds_kernel *k, void *dst, const void *src, ds_dtype src_type,
                          ds_error *err);

/* Pointers stay the kernel's until the next bind; absent arguments are NULL. */
ds_status ds__kernel_bind(ds_kernel *k, void *const args[DS_ARG_COUNT], ds_error *err);
ds_status ds__kernel_run(ds_kernel *k, ds_error *err);

/* "2.6.3", of the oneDNN that is linked. buf holds 32 bytes or more; returns buf. */
const char *ds__dnnl_version(char *buf, size_t size);

/* Whether the machine computes with BF16 operands; otherwise ds__kernel_new refuses them. */
bool ds__kernel_has_bf16(void);

/* Output height and width of the forward convolution. */
static inline int64_t ds__conv_out_h(const ds_kernel_desc *d)
{
    return (d->height + d->pad_top + d->pad_bottom - d->kh) / d->stride + 1;
}

static inline int64_t ds__conv_out_w(const ds_kernel_desc *d)
{
    return (d->width + d->pad_left + d->pad_right - d->kw) / d->stride + 1;
}

#endif
