/* name_map.c - see name_map.h. The tables of this file are all that is known of the old names. */

#include "weights/name_map.h"

#include <stdio.h>
#include <string.h>

typedef struct ds_map_entry {
    const char *ours, *theirs;
    const ds_name_pair *inner; /* what differs below; ended by { NULL }; NULL: nothing */
} map_entry;

static const ds_name_pair unet_resnet[] = {
    { "norm1", "in_layers.0" },
    { "conv1", "in_layers.2" },
    { "norm2", "out_layers.0" },
    { "conv2", "out_layers.3" },
    { "time_emb_proj", "emb_layers.1" },
    { "conv_shortcut", "skip_connection" },
    { NULL, NULL },
};

static const ds_name_pair vae_resnet[] = { { "conv_shortcut", "nin_shortcut" }, { NULL, NULL } };

static const ds_name_pair vae_attention[] = {
    { "group_norm", "norm" },   { "to_q", "q" }, { "to_k", "k" }, { "to_v", "v" },
    { "to_out.0", "proj_out" }, { NULL, NULL },
};

static const ds_name_pair openclip_layer[] = {
    { "layer_norm1", "ln_1" },
    { "layer_norm2", "ln_2" },
    { "self_attn.out_proj", "attn.out_proj" },
    { "mlp.fc1", "mlp.c_fc" },
    { "mlp.fc2", "mlp.c_proj" },
    { NULL, NULL },
};

static const ds_name_pair unet_ends[] = {
    { "time_embedding.linear_1", "time_embed.0" },
    { "time_embedding.linear_2", "time_embed.2" },
    { "time_embedding.cond_proj", "time_embed.cond_proj" },
    { "add_embedding.linear_1", "label_emb.0.0" },
    { "add_embedding.linear_2", "label_emb.0.2" },
    { "conv_in", "input_blocks.0.0" },
    { "conv_norm_out", "out.0" },
    { "conv_out", "out.2" },
    { NULL, NULL },
};

static const ds_name_pair vae_ends[] = {
    { "quant_conv", "quant_conv" },
    { "post_quant_conv", "post_quant_conv" },
    { "encoder.conv_in", "encoder.conv_in" },
    { "encoder.conv_norm_out", "encoder.norm_out" },
    { "encoder.conv_out", "encoder.conv_out" },
    { "decoder.conv_in", "decoder.conv_in" },
    { "decoder.conv_norm_out", "decoder.norm_out" },
    { "decoder.conv_out", "decoder.conv_out" },
    { NULL, NULL },
};

/* Two of these are parameters, not modules: OpenCLIP has no ".weight" there. */
static const ds_name_pair openclip_ends[] = {
    { "text_model.embeddings.token_embedding", "token_embedding" },
    { "text_model.embeddings.position_embedding.weight", "positional_embedding" },
    { "text_model.final_layer_norm", "ln_final" },
    { "text_projection.weight", "text_projection" },
    { NULL, NULL },
};

/* ---- making ---------------------------------------------------------------------------------- */

/* A failure shows as a negative count or a missing text, which finish() finds. */
static void add(ds_name_map *m, const char *ours, const char *theirs, const ds_name_pair *inner)
{
    if (m->count < 0)
        return;
    if (m->count == m->room) {
        int room = m->room == 0 ? 128 : 2 * m->room;
        map_entry *e = ds__arena_alloc(&m->arena, (size_t)room * sizeof *e);

        if (e == NULL) {
            m->count = -1;
            return;
        }
        if (m->count > 0)
            memcpy(e, m->entry, (size_t)m->count * sizeof *e);
        m->entry = e;
        m->room = room;
    }
    m->entry[m->count++] = (map_entry){ ours, theirs, inner };
}

static void add_all(ds_name_map *m, const ds_name_pair *pairs)
{
    for (; pairs->ours != NULL; pairs++)
        add(m, pairs->ours, pairs->theirs, NULL);
}

static ds_status finish(ds_name_map *m, ds_error *err)
{
    bool failed = m->count < 0;

    for (int i = 0; !failed && i < m->count; i++)
        failed = m->entry[i].ours == NULL || m->entry[i].theirs == NULL;
    if (!failed)
        return DS_OK;
    ds__name_map_free(m);
    return ds_fail(err, DS_E_NOMEM, "no memory for the names of a network");
}

#define PRINT(...) ds__arena_printf(&m->arena, __VA_ARGS__)

ds_status ds__name_map_unet(ds_name_map *m, const ds_unet_blocks *b, ds_error *err)
{
    int i = 1;

    add_all(m, unet_ends);
    for (int l = 0; l < b->levels; l++) {
        for (int j = 0; j < b->layers[l]; j++, i++) {
            add(m, PRINT("down_blocks.%d.resnets.%d", l, j), PRINT("input_blocks.%d.0", i),
                unet_resnet);
            if (b->down_attention[l])
                add(m, PRINT("down_blocks.%d.attentions.%d", l, j), PRINT("input_blocks.%d.1", i),
                    NULL);
        }
        if (l + 1 < b->levels)
            add(m, PRINT("down_blocks.%d.downsamplers.0.conv", l),
                PRINT("input_blocks.%d.0.op", i++), NULL);
    }
    add(m, "mid_block.resnets.0", "middle_block.0", unet_resnet);
    add(m, "mid_block.attentions.0", "middle_block.1", NULL);
    add(m, "mid_block.resnets.1", "middle_block.2", unet_resnet);
    i = 0;
    for (int l = 0; l < b->levels; l++) {
        for (int j = 0; j <= b->layers[b->levels - 1 - l]; j++, i++) {
            add(m, PRINT("up_blocks.%d.resnets.%d", l, j), PRINT("output_blocks.%d.0", i),
                unet_resnet);
            if (b->up_attention[l])
                add(m, PRINT("up_blocks.%d.attentions.%d", l, j), PRINT("output_blocks.%d.1", i),
                    NULL);
        }
        if (l + 1 < b->levels) /* sits behind the attention where there is one */
            add(m, PRINT("up_blocks.%d.upsamplers.0.conv", l),
                PRINT("output_blocks.%d.%d.conv", i - 1, b->up_attention[l] ? 2 : 1), NULL);
    }
    return finish(m, err);
}

ds_status ds__name_map_vae(ds_name_map *m, int levels, int layers, ds_error *err)
{
    static const char *const side[] = { "encoder", "decoder" };

    add_all(m, vae_ends);
    for (int l = 0; l < levels; l++) {
        int up = levels - 1 - l; /* their decoder counts from the picture */

        for (int j = 0; j < layers; j++)
            add(m, PRINT("encoder.down_blocks.%d.resnets.%d", l, j),
                PRINT("encoder.down.%d.block.%d", l, j), vae_resnet);
        for (int j = 0; j <= layers; j++)
            add(m, PRINT("decoder.up_blocks.%d.resnets.%d", l, j),
                PRINT("decoder.up.%d.block.%d", up, j), vae_resnet);
        add(m, PRINT("encoder.down_blocks.%d.downsamplers.0.conv", l),
            PRINT("encoder.down.%d.downsample.conv", l), NULL);
        add(m, PRINT("decoder.up_blocks.%d.upsamplers.0.conv", l),
            PRINT("decoder.up.%d.upsample.conv", up), NULL);
    }
    for (size_t s = 0; s < DS_COUNT(side); s++) {
        add(m, PRINT("%s.mid_block.resnets.0", side[s]), PRINT("%s.mid.block_1", side[s]),
            vae_resnet);
        add(m, PRINT("%s.mid_block.attentions.0", side[s]), PRINT("%s.mid.attn_1", side[s]),
            vae_attention);
        add(m, PRINT("%s.mid_block.resnets.1", side[s]), PRINT("%s.mid.block_2", side[s]),
            vae_resnet);
    }
    return finish(m, err);
}

ds_status ds__name_map_openclip(ds_name_map *m, int layers, ds_error *err)
{
    add_all(m, openclip_ends);
    for (int k = 0; k < layers; k++)
        add(m, PRINT("text_model.encoder.layers.%d", k), PRINT("transformer.resblocks.%d", k),
            openclip_layer);
    return finish(m, err);
}

void ds__name_map_free(ds_name_map *m)
{
    ds__arena_free(&m->arena);
    *m = (ds_name_map){ 0 };
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What follows a whole path of modules at the front of a name, or NULL. */
static const char *behind(const char *name, const char *path)
{
    size_t n = strlen(path);

    return strncmp(name, path, n) == 0 && (name[n] == '.' || name[n] == '\0') ? name + n : NULL;
}

static const char *side_of(const ds_name_pair *p, bool ours)
{
    return ours ? p->ours : p->theirs;
}

/* The longest path wins: "input_blocks.3.0.op" before "input_blocks.3.0". */
static bool translate(const ds_name_map *m, bool to_ours, const char *name, char *buf, size_t size)
{
    const map_entry *best = NULL;
    const char *rest = NULL, *tail;
    int n;

    for (int i = 0; i < m->count; i++) {
        const char *from = to_ours ? m->entry[i].theirs : m->entry[i].ours;
        const char *after = behind(name, from);

        if (after != NULL && (rest == NULL || after > rest)) {
            best = &m->entry[i];
            rest = after;
        }
    }
    if (best == NULL)
        return false;
    for (const ds_name_pair *p = best->inner; *rest == '.' && p != NULL && p->ours != NULL; p++)
        if ((tail = behind(rest + 1, side_of(p, !to_ours))) != NULL) {
            n = snprintf(buf, size, "%s.%s%s", to_ours ? best->ours : best->theirs,
                         side_of(p, to_ours), tail);
            return n > 0 && (size_t)n < size;
        }
    n = snprintf(buf, size, "%s%s", to_ours ? best->ours : best->theirs, rest);
    return n > 0 && (size_t)n < size;
}

bool ds__name_to_ours(const ds_name_map *m, const char *theirs, char *buf, size_t size)
{
    return translate(m, true, theirs, buf, size);
}

bool ds__name_to_theirs(const ds_name_map *m, const char *ours, char *buf, size_t size)
{
    return translate(m, false, ours, buf, size);
}
