/* conv.c - two-dimensional convolution and its two adjoints.
 *
 *   dst[n,y,x,o]   = sum_{u,v,i} src[n, y s + u - top, x s + v - left, i] w[o,i,u,v] (+ bias[o])
 *   dsrc[n,Y,X,i]  = sum_{u,v,o} ddst[n, (Y + top - u)/s, (X + left - v)/s, o] w[o,i,u,v]
 *   dw[o,i,u,v]    = sum_{n,y,x} src[n, y s + u - top, x s + v - left, i] ddst[n,y,x,o]
 *   dbias[o]       = sum_{n,y,x} ddst[n,y,x,o]
 *
 * Terms outside an image, or at a fraction of the stride, are zero. Feature maps are [N,H,W,C],
 * weights [O,I,kh,kw]. One thread owns an output; sums run in index order and in double, so the
 * result does not depend on the thread count. */

#include "kernels/backend.h"
#include "kernels/ref/element.h"

/* Sum over channels c < count of a[a0 + c a_step] b[b0 + c b_step]. */
static double dot(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT], int64_t count,
                  int64_t a0, int64_t a_step, int64_t b0, int64_t b_step)
{
    double sum = 0.0;

    for (int64_t c = 0; c < count; c++)
        sum += ds__ref_get(args[DS_ARG_A], d->a_type, a0 + c * a_step) *
               ds__ref_get(args[DS_ARG_B], d->b_type, b0 + c * b_step);
    return sum;
}

void ds__ref_conv(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT])
{
    const float *bias = d->bias ? args[DS_ARG_BIAS] : NULL;
    const float *add = d->add ? args[DS_ARG_ADD] : NULL;
    const int64_t oh = ds__conv_out_h(d), ow = ds__conv_out_w(d), taps = d->kh * d->kw;

#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < d->images * oh * ow; p++) {
        int64_t x = p % ow, y = p / ow % oh, n = p / ow / oh;

        for (int64_t o = 0; o < d->cout; o++) {
            double sum = bias != NULL ? bias[o] : 0.0;

            for (int64_t t = 0; t < taps; t++) {
                int64_t sy = y * d->stride + t / d->kw - d->pad_top;
                int64_t sx = x * d->stride + t % d->kw - d->pad_left;

                if (sy >= 0 && sy < d->height && sx >= 0 && sx < d->width)
                    sum += dot(d, args, d->cin, ((n * d->height + sy) * d->width + sx) * d->cin, 1,
                               o * d->cin * taps + t, taps);
            }
            ds__ref_put(args[DS_ARG_DST], d->dst_type, p * d->cout + o, sum, add);
        }
    }
}

/* The output row that meets input row `in` at tap `t`, or -1. */
static int64_t met(int64_t in, int64_t pad, int64_t t, int64_t stride, int64_t size)
{
    int64_t at = in + pad - t;

    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

void ds__ref_conv_data(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT])
{
    const float *add = d->add ? args[DS_ARG_ADD] : NULL;
    const int64_t oh = ds__conv_out_h(d), ow = ds__conv_out_w(d), taps = d->kh * d->kw;

#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < d->images * d->height * d->width; p++) {
        int64_t sx = p % d->width, sy = p / d->width % d->height, n = p / d->width / d->height;

        for (int64_t i = 0; i < d->cin; i++) {
            double sum = 0.0;

            for (int64_t t = 0; t < taps; t++) {
                int64_t y = met(sy, d->pad_top, t / d->kw, d->stride, oh);
                int64_t x = met(sx, d->pad_left, t % d->kw, d->stride, ow);

                if (y >= 0 && x >= 0)
                    sum += dot(d, args, d->cout, ((n * oh + y) * ow + x) * d->cout, 1, i * taps + t,
                               d->cin * taps);
            }
            ds__ref_put(args[DS_ARG_DST], d->dst_type, p * d->cin + i, sum, add);
        }
    }
}

/* One weight's gradient: output channel o, input channel i, tap t. */
static double weight_gradient(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT], int64_t o,
                              int64_t i, int64_t t)
{
    const int64_t oh = ds__conv_out_h(d), ow = ds__conv_out_w(d);
    double sum = 0.0;

    for (int64_t r = 0; r < d->images * oh; r++) {
        int64_t y = r % oh, n = r / oh;
        int64_t sy = y * d->stride + t / d->kw - d->pad_top;

        if (sy < 0 || sy >= d->height)
            continue;
        for (int64_t x = 0; x < ow; x++) {
            int64_t sx = x * d->stride + t % d->kw - d->pad_left;

            if (sx >= 0 && sx < d->width)
                sum += dot(d, args, 1, ((n * d->height + sy) * d->width + sx) * d->cin + i, 1,
                           (r * ow + x) * d->cout + o, 1);
        }
    }
    return sum;
}

void ds__ref_conv_weights(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT])
{
    const float *add = d->add ? args[DS_ARG_ADD] : NULL;
    const int64_t taps = d->kh * d->kw;
    const int64_t points = d->images * ds__conv_out_h(d) * ds__conv_out_w(d);

#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < d->cout; o++) {
        for (int64_t i = 0; i < d->cin; i++)
            for (int64_t t = 0; t < taps; t++)
                ds__ref_put(args[DS_ARG_DST], d->dst_type, (o * d->cin + i) * taps + t,
                            weight_gradient(d, args, o, i, t), add);
        if (d->bias) {
            double sum = 0.0;

            for (int64_t p = 0; p < points; p++)
                sum += ds__ref_get(args[DS_ARG_B], d->b_type, p * d->cout + o);
            ((float *)args[DS_ARG_BIAS])[o] = (float)sum;
        }
    }
}
