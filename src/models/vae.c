/* vae.c - encoder and decoder: residual blocks, one attention over all pixels in the middle. */

#include "models/vae.h"

#include "models/config.h"
#include "models/module.h"

#include <stdio.h>

#define EPS 1e-6f

/* Single-headed attention over the pixels, with group norm and residual. */
static ds_var *attention(ds_graph *g, const ds_vae_config *c, ds_var *x)
{
    size_t mark = ds__scope_push(g, "attentions.0");
    int64_t n, h, w, width;
    ds_var *y, *q, *k, *v;

    if (x == NULL)
        return NULL;
    n = ds__var_dim(x, 0);
    h = ds__var_dim(x, 1);
    w = ds__var_dim(x, 2);
    width = ds__var_dim(x, 3);
    y = ds__group_norm(g, x, NULL, "group_norm", c->groups, EPS, false);
    y = ds__reshape(g, y, DS_DIMS(n, h * w, width));
    q = ds__dense(g, y, "to_q", width, DS_BIAS);
    k = ds__dense(g, y, "to_k", width, DS_BIAS);
    v = ds__dense(g, y, "to_v", width, DS_BIAS);
    y = ds__attention(g, q, k, v, 1, false);
    y = ds__reshape(g, y, DS_DIMS(n, h, w, width));
    y = ds__add(g, x, ds__dense(g, y, "to_out.0", width, DS_BIAS));
    y = ds__announce(g, y, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return y;
}

static ds_var *resnet(ds_graph *g, const ds_vae_config *c, ds_var *x, int64_t index,
                      int64_t channels)
{
    char name[32];

    snprintf(name, sizeof name, "resnets.%lld", (long long)index);
    return ds__resnet(g, x, NULL, name, channels, c->groups, EPS, 1.0f);
}

static ds_var *middle(ds_graph *g, const ds_vae_config *c, ds_var *x)
{
    int64_t channels = c->channels[c->levels - 1];
    size_t mark = ds__scope_push(g, "mid_block");

    x = resnet(g, c, x, 0, channels);
    if (c->mid_attention)
        x = attention(g, c, x);
    x = resnet(g, c, x, 1, channels);
    x = ds__announce(g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *down_level(ds_graph *g, const ds_vae_config *c, ds_var *x, int level)
{
    size_t mark = ds__scope_push(g, "down_blocks.%d", level);

    for (int64_t i = 0; i < c->layers; i++)
        x = resnet(g, c, x, i, c->channels[level]);
    if (level + 1 < c->levels) /* one pixel of padding, below and to the right only */
        x = ds__conv(g, x, "downsamplers.0.conv", c->channels[level], 3,
                     (ds_conv_geometry){ .stride = 2, .bottom = 1, .right = 1 });
    x = ds__announce(g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *up_level(ds_graph *g, const ds_vae_config *c, ds_var *x, int block)
{
    int level = c->levels - 1 - block;
    size_t mark = ds__scope_push(g, "up_blocks.%d", block);

    for (int64_t i = 0; i <= c->layers; i++)
        x = resnet(g, c, x, i, c->channels[level]);
    if (level > 0 && x != NULL) {
        x = ds__upsample(g, x, 2 * ds__var_dim(x, 1), 2 * ds__var_dim(x, 2));
        x = ds__conv(g, x, "upsamplers.0.conv", c->channels[level], 3, ds__same_padding(3, 1));
    }
    x = ds__announce(g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return x;
}

/* The norm, activation and convolution that end both halves. */
static ds_var *finish(ds_graph *g, const ds_vae_config *c, ds_var *x, int64_t channels)
{
    x = ds__group_norm(g, x, NULL, "conv_norm_out", c->groups, EPS, true);
    return ds__conv(g, x, "conv_out", channels, 3, ds__same_padding(3, 1));
}

ds_var *ds__vae_encode_build(ds_graph *g, const ds_vae_config *c, ds_var *image)
{
    size_t mark = ds__scope_push(g, "encoder");
    ds_var *x = ds__conv(g, image, "conv_in", c->channels[0], 3, ds__same_padding(3, 1));

    for (int level = 0; level < c->levels; level++)
        x = down_level(g, c, x, level);
    x = finish(g, c, middle(g, c, x), 2 * c->latent_channels);
    x = ds__announce(g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    if (c->quant_conv)
        x = ds__conv(g, x, "quant_conv", 2 * c->latent_channels, 1, ds__same_padding(1, 1));
    return x;
}

ds_var *ds__vae_decode_build(ds_graph *g, const ds_vae_config *c, ds_var *latent)
{
    ds_var *x = latent;
    size_t mark;

    if (c->post_quant_conv)
        x = ds__conv(g, x, "post_quant_conv", c->latent_channels, 1, ds__same_padding(1, 1));
    mark = ds__scope_push(g, "decoder");
    x = ds__conv(g, x, "conv_in", c->channels[c->levels - 1], 3, ds__same_padding(3, 1));
    x = middle(g, c, x);
    for (int block = 0; block < c->levels; block++)
        x = up_level(g, c, x, block);
    x = finish(g, c, x, c->out_channels);
    x = ds__announce(g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return x;
}

/* ---- configuration -------------------------------------------------------------------------- */

ds_status ds__vae_config_read(ds_vae_config *v, const json_t *json, const char *what, ds_error *err)
{
    static const char *const down[] = { "DownEncoderBlock2D" };
    static const char *const up[] = { "UpDecoderBlock2D" };
    static const char *const harmless[] = { "force_upcast", NULL }; /* a remedy for float16 */
    static const char *const silu[] = { "\"silu\"", "\"swish\"", NULL };
    static const char *const only_null[] = { NULL };
    int index[DS_VAE_LEVELS], ups;
    ds_config c;

    *v = (ds_vae_config){ 0 };
    ds__config_begin(&c, json, what, err);
    v->levels = ds__config_names(&c, "down_block_types", index, DS_VAE_LEVELS, down, 1);
    ups = ds__config_names(&c, "up_block_types", index, DS_VAE_LEVELS, up, 1);
    if (c.status == DS_OK && ups != v->levels)
        c.status = ds_fail(err, DS_E_FORMAT, "%s: %d down_block_types but %d up_block_types", what,
                           v->levels, ups);
    ds__config_ints(&c, "block_out_channels", v->channels, v->levels, 0, 1, 1 << 16);
    ds__config_only(&c, "act_fn", silu);
    ds__config_only(&c, "latents_mean", only_null);
    ds__config_only(&c, "latents_std", only_null);
    ds__config_ignore(&c, harmless);
    v->in_channels = ds__config_int(&c, "in_channels", 3, 1, 64);
    v->out_channels = ds__config_int(&c, "out_channels", 3, 1, 64);
    v->latent_channels = ds__config_int(&c, "latent_channels", 4, 1, 256);
    v->layers = ds__config_int(&c, "layers_per_block", 1, 1, 8);
    v->groups = ds__config_int(&c, "norm_num_groups", 32, 1, 1 << 12);
    v->scaling_factor = ds__config_real(&c, "scaling_factor", 0.18215, 1e-6, 1e6);
    v->shift_factor = ds__config_real(&c, "shift_factor", 0.0, -1e6, 1e6);
    v->quant_conv = ds__config_bool(&c, "use_quant_conv", true);
    v->post_quant_conv = ds__config_bool(&c, "use_post_quant_conv", true);
    v->mid_attention = ds__config_bool(&c, "mid_block_add_attention", true);
    v->sample_size = ds__config_int(&c, "sample_size", 32, 1, 1 << 16);
    for (int i = 0; c.status == DS_OK && i < v->levels; i++)
        if (v->channels[i] < 1 || v->channels[i] % v->groups != 0)
            c.status = ds_fail(err, DS_E_FORMAT,
                               "%s: block_out_channels %lld does not divide into %lld groups", what,
                               (long long)v->channels[i], (long long)v->groups);
    return ds__config_end(&c);
}
