/* module.h - the layers that networks are made of, under their state-dict names.
 *
 * Each call opens the scope `name`, looks up weight and bias there with the shapes that follow from
 * its arguments, and announces its result. Failures stick to the graph (see ops/graph.h). */

#ifndef DS_MODELS_MODULE_H
#define DS_MODELS_MODULE_H

#include "ops/graph.h"

typedef enum ds_bias { DS_NO_BIAS = 0, DS_BIAS } ds_bias;

ds_var *ds__conv(ds_graph *g, ds_var *x, const char *name, int64_t cout, int64_t kernel,
                 ds_conv_geometry geo);
ds_var *ds__dense(ds_graph *g, ds_var *x, const char *name, int64_t out, ds_bias bias);
ds_var *ds__layer_norm(ds_graph *g, ds_var *x, const char *name, float eps);

/* With silu, the activation is part of the operator; the announced value is the one before it. */
ds_var *ds__group_norm(ds_graph *g, ds_var *x, ds_var *shift, const char *name, int64_t groups,
                       float eps, bool silu);

/* softmax(scale q k^T) v with sites q, k, v, probs, out in the current scope. */
ds_var *ds__attention(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads, bool causal);

/* Residual block of two convolutions, as ResnetBlock2D of UNet and VAE. emb: activated time
 * embedding [N,E], NULL for none. */
ds_var *ds__resnet(ds_graph *g, ds_var *x, ds_var *emb, const char *name, int64_t cout,
                   int64_t groups, float eps, float out_scale);

/* linear_2(silu(linear_1(x))): TimestepEmbedding. */
ds_var *ds__embed_mlp(ds_graph *g, ds_var *x, const char *name, int64_t width);

static inline ds_conv_geometry ds__same_padding(int64_t kernel, int64_t stride)
{
    int64_t p = kernel / 2;

    return (ds_conv_geometry){ stride, p, p, p, p };
}

#endif
