/* original.c - recognises single files. See original.h.
 *
 * Only names and shapes are looked at: metadata are often wrong. The order of the tests matters,
 * since inpainting models, refiners and distilled ones share most names with what is implemented. */

#include "weights/original.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define UNET  "model.diffusion_model."
#define FIRST "conditioner.embedders.0."

const char *const ds__component_names[DS_COMPONENTS] = {
    [DS_TEXT_ENCODER] = "text_encoder",
    [DS_TEXT_ENCODER_2] = "text_encoder_2",
    [DS_UNET] = "unet",
    [DS_VAE] = "vae",
};

const char *ds__family_name(ds_family f)
{
    static const char *const names[DS_FAMILIES] = { "Stable Diffusion 1.x", "Stable Diffusion 2.x",
                                                    "Stable Diffusion XL" };

    return names[f];
}

/* Where parts lie: the first whose `mark` is in the file. Text encoders in HF spelling also come
 * from merges that lack "text_model.", which names.c puts back. */
static const struct {
    ds_component part;
    const char *prefix, *mark;
    ds_spelling spelling;
} places[] = {
    { DS_UNET, UNET, "input_blocks.0.0.weight", DS_SPELLING_LDM },
    { DS_UNET, "", "input_blocks.0.0.weight", DS_SPELLING_LDM },
    { DS_UNET, "diffusion_model.", "input_blocks.0.0.weight", DS_SPELLING_LDM },
    { DS_VAE, "first_stage_model.", "decoder.conv_in.weight", DS_SPELLING_LDM },
    { DS_VAE, "vae.", "decoder.conv_in.weight", DS_SPELLING_LDM },
    { DS_VAE, "", "decoder.conv_in.weight", DS_SPELLING_LDM },
    { DS_TEXT_ENCODER, "cond_stage_model.transformer.",
      "text_model.embeddings.token_embedding.weight", DS_SPELLING_OURS },
    { DS_TEXT_ENCODER, "cond_stage_model.transformer.", "embeddings.token_embedding.weight",
      DS_SPELLING_OURS },
    { DS_TEXT_ENCODER, "cond_stage_model.model.", "token_embedding.weight", DS_SPELLING_OPENCLIP },
    { DS_TEXT_ENCODER, FIRST "transformer.", "text_model.embeddings.token_embedding.weight",
      DS_SPELLING_OURS },
    { DS_TEXT_ENCODER, FIRST "transformer.", "embeddings.token_embedding.weight",
      DS_SPELLING_OURS },
    { DS_TEXT_ENCODER, "", "text_model.embeddings.token_embedding.weight", DS_SPELLING_OURS },
    { DS_TEXT_ENCODER_2, "conditioner.embedders.1.model.", "token_embedding.weight",
      DS_SPELLING_OPENCLIP },
};

/* What else is published as one file. A pattern matches at the start of a name, with or without the
 * UNet's prefix; one that begins with '*' anywhere. */
static const struct {
    const char *pattern, *model;
} others[] = {
    { "joint_blocks.", "Stable Diffusion 3" },
    { "single_stream_modulation.lin.weight", "Flux 2" },
    { "txt_in.individual_token_refiner.", "HunyuanVideo" },
    { "double_blocks.", "Flux" },
    { "single_blocks.", "Flux" },
    { "cap_embedder.0.weight", "Lumina 2 or Z-Image" },
    { "patch_embedding.weight", "Wan (video)" },
    { "transformer_blocks.0.img_mod.1.weight", "Qwen-Image" },
    { "llm_adapter.", "Anima" },
    { "net.llm_adapter.", "Anima" },
    { "patchify_proj.", "LTX-Video" },
    { "adaln_single.", "PixArt" },
    { "double_layers.", "AuraFlow" },
    { "clip_txt_mapper.", "Stable Cascade" },
    { "clip_txt_pooled_mapper.", "Stable Cascade" },
    { "*.time_stack.", "Stable Video Diffusion" },
    { "*.time_mixer.", "Stable Video Diffusion" },
    { "*motion_modules.", "an AnimateDiff motion module (video)" },
    { "*temporal_transformer.", "a video model" },
    { "control_model.", "a ControlNet" },
    { "input_hint_block.", "a ControlNet" },
    { "position_net.", "GLIGEN" },
    { "noise_augmentor.", "Stable unCLIP" },
    { "edm_mean", "Playground 2.5" },
    { "edm_vpred.sigma_max", "CosXL (EDM with v-prediction)" },
    { FIRST "model.", "the refiner of Stable Diffusion XL" },
    { "*.lora_down.weight", "a LoRA, not a model: give a model with -m and this file with --lora" },
    { "*.lora_up.weight", "a LoRA, not a model: give a model with -m and this file with --lora" },
    { "*.lora_A.weight", "a LoRA, not a model: give a model with -m and this file with --lora" },
    { "*.hada_w1_a", "a LoHa, not a model: give a model with -m and this file with --lora" },
    { "*.lokr_w1", "a LoKr, not a model: give a model with -m and this file with --lora" },
    { "emb_params", "a textual inversion, not a model: give it with --embedding" },
    { "string_to_param", "a textual inversion, not a model: give it with --embedding" },
    { "down_blocks.0.resnets.", "one component of a diffusers folder: give the folder" },
};

/* By the number of channels that the UNet reads, where it answers with another one: what such a model reads
 * besides the latent. */
static const struct {
    int64_t channels;
    const char *model;
} more_inputs[] = {
    { 9, "an inpainting model" },
    { 8, "InstructPix2Pix" },
    { 5, "a depth-to-image model" },
    { 7, "the x4 upscaler" },
};

static const char *const idle[] = {
    "alphas_cumprod",
    "betas",
    "sqrt_",
    "log_one_minus_",
    "posterior_",
    "model_ema.",
    "denoiser.sigmas",
    "embedding_manager",
    "lvlb_weights",
    "logvar",
    "v_pred",
    "ztsnr",
    "cond_stage_model.model.visual",
    "scale_factor",
    "loss.",
    "first_stage_model.loss.",
    "model_ema_",
    "global_step",
    "conditioner.embedders.1.model.visual",
};

static const char *const idle_ends[] = { ".position_ids", ".logit_scale", ".attn_mask" };

/* ---- names ----------------------------------------------------------------------------------- */

const ds_tensor *ds__original_find(const ds_original *o, ds_component c, const char *fmt, ...)
{
    char name[320];
    int n =
        snprintf(name, sizeof name, "%s%s", o->wrapper, o->prefix[c] != NULL ? o->prefix[c] : "");
    va_list va;

    if (o->prefix[c] == NULL)
        return NULL;
    va_start(va, fmt);
    vsnprintf(name + n, sizeof name - (size_t)n, fmt, va);
    va_end(va);
    return ds_bundle_find(o->bundle, name);
}

ds_component ds__original_part(const ds_original *o, const char *name, const char **rest)
{
    size_t w = strlen(o->wrapper), best = 0;
    ds_component part = DS_COMPONENTS;

    if (strncmp(name, o->wrapper, w) != 0)
        return DS_COMPONENTS;
    name += w;
    for (int c = 0; c < DS_COMPONENTS; c++) {
        size_t n = o->prefix[c] != NULL ? strlen(o->prefix[c]) : 0;

        if (o->prefix[c] != NULL && strncmp(name, o->prefix[c], n) == 0 && n >= best) {
            part = (ds_component)c;
            best = n;
        }
    }
    *rest = name + best;
    return part;
}

bool ds__original_idle(const ds_original *o, const char *name)
{
    size_t w = strlen(o->wrapper);

    if (strncmp(name, o->wrapper, w) == 0)
        name += w;
    for (size_t i = 0; i < DS_COUNT(idle); i++)
        if (strncmp(name, idle[i], strlen(idle[i])) == 0)
            return true;
    for (size_t i = 0; i < DS_COUNT(idle_ends); i++)
        if (ds__ends_with(name, idle_ends[i]) || strcmp(name, idle_ends[i] + 1) == 0)
            return true;
    return false;
}

/* ---- which model ----------------------------------------------------------------------------- */

static ds_status refuse(const ds_original *o, const char *model, const char *tensor, ds_error *err)
{
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s is %s (it has '%.100s'); what opens as a single file is Stable Diffusion 1.x, 2.x "
            "and XL, text to image",
            o->path, model, tensor);
    return ds_fail_at(err, DS_E_UNSUPPORTED, o->path, -1);
}

static bool matches(const char *name, const char *pattern)
{
    static const size_t n = sizeof UNET - 1;

    if (pattern[0] == '*')
        return strstr(name, pattern + 1) != NULL;
    if (strncmp(name, UNET, n) == 0 && strncmp(name + n, pattern, strlen(pattern)) == 0)
        return true;
    return strncmp(name, pattern, strlen(pattern)) == 0;
}

static ds_status refuse_others(const ds_original *o, ds_error *err)
{
    size_t w = strlen(o->wrapper);

    for (size_t p = 0; p < DS_COUNT(others); p++)
        for (int64_t i = 0; i < ds_bundle_count(o->bundle); i++) {
            const char *name = ds_bundle_name(o->bundle, i);

            if (strncmp(name, "model_ema", 9) != 0 && strncmp(name, o->wrapper, w) == 0 &&
                matches(name + w, others[p].pattern))
                return refuse(o, others[p].model, name, err);
        }
    return DS_OK;
}

static void find_places(ds_original *o)
{
    static const char *const wrappers[] = { "", "state_dict." };
    char name[160];

    for (size_t w = 0; w < DS_COUNT(wrappers); w++)
        for (size_t i = 0; i < DS_COUNT(places); i++) {
            snprintf(name, sizeof name, "%s%s%s", wrappers[w], places[i].prefix, places[i].mark);
            if (o->prefix[places[i].part] != NULL || ds_bundle_find(o->bundle, name) == NULL)
                continue;
            o->wrapper = wrappers[w];
            o->prefix[places[i].part] = places[i].prefix;
            o->spelling[places[i].part] = places[i].spelling;
        }
    if (o->prefix[DS_VAE] != NULL &&
        ds__original_find(o, DS_VAE, "decoder.up_blocks.0.resnets.0.conv1.weight") != NULL)
        o->spelling[DS_VAE] = DS_SPELLING_OURS;
}

static ds_status find_family(ds_original *o, ds_error *err)
{
    const ds_tensor *in = ds__original_find(o, DS_UNET, "input_blocks.0.0.weight");
    const ds_tensor *out = ds__original_find(o, DS_UNET, "out.2.weight"), *key = NULL;

    o->family =
        o->prefix[DS_TEXT_ENCODER_2] != NULL ? DS_FAMILY_XL
        : o->prefix[DS_TEXT_ENCODER] != NULL && o->spelling[DS_TEXT_ENCODER] == DS_SPELLING_OPENCLIP
            ? DS_FAMILY_SD2
            : DS_FAMILY_SD1;
    if (in == NULL)
        return DS_OK;
    for (size_t i = 0; in->rank == 4 && i < DS_COUNT(more_inputs); i++)
        if (in->dim[1] == more_inputs[i].channels &&
            (out == NULL || out->rank != 4 || out->dim[0] != in->dim[1]))
            return refuse(o, more_inputs[i].model, "input_blocks.0.0.weight", err);
    if (ds__original_find(o, DS_UNET, "middle_block.1.proj_in.weight") == NULL)
        return refuse(o, "a distilled UNet without attention in the middle (SSD-1B, Vega, tiny SD)",
                      "no middle_block.1", err);
    for (int i = 1; key == NULL && i < 12; i++)
        key = ds__original_find(o, DS_UNET,
                                "input_blocks.%d.1.transformer_blocks.0.attn2.to_k.weight", i);
    if (ds__original_find(o, DS_UNET, "label_emb.0.0.weight") != NULL)
        o->family = DS_FAMILY_XL;
    else if (o->prefix[DS_TEXT_ENCODER] == NULL && key != NULL && key->rank == 2 &&
             key->dim[1] == 1024)
        o->family = DS_FAMILY_SD2;
    return DS_OK;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool has(const ds_original *o, const char *side, int block, const char *what)
{
    return ds__original_find(o, DS_UNET, "%s_blocks.%d.%s", side, block, what) != NULL;
}

/* A level ends where the map shrinks, or grows on the way up. */
static ds_status find_blocks(ds_original *o, ds_error *err)
{
    ds_unet_blocks *b = &o->blocks;
    int level = 0;

    for (int i = 1;; i++) {
        if (has(o, "input", i, "0.op.weight")) {
            level++;
        } else if (has(o, "input", i, "0.in_layers.0.weight")) {
            b->layers[level]++;
            b->down_attention[level] |= has(o, "input", i, "1.proj_in.weight");
        } else {
            break;
        }
        if (level >= DS_MAP_LEVELS)
            return refuse(o, "a UNet of more than 8 levels", "input_blocks", err);
    }
    b->levels = level + 1;
    level = 0;
    for (int i = 0; has(o, "output", i, "0.in_layers.0.weight"); i++) {
        b->up_attention[level] |= has(o, "output", i, "1.proj_in.weight");
        if (has(o, "output", i, "1.conv.weight") || has(o, "output", i, "2.conv.weight"))
            level++;
        if (level >= b->levels)
            return refuse(o, "a UNet that grows more often than it shrinks", "output_blocks", err);
    }
    return DS_OK;
}

static bool has_layer(const ds_original *o, ds_component c, int k)
{
    if (o->spelling[c] == DS_SPELLING_OPENCLIP)
        return ds__original_find(o, c, "transformer.resblocks.%d.ln_1.weight", k) != NULL;
    return ds__original_find(o, c, "text_model.encoder.layers.%d.layer_norm1.weight", k) != NULL ||
           ds__original_find(o, c, "encoder.layers.%d.layer_norm1.weight", k) != NULL;
}

static void count_layers(ds_original *o)
{
    while (ds__original_find(o, DS_VAE, "encoder.down.%d.block.0.conv1.weight", o->vae_levels) !=
           NULL)
        o->vae_levels++;
    while (ds__original_find(o, DS_VAE, "encoder.down.0.block.%d.conv1.weight", o->vae_layers) !=
           NULL)
        o->vae_layers++;
    for (int t = 0; t < 2; t++)
        while (has_layer(o, (ds_component)t, o->text_layers[t]))
            o->text_layers[t]++;
}

static ds_status make_maps(ds_original *o, ds_error *err)
{
    ds_status st = DS_OK;

    if (o->prefix[DS_UNET] != NULL)
        st = ds__name_map_unet(&o->map[DS_UNET], &o->blocks, err);
    if (st == DS_OK && o->prefix[DS_VAE] != NULL && o->spelling[DS_VAE] == DS_SPELLING_LDM)
        st = ds__name_map_vae(&o->map[DS_VAE], o->vae_levels, o->vae_layers, err);
    for (int t = 0; st == DS_OK && t < 2; t++)
        if (o->prefix[t] != NULL && o->spelling[t] == DS_SPELLING_OPENCLIP)
            st = ds__name_map_openclip(&o->map[t], o->text_layers[t], err);
    return st;
}

ds_status ds__original_recognise(ds_original *o, const ds_bundle *b, const char *path,
                                 ds_error *err)
{
    bool any = false;
    ds_status st;

    *o = (ds_original){ .bundle = b, .path = path, .wrapper = "" };
    find_places(o);
    st = refuse_others(o, err);
    for (int c = 0; c < DS_COMPONENTS; c++)
        any |= o->prefix[c] != NULL;
    if (st == DS_OK && !any) {
        ds_fail(err, DS_E_UNSUPPORTED,
                "%s: none of its %lld tensors has a name of Stable Diffusion 1.x, 2.x or XL as a "
                "single file (the first is '%.80s')",
                path, (long long)ds_bundle_count(b),
                ds_bundle_count(b) > 0 ? ds_bundle_name(b, 0) : "");
        st = ds_fail_at(err, DS_E_UNSUPPORTED, path, -1);
    }
    if (st == DS_OK)
        st = find_family(o, err);
    if (st == DS_OK && o->prefix[DS_UNET] != NULL)
        st = find_blocks(o, err);
    if (st != DS_OK)
        return st;
    count_layers(o);
    return make_maps(o, err);
}

void ds__original_clear(ds_original *o)
{
    for (int c = 0; c < DS_COMPONENTS; c++)
        ds__name_map_free(&o->map[c]);
}
