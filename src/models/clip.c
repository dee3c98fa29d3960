/* clip.c - a causal transformer over the tokens of a prompt. */

#include "models/clip.h"

#include "models/config.h"
#include "models/module.h"

#include <string.h>

static ds_var *self_attention(ds_graph *g, const ds_clip_config *c, ds_var *x, bool causal)
{
    size_t mark = ds__scope_push(g, "self_attn");
    ds_var *q = ds__dense(g, x, "q_proj", c->width, DS_BIAS);
    ds_var *k = ds__dense(g, x, "k_proj", c->width, DS_BIAS);
    ds_var *v = ds__dense(g, x, "v_proj", c->width, DS_BIAS);

    x = ds__attention(g, q, k, v, c->heads, causal);
    x = ds__dense(g, x, "out_proj", c->width, DS_BIAS);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *mlp(ds_graph *g, const ds_clip_config *c, ds_var *x)
{
    size_t mark = ds__scope_push(g, "mlp");

    x = ds__activate(g, ds__dense(g, x, "fc1", c->intermediate, DS_BIAS), c->act);
    x = ds__dense(g, x, "fc2", c->width, DS_BIAS);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

ds_var *ds__clip_layer(ds_graph *g, const ds_clip_config *c, ds_var *x, int64_t index, bool causal)
{
    size_t mark = ds__scope_push(g, "encoder.layers.%lld", (long long)index);

    ds__block_begin(g);
    x = ds__add(g, x, self_attention(g, c, ds__layer_norm(g, x, "layer_norm1", c->eps), causal));
    x = ds__add(g, x, mlp(g, c, ds__layer_norm(g, x, "layer_norm2", c->eps)));
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__block_end(g);
    ds__scope_pop(g, mark);
    return x;
}

static ds_var *embeddings(ds_graph *g, const ds_clip_config *c, const ds_clip_inputs *in)
{
    size_t mark = ds__scope_push(g, "embeddings");
    ds_var *tokens = ds__graph_param(g, "token_embedding.weight", DS_DIMS(c->vocab, c->width));
    ds_var *places =
        ds__graph_param(g, "position_embedding.weight", DS_DIMS(c->positions, c->width));
    ds_var *x = ds__gather(g, tokens, in->ids);

    if (in->rows != NULL)
        x = ds__put_rows(g, x, in->place, ds__gather(g, in->rows, in->which));
    x = ds__add_each(g, ds__announce(g, x, DS_LAYOUT_PLAIN, "token_embedding"), places);
    x = ds__announce(g, x, DS_LAYOUT_PLAIN, "");
    ds__scope_pop(g, mark);
    return x;
}

void ds__clip_build(ds_graph *g, const ds_clip_config *c, const ds_clip_inputs *in,
                    ds_clip_outputs *out)
{
    size_t mark = ds__scope_push(g, "text_model");
    ds_var *x = embeddings(g, c, in);
    ds_var *rows;

    out->hidden[0] = x;
    for (int64_t i = 0; i < c->layers; i++)
        out->hidden[i + 1] = x = ds__clip_layer(g, c, x, i, true);
    out->last = ds__layer_norm(g, x, "final_layer_norm", c->eps);
    ds__scope_pop(g, mark);
    rows = out->last == NULL
               ? NULL
               : ds__reshape(g, out->last, DS_DIMS(ds__var_count(out->last) / c->width, c->width));
    out->pooled = ds__gather(g, rows, in->end);
    out->embeds = c->projection_dim > 0
                      ? ds__dense(g, out->pooled, "text_projection", c->projection_dim, DS_NO_BIAS)
                      : NULL;
}

int64_t ds__clip_end(const ds_clip_config *c, const int32_t *ids, int64_t count)
{
    int64_t best = 0;

    if (c->eos_id == 2) {
        for (int64_t i = 1; i < count; i++)
            if (ids[i] > ids[best])
                best = i;
        return best;
    }
    for (int64_t i = 0; i < count; i++)
        if (ids[i] == c->eos_id)
            return i;
    return 0; /* as an arg max over "is it the end": nowhere */
}

/* ---- configuration -------------------------------------------------------------------------- */

ds_act ds__clip_read_act(ds_config *c)
{
    static const char *const acts[] = { "\"quick_gelu\"", "\"gelu\"", NULL };
    const json_t *v = json_object_get(c->object, "hidden_act");

    ds__config_only(c, "hidden_act", acts);
    return json_is_string(v) && strcmp(json_string_value(v), "gelu") == 0 ? DS_ACT_GELU
                                                                          : DS_ACT_QUICK_GELU;
}

ds_status ds__clip_config_read(ds_clip_config *t, const json_t *json, const char *what,
                               bool projected, ds_error *err)
{
    /* Training settings, library versions, and the defaults that transformers writes for every
     * model. */
    static const char *const harmless[] = {
        "architectures",        "attention_dropout", "dropout",      "initializer_factor",
        "initializer_range",    "model_type",        "torch_dtype",  "dtype",
        "transformers_version", "bos_token_id",      "pad_token_id", "return_dict",
        "output_hidden_states", "output_attentions", "use_cache",    NULL,
    };
    ds_config c;
    int64_t projection;

    *t = (ds_clip_config){ 0 };
    ds__config_begin(&c, json, what, err);
    ds__config_ignore(&c, harmless);
    t->vocab = ds__config_int(&c, "vocab_size", 49408, 1, 1 << 24);
    t->width = ds__config_int(&c, "hidden_size", 512, 1, 1 << 16);
    t->layers = ds__config_int(&c, "num_hidden_layers", 12, 1, DS_CLIP_LAYERS);
    t->heads = ds__config_int(&c, "num_attention_heads", 8, 1, 1 << 12);
    t->intermediate = ds__config_int(&c, "intermediate_size", 2048, 1, 1 << 20);
    t->positions = ds__config_int(&c, "max_position_embeddings", 77, 1, 1 << 16);
    t->eos_id = ds__config_int(&c, "eos_token_id", 49407, 0, 1 << 24);
    t->eps = (float)ds__config_real(&c, "layer_norm_eps", 1e-5, 0, 1);
    t->act = ds__clip_read_act(&c);
    projection = ds__config_int(&c, "projection_dim", 512, 0, 1 << 16);
    t->projection_dim = projected ? projection : 0;
    if (c.status == DS_OK && t->width % t->heads != 0)
        c.status = ds_fail(err, DS_E_FORMAT, "%s: hidden_size %lld does not divide into %lld heads",
                           what, (long long)t->width, (long long)t->heads);
    return ds__config_end(&c);
}
