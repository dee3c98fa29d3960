/* optim.h - steps of an optimiser on plain arrays, with PyTorch's arithmetic.
 *
 * Thread rule: each call uses all threads on the arrays that it is given, ds__muon_step one; results
 * do not depend on their number. */

#ifndef DS_OPTIM_H
#define DS_OPTIM_H

#include <diffuscope/base.h>

/* torch.optim.AdamW: decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101). */
typedef struct ds_adamw {
    double rate, beta1, beta2, eps, decay;
} ds_adamw;

#define DS_ADAMW_INIT                                                                              \
    {                                                                                              \
        1e-3, 0.9, 0.999, 1e-8, 1e-2                                                               \
    }

/* One step, the step-th from 1, on `count` parameters; m and v are the moments. The gradient is
 * multiplied by `factor` first. */
void ds__adamw_step(float *param, float *m, float *v, const float *grad, int64_t count,
                    const ds_adamw *o, int64_t step, float factor);

/* Muon, for matrices: momentum that is made orthogonal (K. Jordan et al. 2024,
 * kellerjordan.github.io/posts/muon). `scale` times the root of the longer side gives its steps the size
 * of AdamW's, so that rate and decay can be AdamW's (Liu et al., arXiv 2502.16982). */
typedef struct ds_muon {
    double rate, momentum, scale, decay;
} ds_muon;

#define DS_MUON_INIT                                                                               \
    {                                                                                              \
        1e-3, 0.95, 0.2, 1e-2                                                                      \
    }

/* One step on param [rows,cols] with momentum m:
 *   g = factor grad,  m = momentum m + (1 - momentum) g,  u = momentum m + (1 - momentum) g
 *   param = (1 - rate decay) param - rate scale sqrt(max(rows, cols)) polar(u)
 * polar as in kernels/simd.h: deviates from the authors' five steps of degree 5 in that singular values
 * become 0.8 .. 1.2, where theirs become 0.7 .. 1.2. work: ds__muon_work bytes, 64-byte aligned. */
size_t ds__muon_work(int64_t rows, int64_t cols);
void ds__muon_step(float *param, float *m, const float *grad, int64_t rows, int64_t cols,
                   const ds_muon *o, float factor, void *work);

/* torch.nn.utils.clip_grad_norm_: the factor that brings a gradient of this norm to at most `most`;
 * 1 if most <= 0. The norm is sqrt of the sum over all arrays of ds__sum_squares. */
double ds__sum_squares(const float *x, int64_t count);
double ds__dot(const float *a, const float *b, int64_t count); /* summed in double */
float ds__clip_factor(double norm, double most);

/* average = decay average + (1 - decay) param */
void ds__ema_step(float *average, const float *param, int64_t count, double decay);

/* Share of the full rate at step (from 0): linear from 0 over `warmup` steps, then a half cosine to
 * `floor` at `total`, as transformers' get_cosine_schedule_with_warmup (floor 0). */
double ds__cosine_rate(int64_t step, int64_t warmup, int64_t total, double floor);

#endif
