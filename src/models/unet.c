/* unet.c - the denoiser of Stable Diffusion: down, middle, up, with skip connections; at most
 * levels a transformer after each residual block, in which the latent attends to itself and to the
 * text.
 *
 * Names are diffusers'. A level's list of skips is what the down path left; the up path takes them
 * in reverse order, and an upsampled map takes the size of the next skip (sides need not be
 * multiples of eight). */

#include "models/unet.h"

#include "models/config.h"
#include "models/module.h"

#define MAX_SKIPS (DS_UNET_LEVELS * 8)

typedef struct unet {
    ds_graph *g;
    const ds_unet_config *c;
    ds_var *emb;     /* [N,4C], activated: the residual blocks' input beside the map */
    ds_var *context; /* [N,T,context_dim] */
    ds_var *skip[MAX_SKIPS];
    int skips;
} unet;

/* ---- transformer ---------------------------------------------------------------------------- */

/* x attends to context (itself if the same). Keys and values of the text have the text's width. */
static ds_var *attention(unet *u, ds_var *x, ds_var *context, const char *name, int64_t width,
                         int64_t heads)
{
    ds_graph *g = u->g;
    size_t mark = ds__scope_push(g, "%s", name);
    ds_var *q = ds__dense(g, x, "to_q", width, DS_NO_BIAS);
    ds_var *k = ds__dense(g, context, "to_k", width, DS_NO_BIAS);
    ds_var *v = ds__dense(g, context, "to_v", width, DS_NO_BIAS);

    x = ds__attention(g, q, k, v, heads, false);
    x = ds__dense(g, x, "to_out.0", width, DS_BIAS);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *feed_forward(unet *u, ds_var *x, int64_t width)
{
    ds_graph *g = u->g;
    size_t mark = ds__scope_push(g, "ff");

    x = ds__geglu(g, ds__dense(g, x, "net.0.proj", width * 8, DS_BIAS));
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "net.0");
    x = ds__dense(g, x, "net.2", width, DS_BIAS);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *transformer_block(unet *u, ds_var *x, int64_t index, int64_t width, int64_t heads)
{
    ds_graph *g = u->g;
    size_t mark = ds__scope_push(g, "transformer_blocks.%lld", (long long)index);
    ds_var *h;

    ds__block_begin(g);
    h = ds__layer_norm(g, x, "norm1", 1e-5f);
    x = ds__add(g, x, attention(u, h, h, "attn1", width, heads));
    h = ds__layer_norm(g, x, "norm2", 1e-5f);
    x = ds__add(g, x, attention(u, h, u->context, "attn2", width, heads));
    h = ds__layer_norm(g, x, "norm3", 1e-5f);
    x = ds__add(g, x, feed_forward(u, h, width));
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__block_end(g);
    ds__scope_pop(g, mark);
    return x;
}

/* SD 1.x projects with 1x1 convolutions before flattening, SD 2.x with linear layers after it: the
 * same product, and only the parameter's shape differs. */
static ds_var *project(unet *u, ds_var *x, const char *name, int64_t width)
{
    return u->c->linear_projection ? ds__dense(u->g, x, name, width, DS_BIAS)
                                   : ds__conv(u->g, x, name, width, 1, ds__same_padding(1, 1));
}

static ds_var *transformer(unet *u, ds_var *x, int index, int level)
{
    ds_graph *g = u->g;
    int64_t n, h, w, width;
    size_t mark;
    ds_var *y;

    if (x == NULL)
        return NULL;
    mark = ds__scope_push(g, "attentions.%d", index);
    n = ds__var_dim(x, 0);
    h = ds__var_dim(x, 1);
    w = ds__var_dim(x, 2);
    width = ds__var_dim(x, 3);
    y = ds__group_norm(g, x, NULL, "norm", u->c->groups, 1e-6f, false);
    y = project(u, y, "proj_in", width);
    y = ds__reshape(g, y, DS_DIMS(n, h * w, width));
    for (int64_t i = 0; i < u->c->transformers[level]; i++)
        y = transformer_block(u, y, i, width, u->c->heads[level]);
    y = ds__reshape(g, y, DS_DIMS(n, h, w, width));
    y = ds__add(g, x, project(u, y, "proj_out", width));
    y = ds__announce(g, y, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(g, mark);
    return y;
}

/* ---- levels --------------------------------------------------------------------------------- */

static ds_var *resnet(unet *u, ds_var *x, int index, int64_t channels, float out_scale)
{
    char name[32];

    snprintf(name, sizeof name, "resnets.%d", index);
    return ds__resnet(u->g, x, u->emb, name, channels, u->c->groups, u->c->eps, out_scale);
}

static void push_skip(unet *u, ds_var *x)
{
    if (u->skips < MAX_SKIPS)
        u->skip[u->skips++] = x;
    else
        ds__graph_fail(u->g, DS_E_UNSUPPORTED, "more than %d skip connections", MAX_SKIPS);
}

static ds_var *pop_skip(unet *u)
{
    return u->skips > 0 ? u->skip[--u->skips] : NULL;
}

static ds_var *down_level(unet *u, ds_var *x, int level)
{
    const ds_unet_config *c = u->c;
    size_t mark = ds__scope_push(u->g, "down_blocks.%d", level);
    int64_t p = c->downsample_padding;
    /* diffusers pads by (0,1,0,1) where the configuration says 0 */
    ds_conv_geometry halve = { 2, p, p, p > 0 ? p : 1, p > 0 ? p : 1 };

    for (int i = 0; i < c->layers[level]; i++) {
        x = resnet(u, x, i, c->channels[level], c->out_scale);
        if (c->down_attention[level])
            x = transformer(u, x, i, level);
        push_skip(u, x);
    }
    if (level + 1 < c->levels) {
        x = ds__conv(u->g, x, "downsamplers.0.conv", c->channels[level], 3, halve);
        push_skip(u, x);
    }
    x = ds__announce(u->g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(u->g, mark);
    return x;
}

static ds_var *middle(unet *u, ds_var *x)
{
    int last = u->c->levels - 1;
    size_t mark = ds__scope_push(u->g, "mid_block");

    x = resnet(u, x, 0, u->c->channels[last], u->c->mid_scale);
    x = transformer(u, x, 0, last);
    x = resnet(u, x, 1, u->c->channels[last], u->c->mid_scale);
    x = ds__announce(u->g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(u->g, mark);
    return x;
}

/* block counts from the deepest level: diffusers numbers up_blocks in the order of execution. */
static ds_var *up_level(unet *u, ds_var *x, int block)
{
    const ds_unet_config *c = u->c;
    int level = c->levels - 1 - block;
    size_t mark = ds__scope_push(u->g, "up_blocks.%d", block);

    for (int i = 0; i <= c->layers[level]; i++) {
        x = resnet(u, ds__concat(u->g, x, pop_skip(u)), i, c->channels[level], c->out_scale);
        if (c->up_attention[block])
            x = transformer(u, x, i, level);
    }
    if (level > 0 && x != NULL) {
        const ds_var *next = u->skip[u->skips - 1];

        x = ds__upsample(u->g, x, ds__var_dim(next, 1), ds__var_dim(next, 2));
        x = ds__conv(u->g, x, "upsamplers.0.conv", c->channels[level], 3, ds__same_padding(3, 1));
    }
    x = ds__announce(u->g, x, DS_LAYOUT_IMAGE, "");
    ds__scope_pop(u->g, mark);
    return x;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* SDXL: the pooled text and the sinusoids of (original size, crop, target size), arXiv 2307.01952
 * section 2.2, join the time embedding. */
static ds_var *text_time_embedding(unet *u, const ds_unet_inputs *in, int64_t width)
{
    int64_t n;
    ds_var *ids;

    if (in->time_ids == NULL || in->text_embeds == NULL)
        return ds__graph_fail(u->g, DS_E_ARG, "this UNet needs text_embeds and time_ids");
    n = ds__var_dim(in->time_ids, 0);
    ids = ds__timestep_embedding(u->g, in->time_ids, u->c->time_id_dim, u->c->flip_sin_to_cos,
                                 u->c->freq_shift);
    ids = ds__reshape(u->g, ids, DS_DIMS(n, ds__var_dim(in->time_ids, 1) * u->c->time_id_dim));
    return ds__embed_mlp(u->g, ds__concat(u->g, in->text_embeds, ids), "add_embedding", width);
}

/* Networks that were distilled with guidance read its scale beside the time (Meng et al., arXiv
 * 2210.03142, section 3.1): diffusers calls the numbers timestep_cond. */
static ds_var *guidance_embedding(unet *u, const ds_unet_inputs *in)
{
    size_t mark = ds__scope_push(u->g, "time_embedding");
    ds_var *x = in->cond == NULL
                    ? ds__graph_fail(u->g, DS_E_ARG, "this UNet needs timestep_cond")
                    : ds__dense(u->g, in->cond, "cond_proj", u->c->channels[0], DS_NO_BIAS);

    ds__scope_pop(u->g, mark);
    return x;
}

static ds_var *time_embedding(unet *u, const ds_unet_inputs *in)
{
    const ds_unet_config *c = u->c;
    int64_t width = c->channels[0] * 4;
    ds_var *emb = ds__timestep_embedding(u->g, in->timestep, c->channels[0], c->flip_sin_to_cos,
                                         c->freq_shift);

    if (c->cond_dim > 0)
        emb = ds__add(u->g, emb, guidance_embedding(u, in));
    emb = ds__embed_mlp(u->g, emb, "time_embedding", width);
    if (c->text_time)
        emb = ds__add(u->g, emb, text_time_embedding(u, in, width));
    return ds__activate(u->g, emb, DS_ACT_SILU);
}

ds_var *ds__unet_build(ds_graph *g, const ds_unet_config *c, const ds_unet_inputs *in)
{
    unet u = { .g = g, .c = c, .context = in->context };
    ds_var *x;

    u.emb = time_embedding(&u, in);
    x = ds__conv(g, in->sample, "conv_in", c->channels[0], c->conv_in_kernel,
                 ds__same_padding(c->conv_in_kernel, 1));
    push_skip(&u, x);
    for (int level = 0; level < c->levels; level++)
        x = down_level(&u, x, level);
    x = middle(&u, x);
    for (int block = 0; block < c->levels; block++)
        x = up_level(&u, x, block);
    x = ds__group_norm(g, x, NULL, "conv_norm_out", c->groups, c->eps, true);
    return ds__conv(g, x, "conv_out", c->out_channels, c->conv_out_kernel,
                    ds__same_padding(c->conv_out_kernel, 1));
}

/* ---- configuration -------------------------------------------------------------------------- */

static const char *const no[] = { "false", NULL };
static const char *const only_null[] = { NULL };

/* Fields of which one value is implemented: the one that all of SD 1.x, 2.x and XL have. */
static void read_fixed(ds_config *c)
{
    const struct {
        const char *name;
        const char *const *values;
    } fixed[] = {
        { "act_fn", (const char *const[]){ "\"silu\"", "\"swish\"", NULL } },
        { "mid_block_type", (const char *const[]){ "\"UNetMidBlock2DCrossAttn\"", NULL } },
        { "time_embedding_type", (const char *const[]){ "\"positional\"", NULL } },
        { "resnet_time_scale_shift", (const char *const[]){ "\"default\"", NULL } },
        { "attention_type", (const char *const[]){ "\"default\"", NULL } },
        { "center_input_sample", no },
        { "only_cross_attention", no },
        { "mid_block_only_cross_attention", no },
        { "dual_cross_attention", no },
        { "class_embeddings_concat", no },
        { "resnet_skip_time_act", no },
        { "class_embed_type", only_null },
        { "num_class_embeds", only_null },
        { "encoder_hid_dim", only_null },
        { "encoder_hid_dim_type", only_null },
        { "cross_attention_norm", only_null },
        { "time_embedding_act_fn", only_null },
        { "time_embedding_dim", only_null },
        { "timestep_post_act", only_null },
        { "reverse_transformer_layers_per_block", only_null },
        { "num_attention_heads", only_null },
    };
    static const char *const harmless[] = {
        "upcast_attention", /* a remedy for float16: attention is summed in float32 here */
        "dropout",          /* is off after training */
        "addition_embed_type_num_heads", /* of an embedding type that is refused */
        NULL,
    };

    for (size_t i = 0; i < DS_COUNT(fixed); i++)
        ds__config_only(c, fixed[i].name, fixed[i].values);
    ds__config_ignore(c, harmless);
}

static void read_levels(ds_unet_config *u, ds_config *c)
{
    static const char *const down[] = { "DownBlock2D", "CrossAttnDownBlock2D" };
    static const char *const up[] = { "UpBlock2D", "CrossAttnUpBlock2D" };
    int d[DS_UNET_LEVELS] = { 0 }, p[DS_UNET_LEVELS] = { 0 };
    int ups;

    u->levels = ds__config_names(c, "down_block_types", d, DS_UNET_LEVELS, down, 2);
    ups = ds__config_names(c, "up_block_types", p, DS_UNET_LEVELS, up, 2);
    if (c->status == DS_OK && ups != u->levels)
        c->status = ds_fail(c->err, DS_E_FORMAT, "%s: %d down_block_types but %d up_block_types",
                            c->what, u->levels, ups);
    for (int i = 0; i < u->levels; i++) {
        u->down_attention[i] = d[i] == 1;
        u->up_attention[i] = p[i] == 1;
    }
    ds__config_ints(c, "block_out_channels", u->channels, u->levels, 0, 1, 1 << 16);
    ds__config_ints(c, "layers_per_block", u->layers, u->levels, 2, 1, 6);
    ds__config_ints(c, "attention_head_dim", u->heads, u->levels, 8, 1, 1 << 12);
    ds__config_ints(c, "transformer_layers_per_block", u->transformers, u->levels, 1, 1, 64);
}

static void check_divisions(ds_unet_config *u, ds_config *c)
{
    for (int i = 0; c->status == DS_OK && i < u->levels; i++) {
        if (u->channels[i] % u->groups != 0 || u->channels[i] < 1)
            c->status = ds_fail(c->err, DS_E_FORMAT,
                                "%s: block_out_channels %lld does not divide into %lld groups",
                                c->what, (long long)u->channels[i], (long long)u->groups);
        else if (u->channels[i] % u->heads[i] != 0)
            c->status = ds_fail(c->err, DS_E_FORMAT,
                                "%s: block_out_channels %lld does not divide into %lld heads "
                                "(attention_head_dim counts heads, as in diffusers)",
                                c->what, (long long)u->channels[i], (long long)u->heads[i]);
    }
}

static void read_added_embedding(ds_unet_config *u, ds_config *c)
{
    static const char *const types[] = { "\"text_time\"", NULL };
    int64_t joined;

    u->text_time = json_is_string(json_object_get(c->object, "addition_embed_type"));
    ds__config_only(c, "addition_embed_type", types);
    u->time_id_dim = ds__config_int(c, "addition_time_embed_dim", 256, 2, 1 << 16);
    joined = ds__config_int(c, "projection_class_embeddings_input_dim", 0, 0, 1 << 20);
    if (!u->text_time)
        return;
    u->pooled_dim = joined - 6 * u->time_id_dim;
    if (c->status == DS_OK && u->pooled_dim < 1)
        c->status = ds_fail(c->err, DS_E_FORMAT,
                            "%s: projection_class_embeddings_input_dim %lld leaves no room for the "
                            "text beside 6 x %lld sinusoids",
                            c->what, (long long)joined, (long long)u->time_id_dim);
}

ds_status ds__unet_config_read(ds_unet_config *u, const json_t *json, const char *what,
                               ds_error *err)
{
    ds_config c;

    *u = (ds_unet_config){ 0 };
    ds__config_begin(&c, json, what, err);
    read_fixed(&c);
    read_levels(u, &c);
    read_added_embedding(u, &c);
    u->in_channels = ds__config_int(&c, "in_channels", 4, 1, 256);
    u->out_channels = ds__config_int(&c, "out_channels", 4, 1, 256);
    u->context_dim = ds__config_int(&c, "cross_attention_dim", 1280, 1, 1 << 16);
    u->groups = ds__config_int(&c, "norm_num_groups", 32, 1, 1 << 12);
    u->eps = (float)ds__config_real(&c, "norm_eps", 1e-5, 0, 1);
    u->mid_scale = (float)ds__config_real(&c, "mid_block_scale_factor", 1, 1e-3, 1e3);
    u->out_scale = (float)ds__config_real(&c, "resnet_out_scale_factor", 1, 1e-3, 1e3);
    u->conv_in_kernel = ds__config_int(&c, "conv_in_kernel", 3, 1, 31);
    u->conv_out_kernel = ds__config_int(&c, "conv_out_kernel", 3, 1, 31);
    u->downsample_padding = ds__config_int(&c, "downsample_padding", 1, 0, 1);
    u->flip_sin_to_cos = ds__config_bool(&c, "flip_sin_to_cos", true);
    u->freq_shift = (float)ds__config_int(&c, "freq_shift", 0, 0, 1);
    u->linear_projection = ds__config_bool(&c, "use_linear_projection", false);
    u->cond_dim = ds__config_int(&c, "time_cond_proj_dim", 0, 1, 1 << 16);
    u->sample_size = ds__config_int(&c, "sample_size", 64, 1, 1 << 16);
    check_divisions(u, &c);
    return ds__config_end(&c);
}
