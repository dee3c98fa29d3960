/* attention.c - scaled dot-product attention (Vaswani et al., arXiv 1706.03762).
 *
 *   P = softmax(scale q k^T)   out = P v        per image and head
 *
 * The fused operator never forms P as a whole. Where somebody looks at the probabilities, it writes
 * them along the way, whole or a block of rows at a time; its other results stay the same to the
 * last bit. The plain pair is for layers in which somebody changes them. */

#include "ops/node.h"

/* Shapes of one call; v and out may be missing (NULL). */
static ds_attention describe(const ds_var *q, const ds_var *k, const ds_var *out,
                             const ds_attr *attr)
{
    return (ds_attention){
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
    const ds_var *q = n->in[0], *k = n->in[1];

    return 4.0 * (double)q->dim[0] * (double)q->dim[1] * (double)k->dim[1] * (double)q->dim[2];
}

static bool check(ds_graph *g, const ds_var *q, const ds_var *k, const ds_var *v, int64_t heads)
{
    char qs[80], ks[80];

    if (q->rank == 3 && k->rank == 3 && v->rank == 3 && heads > 0 && q->dim[2] % heads == 0 &&
        q->dim[2] == k->dim[2] && q->dim[0] == k->dim[0] && ds__same_shape(k, v))
        return true;
    ds__graph_fail(g, DS_E_SHAPE, "attention: q %s, k %s do not fit together with %lld heads",
                   ds__shape(q, qs, sizeof qs), ds__shape(k, ks, sizeof ks), (long long)heads);
    return false;
}

/* ---- fused: in q, k, v; out out, log-sum-exp ------------------------------------------------ */

enum { PART_BYTES = 1 << 20, PART_ROWS = 64 };

/* Rows of one part: as many as fit the cache, a multiple of what the kernel takes at a time. A row
 * under a causal mask knows its place by the number of rows, so those are not cut. */
static int64_t rows_of_part(const ds_attention *a)
{
    int64_t rows = PART_BYTES / (a->heads * a->sk * (int64_t)sizeof(float));

    rows = rows / PART_ROWS * PART_ROWS;
    if (rows < PART_ROWS)
        rows = PART_ROWS;
    return a->causal || rows > a->sq ? a->sq : rows;
}

static size_t part_bytes(const ds_attention *a)
{
    return ((size_t)(a->heads * rows_of_part(a) * a->sk) * sizeof(float) + 63) & ~(size_t)63;
}

static ds_status prepare_fused(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], n->out[0], &n->attr);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_work(&a);
    if (n->parts != NULL)
        n->scratch_bytes += part_bytes(&a);
    return DS_OK;
}

static void *at(const ds_var *v, int64_t element)
{
    return v->data == NULL ? NULL : (char *)v->data + (size_t)element * ds_dtype_size(v->dtype);
}

/* One image of the batch, in parts if they are wanted. */
static ds_status show_image(ds_node *n, const ds_attention *whole, int64_t image, ds_error *err)
{
    const ds_watcher *w = n->watcher;
    const bool wanted = w->wants_image == NULL || w->wants_image(w->user, n->parts, image);
    const int64_t step = wanted ? rows_of_part(whole) : whole->sq, sq = whole->sq;
    float *probs = wanted ? n->scratch : NULL;
    void *work = (char *)n->scratch + part_bytes(whole);
    ds_status st = DS_OK;

    for (int64_t first = 0; st == DS_OK && first < sq; first += step) {
        ds_attention a = *whole;
        ds_part part = { n->parts, image, a.heads, first, sq - first, a.sk, probs };
        const int64_t row = image * sq + first;

        part.rows = part.rows < step ? part.rows : step;
        a.n = 1;
        a.sq = part.rows;
        ds__simd()->attention(at(n->out[0], row * a.ldo), NULL, probs, at(n->in[0], row * a.ldq),
                              at(n->in[1], image * a.sk * a.ldk),
                              at(n->in[2], image * a.sk * a.ldv), &a, work);
        if (wanted)
            st = w->show_part(w->user, &part, err);
    }
    return st;
}

static ds_status run_fused(ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[0], n->in[1], n->out[0], &n->attr);
    float *probs = n->n_out > 2 ? n->out[2]->data : NULL;
    ds_status st = DS_OK;

    if (n->parts == NULL || n->out[1]->data != NULL)
        ds__simd()->attention(n->out[0]->data, n->out[1]->data, probs, n->in[0]->data,
                              n->in[1]->data, n->in[2]->data, &a, n->scratch);
    for (int64_t i = 0; st == DS_OK && n->parts != NULL && i < a.n; i++)
        st = show_image(n, &a, i, err);
    return st;
}

/* Adjoint: in dout, q, k, v, out, log-sum-exp; out dq, dk, dv. Probabilities are computed again,
 * block by block (Dao et al., arXiv 2205.14135, appendix B). */
static ds_status prepare_fused_adjoint(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[1], n->in[2], NULL, &n->attr);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_adj_work(&a);
    return DS_OK;
}

static ds_status run_fused_adjoint(ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[1], n->in[2], NULL, &n->attr);

    (void)err;
    ds__simd()->attention_adj(ds__zeroed(n->out[0]), ds__zeroed(n->out[1]), ds__zeroed(n->out[2]),
                              n->in[0]->data, n->in[1]->data, n->in[2]->data, n->in[3]->data,
                              n->in[4]->data, n->in[5]->data, &a, n->scratch);
    return DS_OK;
}

static double adjoint_flops(const ds_node *n)
{
    const ds_var *q = n->in[1], *k = n->in[2];

    return 10.0 * (double)q->dim[0] * (double)q->dim[1] * (double)k->dim[1] * (double)q->dim[2];
}

static const ds_op op_fused_adjoint = {
    .name = "attention adjoint",
    .prepare = prepare_fused_adjoint,
    .run = run_fused_adjoint,
    .flops = adjoint_flops,
};

/* The adjoints' kernels read float32: operands that were rounded keep their rounded values. */
static ds_var *exact(ds_graph *g, ds_var *x)
{
    return ds__cast(g, x, DS_DTYPE_F32);
}

static void fused_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *in[6] = { dout[0],   exact(g, n->in[0]), exact(g, n->in[1]), exact(g, n->in[2]),
                      n->out[0], n->out[1] };
    ds_node *a = ds__append(g, &op_fused_adjoint, 6, in);

    if (a != NULL)
        a->attr = n->attr;
    for (int i = 0; i < 3; i++)
        din[i] = ds__output(g, a, DS_DTYPE_F32, 3, n->in[i]->dim);
}

static const ds_op op_fused = {
    .name = "attention",
    .bf16_out = true,
    .prepare = prepare_fused,
    .run = run_fused,
    .adjoint = fused_adjoint,
    .flops = flops,
};

ds_var *ds__attend(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads, float scale,
                   bool causal)
{
    ds_var *in[3] = { ds__operand(g, q), ds__operand(g, k), ds__operand(g, v) };
    ds_var *out;
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
    ds__output(g, n, DS_DTYPE_F32, 3, (const int64_t[]){ q->dim[0], heads, q->dim[1] });
    return out;
}

ds_var *ds__attend_and_keep(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads,
                            float scale, bool causal, ds_var **probs)
{
    ds_var *out = ds__attend(g, q, k, v, heads, scale, causal);

    *probs = out == NULL ? NULL
                         : ds__output(g, out->by, DS_DTYPE_F32, 4,
                                      (const int64_t[]){ q->dim[0], heads, q->dim[1], k->dim[1] });
    return out;
}

ds_var *ds__attend_and_show(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads,
                            float scale, bool causal, const char *name)
{
    ds_var *out = ds__attend(g, q, k, v, heads, scale, causal);
    size_t mark;

    if (out == NULL)
        return NULL;
    mark = ds__scope_push(g, "%s", name);
    out->by->watcher = g->options.watcher;
    out->by->parts = ds__arena_printf(&g->arena, "%s", g->path);
    ds__scope_pop(g, mark);
    return out->by->parts != NULL ? out : ds__graph_fail(g, DS_E_NOMEM, "no memory for a name");
}

/* ---- plain, first step: in q, k; out P ------------------------------------------------------ */

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

/* Adjoint: in dP, P, q, k; out dq, dk. */
static ds_status prepare_probs_adjoint(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[2], n->in[3], NULL, &n->attr);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_adj_work(&a);
    return DS_OK;
}

static ds_status run_probs_adjoint(ds_node *n, ds_error *err)
{
    ds_attention a = describe(n->in[2], n->in[3], NULL, &n->attr);

    (void)err;
    ds__simd()->attention_probs_adj(ds__zeroed(n->out[0]), ds__zeroed(n->out[1]), n->in[0]->data,
                                    n->in[1]->data, n->in[2]->data, n->in[3]->data, &a, n->scratch);
    return DS_OK;
}

static const ds_op op_probs_adjoint = {
    .name = "attention_probs adjoint",
    .prepare = prepare_probs_adjoint,
    .run = run_probs_adjoint,
};

static void probs_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *in[4] = { dout[0], n->out[0], exact(g, n->in[0]), exact(g, n->in[1]) };
    ds_node *a = ds__append(g, &op_probs_adjoint, 4, in);

    if (a != NULL)
        a->attr = n->attr;
    for (int i = 0; i < 2; i++)
        din[i] = ds__output(g, a, DS_DTYPE_F32, 3, n->in[i]->dim);
}

static double half_flops(const ds_node *n)
{
    return flops(n) / 2;
}

static const ds_op op_probs = {
    .name = "attention_probs",
    .prepare = prepare_probs,
    .run = run_probs,
    .adjoint = probs_adjoint,
    .flops = half_flops,
};

ds_var *ds__attention_probs(ds_graph *g, ds_var *q, ds_var *k, int64_t heads, float scale,
                            bool causal)
{
    ds_var *in[2] = { ds__operand(g, q), ds__operand(g, k) };
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
                      (const int64_t[]){ q->dim[0], heads, q->dim[1], k->dim[1] });
}

/* ---- plain, second step: in P, v; out out --------------------------------------------------- */

static ds_attention describe_apply(const ds_var *p, const ds_var *v, ds_dtype out_type)
{
    return (ds_attention){
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
        .out_type = out_type,
    };
}

static ds_status prepare_apply(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n->in[0], n->in[1], n->out[0]->dtype);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_work(&a);
    return DS_OK;
}

static ds_status run_apply(ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n->in[0], n->in[1], n->out[0]->dtype);

    (void)err;
    ds__simd()->attention_apply(n->out[0]->data, n->in[0]->data, n->in[1]->data, &a, n->scratch);
    return DS_OK;
}

/* Adjoint: in dout, P, v; out dP, dv. */
static ds_status prepare_apply_adjoint(ds_graph *g, ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n->in[1], n->in[2], DS_DTYPE_F32);

    (void)g;
    (void)err;
    n->scratch_bytes = ds__simd()->attention_adj_work(&a);
    return DS_OK;
}

static ds_status run_apply_adjoint(ds_node *n, ds_error *err)
{
    ds_attention a = describe_apply(n->in[1], n->in[2], DS_DTYPE_F32);

    (void)err;
    ds__simd()->attention_apply_adj(ds__zeroed(n->out[0]), ds__zeroed(n->out[1]), n->in[0]->data,
                                    n->in[1]->data, n->in[2]->data, &a, n->scratch);
    return DS_OK;
}

static const ds_op op_apply_adjoint = {
    .name = "attention_apply adjoint",
    .prepare = prepare_apply_adjoint,
    .run = run_apply_adjoint,
};

static void apply_adjoint(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[])
{
    ds_var *in[3] = { dout[0], n->in[0], exact(g, n->in[1]) };
    ds_node *a = ds__append(g, &op_apply_adjoint, 3, in);

    din[0] = ds__output(g, a, DS_DTYPE_F32, 4, n->in[0]->dim);
    din[1] = ds__output(g, a, DS_DTYPE_F32, 3, n->in[1]->dim);
}

static double apply_flops(const ds_node *n)
{
    return 2.0 * (double)ds__var_count(n->in[0]) * (double)(n->in[1]->dim[2] / n->in[0]->dim[1]);
}

static const ds_op op_apply = {
    .name = "attention_apply",
    .bf16_out = true,
    .prepare = prepare_apply,
    .run = run_apply,
    .adjoint = apply_adjoint,
    .flops = apply_flops,
};

ds_var *ds__attention_apply(ds_graph *g, ds_var *probs, ds_var *v)
{
    ds_var *in[2] = { probs, ds__operand(g, v) };

    if (probs == NULL || in[1] == NULL)
        return NULL;
    if (probs->rank != 4 || v->rank != 3 || probs->dim[3] != v->dim[1] ||
        v->dim[2] % probs->dim[1] != 0)
        return ds__graph_fail(g, DS_E_SHAPE, "attention: probabilities do not fit the values");
    return ds__output(g, ds__append(g, &op_apply, 2, in), DS_DTYPE_F32, 3,
                      (const int64_t[]){ probs->dim[0], probs->dim[2], v->dim[2] });
}
