/* module.c - see module.h. */

#include "models/module.h"

#include <math.h>

/* Announces x under the scope itself, closes the scope. */
static ds_value *leave(ds_graph *g, size_t mark, ds_value *x, ds_layout layout)
{
    x = ds_announce(g, x, layout, "");
    ds_scope_pop(g, mark);
    return x;
}

static int64_t channels(const ds_value *x)
{
    return x == NULL ? 0 : ds_value_dim(x, ds_value_rank(x) - 1);
}

static ds_layout layout_of(const ds_value *x)
{
    return x != NULL && ds_value_rank(x) == 4 ? DS_LAYOUT_IMAGE : DS_LAYOUT_PLAIN;
}

ds_value *ds__conv(ds_graph *g, ds_value *x, const char *name, int64_t cout, int64_t kernel,
                   ds_conv_geometry geo)
{
    size_t mark = ds_scope_push(g, "%s", name);
    ds_value *w = ds_graph_param(g, "weight", DS_DIMS(cout, channels(x), kernel, kernel));
    ds_value *b = ds_graph_param(g, "bias", DS_DIMS(cout));

    return leave(g, mark, ds_conv2d(g, x, w, b, geo), DS_LAYOUT_IMAGE);
}

ds_value *ds__linear(ds_graph *g, ds_value *x, const char *name, int64_t out, ds_bias bias)
{
    size_t mark = ds_scope_push(g, "%s", name);
    ds_value *w = ds_graph_param(g, "weight", DS_DIMS(out, channels(x)));
    ds_value *b = bias == DS_BIAS ? ds_graph_param(g, "bias", DS_DIMS(out)) : NULL;

    return leave(g, mark, ds_linear(g, x, w, b), layout_of(x));
}

ds_value *ds__layer_norm(ds_graph *g, ds_value *x, const char *name, float eps)
{
    size_t mark = ds_scope_push(g, "%s", name);
    ds_value *w = ds_graph_param(g, "weight", DS_DIMS(channels(x)));
    ds_value *b = ds_graph_param(g, "bias", DS_DIMS(channels(x)));

    return leave(g, mark, ds_layer_normalize(g, x, w, b, eps), DS_LAYOUT_PLAIN);
}

/* True if somebody watches or gates the scope's own value, of x's shape. */
static bool watched(ds_graph *g, const ds_value *x)
{
    int64_t dim[4];
    int rank;

    if (x == NULL)
        return false;
    rank = ds_value_rank(x);
    for (int i = 0; i < rank; i++)
        dim[i] = ds_value_dim(x, rank == 4 && i > 0 ? (i == 1 ? 3 : i - 1) : i);
    return ds_wanted(g, "", rank, dim) != DS_IGNORE || ds_gated(g, "", rank, dim);
}

ds_value *ds__group_norm(ds_graph *g, ds_value *x, ds_value *shift, const char *name,
                         int64_t groups, float eps, bool silu)
{
    size_t mark = ds_scope_push(g, "%s", name);
    ds_value *w = ds_graph_param(g, "weight", DS_DIMS(channels(x)));
    ds_value *b = ds_graph_param(g, "bias", DS_DIMS(channels(x)));
    bool apart = silu && watched(g, x);
    ds_value *y = ds_group_normalize(g, x, shift, w, b, groups, eps, silu && !apart);

    if (!silu || apart)
        y = ds_announce(g, y, layout_of(x), "");
    ds_scope_pop(g, mark);
    return apart ? ds_activate(g, y, DS_ACT_SILU) : y;
}

ds_value *ds__attention(ds_graph *g, ds_value *q, ds_value *k, ds_value *v, int64_t heads,
                        bool causal)
{
    ds_value *out = NULL, *p = NULL;
    float scale;

    q = ds_announce(g, q, DS_LAYOUT_PLAIN, "q");
    k = ds_announce(g, k, DS_LAYOUT_PLAIN, "k");
    v = ds_announce(g, v, DS_LAYOUT_PLAIN, "v");
    if (q == NULL || k == NULL || v == NULL)
        return NULL;
    scale = (float)(1.0 / sqrt((double)channels(q) / (double)heads));
    switch (ds_wanted(g, "probs",
                      DS_DIMS(ds_value_dim(q, 0), heads, ds_value_dim(q, 1), ds_value_dim(k, 1)))) {
    case DS_IGNORE:
        out = ds_attend(g, q, k, v, heads, scale, causal);
        break;
    case DS_LOOK:
        out = ds_attend_and_keep(g, q, k, v, heads, scale, causal, &p);
        ds_announce(g, p, DS_LAYOUT_PLAIN, "probs");
        break;
    case DS_PARTS:
        out = ds_attend_and_show(g, q, k, v, heads, scale, causal, "probs");
        break;
    case DS_EDIT:
        p = ds_attention_probs(g, q, k, heads, scale, causal);
        out = ds_attention_apply(g, ds_announce(g, p, DS_LAYOUT_PLAIN, "probs"), v);
        break;
    }
    return ds_announce(g, out, DS_LAYOUT_PLAIN, "out");
}

ds_value *ds__resnet(ds_graph *g, ds_value *x, ds_value *emb, const char *name, int64_t cout,
                     int64_t groups, float eps, float out_scale)
{
    size_t mark = ds_scope_push(g, "%s", name);
    ds_conv_geometry same = ds__same_padding(3, 1);
    ds_value *h, *shift, *shortcut = x;

    ds_block_begin(g);
    if (channels(x) != cout)
        shortcut = ds__conv(g, x, "conv_shortcut", cout, 1, ds__same_padding(1, 1));
    shift = emb != NULL ? ds__linear(g, emb, "time_emb_proj", cout, DS_BIAS) : NULL;
    h = ds__group_norm(g, x, NULL, "norm1", groups, eps, true);
    h = ds__conv(g, h, "conv1", cout, 3, same);
    h = ds__group_norm(g, h, shift, "norm2", groups, eps, true);
    h = ds__conv(g, h, "conv2", cout, 3, same);
    h = ds_scale(g, ds_add(g, shortcut, h), 1.0f / out_scale);
    h = leave(g, mark, h, DS_LAYOUT_IMAGE);
    ds_block_end(g);
    return h;
}

ds_value *ds__embed_mlp(ds_graph *g, ds_value *x, const char *name, int64_t width)
{
    size_t mark = ds_scope_push(g, "%s", name);

    x = ds__linear(g, x, "linear_1", width, DS_BIAS);
    x = ds_activate(g, x, DS_ACT_SILU);
    return leave(g, mark, ds__linear(g, x, "linear_2", width, DS_BIAS), DS_LAYOUT_PLAIN);
}
