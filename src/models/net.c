/* net.c - see net.h. Each module has one function that makes its inputs, builds it, and names its
 * outputs. */

#include "models/net.h"

#include "base/finite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct port {
    const char *name;
    ds_var *value;
    ds_layout layout;
    bool logvar; /* clamped on the way out, as DiagonalGaussianDistribution does */
    bool ids;    /* of tokens: the end of the text follows from them */
} port;

typedef struct port_list {
    port *port;
    int count, room;
} port_list;

struct ds_net {
    ds_model *model;
    ds_module module;
    ds_net_shape shape;
    int64_t rows, places; /* text encoders: see net.h */
    ds_arena arena;       /* names */
    ds_graph *g;
    ds_plan *plan;
    port_list in, out;
    bool watched_only;
    ds_var *end; /* text encoders: rows of the end tokens, computed from input_ids */
};

const char *const ds__module_names[DS_MODULES] = {
    [DS_MODULE_TEXT_ENCODER] = "text_encoder",
    [DS_MODULE_TEXT_ENCODER_2] = "text_encoder_2",
    [DS_MODULE_UNET] = "unet",
    [DS_MODULE_VAE_ENCODE] = "vae.encode",
    [DS_MODULE_VAE_DECODE] = "vae.decode",
};

static port *add_port(ds_net *n, port_list *l, ds_layout layout, const char *prefix,
                      const char *name)
{
    if (l->count == l->room) {
        int room = l->room == 0 ? 16 : 2 * l->room;
        port *p = ds_calloc((size_t)room, sizeof *p);

        if (p == NULL)
            goto no_memory;
        if (l->count > 0)
            memcpy(p, l->port, (size_t)l->count * sizeof *p);
        ds_free(l->port);
        l->port = p;
        l->room = room;
    }
    l->port[l->count].name = ds__arena_printf(&n->arena, "%s%s", prefix, name);
    l->port[l->count].layout = layout;
    if (l->port[l->count].name != NULL)
        return &l->port[l->count++];
no_memory:
    ds__graph_fail(n->g, DS_E_NOMEM, "no memory for %s%s", prefix, name);
    return NULL;
}

static ds_var *add_input(ds_net *n, const char *name, ds_layout layout, ds_dtype dtype, int rank,
                         const int64_t *dim)
{
    port *p = add_port(n, &n->in, layout, "", name);

    return p == NULL ? NULL : (p->value = ds__graph_input(n->g, dtype, rank, dim));
}

static void add_output(ds_net *n, const char *prefix, const char *name, ds_layout layout, ds_var *v)
{
    port *p = add_port(n, &n->out, layout, prefix, name);

    if (p != NULL)
        p->value = v;
    if (!n->watched_only)
        ds__graph_output(n->g, v);
}

/* ---- modules -------------------------------------------------------------------------------- */

static void add_rows(ds_net *n, ds_clip_inputs *in, int64_t width)
{
    in->rows = add_input(n, "rows", DS_LAYOUT_PLAIN, DS_DTYPE_F32, DS_DIMS(n->rows, width));
    in->which = add_input(n, "row_which", DS_LAYOUT_PLAIN, DS_DTYPE_I32, DS_DIMS(n->places));
    in->place = add_input(n, "row_place", DS_LAYOUT_PLAIN, DS_DTYPE_I32, DS_DIMS(n->places));
}

static void build_text(ds_net *n, int which)
{
    const ds_clip_config *c = &n->model->clip[which];
    int64_t batch = n->shape.batch, tokens = n->shape.tokens;
    ds_clip_outputs out = { .last = NULL };
    ds_clip_inputs in = { 0 };
    char name[40];

    if (tokens > c->positions)
        ds__graph_fail(n->g, DS_E_SHAPE, "%lld tokens, but the text encoder has %lld positions",
                       (long long)tokens, (long long)c->positions);
    in.ids = add_input(n, "input_ids", DS_LAYOUT_PLAIN, DS_DTYPE_I32, DS_DIMS(batch, tokens));
    if (n->in.count > 0)
        n->in.port[0].ids = true;
    in.end = n->end = ds__graph_input(n->g, DS_DTYPE_I32, DS_DIMS(batch));
    if (n->rows > 0)
        add_rows(n, &in, c->width);
    ds__clip_build(n->g, c, &in, &out);
    for (int64_t i = 0; i <= c->layers; i++) {
        snprintf(name, sizeof name, "hidden_states.%lld", (long long)i);
        add_output(n, "", name, DS_LAYOUT_PLAIN, out.hidden[i]);
    }
    add_output(n, "", "last_hidden_state", DS_LAYOUT_PLAIN, out.last);
    if (c->projection_dim > 0)
        add_output(n, "", "text_embeds", DS_LAYOUT_PLAIN, out.embeds);
    else
        add_output(n, "", "pooler_output", DS_LAYOUT_PLAIN, out.pooled);
}

static void build_unet(ds_net *n)
{
    const ds_unet_config *c = &n->model->unet;
    const ds_net_shape *s = &n->shape;
    ds_unet_inputs in = { 0 };

    in.sample = add_input(n, "sample", DS_LAYOUT_IMAGE, DS_DTYPE_F32,
                          DS_DIMS(s->batch, s->height, s->width, c->in_channels));
    in.timestep = add_input(n, "timestep", DS_LAYOUT_PLAIN, DS_DTYPE_F32, DS_DIMS(s->batch));
    in.context = add_input(n, "encoder_hidden_states", DS_LAYOUT_PLAIN, DS_DTYPE_F32,
                           DS_DIMS(s->batch, s->tokens, c->context_dim));
    if (c->text_time) {
        in.text_embeds = add_input(n, "text_embeds", DS_LAYOUT_PLAIN, DS_DTYPE_F32,
                                   DS_DIMS(s->batch, c->pooled_dim));
        in.time_ids = add_input(n, "time_ids", DS_LAYOUT_PLAIN, DS_DTYPE_F32, DS_DIMS(s->batch, 6));
    }
    if (c->cond_dim > 0)
        in.cond = add_input(n, "timestep_cond", DS_LAYOUT_PLAIN, DS_DTYPE_F32,
                            DS_DIMS(s->batch, c->cond_dim));
    add_output(n, "", "sample", DS_LAYOUT_IMAGE, ds__unet_build(n->g, c, &in));
}

static void build_encode(ds_net *n)
{
    const ds_vae_config *c = &n->model->vae;
    const ds_net_shape *s = &n->shape;
    ds_var *x = add_input(n, "image", DS_LAYOUT_IMAGE, DS_DTYPE_F32,
                          DS_DIMS(s->batch, s->height, s->width, c->in_channels));

    x = ds__vae_encode_build(n->g, c, x);
    add_output(n, "", "mean", DS_LAYOUT_IMAGE, ds__slice(n->g, x, 0, c->latent_channels));
    add_output(n, "", "logvar", DS_LAYOUT_IMAGE,
               ds__slice(n->g, x, c->latent_channels, c->latent_channels));
    if (n->out.count > 1)
        n->out.port[1].logvar = true;
}

static void build_decode(ds_net *n)
{
    const ds_vae_config *c = &n->model->vae;
    const ds_net_shape *s = &n->shape;
    ds_var *x = add_input(n, "latent", DS_LAYOUT_IMAGE, DS_DTYPE_F32,
                          DS_DIMS(s->batch, s->height, s->width, c->latent_channels));

    add_output(n, "", "image", DS_LAYOUT_IMAGE, ds__vae_decode_build(n->g, c, x));
}

static const ds_component component_of[DS_MODULES] = {
    [DS_MODULE_TEXT_ENCODER] = DS_TEXT_ENCODER,
    [DS_MODULE_TEXT_ENCODER_2] = DS_TEXT_ENCODER_2,
    [DS_MODULE_UNET] = DS_UNET,
    [DS_MODULE_VAE_ENCODE] = DS_VAE,
    [DS_MODULE_VAE_DECODE] = DS_VAE,
};

bool ds__module_available(const ds_model *m, ds_module module)
{
    return m->weights[component_of[module]] != NULL;
}

void ds__module_done(ds_model *m, ds_module module)
{
    /* The packs of a small model are made in a tenth of a second, but then for every picture. */
    const size_t little = (size_t)256 << 20;
    char prefix[40];

    snprintf(prefix, sizeof prefix, "%s.", ds__component_names[component_of[module]]);
    ds__params_trim(m->params, prefix, little);
}

double ds__module_parameters(const ds_model *m, ds_module module)
{
    const ds_weights *w = m->weights[component_of[module]];
    double count = 0.0;

    for (int64_t i = 0; i < ds__weights_count(w); i++)
        count += (double)ds_tensor_count(ds__weights_at(w, i));
    return count;
}

ds_status ds__module_need(const ds_model *m, ds_module module, ds_error *err)
{
    return ds__model_need(m, component_of[module], err);
}

/* ---- gates ---------------------------------------------------------------------------------- */

static ds_status add_gates(ds_net *n, ds_error *err)
{
    int count = ds__graph_gates(n->g, NULL, 0);
    ds_var **gate = ds__arena_alloc(&n->arena, (size_t)(count + 1) * sizeof(ds_var *));

    if (gate == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gates");
    ds__graph_gates(n->g, gate, count);
    for (int i = 0; i < count; i++) {
        port *p = add_port(n, &n->in, DS_LAYOUT_PLAIN, "gate.", ds__var_name(gate[i]));

        if (p != NULL)
            p->value = gate[i];
    }
    return ds__graph_status(n->g, err);
}

bool ds__net_input_optional(const ds_net *n, int i)
{
    const char *name = n->in.port[i].name;

    return strncmp(name, "gate.", 5) == 0 || strcmp(name, "timestep_cond") == 0;
}

/* Open gates, and no guidance embedding. */
static void set_defaults(ds_net *n)
{
    for (int i = 0; i < n->in.count; i++)
        if (ds__net_input_optional(n, i))
            ds__simd()->fill(ds__var_data(n->in.port[i].value),
                             n->in.port[i].name[0] == 'g' ? 1.0f : 0.0f,
                             ds__var_count(n->in.port[i].value));
}

/* ---- pullback ------------------------------------------------------------------------------- */

typedef struct wrt_list {
    const char **name; /* of what the gradient is asked for */
    ds_var **wrt, **grad;
    ds_layout *layout;
    int count, room;
} wrt_list;

static bool wrt_list_new(ds_net *n, wrt_list *p)
{
    p->count = 0;
    p->room = n->in.count + ds__graph_params(n->g, NULL, 0);
    p->name = ds__arena_alloc(&n->arena, (size_t)p->room * sizeof *p->name);
    p->wrt = ds__arena_alloc(&n->arena, (size_t)p->room * sizeof(ds_var *));
    p->grad = ds__arena_alloc(&n->arena, (size_t)p->room * sizeof(ds_var *));
    p->layout = ds__arena_alloc(&n->arena, (size_t)p->room * sizeof *p->layout);
    return p->name != NULL && p->wrt != NULL && p->grad != NULL && p->layout != NULL;
}

static void collect_wrt(ds_net *n, wrt_list *p, const ds_net_pullback *how, int inputs)
{
    int first = p->room - inputs;
    ds_var **params = p->grad; /* room to spare until the gradients come */

    for (int i = 0; i < inputs; i++)
        if (ds__var_dtype(n->in.port[i].value) == DS_DTYPE_F32 &&
            how->wants(how->user, n->in.port[i].name)) {
            p->name[p->count] = n->in.port[i].name;
            p->layout[p->count] = n->in.port[i].layout;
            p->wrt[p->count++] = n->in.port[i].value;
        }
    ds__graph_params(n->g, params, first);
    for (int i = 0; i < first; i++)
        if (how->wants(how->user, ds__var_name(params[i]))) {
            p->name[p->count] = ds__var_name(params[i]);
            p->layout[p->count] = DS_LAYOUT_PLAIN;
            p->wrt[p->count++] = params[i];
        }
}

static ds_status pull_back(ds_net *n, const ds_net_pullback *how, ds_error *err)
{
    int inputs = n->in.count, outputs = n->out.count, cotangents = 0;
    ds_var **out = ds__arena_alloc(&n->arena, (size_t)outputs * sizeof *out);
    ds_var **cotangent = ds__arena_alloc(&n->arena, (size_t)outputs * sizeof *out);
    wrt_list p;
    ds_status st;

    if (out == NULL || cotangent == NULL || !wrt_list_new(n, &p))
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of gradients");
    collect_wrt(n, &p, how, inputs);
    for (int i = 0; i < outputs; i++) {
        const port *o = &n->out.port[i];
        port *c = how->has_cotangent(how->user, o->name)
                      ? add_port(n, &n->in, o->layout, "cotangent.", o->name)
                      : NULL;

        if (c == NULL)
            continue;
        c->value = ds__graph_input_like(n->g, n->out.port[i].value);
        out[cotangents] = o->value;
        cotangent[cotangents++] = c->value;
    }
    st = ds__graph_grad(n->g, out, cotangent, cotangents, p.wrt, p.count, p.grad, err);
    for (int i = 0; st == DS_OK && i < p.count; i++)
        if (p.grad[i] != NULL)
            add_output(n, "grad.", p.name[i], p.layout[i], p.grad[i]);
    return st == DS_OK ? ds__graph_status(n->g, err) : st;
}

static ds_status build(ds_net **out, ds_model *m, ds_module module, const ds_net_shape *shape,
                       const ds_net_options *options, ds_error *err)
{
    const ds_net_pullback *how = options->pullback;
    ds_graph_options o = {
        .params = m->params,
        .compute = m->compute,
        .backend = options->reference || m->products == DS_PRODUCTS_REFERENCE ? DS_BACKEND_REF
                                                                              : DS_BACKEND_DNNL,
        .watcher = options->watcher,
        .gates = options->gates,
        .recompute = how != NULL && how->recompute,
        .threads = options->threads,
    };
    ds_net *n;
    ds_status st = ds__module_need(m, module, err);

    if (st != DS_OK)
        return st;
    if (shape->batch < 1 || shape->tokens < 0 || shape->height < 1 || shape->width < 1)
        return ds_fail(err, DS_E_SHAPE, "%s: batch and sides must be at least 1",
                       ds__module_names[module]);
    *out = n = ds_calloc(1, sizeof *n);
    if (n == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a network");
    n->model = m;
    n->module = module;
    n->shape = *shape;
    n->watched_only = options->watched_only;
    n->rows = options->rows;
    n->places = options->places;
    st = ds__graph_new(&n->g, &o, err);
    if (st != DS_OK)
        return st;
    ds__scope_push(n->g, "%s", ds__component_names[component_of[module]]);
    if (module == DS_MODULE_UNET)
        build_unet(n);
    else if (module == DS_MODULE_VAE_ENCODE)
        build_encode(n);
    else if (module == DS_MODULE_VAE_DECODE)
        build_decode(n);
    else
        build_text(n, module == DS_MODULE_TEXT_ENCODER_2);
    st = ds__graph_status(n->g, err);
    if (st == DS_OK)
        st = add_gates(n, err);
    return st == DS_OK && how != NULL ? pull_back(n, how, err) : st;
}

ds_status ds__net_new(ds_net **out, ds_model *m, ds_module module, const ds_net_shape *shape,
                      const ds_net_options *options, ds_error *err)
{
    const ds_net_options none = { .watcher = NULL };
    ds_net *n = NULL;
    ds_status st = build(&n, m, module, shape, options != NULL ? options : &none, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__plan_new(&n->plan, n->g, err);
    if (st != DS_OK) {
        ds__net_free(n);
        return st;
    }
    set_defaults(n);
    *out = n;
    return DS_OK;
}

ds_status ds__net_list(ds_model *m, ds_module module, const ds_net_shape *shape,
                       const ds_watcher *watcher, ds_error *err)
{
    ds_net *n = NULL;
    ds_status st = build(&n, m, module, shape, &(ds_net_options){ .watcher = watcher }, err);

    ds__net_free(n);
    return st;
}

void ds__net_free(ds_net *n)
{
    if (n == NULL)
        return;
    ds__plan_free(n->plan);
    ds__graph_free(n->g);
    ds_free(n->in.port);
    ds_free(n->out.port);
    ds__arena_free(&n->arena);
    ds_free(n);
}

/* ---- inputs and outputs --------------------------------------------------------------------- */

/* The shape that a port has outside. */
static ds_tensor public_shape(const port *p)
{
    ds_tensor t = { DS_DTYPE_F32, ds__var_rank(p->value), { 0 }, NULL };

    for (int i = 0; i < t.rank; i++)
        t.dim[i] = ds__var_dim(p->value, i);
    if (p->layout == DS_LAYOUT_IMAGE) {
        t.dim[1] = ds__var_dim(p->value, 3);
        t.dim[2] = ds__var_dim(p->value, 1);
        t.dim[3] = ds__var_dim(p->value, 2);
    }
    return t;
}

/* Channels last from channels first, whatever the element type. */
static void set_image(float *dst, const ds_tensor *t)
{
    int64_t c = t->dim[1], hw = t->dim[2] * t->dim[3];
    size_t size = ds_dtype_size(t->dtype);

    for (int64_t n = 0; n < t->dim[0]; n++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t i = 0; i < hw; i++) {
                const char *src = (const char *)t->data + (size_t)((n * c + k) * hw + i) * size;

                ds_convert(&dst[(n * hw + i) * c + k], DS_DTYPE_F32, src, t->dtype, 1);
            }
}

static void set_ends(ds_net *n, const int32_t *ids)
{
    const ds_clip_config *c = &n->model->clip[n->module == DS_MODULE_TEXT_ENCODER_2];
    int32_t *end = ds__var_data(n->end);
    int64_t s = n->shape.tokens;

    for (int64_t b = 0; b < n->shape.batch; b++)
        end[b] = (int32_t)(b * s + ds__clip_end(c, ids + b * s, s));
}

static const port *find(const port_list *l, const char *name)
{
    for (int i = 0; i < l->count; i++)
        if (strcmp(l->port[i].name, name) == 0)
            return &l->port[i];
    return NULL;
}

ds_status ds__net_set(ds_net *n, const char *name, const ds_tensor *t, ds_error *err)
{
    const port *p = find(&n->in, name);
    ds_tensor want;
    char expected[96], found[96];
    bool integers;

    if (p == NULL)
        return ds_fail(err, DS_E_NOMATCH, "%s has no input %s", ds__module_names[n->module], name);
    want = public_shape(p);
    integers = ds__var_dtype(p->value) == DS_DTYPE_I32;
    if (ds_tensor_count(t) == 1 && t->rank <= 1 && want.rank == 1 && !integers) { /* one for all */
        for (int64_t i = 0; i < want.dim[0]; i++)
            ds_convert((float *)ds__var_data(p->value) + i, DS_DTYPE_F32, t->data, t->dtype, 1);
        return DS_OK;
    }
    if (!ds_tensor_same_shape(t, &want))
        return ds_fail(err, DS_E_SHAPE, "%s: input %s has shape %s, expected %s",
                       ds__module_names[n->module], name, ds_tensor_shape(t, found, sizeof found),
                       ds_tensor_shape(&want, expected, sizeof expected));
    if (p->layout == DS_LAYOUT_IMAGE)
        set_image(ds__var_data(p->value), t);
    else
        ds_convert(ds__var_data(p->value), integers ? DS_DTYPE_I32 : DS_DTYPE_F32, t->data,
                   t->dtype, ds_tensor_count(t));
    if (p->ids)
        set_ends(n, ds__var_data(p->value));
    return DS_OK;
}

int ds__net_outputs(const ds_net *n)
{
    return n->out.count;
}

const char *ds__net_output_name(const ds_net *n, int i)
{
    return n->out.port[i].name;
}

int ds__net_inputs(const ds_net *n)
{
    return n->in.count;
}

const char *ds__net_input_name(const ds_net *n, int i)
{
    return n->in.port[i].name;
}

ds_tensor ds__net_output_shape(const ds_net *n, int i)
{
    return public_shape(&n->out.port[i]);
}

void ds__net_get(const ds_net *n, int i, float *dst)
{
    const port *p = &n->out.port[i];
    int64_t count = ds__var_count(p->value);

    if (p->layout == DS_LAYOUT_IMAGE)
        ds__simd()->nhwc_to_nchw(dst, ds__var_data(p->value), ds__var_dim(p->value, 0),
                                 ds__var_dim(p->value, 3),
                                 ds__var_dim(p->value, 1) * ds__var_dim(p->value, 2));
    else
        memcpy(dst, ds__var_data(p->value), (size_t)count * sizeof *dst);
    for (int64_t k = 0; p->logvar && k < count; k++)
        dst[k] = fminf(fmaxf(dst[k], -30.0f), 20.0f);
}

ds_status ds__net_finite(const ds_net *n, ds_error *err)
{
    for (int i = 0; i < n->out.count; i++) {
        const port *p = &n->out.port[i];
        const int64_t count = ds__var_count(p->value);
        const bool gradient = strncmp(p->name, "grad.", 5) == 0; /* there after a backward pass */
        const int64_t bad = gradient ? -1 : ds__not_finite(ds__var_data(p->value), count);

        if (bad >= 0)
            return ds_fail(err, DS_E_FORMAT,
                           "%s: row %lld of its output %s is not a finite number; its weights are "
                           "damaged, or its values leave the range of their type",
                           ds__module_names[n->module],
                           (long long)(bad / (count / ds__var_dim(p->value, 0))), p->name);
    }
    return DS_OK;
}

ds_status ds__net_run(ds_net *n, const ds_cancel *cancel, ds_error *err)
{
    return ds__plan_run(n->plan, cancel, err);
}

ds_status ds__net_forward(ds_net *n, const ds_cancel *cancel, ds_error *err)
{
    return ds__plan_forward(n->plan, cancel, err);
}

ds_status ds__net_backward(ds_net *n, const ds_cancel *cancel, ds_error *err)
{
    return ds__plan_backward(n->plan, cancel, err);
}

const float *ds__net_view(const ds_net *n, int i)
{
    const port *p = &n->out.port[i];

    return p->layout == DS_LAYOUT_PLAIN && !p->logvar ? ds__var_data(p->value) : NULL;
}

void ds__net_info(const ds_net *n, ds_plan_info *info)
{
    ds__plan_get_info(n->plan, info);
}

void ds__net_time(ds_net *n, ds_plan_timer *timer, void *user)
{
    ds__plan_time(n->plan, timer, user);
}
