/* module.c - see module.h. */

#include "models/module.h"

#include <math.h>

/* Announces x under the scope itself, closes the scope. */
static ds_var *leave(ds_graph *g, size_t mark, ds_var *x, ds_layout layout)
{
    x = ds__announce(g, x, layout, "");
    ds__scope_pop(g, mark);
    return x;
}

static int64_t channels(const ds_var *x)
{
    return x == NULL ? 0 : ds__var_dim(x, ds__var_rank(x) - 1);
}

static ds_layout layout_of(const ds_var *x)
{
    return x != NULL && ds__var_rank(x) == 4 ? DS_LAYOUT_IMAGE : DS_LAYOUT_PLAIN;
}

ds_var *ds__conv(ds_graph *g, ds_var *x, const char *name, int64_t cout, int64_t kernel,
                 ds_conv_geometry geo)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_var *w = ds__graph_param(g, "weight", DS_DIMS(cout, channels(x), kernel, kernel));
    ds_var *b = ds__graph_param(g, "bias", DS_DIMS(cout));

    return leave(g, mark, ds__conv2d(g, x, w, b, geo), DS_LAYOUT_IMAGE);
}

ds_var *ds__dense(ds_graph *g, ds_var *x, const char *name, int64_t out, ds_bias bias)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_var *w = ds__graph_param(g, "weight", DS_DIMS(out, channels(x)));
    ds_var *b = bias == DS_BIAS ? ds__graph_param(g, "bias", DS_DIMS(out)) : NULL;

    return leave(g, mark, ds__linear(g, x, w, b), layout_of(x));
}

ds_var *ds__layer_norm(ds_graph *g, ds_var *x, const char *name, float eps)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_var *w = ds__graph_param(g, "weight", DS_DIMS(channels(x)));
    ds_var *b = ds__graph_param(g, "bias", DS_DIMS(channels(x)));

    return leave(g, mark, ds__layer_normalize(g, x, w, b, eps), DS_LAYOUT_PLAIN);
}

/* True if somebody watches or gates the scope's own value, of x's shape. */
static bool watched(ds_graph *g, const ds_var *x)
{
    int64_t dim[4];
    int rank;

    if (x == NULL)
        return false;
    rank = ds__var_rank(x);
    for (int i = 0; i < rank; i++)
        dim[i] = ds__var_dim(x, rank == 4 && i > 0 ? (i == 1 ? 3 : i - 1) : i);
    return ds__wanted(g, "", rank, dim) != DS_IGNORE || ds__gated(g, "", rank, dim);
}

ds_var *ds__group_norm(ds_graph *g, ds_var *x, ds_var *shift, const char *name, int64_t groups,
                       float eps, bool silu)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_var *w = ds__graph_param(g, "weight", DS_DIMS(channels(x)));
    ds_var *b = ds__graph_param(g, "bias", DS_DIMS(channels(x)));
    bool apart = silu && watched(g, x);
    ds_var *y = ds__group_normalize(g, x, shift, w, b, groups, eps, silu && !apart);

    if (!silu || apart)
        y = ds__announce(g, y, layout_of(x), "");
    ds__scope_pop(g, mark);
    return apart ? ds__activate(g, y, DS_ACT_SILU) : y;
}

ds_var *ds__attention(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads, bool causal)
{
    ds_var *out = NULL, *p = NULL;
    float scale;

    q = ds__announce(g, q, DS_LAYOUT_PLAIN, "q");
    k = ds__announce(g, k, DS_LAYOUT_PLAIN, "k");
    v = ds__announce(g, v, DS_LAYOUT_PLAIN, "v");
    if (q == NULL || k == NULL || v == NULL)
        return NULL;
    scale = (float)(1.0 / sqrt((double)channels(q) / (double)heads));
    switch (ds__wanted(g, "probs",
                       DS_DIMS(ds__var_dim(q, 0), heads, ds__var_dim(q, 1), ds__var_dim(k, 1)))) {
    case DS_IGNORE:
        out = ds__attend(g, q, k, v, heads, scale, causal);
        break;
    case DS_LOOK:
        out = ds__attend_and_keep(g, q, k, v, heads, scale, causal, &p);
        ds__announce(g, p, DS_LAYOUT_PLAIN, "probs");
        break;
    case DS_PARTS:
        out = ds__attend_and_show(g, q, k, v, heads, scale, causal, "probs");
        break;
    case DS_EDIT:
        p = ds__attention_probs(g, q, k, heads, scale, causal);
        out = ds__attention_apply(g, ds__announce(g, p, DS_LAYOUT_PLAIN, "probs"), v);
        break;
    }
    return ds__announce(g, out, DS_LAYOUT_PLAIN, "out");
}

ds_var *ds__resnet(ds_graph *g, ds_var *x, ds_var *emb, const char *name, int64_t cout,
                   int64_t groups, float eps, float out_scale)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_conv_geometry same = ds__same_padding(3, 1);
    ds_var *h, *shift, *shortcut = x;

    ds__block_begin(g);
    if (channels(x) != cout)
        shortcut = ds__conv(g, x, "conv_shortcut", cout, 1, ds__same_padding(1, 1));
    shift = emb != NULL ? ds__dense(g, emb, "time_emb_proj", cout, DS_BIAS) : NULL;
    h = ds__group_norm(g, x, NULL, "norm1", groups, eps, true);
    h = ds__conv(g, h, "conv1", cout, 3, same);
    h = ds__group_norm(g, h, shift, "norm2", groups, eps, true);
    h = ds__conv(g, h, "conv2", cout, 3, same);
    h = ds__scale(g, ds__add(g, shortcut, h), 1.0f / out_scale);
    h = leave(g, mark, h, DS_LAYOUT_IMAGE);
    ds__block_end(g);
    return h;
}

ds_var *ds__embed_mlp(ds_graph *g, ds_var *x, const char *name, int64_t width)
{
    size_t mark = ds__scope_push(g, "%s", name);

    x = ds__dense(g, x, "linear_1", width, DS_BIAS);
    x = ds__activate(g, x, DS_ACT_SILU);
    return leave(g, mark, ds__dense(g, x, "linear_2", width, DS_BIAS), DS_LAYOUT_PLAIN);
}
