/* clip_vision.c - see clip_vision.h. */

#include "models/clip_vision.h"

#include "models/config.h"
#include "models/module.h"

#include <stdio.h>
#include <string.h>

/* [N,side,side,3] -> [N,1+P,width]: the class token, then patches row by row, plus positions. */
static ds_var *embeddings(ds_graph *g, const ds_clip_vision_config *c, ds_var *pixels,
                          ds_var *first)
{
    const int64_t width = c->stack.width, across = c->side / c->patch, patches = across * across;
    const int64_t n = pixels == NULL ? 0 : ds__var_dim(pixels, 0);
    const ds_conv_geometry tiles = { .stride = c->patch };
    size_t mark = ds__scope_push(g, "embeddings");
    ds_var *kernel =
        ds__graph_param(g, "patch_embedding.weight", DS_DIMS(width, 3, c->patch, c->patch));
    ds_var *class_row = ds__graph_param(g, "class_embedding", DS_DIMS(width));
    ds_var *places = ds__graph_param(g, "position_embedding.weight", DS_DIMS(patches + 1, width));
    ds_var *x = ds__conv2d(g, pixels, kernel, NULL, tiles);
    ds_var *head = ds__gather(g, ds__reshape(g, class_row, DS_DIMS(1, width)), first);

    /* Tokens lie one after the other, so a token more is columns more of a row per picture. */
    x = ds__concat(g, head, ds__reshape(g, x, DS_DIMS(n, patches * width)));
    x = ds__add_each(g, ds__reshape(g, x, DS_DIMS(n, patches + 1, width)), places);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

ds_var *ds__clip_vision_build(ds_graph *g, const ds_clip_vision_config *c, ds_var *pixels,
                              ds_var *first)
{
    const int64_t width = c->stack.width;
    const int64_t n = pixels == NULL ? 0 : ds__var_dim(pixels, 0);
    size_t mark = ds__scope_push(g, "vision_model");
    ds_var *x = embeddings(g, c, pixels, first);

    x = ds__layer_norm(g, x, "pre_layrnorm", c->stack.eps); /* the name is misspelt in all files */
    for (int64_t i = 0; i < c->stack.layers; i++)
        x = ds__clip_layer(g, &c->stack, x, i, false);
    x = x == NULL ? NULL : ds__reshape(g, x, DS_DIMS(n, ds__var_count(x) / n));
    x = x == NULL ? NULL : ds__slice(g, x, 0, width);
    x = ds__layer_norm(g, x, "post_layernorm", c->stack.eps);
    ds__scope_pop(g, mark);
    return ds__dense(g, x, "visual_projection", c->projection_dim, DS_NO_BIAS);
}

/* ---- configuration -------------------------------------------------------------------------- */

/* Old versions of transformers wrote every default of every model into these two objects: what
 * concerns training, decoding text, or bookkeeping. None of it changes a tower's numbers. */
static const char *const harmless[] = {
    "architectures",
    "attention_dropout",
    "dropout",
    "initializer_factor",
    "initializer_range",
    "model_type",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "bos_token_id",
    "pad_token_id",
    "return_dict",
    "output_hidden_states",
    "output_attentions",
    "use_cache",
    "bad_words_ids",
    "begin_suppress_tokens",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "id2label",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torchscript",
    "typical_p",
    "use_bfloat16",
    NULL,
};

/* What would change them: refused unless it says no. */
static void refuse_others(ds_config *c)
{
    static const char *const no[] = { "false", NULL };
    static const char *const nothing[] = { "{}", NULL };

    ds__config_only(c, "add_cross_attention", no);
    ds__config_only(c, "is_decoder", no);
    ds__config_only(c, "is_encoder_decoder", no);
    ds__config_only(c, "chunk_size_feed_forward", (const char *const[]){ "0", NULL });
    ds__config_only(c, "pruned_heads", nothing);
}

static void read_stack(ds_config *c, ds_clip_config *t, int64_t width, int64_t heads,
                       int64_t intermediate)
{
    ds__config_ignore(c, harmless);
    refuse_others(c);
    t->width = ds__config_int(c, "hidden_size", width, 1, 1 << 16);
    t->layers = ds__config_int(c, "num_hidden_layers", 12, 1, DS_CLIP_LAYERS);
    t->heads = ds__config_int(c, "num_attention_heads", heads, 1, 1 << 12);
    t->intermediate = ds__config_int(c, "intermediate_size", intermediate, 1, 1 << 20);
    t->eps = (float)ds__config_real(c, "layer_norm_eps", 1e-5, 0, 1);
    t->act = ds__clip_read_act(c);
    ds__config_int(c, "projection_dim", 512, 0, 1 << 16); /* the one that counts stands above */
    if (c->status == DS_OK && t->width % t->heads != 0)
        c->status =
            ds_fail(c->err, DS_E_FORMAT, "%s: hidden_size %lld does not divide into %lld heads",
                    c->what, (long long)t->width, (long long)t->heads);
}

static ds_status read_text(ds_clip_config *t, const json_t *json, const char *what, ds_error *err)
{
    ds_config c;

    ds__config_begin(&c, json, what, err);
    read_stack(&c, t, 512, 8, 2048);
    t->vocab = ds__config_int(&c, "vocab_size", 49408, 1, 1 << 24);
    t->positions = ds__config_int(&c, "max_position_embeddings", 77, 1, 1 << 16);
    t->eos_id = ds__config_int(&c, "eos_token_id", 49407, 0, 1 << 24);
    return ds__config_end(&c);
}

static ds_status read_vision(ds_clip_vision_config *v, const json_t *json, const char *what,
                             ds_error *err)
{
    ds_config c;

    ds__config_begin(&c, json, what, err);
    read_stack(&c, &v->stack, 768, 12, 3072);
    ds__config_int(&c, "eos_token_id", 0, 0, 1 << 24);
    ds__config_only(&c, "num_channels", (const char *const[]){ "3", NULL });
    v->side = ds__config_int(&c, "image_size", 224, 1, 4096);
    v->patch = ds__config_int(&c, "patch_size", 32, 1, 4096);
    if (c.status == DS_OK && v->side % v->patch != 0)
        c.status =
            ds_fail(err, DS_E_FORMAT, "%s: image_size %lld is no multiple of patch_size %lld", what,
                    (long long)v->side, (long long)v->patch);
    return ds__config_end(&c);
}

ds_status ds__clip_pair_config_read(ds_clip_config *text, ds_clip_vision_config *vision,
                                    const json_t *json, const char *what, ds_error *err)
{
    /* text_config_dict and vision_config_dict repeat their namesakes in old files. */
    static const char *const known[] = {
        "text_config",        "vision_config",          "text_config_dict",
        "vision_config_dict", "logit_scale_init_value", NULL
    };
    const json_t *halves[2] = { json_object_get(json, "text_config"),
                                json_object_get(json, "vision_config") };
    char name[300];
    ds_config c;
    ds_status st;

    *text = (ds_clip_config){ 0 };
    *vision = (ds_clip_vision_config){ 0 };
    ds__config_begin(&c, json, what, err);
    ds__config_ignore(&c, harmless);
    ds__config_ignore(&c, known);
    ds__config_only(&c, "is_encoder_decoder", (const char *const[]){ "false", NULL });
    text->projection_dim = vision->projection_dim =
        ds__config_int(&c, "projection_dim", 512, 1, 1 << 16);
    st = ds__config_end(&c);
    if (st == DS_OK && (halves[0] == NULL || halves[1] == NULL))
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: no text_config or no vision_config: expected transformers' CLIPModel",
                     what);
    snprintf(name, sizeof name, "%.240s: text_config", what);
    if (st == DS_OK)
        st = read_text(text, halves[0], name, err);
    snprintf(name, sizeof name, "%.240s: vision_config", what);
    return st == DS_OK ? read_vision(vision, halves[1], name, err) : st;
}
