/* adjoint.c - adjoints that are still served by the reference. */

#include "kernels/part.h"
#include "kernels/tables.h"

void DS_FN(group_norm_adj)(float *dx, float *dgamma, float *dbeta, float *dshift, const float *dy,
                           const float *x, const float *stats, const ds_group_norm *g)
{
    ds__table_ref.group_norm_adj(dx, dgamma, dbeta, dshift, dy, x, stats, g);
}

void DS_FN(layer_norm_adj)(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                           const float *stats, const float *gamma, int64_t rows, int64_t cols)
{
    ds__table_ref.layer_norm_adj(dx, dgamma, dbeta, dy, x, stats, gamma, rows, cols);
}

void DS_FN(softmax_adj)(float *dx, const float *dy, const float *y, int64_t rows, int64_t cols)
{
    ds__table_ref.softmax_adj(dx, dy, y, rows, cols);
}

void DS_FN(attention_adj)(float *dq, float *dk, float *dv, const float *dout, const float *q,
                          const float *k, const float *v, const float *out, const float *lse,
                          const ds_attention *a, void *work)
{
    ds__table_ref.attention_adj(dq, dk, dv, dout, q, k, v, out, lse, a, work);
}

void DS_FN(attention_probs_adj)(float *dq, float *dk, const float *dprobs, const float *probs,
                                const float *q, const float *k, const ds_attention *a, void *work)
{
    ds__table_ref.attention_probs_adj(dq, dk, dprobs, probs, q, k, a, work);
}

void DS_FN(attention_apply_adj)(float *dprobs, float *dv, const float *dout, const float *probs,
                                const float *v, const ds_attention *a, void *work)
{
    ds__table_ref.attention_apply_adj(dprobs, dv, dout, probs, v, a, work);
}
