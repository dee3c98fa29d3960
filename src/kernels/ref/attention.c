/* attention.c - attention and its adjoint: the specification. Sums in double, one thread. */

#include "kernels/part.h"
#include "kernels/ref/put.h"

#include <math.h>

enum { STRIP = 64 }; /* columns of the output at a time */

size_t ds__attention_work_ref(const ds_attention *a)
{
    (void)a;
    return 0;
}

/* Keys that row i of the queries may see. */
static int64_t visible(const ds_attention *a, int64_t i)
{
    const int64_t m = i + 1 + a->sk - a->sq;

    if (!a->causal || m > a->sk)
        return a->sk;
    return m > 0 ? m : 0;
}

static double score(const ds_attention *a, const void *q, const void *k, ds_dtype type, int64_t b,
                    int64_t h, int64_t i, int64_t j)
{
    double s = 0.0;

    for (int64_t x = 0; x < a->d; x++)
        s += (double)get(q, type, (b * a->sq + i) * a->ldq + h * a->d + x) *
             get(k, type, (b * a->sk + j) * a->ldk + h * a->d + x);
    return s * a->scale;
}

#define EACH_ROW                                                                                   \
    for (int64_t b = 0; b < a->n; b++)                                                             \
        for (int64_t h = 0; h < a->heads; h++)                                                     \
            for (int64_t i = 0; i < a->sq; i++)

void ds__attention_ref(void *out, float *lse, float *probs, const void *q, const void *k,
                       const void *v, const ds_attention *a, void *work)
{
    (void)work;
    EACH_ROW
    {
        const int64_t m = visible(a, i), row = (b * a->heads + h) * a->sq + i;
        double top = -INFINITY, sum = 0.0;

        for (int64_t j = 0; j < m; j++)
            top = fmax(top, score(a, q, k, a->type, b, h, i, j));
        for (int64_t j = 0; j < m; j++)
            sum += exp(score(a, q, k, a->type, b, h, i, j) - top);
        if (lse != NULL)
            lse[row] = (float)(top + log(sum));
        for (int64_t j = 0; probs != NULL && j < a->sk; j++)
            probs[row * a->sk + j] =
                j < m ? (float)(exp(score(a, q, k, a->type, b, h, i, j) - top) / sum) : 0.0f;
        for (int64_t x0 = 0; out != NULL && x0 < a->d; x0 += STRIP) {
            const int64_t width = a->d - x0 < STRIP ? a->d - x0 : STRIP;
            double o[STRIP] = { 0 };

            for (int64_t j = 0; j < m; j++) {
                const double p = exp(score(a, q, k, a->type, b, h, i, j) - top);

                for (int64_t x = 0; x < width; x++)
                    o[x] += p * get(v, a->type, (b * a->sk + j) * a->ldv + h * a->d + x0 + x);
            }
            for (int64_t x = 0; x < width; x++)
                put(out, a->out_type, (b * a->sq + i) * a->ldo + h * a->d + x0 + x,
                    m > 0 ? (float)(o[x] / sum) : 0.0f);
        }
    }
}

void ds__attention_probs_ref(float *probs, const void *q, const void *k, const ds_attention *a,
                             void *work)
{
    ds__attention_ref(NULL, NULL, probs, q, k, NULL, a, work);
}

void ds__attention_apply_ref(void *out, const float *probs, const void *v, const ds_attention *a,
                             void *work)
{
    (void)work;
    EACH_ROW
    {
        const float *p = probs + ((b * a->heads + h) * a->sq + i) * a->sk;

        for (int64_t x = 0; x < a->d; x++) {
            double o = 0.0;

            for (int64_t j = 0; j < a->sk; j++)
                o += (double)p[j] * get(v, a->type, (b * a->sk + j) * a->ldv + h * a->d + x);
            put(out, a->out_type, (b * a->sq + i) * a->ldo + h * a->d + x, (float)o);
        }
    }
}

size_t ds__attention_adj_work_ref(const ds_attention *a)
{
    (void)a;
    return 0;
}

/* With p_ij = exp(scale <q_i, k_j> - lse_i), D_i = <dout_i, out_i>:
 *   dv_j += sum_i p_ij dout_i,   ds_ij = scale p_ij (<dout_i, v_j> - D_i),
 *   dq_i += sum_j ds_ij k_j,     dk_j += sum_i ds_ij q_i. */
void ds__attention_adj_ref(float *dq, float *dk, float *dv, const float *dout, const float *q,
                           const float *k, const float *v, const float *out, const float *lse,
                           const ds_attention *a, void *work)
{
    (void)work;
    EACH_ROW
    {
        const int64_t at_o = (b * a->sq + i) * a->ldo + h * a->d;
        const int64_t at_q = (b * a->sq + i) * a->ldq + h * a->d;
        double dot = 0.0;

        for (int64_t x = 0; x < a->d; x++)
            dot += (double)dout[at_o + x] * out[at_o + x];
        for (int64_t j = 0; j < visible(a, i); j++) {
            const int64_t at_k = (b * a->sk + j) * a->ldk + h * a->d;
            const int64_t at_v = (b * a->sk + j) * a->ldv + h * a->d;
            const double p =
                exp(score(a, q, k, DS_DTYPE_F32, b, h, i, j) - lse[(b * a->heads + h) * a->sq + i]);
            double ds = 0.0;

            for (int64_t x = 0; x < a->d; x++)
                ds += (double)dout[at_o + x] * v[at_v + x];
            ds = a->scale * p * (ds - dot);
            for (int64_t x = 0; x < a->d; x++) {
                if (dv != NULL)
                    dv[at_v + x] += (float)(p * dout[at_o + x]);
                if (dq != NULL)
                    dq[at_q + x] += (float)(ds * k[at_k + x]);
                if (dk != NULL)
                    dk[at_k + x] += (float)(ds * q[at_q + x]);
            }
        }
    }
}

/* ds_ij = scale p_ij (dp_ij - sum_l p_il dp_il); dq, dk as above. */
void ds__attention_probs_adj_ref(float *dq, float *dk, const float *dprobs, const float *probs,
                                 const float *q, const float *k, const ds_attention *a, void *work)
{
    (void)work;
    EACH_ROW
    {
        const float *p = probs + ((b * a->heads + h) * a->sq + i) * a->sk;
        const float *dp = dprobs + (p - probs);
        const int64_t at_q = (b * a->sq + i) * a->ldq + h * a->d;
        double dot = 0.0;

        for (int64_t j = 0; j < a->sk; j++)
            dot += (double)p[j] * dp[j];
        for (int64_t j = 0; j < a->sk; j++) {
            const int64_t at_k = (b * a->sk + j) * a->ldk + h * a->d;
            const double ds = a->scale * p[j] * (dp[j] - dot);

            for (int64_t x = 0; x < a->d; x++) {
                if (dq != NULL)
                    dq[at_q + x] += (float)(ds * k[at_k + x]);
                if (dk != NULL)
                    dk[at_k + x] += (float)(ds * q[at_q + x]);
            }
        }
    }
}

/* dp_ij += <dout_i, v_j>,  dv_j += sum_i p_ij dout_i. */
void ds__attention_apply_adj_ref(float *dprobs, float *dv, const float *dout, const float *probs,
                                 const float *v, const ds_attention *a, void *work)
{
    (void)work;
    EACH_ROW
    {
        const int64_t at_p = ((b * a->heads + h) * a->sq + i) * a->sk;
        const float *o = dout + (b * a->sq + i) * a->ldo + h * a->d;

        for (int64_t j = 0; j < a->sk; j++) {
            const int64_t at_v = (b * a->sk + j) * a->ldv + h * a->d;
            double dot = 0.0;

            for (int64_t x = 0; x < a->d; x++) {
                dot += (double)o[x] * v[at_v + x];
                if (dv != NULL)
                    dv[at_v + x] += probs[at_p + j] * o[x];
            }
            if (dprobs != NULL)
                dprobs[at_p + j] += (float)dot;
        }
    }
}
