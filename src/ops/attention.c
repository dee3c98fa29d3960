/* attention.c - scaled dot-product attention (Vaswani et al., arXiv 1706.03762).
 *
 *   P = softmax(scale q k^T)   out = P v        per image and head
 *
 * The fused operator never forms P as a whole. The plain pair does, for layers in which somebody
 * looks at the probabilities or changes them.                                                      */

#include "ops/node.h"

/* Shapes of one call; v and out may be missing (NULL).                                             */
static ds_attention describe(const ds_value *q, const ds_value *k, const ds_value *out,
                             const ds_attr *attr)
{
    return (ds_attention) {
        .n = q->dim[0],
        .heads = attr->attention.heads,
        .d = q->dim[2] / attr->attention.heads,
        .sq = q->dim[1],
        .sk = k->dim[1],
        .ldq = q->dim[2],
        .ldk = k->dim[2],
        .ldv = k->dim[2],
        .ldo = q->dim[2],
        .scale = attr->attention.scale,
        .causal = attr->attention.causal,
        .type = q->dtype,
        .out_type = out == NULL ? DS_DTYPE_F32 : out->dtype,
    };
}

static double flops(const ds_node *n)
{
    const ds_value *q = n->in[0], *k = n->in[1];

    return 4.0 * (double)q->dim[0] * (double)q->dim[1] * (double)k->dim[1] * (double)q->dim[2];
}

static bool check(ds_graph *g, const ds_value *q, const ds_value *k, const ds_value *v,
                  int64_t heads)
{
    char qs[80], ks[80];

    if (q->rank == 3 && k->rank == 3 && v->rank == 3 && heads > 0 && q->dim[2] % heads == 0
        && q->dim[2] == k->dim[2] && q->dim[0] == k->dim[0] && ds__same_shape(k, v))
        return true;
    ds_graph_fail(g, DS_E_SHAPE, "attention: q %s, k %s do not fit together with %lld heads",
                  ds__shape(q, qs, sizeof qs), ds__shape(k, ks, sizeof ks), (long long)heads);
    return false;
}

/* ---- fused: in q, k, v; out out, log-sum-exp ------------------------------------------------------ */

static ds_status prepare_fused(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], n->out[0], &n->attr);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_work(&a);
    return DS_OK;
}

static ds_status run_fused(ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], n->out[0], &n->attr);

    (void)err;
    ds__simd()->attention(n->out[0]->data, n->out[1]->data, NULL, n->in[0]->data, n->in[1]->data,
                          n->in[2]->data, &a, n->scratch);
    return DS_OK;
}

static const ds_op op_fused = {
    .name = "attention",
    .bf16_out = true,
    .prepare = prepare_fused,
    .run = run_fused,
    .flops = flops,
};

ds_value *ds_attend(ds_graph *g, ds_value *q, ds_value *k, ds_value *v, int64_t heads,
                          float scale, bool causal)
{
    ds_value *in[3] = { ds__operand(g, q), ds__operand(g, k), ds__operand(g, v) };
    ds_value *out;
    ds_node *n;

    if (in[0] == NULL || in[1] == NULL || in[2] == NULL || !check(g, q, k, v, heads))
        return NULL;
    n = ds__append(g, &op_fused, 3, in);
    if (n == NULL)
        return NULL;
    n->attr.attention.heads = heads;
    n->attr.attention.scale = scale;
    n->attr.attention.causal = causal;
    out = ds__output(g, n, DS_DTYPE_F32, 3, q->dim);
    ds__output(g, n, DS_DTYPE_F32, 3, (const int64_t[]) { q->dim[0], heads, q->dim[1] });
    return out;
}

/* ---- plain, first step: in q, k; out P ------------------------------------------------------------ */

static ds_status prepare_probs(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], NULL, &n->attr);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_work(&a);
    return DS_OK;
}

static ds_status run_probs(ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], NULL, &n->attr);

    (void)err;
    ds__simd()->attention_probs(n->out[0]->data, n->in[0]->data, n->in[1]->data, &a, n->scratch);
    return DS_OK;
}

static double half_flops(const ds_node *n)
{
    return flops(n) / 2;
}

static const ds_op op_probs = {
    .name = "attention_probs",
    .prepare = prepare_probs,
    .run = run_probs,
    .flops = half_flops,
};

ds_value *ds_attention_probs(ds_graph *g, ds_value *q, ds_value *k, int64_t heads, float scale,
                             bool causal)
{
    ds_value *in[2] = { ds__operand(g, q), ds__operand(g, k) };
    ds_node *n;

    if (in[0] == NULL || in[1] == NULL || !check(g, q, k, k, heads))
        return NULL;
    n = ds__append(g, &op_probs, 2, in);
    if (n == NULL)
        return NULL;
    n->attr.attention.heads = heads;
    n->attr.attention.scale = scale;
    n->attr.attention.causal = causal;
    return ds__output(g, n, DS_DTYPE_F32, 4,
                      (const int64_t[]) { q->dim[0], heads, q->dim[1], k->dim[1] });
}

/* ---- plain, second step: in P, v; out out ----------------------------------------------------------- */

static ds_attention describe_apply(const ds_node *n)
{
    const ds_value *p = n->in[0], *v = n->in[1];

    return (ds_attention) {
        .n = p->dim[0],
        .heads = p->dim[1],
        .d = v->dim[2] / p->dim[1],
        .sq = p->dim[2],
        .sk = p->dim[3],
        .ldq = v->dim[2],
        .ldk = v->dim[2],
        .ldv = v->dim[2],
        .ldo = v->dim[2],
        .scale = 1.0f,
        .type = v->dtype,
        .out_type = n->out[0]->dtype,
    };
}

static ds_status prepare_apply(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_work(&a);
    return DS_OK;
}

static ds_status run_apply(ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n);

    (void)err;
    ds__simd()->attention_apply(n->out[0]->data, n->in[0]->data, n->in[1]->data, &a, n->scratch);
    return DS_OK;
}

static double apply_flops(const ds_node *n)
{
    return 2.0 * (double)ds_value_count(n->in[0]) * (double)(n->in[1]->dim[2] / n->in[0]->dim[1]);
}

static const ds_op op_apply = {
    .name = "attention_apply",
    .bf16_out = true,
    .prepare = prepare_apply,
    .run = run_apply,
    .flops = apply_flops,
};

ds_value *ds_attention_apply(ds_graph *g, ds_value *probs, ds_value *v)
{
    ds_value *in[2] = { probs, ds__operand(g, v) };

    if (probs == NULL || in[1] == NULL)
        return NULL;
    if (probs->rank != 4 || v->rank != 3 || probs->dim[3] != v->dim[1]
        || v->dim[2] % probs->dim[1] != 0)
        return ds_graph_fail(g, DS_E_SHAPE, "attention: probabilities do not fit the values");
    return ds__output(g, ds__append(g, &op_apply, 2, in), DS_DTYPE_F32, 3,
                      (const int64_t[]) { probs->dim[0], probs->dim[2], v->dim[2] });
}
