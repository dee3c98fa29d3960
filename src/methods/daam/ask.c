/* ask.c - open vocabulary: other texts' keys against the latent's queries
 * (OVAM, arXiv 2403.14291).
 *
 *   A = sum over calls, layers, heads of softmax_tokens(scale Q (W_K X')^T)
 *
 * X' is the encoded text, start and end included, without padding. Its keys depend neither on the
 * latent nor on the time: they are computed once, by a network of which nothing but the keys is
 * run. */

#include "methods/daam/daam.h"

#include "pipeline/keys.h"

#include <string.h>

enum { BLOCK = 256 }; /* queries at a time */

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for the keys of texts");
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* The layer whose keys have this name; -1: none. */
static int64_t layer_of_keys(const ds_daam *d, const char *site)
{
    char name[512];

    for (int64_t i = 0; i < d->trace.layers; i++)
        if (ds__attention_sibling(name, sizeof name, d->trace.layer[i].site, "k") &&
            strcmp(name, site) == 0)
            return i;
    return -1;
}

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    (void)shape;
    return layer_of_keys(user, site) >= 0 ? DS_LOOK : DS_IGNORE;
}

/* value [asked texts, columns, width]: the first columns of each are kept. */
static ds_status keep_keys(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    ds_daam *d = user;
    const int64_t layer = layer_of_keys(d, site), width = value->dim[2];

    for (int64_t t = d->ask.keyed; t < d->trace.texts; t++) {
        daam_text *x = &d->trace.text[t];
        const size_t bytes = (size_t)(x->columns * width) * sizeof(float);
        const float *from = (const float *)value->data + (t - d->ask.keyed) * value->dim[1] * width;

        ds_free(x->keys[layer]);
        x->keys[layer] = ds_alloc(bytes);
        if (x->keys[layer] == NULL)
            return no_memory(err);
        memcpy(x->keys[layer], from, bytes);
        x->widths[layer] = width;
    }
    return DS_OK;
}

/* ---- room ------------------------------------------------------------------------------------ */

static ds_attention_size size_of(const daam_layer *l, const daam_text *t, int64_t width,
                                 int64_t rows)
{
    return (ds_attention_size){
        .heads = l->heads, .rows = rows, .columns = t->columns, .width = width
    };
}

static ds_status make_room(ds_daam *d, ds_error *err)
{
    size_t work = 64, probs = 0;

    for (int64_t t = d->ask.keyed; t < d->trace.texts; t++)
        for (int64_t i = 0; i < d->trace.layers; i++) {
            const daam_text *x = &d->trace.text[t];
            const ds_attention_size a = size_of(&d->trace.layer[i], x, x->widths[i], BLOCK);
            const size_t one = (size_t)(a.heads * BLOCK * a.columns), w = ds__attention_work(&a);

            probs = one > probs ? one : probs;
            work = w > work ? w : work;
        }
    d->ask.scratch = ds_alloc(probs * sizeof *d->ask.scratch);
    d->ask.work = ds_alloc(work);
    return d->ask.scratch != NULL && d->ask.work != NULL ? DS_OK : no_memory(err);
}

ds_status ds__daam_prepare_ask(ds_daam *d, int64_t first, ds_error *err)
{
    const int64_t asked = d->trace.texts - first;
    const ds_watcher w = { .wants = wants, .show = keep_keys, .user = d };
    const char **text;
    ds_conditions *c = NULL;
    ds_status st;

    if (asked == 0)
        return DS_OK;
    d->ask.keyed = first;
    text = ds__arena_alloc(&d->arena, (size_t)asked * sizeof *text);
    if (text == NULL)
        return no_memory(err);
    for (int64_t t = first; t < d->trace.texts; t++) {
        text[t - first] = d->trace.text[t].text;
        d->trace.text[t].keys =
            ds__arena_alloc(&d->arena, (size_t)d->trace.layers * sizeof(float *));
        d->trace.text[t].widths =
            ds__arena_alloc(&d->arena, (size_t)d->trace.layers * sizeof(int64_t));
        if (d->trace.text[t].keys == NULL || d->trace.text[t].widths == NULL)
            return no_memory(err);
    }
    ds__text_allow_chunks(d->text_encoder, false);
    st = ds__text_encode(d->text_encoder, &c, text, asked, NULL, NULL, err);
    if (st == DS_OK)
        st = ds__denoiser_keys(d->model, c, d->trace.height, d->trace.width, &w, err);
    if (st == DS_OK)
        st = make_room(d, err);
    ds__conditions_free(c);
    return st;
}

/* ---- queries --------------------------------------------------------------------------------- */

ds_status ds__daam_ask(ds_daam *d, int64_t layer, int64_t text, const ds_tensor *q, ds_error *err)
{
    const daam_layer *l = &d->trace.layer[layer];
    const int64_t pixels = q->dim[1], width = q->dim[2];

    (void)err;
    for (int64_t b = 0; b < d->trace.images; b++) {
        const float *x = (const float *)q->data + b * pixels * width;

        for (int64_t t = text; t < d->trace.texts; t++)
            for (int64_t first = 0; first < pixels; first += BLOCK) {
                const int64_t rows = pixels - first < BLOCK ? pixels - first : BLOCK;
                const ds_attention_size a = size_of(l, &d->trace.text[t], width, rows);

                ds__attention_probabilities(d->ask.scratch, x + first * width,
                                            d->trace.text[t].keys[layer], &a, d->ask.work);
                ds__daam_add(d, layer, t, b, first, rows, d->ask.scratch);
            }
    }
    return DS_OK;
}
