/* encoder.c - text encoders that are planned once, with rows of the caller's in place of some
 * tokens' embeddings, and cotangents pulled back to these rows. See verbs.h. */

#include "pipeline/prompt.h"

#include "base/options.h"

#include <stdio.h>
#include <string.h>

#define ENCODERS 2

/* One text encoder. */
typedef struct part {
    ds_net *net;
    int64_t *ids;   /* [K,T] */
    int64_t first;  /* its columns of hidden */
    int64_t width;  /* of a row, and number of its columns */
    float *row;     /* [R,width] */
    float *scratch; /* [K*chunks, max(length*width, pooled)]: an output, or a cotangent of one */
} part;

struct ds_encoder {
    ds_model *model;
    ds_encoder_options o; /* pointers in it are not read after ds_encoder_new */
    ds_text *text;
    ds_conditions *c;
    int64_t rows;
    bool *zeroed; /* [K]: stands for the absence of a prompt */
    bool ready;   /* encoded, and not pulled back yet */
    bool pulled;
    int parts;
    part part[ENCODERS];
};

/* ---- checks ---------------------------------------------------------------------------------- */

static ds_status check(const ds_encoder_options *o, ds_error *err)
{
    if (o->count < 1 || o->count > 1 << 14)
        return ds_fail(err, DS_E_ARG, "expected 1 to 16384 texts, found %lld", (long long)o->count);
    if ((o->prompts == NULL) == (o->ids[0] == NULL))
        return ds_fail(err, DS_E_ARG, "an encoder wants prompts or token ids, and not both");
    if (o->pull_back && o->n_places < 1)
        return ds_fail(err, DS_E_ARG,
                       "an encoder pulls back to rows, but no place of a row was given");
    return DS_OK;
}

static ds_status check_places(ds_encoder *e, const ds_encoder_options *o, ds_error *err)
{
    const ds_conditions *c = e->c;

    for (int64_t i = 0; i < o->n_places; i++) {
        const ds_place *p = &o->places[i];

        if (p->text < 0 || p->text >= c->count || p->place < 0 || p->place >= c->tokens ||
            p->row < 0 || p->row > o->n_places)
            return ds_fail(
                err, DS_E_ARG,
                "row %lld at place %lld of text %lld: expected places 0 to %lld of texts "
                "0 to %lld, and rows counted from 0",
                (long long)p->row, (long long)p->place, (long long)p->text,
                (long long)c->tokens - 1, (long long)c->count - 1);
        for (int64_t k = 0; k < i; k++)
            if (o->places[k].text == p->text && o->places[k].place == p->place)
                return ds_fail(err, DS_E_ARG, "place %lld of text %lld is taken twice",
                               (long long)p->place, (long long)p->text);
        e->rows = p->row >= e->rows ? p->row + 1 : e->rows;
    }
    return DS_OK;
}

/* ---- planning -------------------------------------------------------------------------------- */

static ds_status read_ids(ds_encoder *e, const ds_encoder_options *o, int i, ds_error *err)
{
    const size_t count = (size_t)(e->c->count * e->c->tokens);
    const int64_t *given = o->ids[i] != NULL ? o->ids[i] : o->ids[0];

    e->part[i].ids = ds_calloc(count, sizeof *e->part[i].ids);
    if (e->part[i].ids == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for token ids");
    if (o->prompts != NULL)
        return ds__text_ids(e->text, e->c, i, e->part[i].ids, o->prompts, err);
    memcpy(e->part[i].ids, given, count * sizeof *given);
    if (i == 0)
        memcpy(e->c->ids, given, count * sizeof *given);
    return DS_OK;
}

typedef struct request {
    char layer[40];
    bool pools;
} request;

static bool has_cotangent(void *user, const char *output)
{
    const request *r = user;

    return strcmp(output, r->layer) == 0 || (r->pools && strcmp(output, "text_embeds") == 0);
}

static bool wants(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "rows") == 0;
}

static ds_status plan(ds_encoder *e, const ds_encoder_options *o, int i, ds_error *err)
{
    request r = { .pools = ds__text_pools(e->text, i) };
    const ds_net_pullback pullback = { has_cotangent, wants, &r, o->recompute };
    const ds_net_options net = { .watcher = o->watcher,
                                 .pullback = o->pull_back ? &pullback : NULL,
                                 .threads = o->threads,
                                 .rows = e->rows,
                                 .places = o->n_places };
    const ds_net_shape shape = { .batch = e->c->count * e->c->chunks,
                                 .tokens = e->c->tokens / e->c->chunks,
                                 .height = 1,
                                 .width = 1 };

    ds__text_layer(e->text, i, r.layer, sizeof r.layer);
    return ds__net_new(&e->part[i].net, e->model, ds__text_module(i), &shape, &net, err);
}

/* The embeddings of the tokens whose places the rows take. */
static ds_status begin_rows(ds_encoder *e, const ds_encoder_options *o, int i, ds_error *err)
{
    part *p = &e->part[i];
    ds_tensor table;
    char name[80];
    ds_status st;

    snprintf(name, sizeof name, "%s.text_model.embeddings.token_embedding.weight",
             ds__module_names[ds__text_module(i)]);
    st = ds_model_parameter(e->model, &table, name, err);
    for (int64_t k = o->n_places - 1; st == DS_OK && k >= 0; k--) {
        const ds_place *at = &o->places[k];
        const int64_t id = p->ids[at->text * e->c->tokens + at->place];

        if (id < 0 || id >= table.dim[0])
            return ds_fail(err, DS_E_ARG, "id %lld at place %lld: the vocabulary has %lld",
                           (long long)id, (long long)at->place, (long long)table.dim[0]);
        ds_convert(p->row + at->row * p->width, DS_DTYPE_F32,
                   (const char *)table.data + (size_t)(id * p->width) * ds_dtype_size(table.dtype),
                   table.dtype, p->width);
    }
    return st;
}

static ds_status set_places(ds_encoder *e, const ds_encoder_options *o, int i, ds_error *err)
{
    ds_tensor t = { DS_DTYPE_I64, 1, { o->n_places }, NULL };
    int64_t *which = ds_calloc((size_t)o->n_places, 2 * sizeof *which);
    int64_t *place = which + o->n_places;
    ds_status st;

    if (which == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the places of rows");
    for (int64_t k = 0; k < o->n_places; k++) {
        which[k] = o->places[k].row;
        place[k] = o->places[k].text * e->c->tokens + o->places[k].place;
    }
    t.data = which;
    st = ds__net_set(e->part[i].net, "row_which", &t, err);
    t.data = place;
    if (st == DS_OK)
        st = ds__net_set(e->part[i].net, "row_place", &t, err);
    ds_free(which);
    return st;
}

static ds_status make_part(ds_encoder *e, const ds_encoder_options *o, int i, ds_error *err)
{
    const ds_clip_config *clip = &e->model->clip[i];
    const int64_t length = e->c->tokens / e->c->chunks, batch = e->c->count * e->c->chunks;
    const int64_t hidden = length * clip->width, pooled = e->c->pooled_width;
    ds_tensor ids = { DS_DTYPE_I64, 2, { batch, length }, NULL };
    part *p = &e->part[i];
    ds_status st = read_ids(e, o, i, err);

    p->first = i > 0 ? e->model->clip[0].width : 0;
    p->width = clip->width;
    p->row = ds_calloc((size_t)(e->rows * p->width) + 1, sizeof *p->row);
    p->scratch =
        ds_calloc((size_t)batch, (size_t)(hidden > pooled ? hidden : pooled) * sizeof *p->scratch);
    if (st == DS_OK && (p->row == NULL || p->scratch == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for a text encoder");
    if (st == DS_OK)
        st = plan(e, o, i, err);
    ids.data = p->ids;
    if (st == DS_OK)
        st = ds__net_set(p->net, "input_ids", &ids, err);
    if (st == DS_OK && e->rows > 0)
        st = begin_rows(e, o, i, err);
    if (st == DS_OK && e->rows > 0)
        st = set_places(e, o, i, err);
    return st;
}

static ds_status build(ds_encoder *e, const ds_encoder_options *o, ds_error *err)
{
    ds_status st = check(o, err);

    if (st == DS_OK)
        st = ds__text_open(&e->text, e->model, err);
    if (st != DS_OK)
        return st;
    ds__text_allow_chunks(e->text, o->chunks);
    e->parts = ds__text_encoders(e->text);
    st = ds__conditions_new(e->text, &e->c, o->prompts, o->count, err);
    e->zeroed = ds_calloc((size_t)o->count, sizeof *e->zeroed);
    if (st == DS_OK && e->zeroed == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for %lld texts", (long long)o->count);
    for (int64_t k = 0; st == DS_OK && k < o->count; k++)
        e->zeroed[k] = o->prompts != NULL && o->prompts[k] == NULL && ds__text_zero_absent(e->text);
    if (st == DS_OK)
        st = check_places(e, o, err);
    for (int i = 0; st == DS_OK && i < e->parts; i++)
        st = make_part(e, o, i, err);
    if (st == DS_OK && o->pull_back && (e->c->weight[0] != NULL || e->c->weight[1] != NULL))
        st = ds_fail(
            err, DS_E_UNSUPPORTED,
            "an encoder does not pull back through weights of emphasis: give the prompts without");
    return st == DS_OK ? ds__emphasis_prepare(e->text, e->c, o->cancel, err) : st;
}

ds_status ds_encoder_new(ds_encoder **out, ds_model *m, const ds_encoder_options *options,
                         ds_error *err)
{
    const ds_encoder_options defaults = DS_ENCODER_OPTIONS_INIT;
    ds_encoder *e = ds_calloc(1, sizeof *e);
    ds_status st;

    *out = NULL;
    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for text encoders");
    e->model = m;
    st = ds__options_take(&e->o, sizeof e->o, &defaults, options, "options of an encoder",
                          "DS_ENCODER_OPTIONS_INIT", err);
    if (st == DS_OK)
        st = build(e, &e->o, err);
    if (st != DS_OK) {
        ds_encoder_free(e);
        return st;
    }
    *out = e;
    return DS_OK;
}

void ds_encoder_free(ds_encoder *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < ENCODERS; i++) {
        ds__net_free(e->part[i].net);
        ds_free(e->part[i].ids);
        ds_free(e->part[i].row);
        ds_free(e->part[i].scratch);
    }
    ds_free(e->zeroed);
    ds__conditions_free(e->c);
    ds__text_close(e->text);
    ds_free(e);
}

/* Only what the network reads is set anew: shapes stay. */
ds_status ds_encoder_set_prompts(ds_encoder *e, const char *const *prompts, const ds_place *places,
                                 ds_error *err)
{
    const ds_encoder_options o = { .places = places, .n_places = e->o.n_places };
    ds_status st = DS_OK;

    if (e->c->chunks > 1)
        return ds_fail(err, DS_E_ARG, "prompts of an encoder of chunks cannot be set anew");
    for (int i = 0; st == DS_OK && i < e->parts; i++) {
        const ds_tensor ids = { DS_DTYPE_I64, 2, { e->c->count, e->c->tokens }, e->part[i].ids };

        st = ds__text_ids(e->text, e->c, i, e->part[i].ids, prompts, err);
        if (st == DS_OK)
            st = ds__net_set(e->part[i].net, "input_ids", &ids, err);
        if (st == DS_OK && places != NULL)
            st = set_places(e, &o, i, err);
    }
    for (int64_t k = 0; st == DS_OK && k < e->c->count; k++)
        e->zeroed[k] = prompts[k] == NULL && ds__text_zero_absent(e->text);
    e->ready = e->pulled = false;
    return st;
}

/* ---- calls ------------------------------------------------------------------------------------ */

int ds_encoder_count(const ds_encoder *e)
{
    return e->parts;
}

int64_t ds_encoder_width(const ds_encoder *e, int encoder)
{
    return encoder >= 0 && encoder < e->parts ? e->part[encoder].width : 0;
}

float *ds_encoder_row(ds_encoder *e, int encoder, int64_t row)
{
    if (encoder < 0 || encoder >= e->parts || row < 0 || row >= e->rows)
        return NULL;
    return e->part[encoder].row + row * e->part[encoder].width;
}

ds_conditions *ds_encoder_conditions(const ds_encoder *e)
{
    return e->c;
}

ds_status ds_encode(ds_encoder *e, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < e->parts; i++) {
        part *p = &e->part[i];
        const ds_tensor rows = { DS_DTYPE_F32, 2, { e->rows, p->width }, p->row };

        if (e->rows > 0)
            st = ds__net_set(p->net, "rows", &rows, err);
        if (st == DS_OK)
            st = ds__net_forward(p->net, e->o.cancel, err);
        if (st == DS_OK)
            st = ds__net_finite(p->net, err);
        if (st == DS_OK)
            ds__text_take(e->text, e->c, p->net, i, p->scratch);
    }
    for (int i = 0; st == DS_OK && i < e->parts; i++)
        ds__emphasis_apply(e->text, e->c, i);
    for (int64_t k = 0; st == DS_OK && k < e->c->count; k++)
        if (e->zeroed[k])
            ds__conditions_zero(e->c, k);
    e->ready = st == DS_OK && e->o.pull_back;
    e->pulled = false;
    return st;
}

/* The encoder's columns of the cotangent of hidden; nothing comes from a prompt that is absent. */
static ds_status set_hidden(ds_encoder *e, int i, const float *hidden, ds_error *err)
{
    const ds_conditions *c = e->c;
    const part *p = &e->part[i];
    const int64_t length = c->tokens / c->chunks;
    const ds_tensor t = { DS_DTYPE_F32, 3, { c->count * c->chunks, length, p->width }, p->scratch };
    char name[64] = "cotangent.";

    for (int64_t r = 0; r < c->count * c->tokens; r++) {
        float *to = p->scratch + r * p->width;

        if (hidden == NULL || e->zeroed[r / c->tokens])
            memset(to, 0, (size_t)p->width * sizeof *to);
        else
            memcpy(to, hidden + r * c->width + p->first, (size_t)p->width * sizeof *to);
    }
    ds__text_layer(e->text, i, name + strlen(name), sizeof name - strlen(name));
    return ds__net_set(p->net, name, &t, err);
}

/* Only the first chunk's text is pooled. */
static ds_status set_pooled(ds_encoder *e, int i, const float *pooled, ds_error *err)
{
    const ds_conditions *c = e->c;
    const int64_t n = c->pooled_width;
    const ds_tensor t = { DS_DTYPE_F32, 2, { c->count * c->chunks, n }, e->part[i].scratch };

    memset(e->part[i].scratch, 0, (size_t)(c->count * c->chunks * n) * sizeof *pooled);
    for (int64_t k = 0; pooled != NULL && k < c->count; k++)
        if (!e->zeroed[k])
            memcpy(e->part[i].scratch + k * c->chunks * n, pooled + k * n,
                   (size_t)n * sizeof *pooled);
    return ds__net_set(e->part[i].net, "cotangent.text_embeds", &t, err);
}

ds_status ds_encoder_pull(ds_encoder *e, const float *hidden, const float *pooled, ds_error *err)
{
    ds_status st = DS_OK;

    if (!e->ready)
        return ds_fail(err, DS_E_ARG,
                       e->o.pull_back ? "pull: each pull needs a call of ds_encode before it"
                                      : "pull: ask for it in the encoder's options (pull_back)");
    e->ready = false;
    for (int i = 0; st == DS_OK && i < e->parts; i++) {
        st = set_hidden(e, i, hidden, err);
        if (st == DS_OK && ds__text_pools(e->text, i))
            st = set_pooled(e, i, pooled, err);
        if (st == DS_OK)
            st = ds__net_backward(e->part[i].net, e->o.cancel, err);
    }
    e->pulled = st == DS_OK;
    return st;
}

const float *ds_encoder_row_gradient(const ds_encoder *e, int encoder, int64_t row)
{
    const ds_net *n;

    if (!e->pulled || encoder < 0 || encoder >= e->parts || row < 0 || row >= e->rows)
        return NULL;
    n = e->part[encoder].net;
    return ds__net_view(n, ds__net_outputs(n) - 1) + row * e->part[encoder].width;
}

/* ---- conditionings --------------------------------------------------------------------------- */

ds_status ds_conditions_new(ds_conditions **out, int64_t count, int64_t tokens, int64_t width,
                            int64_t pooled, ds_error *err)
{
    const int64_t most = 1 << 20;
    ds_conditions *c;

    *out = NULL;
    if (count < 1 || count > most || tokens < 1 || tokens > most || width < 1 || width > most ||
        pooled < 0 || pooled > most)
        return ds_fail(
            err, DS_E_ARG,
            "%lld conditionings of %lld tokens by %lld, pooled %lld: each must be from 1 "
            "(pooled: 0) to %lld",
            (long long)count, (long long)tokens, (long long)width, (long long)pooled,
            (long long)most);
    c = ds_calloc(1, sizeof *c);
    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for conditionings");
    c->count = count;
    c->chunks = 1;
    c->tokens = tokens;
    c->width = width;
    c->pooled_width = pooled;
    c->hidden =
        ds__arena_alloc(&c->arena, (size_t)(count * tokens) * (size_t)width * sizeof(float));
    c->pooled = ds__arena_alloc(&c->arena, (size_t)(count * pooled) * sizeof(float));
    if (c->hidden == NULL || c->pooled == NULL) {
        ds__conditions_free(c);
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld conditionings", (long long)count);
    }
    *out = c;
    return DS_OK;
}

void ds_conditions_free(ds_conditions *c)
{
    ds__conditions_free(c);
}

ds_tensor ds_conditions_hidden(const ds_conditions *c)
{
    return (ds_tensor){ DS_DTYPE_F32, 3, { c->count, c->tokens, c->width }, c->hidden };
}

ds_tensor ds_conditions_pooled(const ds_conditions *c)
{
    return (ds_tensor){ DS_DTYPE_F32, 2, { c->count, c->pooled_width }, c->pooled };
}

static bool has_text(const ds_conditions *c, int64_t k)
{
    return c->ids != NULL && k >= 0 && k < c->count;
}

const int64_t *ds_conditions_ids(const ds_conditions *c, int64_t k)
{
    return has_text(c, k) ? c->ids + k * c->tokens : NULL;
}

int64_t ds_conditions_cut(const ds_conditions *c, int64_t k)
{
    return has_text(c, k) ? c->cut[k] : 0;
}

const ds_tokens *ds_conditions_words(const ds_conditions *c, int64_t k)
{
    return has_text(c, k) ? c->words[k] : NULL;
}
