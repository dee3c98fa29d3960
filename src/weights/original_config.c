/* original_config.c - what diffusers' config.json files would say of a single file: numbers come
 * from shapes, the rest (heads, activations, schedule) from the published models' own files. */

#include "weights/original.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Width of the texts that each family's UNet reads; heads per level there, or their width. */
static const struct {
    const char *known;
    int64_t context;
    int heads, head_width;
} families[DS_FAMILIES] = {
    [DS_FAMILY_SD1] = { "sd15", 768, 8, 0 },
    [DS_FAMILY_SD2] = { "sd21", 1024, 0, 64 },
    [DS_FAMILY_XL] = { "sdxl", 2048, 0, 64 },
};

static void set(json_t *j, const char *key, json_t *value)
{
    json_object_set_new(j, key, value);
}

static void set_int(json_t *j, const char *key, int64_t value)
{
    set(j, key, json_integer((json_int_t)value));
}

static ds_status undecided(const ds_original *o, const char *what, ds_error *err)
{
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s: %s; give a folder with the configurations of this model (--config)", o->path,
            what);
    return ds_fail_at(err, DS_E_UNSUPPORTED, o->path, -1);
}

static ds_status missing(const ds_original *o, ds_component c, const char *name, ds_error *err)
{
    ds_fail(err, DS_E_FORMAT, "%s: the %s lacks '%s%s', or it has an odd shape", o->path,
            ds__component_names[c], o->prefix[c], name);
    return ds_fail_at(err, DS_E_FORMAT, o->path, -1);
}

/* Dimension `axis` of a tensor of that rank; 0 if there is none. */
static int64_t dim(const ds_tensor *t, int rank, int axis)
{
    return t != NULL && t->rank == rank ? t->dim[axis] : 0;
}

/* ---- unet ------------------------------------------------------------------------------------ */

/* Number of the first block of a level, "input_blocks.N". */
static int first_block(const ds_unet_blocks *b, int level)
{
    int n = 1;

    for (int l = 0; l < level; l++)
        n += b->layers[l] + 1;
    return n;
}

static int64_t depth_at(const ds_original *o, const char *attention)
{
    int64_t n = 0;

    while (ds__original_find(o, DS_UNET, "%s.transformer_blocks.%lld.norm1.weight", attention,
                             (long long)n) != NULL)
        n++;
    return n;
}

/* Transformer blocks of a level, the same in each of its attentions; -1: they differ. */
static int64_t depth_of_level(const ds_original *o, int level)
{
    const ds_unet_blocks *b = &o->blocks;
    int64_t depth = 0;
    char name[64];
    int up = 0;

    for (int j = 0; j < b->layers[level]; j++) {
        snprintf(name, sizeof name, "input_blocks.%d.1", first_block(b, level) + j);
        if (j > 0 && depth_at(o, name) != depth)
            return -1;
        depth = depth_at(o, name);
    }
    for (int l = b->levels - 1; l > level; l--)
        up += b->layers[l] + 1;
    for (int j = 0; j <= b->layers[level]; j++) {
        snprintf(name, sizeof name, "output_blocks.%d.1", up + j);
        if (depth_at(o, name) != depth)
            return -1;
    }
    return depth;
}

static ds_status set_depths(json_t *j, const ds_original *o, ds_error *err)
{
    const ds_unet_blocks *b = &o->blocks;
    int64_t middle = depth_at(o, "middle_block.1");
    json_t *list = json_array();
    bool odd = false;

    for (int l = 0; l < b->levels; l++) {
        int64_t depth = depth_of_level(o, l);
        bool last = l == b->levels - 1;

        odd |= depth < 0 || (last && depth > 0 && depth != middle);
        json_array_append_new(list, json_integer(depth > 0 ? depth : last ? middle : 1));
    }
    set(j, "transformer_layers_per_block", list);
    if (!odd)
        return DS_OK;
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s is a distilled UNet whose attentions differ in depth within a level (as SSD-1B and "
            "Vega): not implemented",
            o->path);
    return ds_fail_at(err, DS_E_UNSUPPORTED, o->path, -1);
}

static ds_status set_levels(json_t *j, const ds_original *o, ds_error *err)
{
    const ds_unet_blocks *b = &o->blocks;
    json_t *channels = json_array(), *heads = json_array(), *layers = json_array();
    json_t *down = json_array(), *up = json_array();
    int fixed = families[o->family].heads;
    ds_status st = DS_OK;

    for (int l = 0; l < b->levels; l++) {
        int64_t c = dim(ds__original_find(o, DS_UNET, "input_blocks.%d.0.in_layers.2.weight",
                                          first_block(b, l)),
                        4, 0);

        if (c == 0 && st == DS_OK)
            st = missing(o, DS_UNET, "input_blocks.N.0.in_layers.2.weight", err);
        json_array_append_new(channels, json_integer((json_int_t)c));
        json_array_append_new(layers, json_integer(b->layers[l]));
        json_array_append_new(heads,
                              json_integer(fixed > 0 ? fixed : c / families[o->family].head_width));
        json_array_append_new(
            down, json_string(b->down_attention[l] ? "CrossAttnDownBlock2D" : "DownBlock2D"));
        json_array_append_new(up,
                              json_string(b->up_attention[l] ? "CrossAttnUpBlock2D" : "UpBlock2D"));
    }
    set(j, "block_out_channels", channels);
    set(j, "attention_head_dim", heads);
    set(j, "layers_per_block", layers);
    set(j, "down_block_types", down);
    set(j, "up_block_types", up);
    return st == DS_OK ? set_depths(j, o, err) : st;
}

static ds_status unet(json_t *j, const ds_original *o, ds_error *err)
{
    const ds_tensor *in = ds__original_find(o, DS_UNET, "input_blocks.0.0.weight");
    const ds_tensor *out = ds__original_find(o, DS_UNET, "out.2.weight");
    const ds_tensor *label = ds__original_find(o, DS_UNET, "label_emb.0.0.weight");
    const ds_tensor *guide = ds__original_find(o, DS_UNET, "time_embed.cond_proj.weight");
    const ds_tensor *key =
        ds__original_find(o, DS_UNET, "middle_block.1.transformer_blocks.0.attn2.to_k.weight");
    const ds_tensor *project = ds__original_find(o, DS_UNET, "middle_block.1.proj_in.weight");
    char why[120];

    if (in == NULL || in->rank != 4 || out == NULL || out->rank != 4 || key == NULL ||
        key->rank != 2)
        return missing(o, DS_UNET, "out.2.weight or middle_block.1...attn2.to_k.weight", err);
    snprintf(why, sizeof why, "its UNet reads texts of width %lld, but those of %s have %lld",
             (long long)key->dim[1], ds__family_name(o->family),
             (long long)families[o->family].context);
    if (key->dim[1] != families[o->family].context)
        return undecided(o, why, err);
    set_int(j, "in_channels", in->dim[1]);
    set_int(j, "out_channels", out->dim[0]);
    set_int(j, "cross_attention_dim", key->dim[1]);
    set(j, "use_linear_projection", json_boolean(project->rank == 2));
    if (o->family == DS_FAMILY_SD2)
        set_int(j, "sample_size", 64);
    if (label != NULL)
        set_int(j, "projection_class_embeddings_input_dim", dim(label, 2, 1));
    if (guide != NULL)
        set_int(j, "time_cond_proj_dim", dim(guide, 2, 1));
    return set_levels(j, o, err);
}

/* ---- the others ------------------------------------------------------------------------------ */

static const ds_tensor *vae_conv(const ds_original *o, int level, int layer)
{
    if (o->spelling[DS_VAE] == DS_SPELLING_OURS)
        return ds__original_find(o, DS_VAE, "encoder.down_blocks.%d.resnets.%d.conv1.weight", level,
                                 layer);
    return ds__original_find(o, DS_VAE, "encoder.down.%d.block.%d.conv1.weight", level, layer);
}

static ds_status vae(json_t *j, const ds_original *o, ds_error *err)
{
    json_t *channels = json_array(), *down = json_array(), *up = json_array();
    int64_t latent = dim(ds__original_find(o, DS_VAE, "decoder.conv_in.weight"), 4, 1);
    int levels = 0, layers = 0;

    for (; dim(vae_conv(o, levels, 0), 4, 0) > 0; levels++) {
        json_array_append_new(channels, json_integer(vae_conv(o, levels, 0)->dim[0]));
        json_array_append_new(down, json_string("DownEncoderBlock2D"));
        json_array_append_new(up, json_string("UpDecoderBlock2D"));
    }
    while (vae_conv(o, 0, layers) != NULL)
        layers++;
    set(j, "block_out_channels", channels);
    set(j, "down_block_types", down);
    set(j, "up_block_types", up);
    set_int(j, "layers_per_block", layers);
    set_int(j, "latent_channels", latent);
    if (levels == 0 || latent == 0)
        return missing(o, DS_VAE, "encoder.down.0.block.0.conv1.weight or decoder.conv_in.weight",
                       err);
    if (latent != 4)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "%s: an autoencoder of %lld latent channels (Stable Diffusion 3 and Flux "
                       "have 16); those of SD 1.x, 2.x and XL have 4",
                       o->path, (long long)latent);
    return DS_OK;
}

/* OpenCLIP-H is trained with 24 layers, of which SD 2.x reads the last but one: diffusers drops the
 * last, and files that were made from diffusers' have 23. */
static int64_t used_layers(const ds_original *o, ds_component c)
{
    bool penultimate = o->family == DS_FAMILY_SD2 && o->spelling[c] == DS_SPELLING_OPENCLIP;

    return penultimate && o->text_layers[c] == 24 ? 23 : o->text_layers[c];
}

static ds_status text(json_t *j, const ds_original *o, ds_component c, ds_error *err)
{
    bool open = o->spelling[c] == DS_SPELLING_OPENCLIP;
    const char *top = !open && ds__original_find(o, c, "embeddings.token_embedding.weight") == NULL
                          ? "text_model."
                          : "";
    const ds_tensor *token =
        ds__original_find(o, c, "%s%stoken_embedding.weight", top, open ? "" : "embeddings.");
    const ds_tensor *place =
        open ? ds__original_find(o, c, "positional_embedding")
             : ds__original_find(o, c, "%sembeddings.position_embedding.weight", top);
    const ds_tensor *wide = open
                                ? ds__original_find(o, c, "transformer.resblocks.0.mlp.c_fc.weight")
                                : ds__original_find(o, c, "%sencoder.layers.0.mlp.fc1.weight", top);
    const ds_tensor *projection = ds__original_find(o, c, "text_projection");
    int64_t width = dim(token, 2, 1);

    if (width == 0 || dim(place, 2, 0) == 0 || dim(wide, 2, 0) == 0 || o->text_layers[c] == 0)
        return missing(o, c, "token_embedding.weight, its positions or its layers", err);
    if (width % 64 != 0)
        return undecided(o, "the heads of its text encoder are not 64 wide", err);
    set_int(j, "vocab_size", token->dim[0]);
    set_int(j, "hidden_size", width);
    set_int(j, "num_attention_heads", width / 64);
    set_int(j, "intermediate_size", wide->dim[0]);
    set_int(j, "max_position_embeddings", place->dim[0]);
    set_int(j, "num_hidden_layers", used_layers(o, c));
    if (projection == NULL)
        projection = ds__original_find(o, c, "text_projection.weight");
    set_int(j, "projection_dim", projection != NULL ? dim(projection, 2, 1) : width);
    return DS_OK;
}

ds_status ds__original_configs(json_t **out, const ds_original *o, ds_error *err)
{
    const char *known = ds__known_topology(families[o->family].known);
    json_t *all;
    ds_status st = ds__json_parse(&all, known, strlen(known), families[o->family].known, err);

    *out = NULL;
    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++) {
        json_t *j = json_object_get(all, ds__component_names[c]);

        if (o->prefix[c] == NULL)
            json_object_del(all, ds__component_names[c]);
        else if (c == DS_UNET)
            st = unet(j, o, err);
        else if (c == DS_VAE)
            st = vae(j, o, err);
        else
            st = text(j, o, (ds_component)c, err);
    }
    if (st == DS_OK)
        *out = all;
    else
        json_decref(all);
    return st;
}
