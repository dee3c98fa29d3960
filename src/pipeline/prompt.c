/* prompt.c - see prompt.h.
 *
 * Stable Diffusion 1.x and 2.x read the last hidden state of one encoder, after its final norm. XL
 * reads the output of the last but one layer of two encoders, not normalised, and the projected
 * text of the second (Podell et al., arXiv 2307.01952, section 2.1). */

#include "pipeline/prompt_impl.h"

#include <stdio.h>
#include <string.h>

static const ds_module modules[DS_ENCODERS] = { DS_MODULE_TEXT_ENCODER, DS_MODULE_TEXT_ENCODER_2 };

/* ---- opening --------------------------------------------------------------------------------- */

static ds_status open_encoder(ds_text *t, int i, ds_error *err)
{
    const ds_clip_config *c = &t->model->clip[i];
    ds_tokenizer_info info;
    ds_status st = ds__module_need(t->model, modules[i], err);

    if (st == DS_OK)
        st = ds__model_reader(t->model, &t->tokenizer[i], i + 1, err);
    if (st != DS_OK)
        return st;
    info = ds_tokenizer_describe(t->tokenizer[i]);
    if (info.size > c->vocab)
        return ds_fail(err, DS_E_SHAPE,
                       "%s has %lld embeddings, but the largest id of its tokenizer is %lld",
                       ds__module_names[modules[i]], (long long)c->vocab, (long long)info.size - 1);
    if (info.length > c->positions)
        return ds_fail(err, DS_E_SHAPE, "%s has %lld positions, but its tokenizer makes %lld ids",
                       ds__module_names[modules[i]], (long long)c->positions,
                       (long long)info.length);
    if (info.length != ds_tokenizer_describe(t->tokenizer[0]).length)
        return ds_fail(err, DS_E_SHAPE, "the two tokenizers make %lld and %lld ids",
                       (long long)ds_tokenizer_describe(t->tokenizer[0]).length,
                       (long long)info.length);
    return DS_OK;
}

/* Do the encoders give what the denoiser reads? */
static ds_status check_widths(const ds_text *t, ds_error *err)
{
    const ds_model *m = t->model;
    int64_t width = 0;

    for (int i = 0; i < t->encoders; i++)
        width += m->clip[i].width;
    if (m->weights[DS_UNET] == NULL)
        return DS_OK;
    if (width != m->unet.context_dim)
        return ds_fail(err, DS_E_SHAPE,
                       "the text encoders give %lld numbers per token, but the unet reads %lld",
                       (long long)width, (long long)m->unet.context_dim);
    if (m->unet.text_time && m->unet.pooled_dim != m->clip[t->encoders - 1].projection_dim)
        return ds_fail(err, DS_E_SHAPE,
                       "the unet reads a projected text of %lld numbers, but the last text encoder "
                       "gives %lld",
                       (long long)m->unet.pooled_dim,
                       (long long)m->clip[t->encoders - 1].projection_dim);
    return DS_OK;
}

ds_status ds__text_open(ds_text **out, ds_model *m, ds_error *err)
{
    ds_text *t = ds_calloc(1, sizeof *t);
    ds_status st = DS_OK;

    *out = NULL;
    if (t == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for tokenizers");
    t->model = m;
    t->encoders = ds__module_available(m, DS_MODULE_TEXT_ENCODER_2) ? 2 : 1;
    for (int i = 0; st == DS_OK && i < t->encoders; i++)
        st = open_encoder(t, i, err);
    if (st == DS_OK)
        st = check_widths(t, err);
    if (st != DS_OK) {
        ds__text_close(t);
        return st;
    }
    t->zero_absent =
        t->encoders == 2 && ds__store_flag(m->store, "force_zeros_for_empty_prompt", true);
    *out = t;
    return DS_OK;
}

void ds__text_close(ds_text *t)
{
    if (t == NULL)
        return;
    ds__conditions_free(t->empty);
    ds_free(t);
}

const ds_tokenizer *ds__text_tokenizer(const ds_text *t)
{
    return t->tokenizer[0];
}

int64_t ds__text_length(const ds_text *t)
{
    return ds_tokenizer_describe(t->tokenizer[0]).length;
}

void ds__text_allow_chunks(ds_text *t, bool allow)
{
    t->chunks = allow;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static ds_status allocate(ds_conditions *c, ds_error *err)
{
    size_t k = (size_t)c->count, tokens = (size_t)c->tokens;

    c->hidden = ds__arena_alloc(&c->arena, k * tokens * (size_t)c->width * sizeof *c->hidden);
    c->pooled = ds__arena_alloc(&c->arena, k * (size_t)c->pooled_width * sizeof *c->pooled);
    c->ids = ds__arena_alloc(&c->arena, k * tokens * sizeof *c->ids);
    c->cut = ds__arena_alloc(&c->arena, k * sizeof *c->cut);
    c->words = ds__arena_alloc(&c->arena, k * sizeof *c->words);
    if (c->hidden == NULL || c->pooled == NULL || c->ids == NULL || c->cut == NULL ||
        c->words == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld encoded prompts", (long long)c->count);
    return DS_OK;
}

/* How many chunks the longest of the prompts needs, for any of the encoders. A BREAK is meant to make
 * another. */
static ds_status count_chunks(ds_text *t, ds_conditions *c, const char *const *prompt,
                              ds_error *err)
{
    const int64_t fit = ds__text_length(t) - 2;
    ds_status st = DS_OK;

    if (!t->chunks && t->model->emphasis == DS_EMPHASIS_NONE)
        return DS_OK;
    for (int i = 0; i < t->encoders; i++)
        for (int64_t k = 0; st == DS_OK && k < c->count; k++) {
            ds_tokens *tokens;

            st = ds_tokenizer_encode(t->tokenizer[i], &tokens, prompt[k] != NULL ? prompt[k] : "",
                                     err);
            if (st == DS_OK && (t->chunks || tokens->breaks) && tokens->count > c->chunks * fit)
                c->chunks = (tokens->count + fit - 1) / fit;
            if (st == DS_OK)
                ds_tokens_free(tokens);
        }
    return st;
}

/* Places of start, end and padding weigh 1. */
static ds_status take_weights(ds_conditions *c, int i, int64_t k, const ds_tokens *tokens,
                              ds_error *err)
{
    const int64_t length = c->tokens / c->chunks, fit = length - 2;
    const int64_t all = c->count * c->tokens;

    if (tokens->weight == NULL)
        return DS_OK;
    if (c->weight[i] == NULL) {
        c->weight[i] = ds__arena_alloc(&c->arena, (size_t)all * sizeof *c->weight[i]);
        if (c->weight[i] == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for weights of tokens");
        for (int64_t p = 0; p < all; p++)
            c->weight[i][p] = 1.0f;
    }
    for (int64_t p = 0; p < tokens->count && p < c->chunks * fit; p++)
        c->weight[i][k * c->tokens + p / fit * length + 1 + p % fit] = tokens->weight[p];
    return DS_OK;
}

ds_status ds__text_ids(ds_text *t, ds_conditions *c, int i, int64_t *ids, const char *const *prompt,
                       ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t k = 0; st == DS_OK && k < c->count; k++) {
        ds_tokens *tokens;
        const int64_t length = c->tokens / c->chunks;
        int64_t cut = 0;

        st = ds_tokenizer_encode(t->tokenizer[i], &tokens, prompt[k] != NULL ? prompt[k] : "", err);
        if (st != DS_OK)
            return st;
        for (int64_t x = 0; x < c->chunks; x++)
            cut = ds_tokenizer_pad(t->tokenizer[i], ids + k * c->tokens + x * length, tokens,
                                   x * (length - 2) < tokens->count ? x * (length - 2)
                                                                    : tokens->count);
        st = take_weights(c, i, k, tokens, err);
        if (i > 0 || st != DS_OK) {
            ds_tokens_free(tokens);
            continue;
        }
        ds_tokens_free(c->words[k]); /* of a prompt that this one replaces */
        c->words[k] = tokens;
        c->cut[k] = cut;
    }
    if (i == 0)
        memcpy(c->ids, ids, (size_t)(c->count * c->tokens) * sizeof *ids);
    return st;
}

static int find_output(const ds_net *n, const char *name)
{
    int i = 0;

    while (strcmp(ds__net_output_name(n, i), name) != 0)
        i++;
    return i;
}

/* The pooled texts of the prompts' first chunks; row: room for those of all chunks. */
static void take_pooled(ds_conditions *c, const ds_net *n, float *row)
{
    ds__net_get(n, find_output(n, "text_embeds"), row);
    for (int64_t k = 0; k < c->count; k++)
        memcpy(c->pooled + k * c->pooled_width, row + k * c->chunks * c->pooled_width,
               (size_t)c->pooled_width * sizeof *row);
}

int ds__text_encoders(const ds_text *t)
{
    return t->encoders;
}

ds_module ds__text_module(int encoder)
{
    return modules[encoder];
}

const char *ds__text_layer(const ds_text *t, int i, char *buf, size_t size)
{
    if (t->encoders == 2)
        snprintf(buf, size, "hidden_states.%lld", (long long)t->model->clip[i].layers - 1);
    else
        snprintf(buf, size, "last_hidden_state");
    return buf;
}

bool ds__text_pools(const ds_text *t, int i)
{
    return t->encoders == 2 && i == t->encoders - 1;
}

/* The layer that counts goes into its encoder's columns of hidden. */
void ds__text_take(const ds_text *t, ds_conditions *c, const ds_net *n, int i, float *row)
{
    const ds_clip_config *clip = &t->model->clip[i];
    const int64_t first = i > 0 ? t->model->clip[0].width : 0;
    char name[40];

    ds__net_get(n, find_output(n, ds__text_layer(t, i, name, sizeof name)), row);
    for (int64_t r = 0; r < c->count * c->tokens; r++)
        memcpy(c->hidden + r * c->width + first, row + r * clip->width,
               (size_t)clip->width * sizeof *row);
    if (ds__text_pools(t, i))
        take_pooled(c, n, row);
}

static ds_status run_encoder(ds_text *t, ds_conditions *c, int i, int64_t *ids,
                             const char *const *prompt, const ds_watcher *watcher,
                             const ds_cancel *cancel, ds_error *err)
{
    const int64_t rows = c->count * c->chunks, length = c->tokens / c->chunks;
    const ds_net_shape shape = { rows, length, 1, 1 };
    ds_tensor input = { DS_DTYPE_I64, 2, { rows, length }, ids };
    const int64_t hidden = length * t->model->clip[i].width;
    const int64_t most = hidden > c->pooled_width ? hidden : c->pooled_width;
    float *row = ds_alloc((size_t)(rows * most) * sizeof *row);
    ds_net *n = NULL;
    ds_status st = row == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a hidden state") : DS_OK;

    if (st == DS_OK)
        st = ds__text_ids(t, c, i, ids, prompt, err);
    if (st == DS_OK)
        st = ds__net_new(&n, t->model, modules[i], &shape, &(ds_net_options){ .watcher = watcher },
                         err);
    if (st == DS_OK)
        st = ds__net_set(n, "input_ids", &input, err);
    if (st == DS_OK)
        st = ds__net_run(n, cancel, err);
    if (st == DS_OK)
        st = ds__net_finite(n, err);
    if (st == DS_OK)
        ds__text_take(t, c, n, i, row);
    ds__net_free(n);
    ds__module_done(t->model, modules[i]);
    ds_free(row);
    return st;
}

/* diffusers zeroes what stands for a prompt that nobody gave, not one that is empty. */
bool ds__text_zero_absent(const ds_text *t)
{
    return t->zero_absent;
}

void ds__conditions_zero(ds_conditions *c, int64_t k)
{
    int64_t n = c->tokens * c->width;

    memset(c->hidden + k * n, 0, (size_t)n * sizeof *c->hidden);
    memset(c->pooled + k * c->pooled_width, 0, (size_t)c->pooled_width * sizeof *c->pooled);
}

ds_status ds__conditions_new(ds_text *t, ds_conditions **out, const char *const *prompt,
                             int64_t count, ds_error *err)
{
    ds_conditions *c = *out = ds_calloc(1, sizeof *c);
    ds_status st;

    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for encoded prompts");
    c->count = count;
    c->chunks = 1;
    st = prompt != NULL ? count_chunks(t, c, prompt, err) : DS_OK;
    if (st != DS_OK)
        return st;
    c->tokens = c->chunks * ds__text_length(t);
    for (int i = 0; i < t->encoders; i++)
        c->width += t->model->clip[i].width;
    if (t->encoders == 2)
        c->pooled_width = t->model->clip[1].projection_dim;
    return allocate(c, err);
}

/* Encoding the empty prompt needs no weights itself. */
ds_status ds__emphasis_prepare(ds_text *t, const ds_conditions *c, const ds_cancel *cancel,
                               ds_error *err)
{
    static const char *const nothing = "";
    const bool weighted = c->weight[0] != NULL || c->weight[1] != NULL;

    if (!weighted || t->model->emphasis != DS_EMPHASIS_COMFY || t->empty != NULL)
        return DS_OK;
    return ds__text_encode(t, &t->empty, &nothing, 1, NULL, cancel, err);
}

ds_status ds__text_encode(ds_text *t, ds_conditions **out, const char *const *prompt, int64_t count,
                          const ds_watcher *watcher, const ds_cancel *cancel, ds_error *err)
{
    ds_status st = ds__conditions_new(t, out, prompt, count, err);
    ds_conditions *c = *out;
    int64_t *ids;

    if (st != DS_OK)
        return st;
    ids = ds_calloc((size_t)(count * c->tokens), sizeof *ids);
    if (ids == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for token ids");
    for (int i = 0; st == DS_OK && i < t->encoders; i++)
        st = run_encoder(t, c, i, ids, prompt, watcher, cancel, err);
    if (st == DS_OK)
        st = ds__emphasis_prepare(t, c, cancel, err);
    for (int i = 0; st == DS_OK && i < t->encoders; i++)
        ds__emphasis_apply(t, c, i);
    for (int64_t k = 0; st == DS_OK && t->zero_absent && k < count; k++)
        if (prompt[k] == NULL)
            ds__conditions_zero(c, k);
    ds_free(ids);
    return st;
}

void ds__conditions_free(ds_conditions *c)
{
    if (c == NULL)
        return;
    for (int64_t k = 0; c->words != NULL && k < c->count; k++)
        ds_tokens_free(c->words[k]);
    ds__arena_free(&c->arena);
    ds_free(c);
}
